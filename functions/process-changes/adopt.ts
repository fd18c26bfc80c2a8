import type { MatchKeyRef, StoredRecord, Taken } from '../../shared/store/record-store.ts';
import { decide } from '../../shared/sync/decide.ts';
import { isClaimed } from '../../shared/sync/delivery.ts';
import type { HintGroup } from '../../shared/sync/hints.ts';
import type { LedgerLine } from '../../shared/sync/ledger.ts';
import { newRecord, refusedAtFirst, withFoundObject } from '../../shared/sync/new-record.ts';
import type { DeletedObservation, Observation, PresentObservation } from '../../shared/sync/observation.ts';
import { type SyncRecord, valuesOf } from '../../shared/sync/record.ts';
import { tieCreated } from '../../shared/sync/tie-created.ts';
import { correlationOf, type ProcessRun, receivedAtMs } from './process-changes.ts';

/** A deliverer that is creating this very object needs a moment to tie it to its record. */
const AWAIT_CREATOR_MS = 2_000;
const MOMENTS_MAX = 3;

/** `again`: a race was lost; read once more. `tied`: it belongs to a record now. */
type Adopted = 'tied' | 'done' | 'again';
/** What the first sync found to be the same one in other systems. */
type MatchedTwins = NonNullable<HintGroup['hints'][number]['matched']>;

/** Finds the record that an unknown object belongs to, or makes one (I1, L1-L3, C1). */
export function adopter(run: ProcessRun): (group: HintGroup, observation: Observation | undefined) => Promise<Adopted> {
  const { system, sync, records, firstSync, now, newId } = run.ports;

  async function adopt(group: HintGroup, observation: Observation | undefined): Promise<Adopted> {
    if (observation?.state === 'deleted') return adoptDeleted(group, observation);
    if (observation?.state === 'missing' && isTooFresh(group, observation.readBeganAtMs)) {
      const waitMs = Math.max(AWAIT_CREATOR_MS, freshUntilMs(group) - now());
      run.putBack(group, waitMs, 'it was told of just now, and a lagging read does not show it yet');
      return 'done';
    }
    if (observation?.state !== 'present') return 'done'; // unknown and not there, or not ours: nothing to agree on
    const claimed = await adoptByRecordId(group, observation);
    if (claimed !== undefined) return claimed;
    if (sync.rules.systems[system]?.direction === 'out') return 'done'; // what is made in a system that only receives is its own

    if (await isHeld(group.objectId)) return 'done';
    const matched = group.hints.flatMap((hint) => hint.matched ?? []);
    const keys = sync.matchKeys.flatMap((key) => {
      const value = key.keyOf(observation.fields);
      return value === undefined ? [] : [run.keyRef(key.name, value)];
    });
    if (matched.length === 0) {
      const owners = [...new Set((await records.matchKeyOwners(keys)).values())];
      const [owner] = owners;
      if (owners.length > 1) return review(group, observation, owners, 'its match keys point to different records');
      if (owner !== undefined) return join(group, observation, owner);
    }
    return create(group, observation, matched, keys);
  }

  /** Until then a read may not show yet what the hint tells of. */
  function freshUntilMs(group: HintGroup): number {
    const { stampResolutionMs = 0, readLagMs = 0 } = sync.rules.systems[system] ?? {};
    return Math.max(...group.hints.map((hint) => hint.receivedAtMs)) + stampResolutionMs + readLagMs;
  }

  function isTooFresh(group: HintGroup, readBeganAtMs: number): boolean {
    return group.hints.some((hint) => hint.kind !== 'deleted') && readBeganAtMs < freshUntilMs(group);
  }

  /** I1: an object that carries a record's id belongs to that record. */
  async function adoptByRecordId(group: HintGroup, observation: PresentObservation): Promise<Adopted | undefined> {
    if (observation.recordId === undefined) return undefined;
    const record = await recordOf(observation.recordId);
    if (record === undefined || record.sync !== sync.name) return undefined;
    const link = record.links[system];
    if (link?.objectId === observation.objectId) return 'again'; // tied to it just now
    if (link?.objectId !== undefined) return undefined; // a copy of an object that we know
    if (isClaimed(record, system, now())) {
      awaitCreator(group, link?.claim?.untilMs ?? 0);
      return 'done';
    }
    const tied = tieCreated(record, system, observation.objectId, observation.fields, sync.rules);
    return tie(group, record, tied, observation, 'it carries the record id');
  }

  /** C4: we made it and never learnt so, and somebody deleted it since: his deletion is decided, and it is not made again. */
  async function adoptDeleted(group: HintGroup, observation: DeletedObservation): Promise<Adopted> {
    const record = observation.recordId === undefined ? undefined : await recordOf(observation.recordId);
    const link = record?.links[system];
    if (record === undefined || record.sync !== sync.name || link === undefined || link.receipts.length === 0) return 'done';
    if (link.objectId === observation.objectId) return 'again'; // tied to it just now
    if (link.objectId !== undefined) return 'done'; // a copy of an object that we know
    if (isClaimed(record, system, now())) {
      awaitCreator(group, link.claim?.untilMs ?? 0);
      return 'done';
    }
    const tied = tieCreated(record, system, observation.objectId, undefined, sync.rules);
    return tie(group, record, tied, observation, 'its tombstone carries the record id');
  }

  /** Its creator ties it in a moment; one that died does not, and then its claim has to run out. */
  function awaitCreator(group: HintGroup, claimUntilMs: number): void {
    const rereads = Math.max(...group.hints.map((hint) => hint.rereads ?? 0));
    const delayMs = rereads < MOMENTS_MAX ? AWAIT_CREATOR_MS : Math.max(AWAIT_CREATOR_MS, claimUntilMs - now());
    run.putBack(group, delayMs, 'an object is just being created for its record');
  }

  /** L1: exactly one candidate, not yet linked here, is the same one. */
  async function join(
    group: HintGroup,
    observation: PresentObservation,
    owner: string,
    twin?: MatchedTwins[number],
  ): Promise<Adopted> {
    const record = await recordOf(owner);
    if (record === undefined)
      return review(group, observation, [owner], 'its match key belongs to a case that waits for a person');
    const shared = sync.matchKeys.filter((key) => key.keyOf(valuesOf(record)) === key.keyOf(observation.fields));
    const isStale = twin === undefined && shared.every((key) => key.keyOf(observation.fields) === undefined);
    if (record.deleted !== undefined || isStale) {
      // D7: who was deleted everywhere and is made again begins a new life; the old record keeps its history. And a key that a
      // record has left is nobody's, though whoever moved it died before saying so.
      await releaseKeys(record, observation);
      return 'again';
    }
    const link = record.links[system];
    if (link?.objectId === observation.objectId) return 'again'; // tied to it just now
    if (link !== undefined && isClaimed(record, system, now())) {
      awaitCreator(group, link.claim?.untilMs ?? 0);
      return 'done';
    }
    const isTaken = link?.objectId !== undefined && (link.state === 'linked' || link.state === 'outside');
    if (isTaken) return review(group, observation, [owner], 'another object of the same system has its match key');
    const reason = link?.objectId === undefined ? twin?.reason : 'made again after its earlier object was gone';
    const tied = withFoundObject(record, system, observation.objectId, sync.rules);
    return tie(group, record, tied, observation, reason, twin?.rule);
  }

  async function tie(
    group: HintGroup,
    before: StoredRecord,
    tied: SyncRecord,
    observation: PresentObservation | DeletedObservation,
    reason?: string,
    rule = 'L1',
  ): Promise<Adopted> {
    const atMs = observation.state === 'deleted' ? observation.deletedAtMs : observation.stampMs;
    const decision = decide({ ...tied, version: before.version }, observation, sync.rules);
    if (decision.kind === 'doubt') {
      // Tied now, it would never be looked at again.
      run.putBack(group, Math.max(0, decision.rereadAfterMs - now()), 'cannot be told from a stale read');
      return 'done';
    }
    const next = decision.kind === 'changed' ? decision.record : { ...tied, version: before.version + 1 };
    const lines: LedgerLine[] = [
      { event: 'linked', rule, by: system, atMs, ...(reason !== undefined && { reason }) },
      ...(decision.kind === 'changed' ? decision.lines : []),
    ];
    const entry = { recordId: next.recordId, version: next.version, ...run.noteOf(group, lines) };
    const commit = run.commitOf(group, next, [], before);
    const result = await records.linkObject(commit, run.refOf(observation.objectId), { entry });
    if (result !== 'committed') return 'again';
    run.countLinks(before, next);
    run.tell(group, next, lines);
    return 'tied';
  }

  async function create(
    group: HintGroup,
    observation: PresentObservation,
    matched: MatchedTwins,
    keys: readonly MatchKeyRef[],
  ): Promise<Adopted> {
    const record = newRecord(newId(), observation, matched, sync.rules);
    const lines: LedgerLine[] = [
      { event: 'created', rule: 'C1', by: system, atMs: observation.stampMs },
      ...matched.map(
        (twin): LedgerLine => ({
          event: 'linked',
          rule: twin.rule ?? 'L2',
          by: twin.system,
          atMs: observation.stampMs,
          reason: twin.reason ?? 'the first sync found exactly one match',
        }),
      ),
    ];
    const identities = [{ system, objectId: observation.objectId }, ...matched].flatMap((one) => {
      const side = sync.sides[one.system];
      return side === undefined ? [] : [{ system: one.system, object: side.object, objectId: one.objectId }];
    });
    // What is refused at once is written with the record itself; the stream's reader tells of all else.
    const refused = refusedAtFirst(observation, sync.rules);
    const all = [...lines, ...refused];
    const entry = { recordId: record.recordId, version: record.version, ...run.noteOf(group, all) };
    const result = await records.createRecord({
      commit: run.commitOf(group, record, refused.length > 0 ? [] : lines),
      identities,
      matchKeys: [...keys],
      ...(refused.length > 0 && { entry }),
    });
    if (result !== 'created') return joinOwners(group, observation, matched, result.existing);
    run.countLinks(undefined, record);
    run.tell(group, record, all);
    return 'tied';
  }

  /** What stands in the way of a new record is somebody's already: a twin's record, a case, or a former life of this very object. */
  async function joinOwners(
    group: HintGroup,
    observation: PresentObservation,
    matched: MatchedTwins,
    existing: readonly Taken[],
  ): Promise<Adopted> {
    const owners = new Set<string>();
    for (const taken of existing) {
      if (taken.what !== 'identity') continue;
      if (taken.ref.system === system && taken.ref.objectId === observation.objectId) {
        const owner = await recordOf(taken.recordId);
        if (!owner?.links[system]?.aliases?.includes(observation.objectId)) return 'again'; // made just now
        return review(group, observation, [taken.recordId], 'it was merged away or replaced, and is there again');
      }
      owners.add(taken.recordId);
    }
    if (matched.length === 0) return 'again'; // its match key was taken just now: the next round finds whose it is
    const [owner, ...others] = owners;
    if (others.length > 0) return review(group, observation, [...owners], 'its twins belong to different records');
    if (owner !== undefined) return join(group, observation, owner, matched[0]);
    const keys = existing.flatMap((taken) => (taken.what === 'match-key' ? [taken.recordId] : []));
    return review(group, observation, keys, 'its match key belongs to another record, or to a case that waits for a person');
  }

  /** L5: what a scored match left to a person stays out until he has decided. */
  async function isHeld(objectId: string): Promise<boolean> {
    if (sync.scored === undefined) return false;
    return (await firstSync.heldObjects(sync.name, [{ system, objectId }])).size > 0;
  }

  /** L3: never "first found": several candidates, or one that is taken, wait for a person. */
  async function review(
    group: HintGroup,
    observation: PresentObservation,
    owners: readonly string[],
    reason: string,
  ): Promise<'done'> {
    await firstSync.putReview({
      caseId: `${system}:${observation.objectId}`,
      sync: sync.name,
      reason: `${reason} (${owners.join(', ')})`,
      keyName: sync.matchKeys.map((key) => key.name).join(', '),
      objects: [{ system, objectId: observation.objectId }],
      atMs: now(),
    });
    run.settle({
      correlationId: correlationOf(group),
      recordId: owners[0] ?? '',
      objectId: group.objectId,
      fields: [],
      rules: ['L3'],
      losers: 0,
      deliver: [],
      sinceReceivedMs: now() - receivedAtMs(group),
    });
    return 'done';
  }

  async function recordOf(recordId: string): Promise<StoredRecord | undefined> {
    return (await records.getMany([recordId], { consistent: true })).get(recordId);
  }

  /** Only what is this record's is given up. */
  async function releaseKeys(record: StoredRecord, { fields }: PresentObservation): Promise<void> {
    for (const key of sync.matchKeys) {
      for (const value of new Set([key.keyOf(valuesOf(record)), key.keyOf(fields)])) {
        if (value !== undefined) await records.moveMatchKey(record.recordId, { from: run.keyRef(key.name, value) });
      }
    }
  }

  return adopt;
}
