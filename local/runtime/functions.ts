import { randomUUID } from 'node:crypto';
import { type Instance, type InstanceTelling, type Isolation, startInstance } from './function-instance.ts';

/** An instance that cannot even load its code within this time is broken. */
const BOOT_MS_MAX = 60_000;

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

export interface InvocationError {
  readonly type: string;
  readonly message: string;
}

export type InvocationResult =
  | { readonly ok: true; readonly payload: unknown }
  | { readonly ok: false; readonly error: InvocationError };

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
  /** Never rejects: what goes wrong is in the result. */
  invoke(event: unknown): Promise<InvocationResult>;
  /** Ends all instances at once, in the middle of whatever they do, as a lost host would. Returns how many. */
  kill(): number;
  /** Invocations under way, and those that wait for an instance. */
  running(): number;
  /** Invocations since the start, never set back. */
  invoked(): number;
  stats(): FunctionStats;
  resetStats(): void;
  /** Ends everything; what was under way fails. */
  close(): Promise<void>;
}

/** An instance, and what it is doing. */
interface Place {
  readonly instance: Instance;
  current: { readonly id: string; readonly settle: (result: InvocationResult) => void } | undefined;
  /** Gets no more work: it was ended, or will be in a moment. */
  retired: boolean;
  cause: string | undefined;
}

const failed = (type: string, message: string): InvocationResult => ({ ok: false, error: { type, message } });

export function localFunction(spec: FunctionSpec, isolation: Isolation, onLine: (line: string) => void): LocalFunction {
  const places = new Set<Place>();
  const idle: Place[] = [];
  /** Invocations without an instance. Undefined: look again, an instance may be booted. */
  const waiting: ((place: Place | undefined) => void)[] = [];
  const allEnded = new Set<() => void>();
  let closed = false;
  let running = 0;
  let invoked = 0;
  const noStats = () => ({ invocations: 0, errors: 0, coldStarts: 0, importMs: [] as number[], cpuMs: 0 });
  let stats = noStats();

  function boot(): Promise<Place> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => retire(place, `not loaded within ${BOOT_MS_MAX / 1_000} s`), BOOT_MS_MAX);
      const data = {
        entry: spec.entry,
        handler: spec.handler,
        functionName: spec.name,
        functionArn: spec.arn,
        memoryMb: spec.memoryMb,
      };
      const instance = startInstance(isolation, data, spec.environment, {
        line: onLine,
        told(telling) {
          if ('id' in telling) return answered(place, telling);
          clearTimeout(timer);
          stats.coldStarts += 1;
          stats.importMs.push(telling.importMs);
          resolve(place);
        },
        ended(cause) {
          clearTimeout(timer);
          place.cause ??= cause;
          places.delete(place);
          reject(new Error(place.cause)); // if it was not ready yet
          leave(place);
          finish(place, failed('Runtime.ExitError', `Runtime exited without providing a reason: ${place.cause}`));
          if (places.size === 0) for (const resolveEnd of allEnded) resolveEnd();
        },
      });
      const place: Place = { instance, current: undefined, retired: false, cause: undefined };
      places.add(place);
    });
  }

  function answered(place: Place, { id, payload, error, cpuMs }: Extract<InstanceTelling, { id: string }>): void {
    stats.cpuMs += cpuMs;
    if (place.current?.id === id) finish(place, error === undefined ? { ok: true, payload } : { ok: false, error });
  }

  function finish(place: Place, result: InvocationResult): void {
    const { current } = place;
    place.current = undefined;
    current?.settle(result);
    if (place.retired || current === undefined) return;
    const next = waiting.shift();
    if (next === undefined) idle.push(place);
    else next(place);
  }

  /** Takes the instance out of use; whoever waits may boot another in its place. */
  function leave(place: Place): void {
    if (place.retired) return;
    place.retired = true;
    const position = idle.indexOf(place);
    if (position >= 0) idle.splice(position, 1);
    waiting.shift()?.(undefined);
  }

  function retire(place: Place, cause: string): void {
    place.cause ??= cause;
    leave(place);
    place.instance.end();
  }

  const inUse = (): number => [...places].filter((place) => !place.retired).length;

  async function freePlace(): Promise<Place> {
    // Each round ends in a place, in a boot that fails, or in waiting for another invocation to end.
    while (!closed) {
      const ready = idle.pop();
      if (ready !== undefined) return ready;
      if (inUse() < spec.instancesMax) return await boot();
      const given = await new Promise<Place | undefined>((resolve) => waiting.push(resolve));
      if (given !== undefined) return given;
    }
    throw new Error('the stack is stopping');
  }

  function runOn(place: Place, event: unknown): Promise<InvocationResult> {
    return new Promise((resolve) => {
      const id = randomUUID();
      const timer = setTimeout(() => {
        const seconds = (spec.timeoutMs / 1_000).toFixed(2);
        retire(place, 'its invocation timed out');
        finish(place, failed('Sandbox.Timedout', `RequestId: ${id} Error: Task timed out after ${seconds} seconds`));
      }, spec.timeoutMs);
      const settle = (result: InvocationResult) => {
        clearTimeout(timer);
        resolve(result);
      };
      place.current = { id, settle };
      // It may have been ended between being given and now.
      if (place.retired) return finish(place, failed('Runtime.ExitError', `the instance ended: ${place.cause}`));
      try {
        place.instance.post({ id, event, deadlineMs: Date.now() + spec.timeoutMs });
      } catch (error) {
        finish(place, failed('InvalidRequestContentException', `the event cannot be sent: ${String(error)}`));
      }
    });
  }

  async function invoke(event: unknown): Promise<InvocationResult> {
    let place: Place;
    try {
      place = await freePlace();
    } catch (error) {
      return failed('Runtime.ImportModuleError', error instanceof Error ? error.message : String(error));
    }
    return await runOn(place, event);
  }

  return {
    spec,
    async invoke(event) {
      running += 1;
      invoked += 1;
      stats.invocations += 1;
      const result = await invoke(event);
      running -= 1;
      if (!result.ok) stats.errors += 1;
      return result;
    },
    kill() {
      const alive = [...places].filter((place) => !place.retired);
      for (const place of alive) retire(place, 'it was killed');
      return alive.length;
    },
    running: () => running,
    invoked: () => invoked,
    stats: () => ({ ...stats, importMs: [...stats.importMs] }),
    resetStats() {
      stats = noStats();
    },
    async close() {
      closed = true;
      for (const place of [...places]) retire(place, 'the stack stopped');
      for (const next of waiting.splice(0)) next(undefined);
      if (places.size > 0) await new Promise<void>((resolve) => allEnded.add(resolve));
    },
  };
}
