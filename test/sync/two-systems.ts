import type { ChangeHint } from '../../shared/sync/change-hint.ts';
import { type Decision, decide } from '../../shared/sync/decide.ts';
import { claim, confirmWritten, dirtySystems, isClaimed, releaseClaim, type Want, wantOf } from '../../shared/sync/delivery.ts';
import type { FieldValue, FieldValues } from '../../shared/sync/field-value.ts';
import { fieldTimesOf, tellsNothingNew, testimonyOf } from '../../shared/sync/hints.ts';
import type { LedgerLine } from '../../shared/sync/ledger.ts';
import { sameValue } from '../../shared/sync/link.ts';
import type { PresentObservation } from '../../shared/sync/observation.ts';
import { type SyncRecord, valuesOf } from '../../shared/sync/record.ts';
import type { SyncRules } from '../../shared/sync/rules.ts';
import { agreedRecord, objectIds, T0 } from './world.ts';

export type SystemName = keyof typeof objectIds;
export const SYSTEMS: readonly SystemName[] = ['salesforce', 'hubspot'];

const LEASE_MS = 60_000;
const QUIET_ROUNDS_MAX = 60;

/** One thing that happens. Names are short, for a shrunk counterexample is a list of them. */
export type Happening =
  | { readonly do: 'edit'; readonly in: SystemName; readonly field: string; readonly value: FieldValue }
  /** A hint arrives: any of those that wait, so in any order; `again` leaves it there, to arrive once more. */
  | { readonly do: 'hint'; readonly in: SystemName; readonly which: number; readonly again: boolean }
  /** An object is read for a hint now, but decided only at the next `decide`. */
  | { readonly do: 'read'; readonly in: SystemName; readonly which: number }
  | { readonly do: 'decide'; readonly in: SystemName }
  | { readonly do: 'poll'; readonly in: SystemName }
  /** The next step of a delivery: claim, verify read, write, confirm. */
  | { readonly do: 'deliver'; readonly in: SystemName }
  /** The deliverer dies where it stands. */
  | { readonly do: 'die'; readonly in: SystemName }
  /** The deliverer dies with its write on the way; it lands late, when the claim is over and others have written. */
  | { readonly do: 'hang'; readonly in: SystemName }
  | { readonly do: 'land'; readonly in: SystemName }
  | { readonly do: 'wait'; readonly ms: number };

/** An edit that a person made, and what was there before. */
export interface UserEdit {
  readonly in: SystemName;
  readonly field: string;
  readonly value: FieldValue;
  /** Made between a delivery's verify read and its write: the one window that no read can close. */
  readonly inWindow: boolean;
}

interface Delivery {
  readonly owner: string;
  /** The record as it was claimed: what the verify read shows is compared with that. */
  readonly claimed: SyncRecord;
  readonly want: Extract<Want, { kind: 'update' }>;
  /** A function is ended before its claim is: after that it neither reads nor confirms, but a call of its may still land. */
  readonly endsAtMs: number;
  readonly step: 'claimed' | 'verified' | 'written';
}

interface Row {
  readonly values: Record<string, FieldValue>;
  stampMs: number;
  modifiedBy: 'us' | 'other';
}

/** Two CRMs as plain objects and a record between them, driven step by step by the pure core alone. */
export class TwoSystems {
  record: SyncRecord = agreedRecord();
  readonly rows: Readonly<Record<SystemName, Row>> = { salesforce: agreedRow(), hubspot: agreedRow() };
  readonly edits: UserEdit[] = [];
  readonly lines: LedgerLine[] = [];
  readonly writes: { readonly in: SystemName; readonly fields: readonly string[] }[] = [];
  private readonly hints: Record<SystemName, { hint: ChangeHint; notBeforeMs: number }[]> = { salesforce: [], hubspot: [] };
  private readonly deliveries: Partial<Record<SystemName, Delivery>> = {};
  private readonly hanging: Partial<Record<SystemName, Delivery>> = {};
  private readonly held: Partial<Record<SystemName, { observation: PresentObservation; version: number; hint: ChangeHint }>> = {};
  private readonly rules: SyncRules;
  private readonly windowOpen: boolean;
  private nowMs = T0 + 60_000;
  private count = 0;

  /** @param options.windowOpen - whether people edit between a verify read and its write. */
  constructor(rules: SyncRules, options: { readonly windowOpen: boolean }) {
    this.rules = rules;
    this.windowOpen = options.windowOpen;
  }

  happen(one: Happening): void {
    this.nowMs += 1;
    switch (one.do) {
      case 'edit':
        this.edit(one.in, one.field, one.value);
        break;
      case 'hint':
        this.takeHint(one.in, one.which, one.again);
        break;
      case 'read':
        this.read(one.in, one.which);
        break;
      case 'decide':
        this.decideHeld(one.in);
        break;
      case 'poll':
        this.poll(one.in);
        break;
      case 'deliver':
        this.deliver(one.in);
        break;
      case 'die':
        delete this.deliveries[one.in];
        break;
      case 'hang':
        this.hang(one.in);
        break;
      case 'land':
        this.land(one.in);
        break;
      case 'wait':
        this.nowMs += one.ms;
    }
  }

  /** People stop editing, and all that is under way comes to its end. */
  settle(): void {
    for (let round = 0; round < QUIET_ROUNDS_MAX; round += 1) {
      const before = `${this.record.version} ${this.writes.length}`;
      for (const system of SYSTEMS) {
        this.land(system);
        this.decideHeld(system);
        for (let left = this.hints[system].length; left > 0; left -= 1) this.takeHint(system, 0, false);
        for (let step = 0; step < 4; step += 1) this.deliver(system);
        this.nowMs += 5_000;
      }
      const quiet = before === `${this.record.version} ${this.writes.length}`;
      const waiting = SYSTEMS.some((system) => this.hints[system].length > 0 || this.deliveries[system] !== undefined);
      if (quiet && !waiting && dirtySystems(this.record, this.rules).length === 0) return;
      if (quiet) this.nowMs += LEASE_MS;
    }
  }

  private edit(system: SystemName, field: string, value: FieldValue): void {
    const row = this.rows[system];
    const inWindow = this.deliveries[system]?.step === 'verified' || this.hanging[system] !== undefined;
    if (inWindow && !this.windowOpen) return;
    if (sameValue(this.rules, field, row.values[field] ?? null, value)) return;
    row.values[field] = value;
    this.stamp(system, 'other');
    this.edits.push({ in: system, field, value, inWindow });
    this.sendHint(system, { [field]: value }, 'other', false);
  }

  private stamp(system: SystemName, by: 'us' | 'other'): void {
    const resolution = this.rules.systems[system]?.stampResolutionMs ?? 1;
    this.rows[system].stampMs = Math.floor(this.nowMs / resolution) * resolution;
    this.rows[system].modifiedBy = by;
  }

  private sendHint(system: SystemName, values: Record<string, FieldValue>, by: ChangeHint['by'], snapshot: boolean): void {
    const occurredAtMs = snapshot ? this.rows[system].stampMs : this.nowMs;
    this.hints[system].push({
      notBeforeMs: 0,
      hint: {
        object: 'contacts',
        objectId: objectIds[system],
        kind: 'changed',
        by,
        occurredAtMs,
        receivedAtMs: this.nowMs,
        fields: Object.fromEntries(
          Object.entries(values).map(([name, value]) => [name, snapshot ? { value } : { value, atMs: occurredAtMs }]),
        ),
        ...(snapshot && { snapshot }),
        correlationId: `hint-${this.count++}`,
      },
    });
  }

  private poll(system: SystemName): void {
    const { values, modifiedBy } = this.rows[system];
    this.sendHint(system, { ...values }, system === 'hubspot' ? 'unknown' : modifiedBy, true);
  }

  private takeHint(system: SystemName, which: number, again: boolean): void {
    const waiting = this.hints[system];
    const [taken] = again ? [waiting[which % waiting.length]] : waiting.splice(which % Math.max(1, waiting.length), 1);
    if (taken === undefined) return;
    if (taken.notBeforeMs > this.nowMs) {
      if (!again) waiting.push(taken);
      return;
    }
    if (tellsNothingNew(this.record, system, taken.hint, toCanonical, this.rules)) return;
    this.commit(system, decide(this.record, this.observe(system, taken.hint), this.rules), taken.hint);
  }

  private read(system: SystemName, which: number): void {
    const waiting = this.hints[system];
    if (waiting.length === 0 || this.held[system] !== undefined) return;
    const [taken] = waiting.splice(which % waiting.length, 1);
    if (taken === undefined) return;
    this.held[system] = { observation: this.observe(system, taken.hint), version: this.record.version, hint: taken.hint };
  }

  /** A commit is conditional on the version that was read before the object was: else both are read again. */
  private decideHeld(system: SystemName): void {
    const held = this.held[system];
    if (held === undefined) return;
    delete this.held[system];
    if (held.version !== this.record.version) this.hints[system].push({ hint: held.hint, notBeforeMs: 0 });
    else this.commit(system, decide(this.record, held.observation, this.rules), held.hint);
  }

  private observe(system: SystemName, hint?: ChangeHint): PresentObservation {
    const row = this.rows[system];
    const testimony = testimonyOf(hint === undefined ? [] : [hint], toCanonical);
    const fields = { ...row.values };
    return {
      system,
      objectId: objectIds[system],
      state: 'present',
      fields,
      stampMs: row.stampMs,
      readBeganAtMs: this.nowMs,
      modifiedBy: system === 'hubspot' ? 'unknown' : row.modifiedBy,
      fieldTimesMs: fieldTimesOf(testimony, fields, this.rules),
      witnesses: testimony.witnesses,
      earlier: testimony.earlier,
      ...(testimony.told !== undefined && { told: testimony.told }),
      correlationId: 'model',
    };
  }

  private commit(system: SystemName, decision: Decision, hint: ChangeHint): void {
    if (decision.kind === 'doubt') this.hints[system].push({ hint, notBeforeMs: decision.rereadAfterMs });
    this.commitChange(decision);
  }

  private commitChange(decision: Decision): void {
    if (decision.kind !== 'changed') return;
    this.record = decision.record;
    this.lines.push(...decision.lines);
  }

  private deliver(system: SystemName): void {
    const delivery = this.deliveries[system];
    if (delivery === undefined) {
      const want = wantOf(this.record, system, this.rules);
      if (want.kind !== 'update' || isClaimed(this.record, system, this.nowMs)) return;
      const owner = `owner-${this.count++}`;
      this.record = claim(this.record, system, want, owner, this.nowMs, LEASE_MS);
      this.deliveries[system] = { owner, claimed: this.record, want, endsAtMs: this.nowMs + LEASE_MS, step: 'claimed' };
      return;
    }
    const { owner, claimed, want, step } = delivery;
    const ended = delivery.endsAtMs <= this.nowMs;
    if (ended && step !== 'verified') {
      delete this.deliveries[system];
      return;
    }
    if (step === 'claimed') {
      const observation = this.observe(system);
      const decision = decide(claimed, observation, this.rules);
      if (decision.kind === 'unchanged') {
        this.deliveries[system] = { ...delivery, step: 'verified' };
        return;
      }
      delete this.deliveries[system];
      if (decision.kind === 'changed') this.commitChange(decide(this.record, observation, this.rules));
      this.record = releaseClaim(this.record, system, owner);
      return;
    }
    if (step === 'verified') {
      this.write(system, want.fields);
      this.deliveries[system] = { ...delivery, step: 'written' };
      return;
    }
    this.record = confirmWritten(this.record, system, owner, { objectId: objectIds[system] }, this.nowMs, this.rules);
    delete this.deliveries[system];
  }

  private write(system: SystemName, fields: FieldValues): void {
    Object.assign(this.rows[system].values, fields);
    this.stamp(system, 'us');
    this.writes.push({ in: system, fields: Object.keys(fields) });
    this.sendHint(system, { ...fields }, 'us', false);
  }

  private hang(system: SystemName): void {
    const delivery = this.deliveries[system];
    if (delivery?.step !== 'verified' || this.hanging[system] !== undefined) return;
    this.hanging[system] = delivery;
    delete this.deliveries[system];
  }

  private land(system: SystemName): void {
    const delivery = this.hanging[system];
    if (delivery === undefined) return;
    delete this.hanging[system];
    this.write(system, delivery.want.fields);
  }

  /** Fields on which a system, or the record, differs from the rest. */
  disagreements(): string[] {
    const record = valuesOf(this.record);
    return Object.keys(this.rules.fields).flatMap((field) =>
      SYSTEMS.filter(
        (system) => !sameValue(this.rules, field, this.rows[system].values[field] ?? null, record[field] ?? null),
      ).map((system) => `${field} in ${system}: ${this.rows[system].values[field]} against ${record[field]}`),
    );
  }

  /** Edits that are neither in the record, nor overwritten on the same side, nor named by a ledger line. */
  unaccounted(): UserEdit[] {
    return this.edits.filter((edit, index) => {
      const same = (value: FieldValue | undefined) => value !== undefined && sameValue(this.rules, edit.field, value, edit.value);
      if (same(this.record.fields[edit.field]?.value)) return false;
      if (this.edits.slice(index + 1).some((later) => later.in === edit.in && later.field === edit.field)) return false;
      return !this.lines.some(
        (line) =>
          line.field === edit.field &&
          (same(line.from) || // it was the record's value, and a later decision replaced it
            (line.by === edit.in && (line.event === 'agreed' || same(line.to))) ||
            (line.lost?.by === edit.in && same(line.lost.value))),
      );
    });
  }
}

const toCanonical = (native: Readonly<Record<string, FieldValue>>) => ({ ...native });

function agreedRow(): Row {
  return { values: { ...valuesOf(agreedRecord()) }, stampMs: T0, modifiedBy: 'other' };
}
