/** Lets the event sources take work, or makes them rest. */
export interface Intake {
  isOpen(): boolean;
  /** Settles once work may be taken: true; or with false when none will be any more. */
  whenOpen(): Promise<boolean>;
  /** Calls back when taking ends, so that waits for work can be broken off. Returns the way to stop. */
  onPause(listener: () => void): () => void;
  pause(): void;
  resume(): void;
  /** For good. */
  close(): void;
}

export function intake(): Intake {
  const listeners = new Set<() => void>();
  let state: 'open' | 'paused' | 'closed' = 'open';
  let changed = Promise.withResolvers<void>();

  function become(next: typeof state): void {
    if (state === next || state === 'closed') return;
    state = next;
    changed.resolve();
    changed = Promise.withResolvers();
    if (state !== 'open') for (const listener of [...listeners]) listener();
  }

  return {
    isOpen: () => state === 'open',
    async whenOpen() {
      while (state === 'paused') await changed.promise;
      return state === 'open';
    },
    onPause(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    pause: () => become('paused'),
    resume: () => become('open'),
    close: () => become('closed'),
  };
}

/** Something that feeds a function. It takes as long as the intake is open. */
export interface EventSource {
  /** Settles when, after the intake was closed, what was in hand is finished. */
  readonly ended: Promise<void>;
}
