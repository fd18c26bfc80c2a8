import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import * as z from 'zod';

const WORKER = path.join(import.meta.dirname, 'function-worker.ts');

/** A worker thread: light, quick to boot. A process: heavier, and killed as a lost host would be. */
export type Isolation = 'worker' | 'process';

/** What an instance is told when it boots. */
export interface InstanceData {
  readonly entry: string; // file to import
  readonly handler: string; // its export
  readonly functionName: string;
  readonly functionArn: string;
  readonly memoryMb: number;
}

/** One invocation, as the instance gets it. */
export interface InvocationRequest {
  readonly id: string;
  readonly event: unknown;
  readonly deadlineMs: number; // epoch
}

const tellingSchema = z.union([
  z.object({
    id: z.string(),
    payload: z.unknown().optional(),
    error: z.object({ type: z.string(), message: z.string() }).optional(),
    cpuMs: z.number(),
  }),
  z.object({ ready: z.literal(true), importMs: z.number() }),
]);
/** What an instance tells: that its code is loaded, or what came of an invocation. */
export type InstanceTelling = z.infer<typeof tellingSchema>;

export interface Instance {
  post(request: InvocationRequest): void;
  /** Ends it at once, in the middle of whatever it does. */
  end(): void;
}

export interface InstanceListeners {
  told(telling: InstanceTelling): void;
  line(line: string): void;
  /** Called once, whatever the reason. */
  ended(cause: string): void;
}

/** Boots the function's unchanged bundle with an environment of its own and nothing of ours. */
export function startInstance(
  isolation: Isolation,
  data: InstanceData,
  environment: Readonly<Record<string, string>>,
  listeners: InstanceListeners,
): Instance {
  return isolation === 'worker' ? inWorker(data, environment, listeners) : inProcess(data, environment, listeners);
}

function inWorker(data: InstanceData, environment: Readonly<Record<string, string>>, listeners: InstanceListeners): Instance {
  const worker = new Worker(WORKER, {
    workerData: data,
    env: { ...environment },
    stdout: true,
    stderr: true,
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: data.memoryMb },
  });
  let cause = 'it was ended';
  listenToLines([worker.stdout, worker.stderr], listeners.line);
  worker.on('message', (message) => listeners.told(tellingSchema.parse(message)));
  worker.on('error', (error: unknown) => {
    cause = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  });
  worker.on('exit', (code) => listeners.ended(code === 0 || cause !== 'it was ended' ? cause : `exit status ${code}`));
  return { post: (request) => worker.postMessage(request), end: () => void worker.terminate() };
}

function inProcess(data: InstanceData, environment: Readonly<Record<string, string>>, listeners: InstanceListeners): Instance {
  const child: ChildProcess = fork(WORKER, [JSON.stringify(data)], {
    env: { ...environment },
    execArgv: [`--max-old-space-size=${data.memoryMb}`],
    silent: true,
    serialization: 'advanced', // as between threads: an event is cloned, not written as JSON
  });
  let cause: string | undefined;
  listenToLines([child.stdout, child.stderr], listeners.line);
  child.on('message', (message) => listeners.told(tellingSchema.parse(message)));
  // A message to a process that has just ended fails; its end is told of below.
  child.on('error', (error) => {
    cause = error.message;
    if (child.pid === undefined) listeners.ended(cause); // it never started: no exit will follow
  });
  child.on('exit', (code, signal) => listeners.ended(signal === null ? `exit status ${code}` : (cause ?? `signal ${signal}`)));
  return { post: (request) => void child.send({ ...request }), end: () => void child.kill('SIGKILL') };
}

function listenToLines(streams: readonly (Readable | null)[], onLine: (line: string) => void): void {
  for (const stream of streams) {
    let rest = '';
    stream?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') onLine(line);
    });
    stream?.on('end', () => {
      if (rest !== '') onLine(rest);
    });
  }
}
