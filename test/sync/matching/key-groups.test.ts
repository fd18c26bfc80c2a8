import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type KeyedObject, type MatchGroup, matchGroups, type ObjectKey } from '../../../shared/sync/matching/key-groups.ts';

const object = (keyValue: string, system: string, objectId: string): KeyedObject => ({ keyValue, system, objectId });

async function* listed(objects: readonly KeyedObject[]): AsyncGenerator<KeyedObject> {
  yield* objects;
}

async function groupsOf(objects: readonly KeyedObject[], decided: ReadonlySet<ObjectKey> = new Set()) {
  const groups: MatchGroup<KeyedObject>[] = [];
  for await (const group of matchGroups(listed(objects), decided)) groups.push(group);
  return groups;
}

describe('matching a listing by one key', () => {
  it('L2 takes one object of each system with one key value for the same one', async () => {
    const ada = [object('ada@x.y', 'hubspot', '1'), object('ada@x.y', 'salesforce', '003')];
    expect(await groupsOf([...ada, object('bob@x.y', 'hubspot', '2')])).toEqual([
      { verdict: 'match', objects: ada, isTaken: false },
      { verdict: 'alone', objects: [object('bob@x.y', 'hubspot', '2')], isTaken: false },
    ]);
  });

  it('L3 never guesses between two of one system', async () => {
    const three = [object('ada', 'hubspot', '1'), object('ada', 'hubspot', '2'), object('ada', 'salesforce', '003')];
    expect(await groupsOf(three)).toEqual([{ verdict: 'review', objects: three, isTaken: false }]);
  });

  it('leaves out what a stronger key has settled, and judges the others without it', async () => {
    const objects = [object('ada', 'hubspot', '1'), object('ada', 'hubspot', '2'), object('ada', 'salesforce', '003')];
    expect(await groupsOf(objects, new Set(['hubspot:1']))).toEqual([
      { verdict: 'match', objects: objects.slice(1), isTaken: true },
    ]);
  });

  it('sees what is settled while it draws the groups', async () => {
    const decided = new Set<ObjectKey>();
    const names: string[] = [];
    for await (const group of matchGroups(listed([object('a', 'hubspot', '1'), object('b', 'hubspot', '1')]), decided)) {
      for (const { system, objectId, keyValue } of group.objects) {
        decided.add(`${system}:${objectId}`);
        names.push(keyValue);
      }
    }
    expect(names).toEqual(['a']);
  });

  it('puts every object into exactly one group, each with one key value', async () => {
    const some = fc.array(
      fc.record({
        keyValue: fc.constantFrom('a', 'b', 'c'),
        system: fc.constantFrom('salesforce', 'hubspot'),
        objectId: fc.uuid(),
      }),
    );
    await fc.assert(
      fc.asyncProperty(some, async (objects) => {
        const ordered = objects.toSorted((a, b) => a.keyValue.localeCompare(b.keyValue));
        const groups = await groupsOf(ordered);
        expect(groups.flatMap((group) => group.objects)).toEqual(ordered);
        for (const { objects: members, verdict } of groups) {
          expect(new Set(members.map((one) => one.keyValue)).size).toBe(1);
          const systems = new Set(members.map((one) => one.system)).size;
          expect(verdict).toBe(systems < members.length ? 'review' : members.length > 1 ? 'match' : 'alone');
        }
      }),
    );
  });
});
