/** Where the embedded AWS reads the time: the system's clock, or one that a test or a demonstration moves. */
export interface Clock {
  /** Epoch, ms. */
  now(): number;
  /** Calls back after the clock has jumped, so that what was due in between can run. Returns the way to stop. */
  onJump(listener: () => void): () => void;
}

export interface MovableClock extends Clock {
  /** Moves the clock forward by `ms`; it goes on ticking from there. @throws RangeError when asked to go back. */
  advance(ms: number): void;
}

export const systemClock: Clock = { now: () => Date.now(), onJump: () => () => {} };

/**
 * A clock that ticks like the system's, ahead of it by everything it was advanced.
 *
 * @param startMs - epoch ms at which it starts; without it, now.
 */
export function movableClock(startMs: number = Date.now()): MovableClock {
  const listeners = new Set<() => void>();
  let offsetMs = startMs - Date.now();
  return {
    now: () => Date.now() + offsetMs,
    onJump(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    advance(ms) {
      if (!(ms >= 0)) throw new RangeError(`a clock only moves forward: advance by 0 ms or more, not ${ms}`);
      offsetMs += ms;
      for (const listener of [...listeners]) listener();
    },
  };
}
