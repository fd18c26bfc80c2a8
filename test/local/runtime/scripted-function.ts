import type { InvocationResult, LocalFunction } from '../../../local/runtime/functions.ts';

/** A function whose answers the test writes. */
export interface ScriptedFunction extends LocalFunction {
  /** The events it was given, oldest first. */
  readonly events: unknown[];
  /** The most invocations that were under way at once. */
  atOnce(): number;
}

export const FUNCTION_ARN = 'arn:aws:lambda:eu-west-1:000000000000:function:scripted';

/** @param answer - what the handler returns; what it throws is the function's error. */
export function scriptedFunction(answer: (event: unknown, invocation: number) => unknown): ScriptedFunction {
  const events: unknown[] = [];
  let running = 0;
  let most = 0;
  return {
    spec: {
      logicalId: 'Scripted',
      name: 'scripted',
      arn: FUNCTION_ARN,
      entry: '',
      handler: 'handler',
      environment: {},
      timeoutMs: 1_000,
      memoryMb: 128,
      instancesMax: 10,
    },
    events,
    async invoke(event): Promise<InvocationResult> {
      events.push(event);
      running += 1;
      most = Math.max(most, running);
      try {
        return { ok: true, payload: await answer(event, events.length) };
      } catch (error) {
        return { ok: false, error: { type: 'Error', message: String(error) } };
      } finally {
        running -= 1;
      }
    },
    atOnce: () => most,
    kill: () => 0,
    running: () => running,
    invoked: () => events.length,
    stats: () => ({ invocations: events.length, errors: 0, coldStarts: 0, importMs: [], cpuMs: 0 }),
    resetStats: () => undefined,
    close: async () => undefined,
  };
}

/** Looks again and again until it holds. */
export async function until(condition: () => boolean, what = 'it'): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`${what} did not come to pass within 5 s`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
