import type { FieldValue } from './field-value.ts';
import type { LedgerLine } from './ledger.ts';
import { rememberSeen } from './link.ts';
import type { Hold, Link, Override, RecordField, Seen, SyncRecord } from './record.ts';
import { bump } from './version-vector.ts';

/** A record under decision: what is changed so far by one system's observation. The original stays as it is. */
export class Draft {
  readonly base: SyncRecord;
  readonly system: string;
  readonly fields: Record<string, RecordField>;
  readonly seen: Record<string, Seen>;
  readonly holds: Record<string, Hold>;
  readonly overrides: Record<string, Override>;
  readonly renderings: Record<string, { sent: FieldValue; shown: FieldValue }>;
  readonly witnessed: Record<string, readonly number[]>;
  readonly lines: LedgerLine[] = [];
  touched = false;
  hasLoser = false;
  private otherSeen: Record<string, Record<string, Seen>> | undefined;

  constructor(base: SyncRecord, system: string, link: Link) {
    this.base = base;
    this.system = system;
    this.fields = { ...base.fields };
    this.seen = { ...link.seen };
    this.holds = { ...base.holds };
    this.overrides = { ...link.overrides };
    this.renderings = { ...link.renderings };
    this.witnessed = { ...link.witnessed };
  }

  /** Links store only what differs: when the record moves, the others start to differ from it. */
  setField(name: string, next: RecordField): void {
    const { value: previous = null, atMs } = this.fields[name] ?? {};
    const agreed: Seen = atMs === undefined ? { value: previous } : { value: previous, atMs };
    this.fields[name] = next;
    this.touched = true;
    if (previous === next.value) return;
    this.otherSeen ??= Object.fromEntries(
      Object.entries(this.base.links)
        .filter(([other]) => other !== this.system)
        .map(([other, link]) => [other, { ...link.seen }]),
    );
    for (const seen of [this.seen, ...Object.values(this.otherSeen)]) {
      const known = seen[name] ?? agreed;
      if ('value' in known) rememberSeen(seen, name, known.value, next.value, known.atMs);
    }
  }

  /** @param atMs - when the value was made there, where that is known. */
  see(name: string, value: FieldValue, atMs?: number): void {
    rememberSeen(this.seen, name, value, this.fields[name]?.value ?? null, atMs);
    this.touched = true;
  }

  /** The vector of a field's next value: it knows of all that the record and its author knew of, and of itself. */
  nextVector(name: string, known: Readonly<Record<string, number>> | undefined): Readonly<Record<string, number>> {
    return bump(this.fields[name]?.vector ?? {}, this.system, known ?? {});
  }

  /** @param own - the observed system's link, but for what the draft itself has changed of it. */
  finish(own: Link): SyncRecord {
    const { overrides: _, renderings: __, witnessed: ___, ...rest } = own;
    const finished: Link = {
      ...rest,
      seen: this.seen,
      ...(isFilled(this.overrides) && { overrides: this.overrides }),
      ...(isFilled(this.renderings) && { renderings: this.renderings }),
      ...(isFilled(this.witnessed) && { witnessed: this.witnessed }),
    };
    const links: Record<string, Link> = { ...this.base.links, [this.system]: finished };
    const valueChanged = this.otherSeen !== undefined;
    for (const [other, seen] of Object.entries(this.otherSeen ?? {})) {
      const link = this.base.links[other];
      if (link !== undefined) links[other] = withoutRefusal({ ...link, seen });
    }
    if (valueChanged) links[this.system] = withoutRefusal(finished);
    return { ...this.base, version: this.base.version + 1, fields: this.fields, holds: this.holds, links };
  }
}

/** A refusal stands until the record asks for something else. */
export function withoutRefusal(link: Link): Link {
  if (link.refusal === undefined) return link;
  const { refusal: _, ...rest } = link;
  return rest;
}

function isFilled(entries: Readonly<Record<string, unknown>>): boolean {
  return Object.keys(entries).length > 0;
}
