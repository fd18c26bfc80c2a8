import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import * as z from 'zod';

const WORKER = path.join(import.meta.dirname, 'function-worker.ts');
/** An instance that cannot even load its code within this time is broken. */
const BOOT_TIMEOUT_MS = 60_000;

export interface FunctionSpec {
  readonly logicalId: string;
  readonly name: string;
  readonly arn: string;
  readonly entry: string; // file to import
  readonly handler: string; // its export
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly memoryMb: number;
  /** Instances at once; more invocations wait. */
  readonly instancesMax: number;
}

export type InvocationResult =
  | { readonly ok: true; readonly payload: unknown }
  | { readonly ok: false; readonly error: { readonly type: string; readonly message: string } };

export interface FunctionStats {
  readonly invocations: number;
  readonly errors: number;
  readonly coldStarts: number;
  readonly importMs: readonly number[]; // per cold start
  readonly cpuMs: number;
}

/** A Lambda function of the template: lazily booted instances of its unchanged bundle. */
export interface LocalFunction {
  readonly spec: FunctionSpec;
  invoke(event: unknown): Promise<InvocationResult>;
  /** Ends all instances at once, in the middle of whatever they do, as a lost host would. Returns how many. */
  kill(): number;
  running(): number;
  stats(): FunctionStats;
  resetStats(): void;
  close(): Promise<void>;
}

const messageSchema = z.union([
  z.object({ ready: z.literal(true), importMs: z.number() }),
  z.object({
    id: z.string(),
    payload: z.unknown().optional(),
    error: z.object({ type: z.string(), message: z.string() }).optional(),
    cpuMs: z.number(),
  }),
]);

interface Instance {
  post(message: unknown): void;
  end(): void;
  current: { id: string; settle: (result: InvocationResult) => void; timer: NodeJS.Timeout } | undefined;
  alive: boolean;
  cause: string;
}

export function localFunction(
  spec: FunctionSpec,
  isolation: 'worker' | 'process',
  onLine: (line: string) => void,
): LocalFunction {
  const instances = new Set<Instance>();
  const idle: Instance[] = [];
  const waiting: ((instance: Instance | undefined) => void)[] = [];
  let closed = false;
  let running = 0;
  let stats = { invocations: 0, errors: 0, coldStarts: 0, importMs: [] as number[], cpuMs: 0 };

  function boot(): Promise<Instance> {
    const data = {
      entry: spec.entry,
      handler: spec.handler,
      functionName: spec.name,
      functionArn: spec.arn,
      memoryMb: spec.memoryMb,
    };
    return new Promise((resolve, reject) => {
      const started = isolation === 'worker' ? startWorker(data) : startProcess(data);
      const instance: Instance = { post: started.post, end: started.end, current: undefined, alive: true, cause: '' };
      instances.add(instance);
      const timer = setTimeout(() => {
        started.end();
        reject(new Error(`${spec.name} did not load within ${BOOT_TIMEOUT_MS / 1_000} s`));
      }, BOOT_TIMEOUT_MS);
      for (const stream of [started.stdout, started.stderr]) linesOf(stream, onLine);
      started.onMessage((message) => {
        const told = messageSchema.parse(message);
        if ('ready' in told) {
          clearTimeout(timer);
          stats.coldStarts += 1;
          stats.importMs.push(told.importMs);
          resolve(instance);
          return;
        }
        stats.cpuMs += told.cpuMs;
        if (instance.current?.id === told.id)
          finish(instance, told.error === undefined ? { ok: true, payload: told.payload } : { ok: false, error: told.error });
      });
      started.onEnd((cause) => {
        clearTimeout(timer);
        instance.alive = false;
        instance.cause ||= cause;
        instances.delete(instance);
        const position = idle.indexOf(instance);
        if (position >= 0) idle.splice(position, 1);
        reject(new Error(instance.cause));
        finish(instance, { ok: false, error: { type: 'Runtime.ExitError', message: `the instance ended: ${instance.cause}` } });
        // Whoever waits gets the place that became free.
        if (waiting.length > 0 && instances.size < spec.instancesMax) waiting.shift()?.(undefined);
      });
    });
  }

  function startWorker(data: unknown) {
    const worker = new Worker(WORKER, {
      workerData: data,
      env: { ...spec.environment },
      stdout: true,
      stderr: true,
      execArgv: [],
    });
    return {
      post: (message: unknown) => worker.postMessage(message),
      end: () => void worker.terminate(),
      stdout: worker.stdout,
      stderr: worker.stderr,
      onMessage: (listener: (message: unknown) => void) => void worker.on('message', listener),
      onEnd: (listener: (cause: string) => void) => {
        let cause = 'terminated';
        worker.on('error', (error) => {
          cause = error instanceof Error ? error.message : String(error);
        });
        worker.on('exit', () => listener(cause));
      },
    };
  }

  function startProcess(data: unknown) {
    const child: ChildProcess = fork(WORKER, [JSON.stringify(data)], {
      env: { ...spec.environment },
      execArgv: [],
      silent: true,
    });
    return {
      post: (message: unknown) => void child.send(Object(message)),
      end: () => void child.kill('SIGKILL'),
      stdout: child.stdout,
      stderr: child.stderr,
      onMessage: (listener: (message: unknown) => void) => void child.on('message', listener),
      onEnd: (listener: (cause: string) => void) => void child.on('exit', (code, signal) => listener(`exit ${code ?? signal}`)),
    };
  }

  function finish(instance: Instance, result: InvocationResult): void {
    const { current } = instance;
    if (current === undefined) return;
    instance.current = undefined;
    clearTimeout(current.timer);
    current.settle(result);
    if (!instance.alive) return;
    const next = waiting.shift();
    if (next === undefined) idle.push(instance);
    else next(instance);
  }

  async function instanceFor(): Promise<Instance> {
    for (;;) {
      const ready = idle.pop();
      if (ready !== undefined) return ready;
      if (instances.size < spec.instancesMax) return boot();
      const given = await new Promise<Instance | undefined>((resolve) => waiting.push(resolve));
      if (given !== undefined) return given;
    }
  }

  return {
    spec,
    async invoke(event) {
      if (closed) return { ok: false, error: { type: 'Stopped', message: 'the stack is stopping' } };
      running += 1;
      stats.invocations += 1;
      try {
        const instance = await instanceFor();
        const result = await new Promise<InvocationResult>((settle) => {
          const id = randomUUID();
          const timer = setTimeout(() => {
            instance.cause = `timed out after ${spec.timeoutMs} ms`;
            finish(instance, {
              ok: false,
              error: { type: 'Sandbox.Timedout', message: `Task timed out after ${(spec.timeoutMs / 1_000).toFixed(2)} seconds` },
            });
            const position = idle.indexOf(instance);
            if (position >= 0) idle.splice(position, 1);
            instance.end();
          }, spec.timeoutMs);
          instance.current = { id, settle, timer };
          instance.post({ id, event, timeoutMs: spec.timeoutMs });
        });
        if (!result.ok) stats.errors += 1;
        return result;
      } catch (error) {
        stats.errors += 1;
        return {
          ok: false,
          error: { type: 'Runtime.ImportModuleError', message: error instanceof Error ? error.message : String(error) },
        };
      } finally {
        running -= 1;
      }
    },
    kill() {
      const killed = instances.size;
      for (const instance of instances) {
        instance.cause = 'killed';
        instance.end();
      }
      return killed;
    },
    running: () => running,
    stats: () => ({ ...stats, importMs: [...stats.importMs] }),
    resetStats() {
      stats = { invocations: 0, errors: 0, coldStarts: 0, importMs: [], cpuMs: 0 };
    },
    async close() {
      closed = true;
      for (const instance of instances) instance.end();
      for (const next of waiting.splice(0)) next(undefined);
      while (instances.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    },
  };
}

function linesOf(stream: Readable | null, onLine: (line: string) => void): void {
  let rest = '';
  stream?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') onLine(line);
  });
}
