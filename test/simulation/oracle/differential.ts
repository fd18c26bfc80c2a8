import type { FieldValue } from '../../../shared/sync/field-value.ts';
import type { CrmChange } from '../world/crm-log.ts';
import { objectKey } from '../world/crm-log.ts';
import { Case, type Evidence, shown } from './evidence.ts';

/** What a run came to, in words that two runs share: objects made by people, in the order in which they were made. */
export interface FinalPicture {
  /** By the first object of the group: what each system holds of the person, canonical. */
  readonly persons: ReadonlyMap<string, ReadonlyMap<string, Readonly<Record<string, FieldValue>>>>;
  readonly writes: ReadonlyMap<string, number>;
}

/** I7, I8: two runs with the same acts of people must come to the same picture, whatever else was different. */
export function finalPicture(evidence: Evidence): FinalPicture {
  const facts = new Case(evidence);
  const nameOf = new Map<string, string>(); // group -> its first object made by a person
  const writes = new Map<string, number>();
  let made = 0;
  for (const change of evidence.changes) {
    const group = facts.groupOfObject(change.system, change.objectId);
    if (isFirst(change) && !nameOf.has(group)) {
      made += 1;
      nameOf.set(group, `${made}: ${objectKey(change.system, change.objectId)}`);
    }
    if (change.author.by === 'concord') writes.set(group, (writes.get(group) ?? 0) + 1);
  }
  const persons = new Map<string, Map<string, Readonly<Record<string, FieldValue>>>>();
  for (const [system, { live, setup }] of evidence.systems) {
    for (const [objectId, values] of live) {
      const name = nameOf.get(facts.groupOfObject(system, objectId));
      if (name === undefined) continue;
      const person = persons.get(name) ?? new Map<string, Readonly<Record<string, FieldValue>>>();
      persons.set(name, person);
      const canonical = facts.side(system)?.toCanonical(values) ?? {};
      const held = Object.fromEntries(Object.entries(canonical).map(([field, value]) => [field, facts.canon(field, value)]));
      person.set(`${setup.system}${person.has(setup.system) ? ` ${objectId}` : ''}`, held);
    }
  }
  return {
    persons,
    writes: new Map([...writes].flatMap(([group, count]) => (nameOf.has(group) ? [[nameOf.get(group) ?? '', count]] : []))),
  };
}

function isFirst({ kind, author }: CrmChange): boolean {
  return kind === 'create' && author.by === 'person';
}

/** @param leaveOut - persons that the two runs are known to differ in: the poisoned ones. */
export function differences(a: FinalPicture, b: FinalPicture, leaveOut: ReadonlySet<string> = new Set()): string[] {
  const found: string[] = [];
  for (const name of new Set([...a.persons.keys(), ...b.persons.keys()])) {
    if (leaveOut.has(name)) continue;
    const [one, other] = [a.persons.get(name), b.persons.get(name)];
    for (const system of new Set([...(one?.keys() ?? []), ...(other?.keys() ?? [])])) {
      const [mine, theirs] = [one?.get(system), other?.get(system)];
      if (mine === undefined || theirs === undefined) {
        found.push(`person ${name}: ${system} has the object in one run only`);
        continue;
      }
      for (const field of new Set([...Object.keys(mine), ...Object.keys(theirs)])) {
        if ((mine[field] ?? null) !== (theirs[field] ?? null))
          found.push(
            `person ${name}: ${field} in ${system} is ${shown(mine[field])} in one run and ${shown(theirs[field])} in the other`,
          );
      }
    }
  }
  return found;
}
