import { hashOfText } from './choice-tape.ts';

/** Folds all that happens in a run into 64 bits: two runs that agree here did the same in the same order. */
export class TraceHash {
  private low = 0x811c9dc5;
  private high = 0x9e3779b9;
  private readonly known = new Map<string, number>();

  add(atMs: number, label: string): void {
    this.mix(atMs >>> 0);
    this.mix(this.hashOf(label));
  }

  text(): string {
    return [this.high, this.low].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }

  private mix(word: number): void {
    this.low = Math.imul(this.low ^ word, 0x01000193);
    this.high = (Math.imul(this.high, 0x85ebca6b) + (word ^ (this.low >>> 7))) | 0;
  }

  /** The labels of a run are few. */
  private hashOf(label: string): number {
    const known = this.known.get(label);
    if (known !== undefined) return known;
    const hash = hashOfText(label);
    if (this.known.size < 10_000) this.known.set(label, hash);
    return hash;
  }
}
