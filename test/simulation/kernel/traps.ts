import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';

/** The kernel's own way to wait for microtasks; nothing else may use a timer during a run. */
export const realSetImmediate = setImmediate;

/** Code under test reached past its ports, so the run cannot be repeated. */
export class TrapError extends Error {
  override readonly name = 'TrapError';

  constructor(what: string) {
    super(`${what} was used during a simulated run: take it from a port`);
  }
}

export interface Traps {
  /** From now on every way past the ports throws. @param newId - what randomUUID gives out meanwhile. */
  arm(newId: () => string): void;
  disarm(): void;
  /** Begins to count anew. */
  forget(): void;
  /** What was used past the ports, and how often: also what somebody caught. */
  readonly sprung: ReadonlyMap<string, number>;
}

const sprung = new Map<string, number>();
let ids: (() => string) | undefined;
let installed = false;

function spring(what: string): void {
  sprung.set(what, (sprung.get(what) ?? 0) + 1);
}

/** Wraps a function so that it throws while the traps are armed. */
function trapped<Args extends unknown[], Result>(what: string, real: (...args: Args) => Result): (...args: Args) => Result {
  return (...args) => {
    if (ids === undefined) return real(...args);
    spring(what);
    throw new TrapError(what);
  };
}

/**
 * Replaces the clocks, dice, timers and network of this process, once. Until armed they work as ever. Import it before any code
 * under test, for a function that was taken before stays as it was.
 */
export function installTraps(): Traps {
  if (!installed) {
    installed = true;
    const RealDate = Date;
    const now = trapped('Date.now', () => RealDate.now());
    globalThis.Date = new Proxy(RealDate, {
      get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
      construct(target, args, newTarget) {
        if (args.length === 0 && ids !== undefined) {
          spring('new Date()');
          throw new TrapError('new Date()');
        }
        return Reflect.construct(target, args, newTarget);
      },
      apply: trapped('Date()', () => RealDate()),
    });
    Math.random = trapped('Math.random', Math.random.bind(Math));
    performance.now = trapped('performance.now', performance.now.bind(performance));
    globalThis.fetch = trapped('fetch', fetch);
    for (const name of ['setTimeout', 'setInterval', 'setImmediate'] as const) {
      const real: unknown = globalThis[name];
      if (typeof real !== 'function') continue;
      const guarded = (...args: unknown[]): unknown => {
        if (ids === undefined) return Reflect.apply(real, globalThis, args);
        spring(name);
        throw new TrapError(name);
      };
      Object.assign(guarded, real); // util.promisify looks for its symbol there
      Reflect.set(globalThis, name, guarded);
    }
    const realId = crypto.randomUUID.bind(crypto);
    // Ids that come past the ports do not change what a run does, only what it is called: they are counted, not refused.
    Reflect.set(crypto, 'randomUUID', (...args: Parameters<typeof crypto.randomUUID>) => {
      if (ids === undefined) return realId(...args);
      spring('randomUUID');
      return ids();
    });
    syncBuiltinESMExports();
  }
  return {
    arm(newId) {
      ids = newId;
    },
    disarm() {
      ids = undefined;
    },
    forget() {
      sprung.clear();
    },
    sprung,
  };
}
