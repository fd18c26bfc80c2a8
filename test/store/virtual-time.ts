/** Time that stands still while anybody works, and jumps to the next alarm when all of them sleep. */
export interface VirtualTime {
  now(): number;
  sleep(ms: number): Promise<void>;
  /** Runs one actor; it must not wait for another one but by sleeping. */
  run<T>(actor: () => Promise<T>): Promise<T>;
}

export function virtualTime(startMs: number): VirtualTime {
  let nowMs = startMs;
  let awake = 0;
  const sleepers: { readonly atMs: number; readonly wake: () => void }[] = [];

  function rest(): void {
    awake--;
    if (awake > 0) return;
    sleepers.sort((a, b) => a.atMs - b.atMs);
    const next = sleepers.shift();
    if (next === undefined) return;
    nowMs = Math.max(nowMs, next.atMs);
    awake++;
    next.wake();
  }

  return {
    now: () => nowMs,
    sleep(ms) {
      return new Promise((wake) => {
        sleepers.push({ atMs: nowMs + Math.max(0, ms), wake });
        rest();
      });
    },
    async run(actor) {
      awake++;
      try {
        return await actor();
      } finally {
        rest();
      }
    },
  };
}

/** The most of `times` that lie in one stretch [t, t + length). */
export function busiest(times: readonly number[], length: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  let most = 0;
  let first = 0;
  for (const [last, time] of sorted.entries()) {
    while ((sorted[first] ?? time) <= time - length) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
