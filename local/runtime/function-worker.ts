import { parentPort, workerData } from 'node:worker_threads';
import type { InstanceData, InstanceTelling, InvocationRequest } from './function-instance.ts';

/**
 * One instance of a function: a worker thread or a process.
 *
 * What comes here is written by function-instance.ts, so it is not judged again: loading a schema library would slow every
 * cold start.
 */
const instance: InstanceData = parentPort === null ? JSON.parse(process.argv[2] ?? '{}') : workerData;

const tell = (telling: InstanceTelling): void => {
  if (parentPort === null) process.send?.(telling);
  else parentPort.postMessage(telling);
};
const cpuMs = (): number => {
  const used = parentPort === null ? process.cpuUsage() : process.threadCpuUsage();
  return (used.user + used.system) / 1_000;
};

process.setSourceMapsEnabled(true);
const startedAt = performance.now();
const loaded: Record<string, unknown> = await import(instance.entry);
const handler = loaded[instance.handler];
if (typeof handler !== 'function') throw new Error(`${instance.entry} exports no function ${instance.handler}`);
tell({ ready: true, importMs: performance.now() - startedAt });

let reportedCpuMs = 0;
async function answer({ id, event, deadlineMs }: InvocationRequest): Promise<void> {
  const context = {
    functionName: instance.functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: instance.functionArn,
    memoryLimitInMB: String(instance.memoryMb),
    awsRequestId: id,
    logGroupName: `/aws/lambda/${instance.functionName}`,
    logStreamName: 'local',
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () => deadlineMs - Date.now(),
    done: () => undefined,
    fail: () => undefined,
    succeed: () => undefined,
  };
  let outcome: Pick<Extract<InstanceTelling, { id: string }>, 'payload' | 'error'>;
  try {
    const result: unknown = await Reflect.apply(Object(handler), undefined, [event, context]);
    // As Lambda does, the result goes through JSON.
    outcome = { payload: result === undefined ? null : JSON.parse(JSON.stringify(result) ?? 'null') };
  } catch (error) {
    const known = error instanceof Error;
    outcome = { error: { type: known ? error.name : 'Error', message: known ? error.message : String(error) } };
  }
  const now = cpuMs();
  tell({ id, ...outcome, cpuMs: now - reportedCpuMs });
  reportedCpuMs = now;
}

if (parentPort === null) {
  process.on('message', (message: InvocationRequest) => void answer(message));
  process.on('disconnect', () => process.exit(0)); // the parent is gone
} else parentPort.on('message', (message: InvocationRequest) => void answer(message));
