/**
 * Hidden messages by the time at which they become visible; of equal times, the one that was put first. A message that is put
 * again, or is gone, leaves its old entry behind, which is passed over when its time comes.
 */
export class WakeHeap<Sleeper extends { readonly visibleFromMs: number; readonly isGone: boolean }> {
  private readonly entries: { readonly atMs: number; readonly sequence: number; readonly message: Sleeper }[] = [];
  private sequence = 0;

  add(message: Sleeper): void {
    this.sequence += 1;
    const { entries } = this;
    entries.push({ atMs: message.visibleFromMs, sequence: this.sequence, message });
    for (let at = entries.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!this.isBefore(at, parent)) break;
      this.swap(at, parent);
      at = parent;
    }
  }

  /** @returns the next entry that is due, be it an old one. */
  takeDue(nowMs: number): Sleeper | undefined {
    const [first] = this.entries;
    if (first === undefined || first.atMs > nowMs) return undefined;
    this.removeFirst();
    return first.message;
  }

  nextMs(): number | undefined {
    for (let [first] = this.entries; first !== undefined; [first] = this.entries) {
      if (!first.message.isGone && first.message.visibleFromMs === first.atMs) return first.atMs;
      this.removeFirst();
    }
    return undefined;
  }

  private removeFirst(): void {
    const { entries } = this;
    const last = entries.pop();
    if (last === undefined || entries.length === 0) return;
    entries[0] = last;
    for (let at = 0; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) if (child < entries.length && this.isBefore(child, least)) least = child;
      if (least === at) return;
      this.swap(at, least);
      at = least;
    }
  }

  private isBefore(a: number, b: number): boolean {
    const [one, other] = [this.entries[a], this.entries[b]];
    if (one === undefined || other === undefined) return false;
    return one.atMs === other.atMs ? one.sequence < other.sequence : one.atMs < other.atMs;
  }

  private swap(a: number, b: number): void {
    const [one, other] = [this.entries[a], this.entries[b]];
    if (one === undefined || other === undefined) return;
    this.entries[a] = other;
    this.entries[b] = one;
  }
}
