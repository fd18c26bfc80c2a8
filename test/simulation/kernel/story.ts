/** One thing that happened, as a person would tell it. */
export interface StoryLine {
  readonly atMs: number;
  readonly actor: string;
  readonly event: string;
}

/** Tells what happens in a run. It costs nothing unless somebody listens. */
export class Story {
  private readonly lines: StoryLine[] = [];
  private readonly linesMax: number;
  readonly isTold: boolean;

  /** @param linesMax - 0 where nobody listens; else the last so many lines are kept. */
  constructor(linesMax: number) {
    this.linesMax = linesMax;
    this.isTold = linesMax > 0;
  }

  /** @param event - made only when it is told. */
  tell(atMs: number, actor: string, event: () => string): void {
    if (!this.isTold) return;
    this.lines.push({ atMs, actor, event: event() });
    if (this.lines.length > 2 * this.linesMax) this.lines.splice(0, this.lines.length - this.linesMax);
  }

  /** One line each: time since the start, actor, event. */
  text(startMs: number): string {
    const lines = this.lines.slice(-this.linesMax);
    const width = Math.min(30, Math.max(0, ...lines.map(({ actor }) => actor.length)));
    return lines.map(({ atMs, actor, event }) => `${clock(atMs - startMs)}  ${actor.padEnd(width)}  ${event}`).join('\n');
  }
}

function clock(ms: number): string {
  const part = (value: number, digits: number) => String(Math.floor(value)).padStart(digits, '0');
  return `${part(ms / 3_600_000, 2)}:${part((ms / 60_000) % 60, 2)}:${part((ms / 1000) % 60, 2)}.${part(ms % 1000, 3)}`;
}
