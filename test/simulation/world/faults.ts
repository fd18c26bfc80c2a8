import type { Chooser } from '../kernel/choice-tape.ts';
import type { FaultCount } from '../runs/run-report.ts';

/**
 * What may go wrong in the systems, by the ids of the fault catalogue. A strength is in per mille of the occasions that the comment
 * names; 0, or absent, is off.
 */
export const FAULTS = {
  F01: 'a notification comes twice',
  F02: 'notifications come in another order',
  F03: 'a notification is lost',
  F04: 'a notification comes late, or an object is not readable yet when it comes',
  F05: 'a forged notification comes along',
  F06: 'garbage, or a burst, comes to the receivers',
  F07: 'an event is a gap without data, or stands for an overflow',
  F08: 'a row changes while a listing is paged through',
  F09: 'a write becomes visible to listings late, or commits long after its stamp',
  F10: 'the clock of the system differs from ours, or steps back',
  F11: 'an error reads as an empty page of changes',
  F12: 'an object is hidden from us for a while, and looks like one that never was',
  F13: 'everything is touched at once',
  F14: 'a read makes the system write to the object',
  F15: 'the system is restored from a backup',
  F16: 'notifications of another account come along',
  F20: 'a create is applied, and its answer is a failure',
  F21: 'an update or delete is applied, and its answer is a failure',
  F22: 'a batch fails in part, answers in another order, or leaves rows out',
  F23: 'the system refuses for its limits, or fails',
  F24: 'the access token is rejected for a while',
  F25: 'the system stores another form of what it is given',
  F26: 'three systems and more in one sync',
  F27: 'quick edits of one field',
  F28: 'a validation rule refuses what another system takes',
  F29: 'automation of the system changes other fields, or argues',
  F36: 'a read by id shows an older state',
  F50: 'two people edit the same at once',
  F51: 'one edits what another deletes',
  F52: 'deleted, then restored or made again',
  F53: 'two objects are merged',
  F54: 'a unique value changes hands',
  F55: 'two objects have one match key',
  F57: 'a property vanishes',
  F58: 'a payload is sparse, or hides values',
  F59: 'odd numbers, dates and texts',
} as const;

export type FaultId = keyof typeof FAULTS;
export type FaultStrengths = Readonly<Partial<Record<FaultId, number>>>;

/** Draws whether faults strike, and counts how often they did, and how often it made a difference. */
export class FaultBook {
  private readonly chooser: Chooser;
  private readonly strengths: FaultStrengths;
  private readonly counts = new Map<FaultId, { fired: number; effective: number }>();
  private ended = false;

  constructor(chooser: Chooser, strengths: FaultStrengths) {
    this.chooser = chooser;
    this.strengths = strengths;
  }

  /** In per mille; 0 once the faults have ended. */
  strength(id: FaultId): number {
    return this.ended ? 0 : (this.strengths[id] ?? 0);
  }

  /** Whether the fault strikes on this occasion. It counts as fired, not yet as effective. */
  strikes(id: FaultId): boolean {
    const struck = this.chooser.chance(this.strength(id), `fault ${id}`);
    if (struck) this.fired(id);
    return struck;
  }

  fired(id: FaultId): void {
    this.count(id).fired += 1;
  }

  /** The fault made a difference to what somebody saw or stored. */
  took(id: FaultId): void {
    this.count(id).effective += 1;
  }

  /** Both at once, for what takes effect whenever it happens. */
  happened(id: FaultId): void {
    this.fired(id);
    this.took(id);
  }

  pick<const Value>(values: readonly [Value, ...Value[]], id: FaultId): Value {
    return values[this.chooser.choose(values.length, `how ${id}`)] ?? values[0];
  }

  /** A whole number from 0 to `max`, and 0 where there is no fault. */
  upTo(max: number, id: FaultId): number {
    return this.chooser.choose(max + 1, `how ${id}`);
  }

  calm(): void {
    this.ended = true;
  }

  get coverage(): ReadonlyMap<FaultId, FaultCount> {
    return this.counts;
  }

  private count(id: FaultId): { fired: number; effective: number } {
    const known = this.counts.get(id) ?? { fired: 0, effective: 0 };
    this.counts.set(id, known);
    return known;
  }
}
