import { parentPort, workerData } from 'node:worker_threads';
import * as z from 'zod';

/** Runs one instance of a function: in a worker thread or, for harder kills, in a process of its own. */
const instanceSchema = z.object({
  entry: z.string(),
  handler: z.string(),
  functionName: z.string(),
  functionArn: z.string(),
  memoryMb: z.number(),
});
const invocationSchema = z.object({ id: z.string(), event: z.unknown(), timeoutMs: z.number() });

type Tell = (message: unknown) => void;
const tell: Tell = parentPort !== null ? (message) => parentPort?.postMessage(message) : (message) => process.send?.(message);
const instance = instanceSchema.parse(parentPort !== null ? workerData : JSON.parse(process.argv[2] ?? '{}'));

const cpuMs = (): number => {
  const used = parentPort !== null ? process.threadCpuUsage() : process.cpuUsage();
  return (used.user + used.system) / 1_000;
};

process.setSourceMapsEnabled(true);
const startedAt = performance.now();
const loaded: Record<string, unknown> = await import(instance.entry);
const handler = loaded[instance.handler];
if (typeof handler !== 'function') throw new Error(`${instance.entry} exports no function ${instance.handler}`);
tell({ ready: true, importMs: performance.now() - startedAt });

let reportedCpuMs = 0;
async function answer(message: unknown): Promise<void> {
  const { id, event, timeoutMs } = invocationSchema.parse(message);
  const deadline = Date.now() + timeoutMs;
  const context = {
    functionName: instance.functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: instance.functionArn,
    memoryLimitInMB: String(instance.memoryMb),
    awsRequestId: id,
    logGroupName: `/aws/lambda/${instance.functionName}`,
    logStreamName: 'local',
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () => deadline - Date.now(),
    done: () => undefined,
    fail: () => undefined,
    succeed: () => undefined,
  };
  let outcome: Record<string, unknown>;
  try {
    const result: unknown = await Reflect.apply(Object(handler), undefined, [event, context]);
    // As Lambda does, the result goes through JSON.
    outcome = { payload: result === undefined ? null : JSON.parse(JSON.stringify(result)) };
  } catch (error) {
    outcome = {
      error: {
        type: error instanceof Error ? error.name : 'Error',
        message: error instanceof Error ? error.message : String(error),
      },
    };
  }
  const now = cpuMs();
  tell({ id, ...outcome, cpuMs: now - reportedCpuMs });
  reportedCpuMs = now;
}

if (parentPort !== null) parentPort.on('message', (message) => void answer(message));
else process.on('message', (message) => void answer(message));
