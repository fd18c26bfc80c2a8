import { describe, expect, it } from 'vitest';
import config from '../../concord.config.ts';
import { qualityJudge } from '../../functions/judge-quality.ts';
import { decideOn, Observer } from '../../functions/observe-objects.ts';
import { lookRequester } from '../../functions/operator-api/look-requests.ts';
import { QUARANTINE_ROUTES } from '../../functions/operator-api/quarantine-routes.ts';
import { SCHEMA_ROUTES } from '../../functions/operator-api/schema-routes.ts';
import { commitOf } from '../../functions/record-commit.ts';
import type { CompiledSync } from '../../shared/config/compiled-sync.ts';
import { type QualityConfig, qualityRulesOf } from '../../shared/config/quality-config.ts';
import { quarantineStore, type StoredQuarantineItem } from '../../shared/store/quarantine-store.ts';
import { schemaStore } from '../../shared/store/schema-store.ts';
import { hintEnvelopeSchema } from '../../shared/sync/change-hint.ts';
import type { FieldValues } from '../../shared/sync/field-value.ts';
import { type LinkedPerson, type System, twoCrms } from './two-crms.ts';

const crms = twoCrms();
const MINUTE_MS = 60_000;
const noNoise: QualityConfig = { schema: { jobTitle: { pattern: /^[A-Z]/ } } };

function withQuality(quality: QualityConfig): CompiledSync {
  const contacts = config.syncs.find(({ name }) => name === 'contacts');
  return { ...crms.sync, quality: qualityRulesOf(quality, contacts?.fields ?? {}) };
}
const observerOf = (sync: CompiledSync, system: System = 'hubspot') => new Observer(crms.processPorts(system, { sync }));
const waitingIds = async () =>
  (await quarantineStore(crms.context).list('contacts', { limit: 50 })).items.map(({ objectId }) => objectId);

/** A batch as the functions do it: read, observe, judge, decide, commit. */
async function taken(objectId: string, sync: CompiledSync, observer: Observer = observerOf(sync)) {
  const record = await crms.recordOf('hubspot', objectId);
  const readBeganAtMs = crms.clock.now();
  const side = crms.side('hubspot');
  const states = await crms.connectors.hubspot.read(side.object, [objectId], side.nativeFields);
  const readings = [...states.values()].map((state) => ({ state, hints: [], correlationId: 'test', record }));
  const judged = (await observer.observe(readings, readBeganAtMs)).get(objectId);
  if (judged === undefined) throw new Error('every observation is judged');
  if (record === undefined) return judged;
  const decision = decideOn(record, judged, sync.rules);
  if (decision.kind === 'changed') {
    const note = { correlationId: 'test', lines: decision.lines, decidedAtMs: crms.clock.now() };
    await crms.records.commitMany([
      commitOf(decision.record, { rules: sync.rules, nowMs: crms.clock.now(), before: record, note }),
    ]);
  }
  crms.clock.advance(MINUTE_MS);
  return judged;
}

/** Somebody whose title breaks the rule. */
async function noisy(sync = withQuality(noNoise)): Promise<LinkedPerson> {
  const ada = await crms.linkedPerson({ jobTitle: 'Countess' });
  crms.edit('hubspot', ada.hubspot, { jobTitle: '!!! buy now', city: 'London' });
  crms.clock.advance(MINUTE_MS);
  await taken(ada.hubspot, sync);
  return ada;
}

describe('an object that fails', () => {
  it('waits with its payload; its record stays as it is, and nothing is written over it', async () => {
    const ada = await noisy();
    const record = await crms.record(ada.recordId);
    expect(record.fields).toMatchObject({ jobTitle: { value: 'Countess' } });
    expect(record.fields.city).toBeUndefined();
    expect(record.links.hubspot?.quarantine?.reason).toMatch(/^Q3 jobTitle/);
    expect(record.links.hubspot?.quarantine?.reason).not.toContain('buy');
    const item = await quarantineStore(crms.context).get({ sync: 'contacts', system: 'hubspot', objectId: ada.hubspot });
    expect(item).toMatchObject({
      recordId: ada.recordId,
      fields: { jobTitle: '!!! buy now', city: 'London' },
      native: { jobtitle: '!!! buy now' },
      failures: [{ rule: 'Q3' }],
    });
    await crms.process('salesforce', [crms.edit('salesforce', ada.salesforce, { jobTitle: 'Lady' })]);
    await crms.deliver('hubspot', [ada.recordId]);
    expect(crms.held('hubspot', ada.hubspot).jobTitle).toBe('!!! buy now');
  });

  it('leaves by itself once it is put right', async () => {
    const sync = withQuality(noNoise);
    const ada = await noisy(sync);
    expect(await waitingIds()).toEqual([ada.hubspot]);
    crms.edit('hubspot', ada.hubspot, { jobTitle: 'Mathematician' });
    await taken(ada.hubspot, sync);
    expect(await waitingIds()).toEqual([]);
    const record = await crms.record(ada.recordId);
    expect(record.fields).toMatchObject({ jobTitle: { value: 'Mathematician' }, city: { value: 'London' } });
    expect(record.links.hubspot?.quarantine).toBeUndefined();
  });

  it('leaves when it is deleted, and when the sync asks nothing any more', async () => {
    const ada = await noisy();
    const eve = await noisy();
    crms.hubspot.remove('contacts', ada.hubspot);
    await taken(ada.hubspot, withQuality(noNoise));
    await taken(eve.hubspot, crms.sync);
    expect(await waitingIds()).toEqual([]);
  });

  it('is told once, with every rule that it breaks', async () => {
    const ada = await crms.linkedPerson();
    crms.edit('hubspot', ada.hubspot, { jobTitle: '!', city: 'x' });
    const sync = withQuality({ schema: { ...noNoise.schema, city: { pattern: /^[A-Z]/, onFail: 'warn' } } });
    const judge = observerOf(sync);
    await taken(ada.hubspot, sync, judge);
    expect(judge.told()).toEqual({ quarantined: 1, warnings: [{ objectId: ada.hubspot, rule: 'Q3', fields: ['city'] }] });
    expect((await quarantineStore(crms.context).list('contacts', { limit: 1 })).items[0]?.failures).toHaveLength(2);
  });

  it('that is new, and belongs to no record, waits too, and is let in when it is put right', async () => {
    const sync = withQuality(noNoise);
    const { objectId } = crms.stranger('hubspot', { lastName: 'Noise', jobTitle: '!' });
    expect((await taken(objectId, sync)).observation.state).toBe('quarantined');
    expect(await waitingIds()).toEqual([objectId]);
    crms.edit('hubspot', objectId, { jobTitle: 'Boss' });
    expect((await taken(objectId, sync)).observation.state).toBe('present');
    expect(await waitingIds()).toEqual([]);
  });

  it('in one field only loses that field: the rest is taken, and nothing is cleared', async () => {
    const sync = withQuality({ schema: { jobTitle: { pattern: /^[A-Z]/, onFail: 'drop-field' } } });
    const ada = await noisy(sync);
    const record = await crms.record(ada.recordId);
    expect(record.fields).toMatchObject({ jobTitle: { value: 'Countess' }, city: { value: 'London' } });
    expect(await waitingIds()).toEqual([]);
  });
});

describe('an object that is fine', () => {
  it('costs the store nothing', async () => {
    const ada = await crms.linkedPerson();
    crms.edit('hubspot', ada.hubspot, { jobTitle: 'Countess' });
    const sync = withQuality(noNoise);
    const record = await crms.record(ada.recordId);
    const states = await crms.connectors.hubspot.read('contacts', [ada.hubspot], crms.side('hubspot').nativeFields);
    const readings = [...states.values()].map((state) => ({ state, hints: [], correlationId: 'test', record }));
    crms.table.costs();
    await observerOf(sync).observe(readings, crms.clock.now());
    expect(crms.table.costs()).toEqual([]);
  });

  it('is not held to rules that were made after it was taken in', async () => {
    const ada = await crms.linkedPerson({ jobTitle: '!!!' });
    const judged = await taken(ada.hubspot, withQuality(noNoise));
    expect(judged.observation.state).toBe('present');
  });
});

describe('possible duplicates', () => {
  const twins: QualityConfig = { duplicates: { within: ['lastName'], onFail: 'quarantine' } };

  it('Q8: meet when the second of them comes, and part when one is renamed', async () => {
    const sync = withQuality(twins);
    const first = crms.stranger('hubspot', { lastName: 'Twin', firstName: 'A' }).objectId;
    const second = crms.stranger('hubspot', { lastName: 'TWIN', firstName: 'B' }).objectId;
    expect((await taken(first, sync)).observation.state).toBe('present');
    expect((await taken(second, sync)).observation).toMatchObject({
      state: 'quarantined',
      reason: expect.stringContaining(`as ${first} of the same system`),
    });
  });

  it('Q8: cost a linked object nothing until its key changes, and then a bounded little', async () => {
    const sync = withQuality({ duplicates: { within: ['lastName'] } });
    const ada = await crms.linkedPerson({ lastName: 'Lovelace' });
    const record = await crms.record(ada.recordId);
    const observation = (fields: FieldValues) =>
      ({
        state: 'present',
        system: 'hubspot',
        objectId: ada.hubspot,
        readBeganAtMs: crms.clock.now(),
        correlationId: 'test',
        fields,
        stampMs: crms.clock.now(),
        modifiedBy: 'other',
        fieldTimesMs: {},
        witnesses: {},
      }) as const;
    const { judge: judged } = qualityJudge(crms.processPorts('hubspot', { sync }));
    const judge = (fields: FieldValues) => judged([{ observation: observation(fields), record }]);
    crms.table.costs();
    await judge({ lastName: 'Lovelace', jobTitle: 'Countess' });
    expect(crms.table.costs()).toEqual([]);
    await judge({ lastName: 'King' });
    expect(crms.table.costs().reduce((sum, { table }) => sum + table, 0)).toBeLessThanOrEqual(3);
  });
});

describe('an operator', () => {
  const syncs = [{ name: 'contacts', objects: { salesforce: 'Contact', hubspot: 'contacts' } }];
  function ask(route: string, objectId = '', body?: unknown, query: Record<string, string> = {}) {
    const ports = {
      quarantine: quarantineStore(crms.context),
      records: crms.records,
      syncs,
      requestLook: lookRequester(new Map([['hubspot', crms.changes.hubspot]]), {
        tenant: crms.context.tenant,
        now: crms.clock.now,
        newId: () => 'look-1',
      }),
      now: crms.clock.now,
    };
    const answer = QUARANTINE_ROUTES[route];
    if (answer === undefined) throw new Error(`there is no route ${route}`);
    return answer({ route, path: { system: 'hubspot', objectId }, query, body, by: 'arn:sam' }, ports);
  }
  const itemOf = async (objectId: string): Promise<StoredQuarantineItem> => {
    const item = await quarantineStore(crms.context).get({ sync: 'contacts', system: 'hubspot', objectId });
    if (item === undefined) throw new Error(`${objectId} is not in quarantine`);
    return item;
  };
  const RELEASE = 'POST /quarantine/{system}/{objectId}/release';
  const DISCARD = 'POST /quarantine/{system}/{objectId}/discard';
  const lookedAt = () =>
    crms.changes.hubspot
      .take()
      .flatMap(({ body }) => hintEnvelopeSchema.parse(JSON.parse(body)).hints.map((one) => one.objectId));

  it('sees what waits, page by page and without values, and one object with its values beside the record', async () => {
    const ada = await noisy();
    const eve = await noisy();
    const first = await ask('GET /quarantine', '', undefined, { limit: '1' });
    expect(first).toMatchObject({ status: 200, body: { items: [{ failures: [{ rule: 'Q3' }] }], cursor: expect.any(String) } });
    expect(JSON.stringify(first)).not.toContain('buy now');
    const { body } = await ask('GET /quarantine', '', undefined, { system: 'hubspot' });
    expect(JSON.stringify(body)).toContain(ada.hubspot);
    expect(JSON.stringify(body)).toContain(eve.hubspot);
    expect(await ask('GET /quarantine/{system}/{objectId}', ada.hubspot)).toMatchObject({
      status: 200,
      body: { item: { fields: { jobTitle: '!!! buy now' } }, record: { jobTitle: 'Countess' } },
    });
    expect(await ask('GET /quarantine/{system}/{objectId}', '1')).toMatchObject({ status: 404 });
    expect(await ask('GET /quarantine', '', undefined, { cursor: 'x' })).toMatchObject({ status: 400 });
    expect(await ask('GET /quarantine', '', undefined, { sync: 'deals' })).toMatchObject({ status: 404 });
    expect(await ask('GET /quarantine', '', undefined, { limt: '1' })).toMatchObject({ status: 400 });
  });

  it('releases a payload: it is taken as it is, once, and the next one is judged again', async () => {
    const sync = withQuality(noNoise);
    const ada = await noisy(sync);
    const { payloadHash } = await itemOf(ada.hubspot);
    expect(await ask(RELEASE, ada.hubspot, { payloadHash })).toMatchObject({ status: 202 });
    expect(lookedAt()).toEqual([ada.hubspot]);
    await taken(ada.hubspot, sync);
    expect(await waitingIds()).toEqual([]);
    expect((await crms.record(ada.recordId)).fields).toMatchObject({
      jobTitle: { value: '!!! buy now' },
      city: { value: 'London' },
    });
    crms.edit('hubspot', ada.hubspot, { jobTitle: '???' });
    await taken(ada.hubspot, sync);
    expect(await waitingIds()).toEqual([ada.hubspot]);
  });

  it('discards a payload: what the record holds is put back, also where that is nothing', async () => {
    const sync = withQuality(noNoise);
    const ada = await noisy(sync);
    const { payloadHash } = await itemOf(ada.hubspot);
    expect(await ask(DISCARD, ada.hubspot, { payloadHash })).toMatchObject({ status: 202 });
    await taken(ada.hubspot, sync);
    expect(await waitingIds()).toEqual([]);
    await crms.deliver('hubspot', [ada.recordId]);
    const held = crms.held('hubspot', ada.hubspot);
    expect([held.jobTitle, held.city ?? null]).toEqual(['Countess', null]);
    const { fields, links } = await crms.record(ada.recordId);
    expect(fields.jobTitle?.value).toBe('Countess');
    expect(links.hubspot?.quarantine).toBeUndefined();
  });

  it('rules on what was shown: another payload by now, or none, is refused', async () => {
    const ada = await noisy();
    expect(await ask(RELEASE, ada.hubspot, { payloadHash: 'older' })).toMatchObject({ status: 409 });
    expect(await ask(RELEASE, ada.hubspot)).toMatchObject({ status: 400, body: { message: /payloadHash/ } });
    expect(await ask(RELEASE, '1', { payloadHash: 'x' })).toMatchObject({ status: 404 });
    expect(lookedAt()).toEqual([]);
  });

  it('F75: is told when somebody else has ruled otherwise; saying the same again only asks for another look', async () => {
    const ada = await noisy();
    const { payloadHash } = await itemOf(ada.hubspot);
    expect(await ask(RELEASE, ada.hubspot, { payloadHash })).toMatchObject({ status: 202 });
    expect(await ask(RELEASE, ada.hubspot, { payloadHash })).toMatchObject({ status: 202 });
    expect(await ask(DISCARD, ada.hubspot, { payloadHash })).toMatchObject({ status: 409, body: { message: /"accept"/ } });
  });

  it('discards an object that belongs to no record: it stays out until it is edited', async () => {
    const sync = withQuality(noNoise);
    const { objectId } = crms.stranger('hubspot', { lastName: 'Noise', jobTitle: '!' });
    await taken(objectId, sync);
    const { payloadHash } = await itemOf(objectId);
    expect(await ask(DISCARD, objectId, { payloadHash })).toMatchObject({ status: 202 });
    await taken(objectId, sync);
    expect(await waitingIds()).toEqual([]);
    crms.edit('hubspot', objectId, { jobTitle: '?' });
    await taken(objectId, sync);
    expect(await waitingIds()).toEqual([objectId]);
  });

  it('sees which fields rest, and takes a schema as it is', async () => {
    const schemas = schemaStore(crms.context);
    const field = { reading: true, message: 'jobtitle is a date now', sinceMs: crms.clock.now() };
    await schemas.putState('contacts', 'hubspot', { fields: { jobtitle: field }, checkedAtMs: crms.clock.now() });
    await schemas.putKnown('contacts', 'hubspot', { jobtitle: { type: 'string', mapping: '' } });
    const polled: string[] = [];
    const ports = { schemas, syncs, requestPoll: async (_: string, systems: readonly string[]) => void polled.push(...systems) };
    const asked = (route: string, path: Record<string, string> = {}) => SCHEMA_ROUTES[route]?.({ route, path, query: {} }, ports);
    expect(await asked('GET /schema')).toMatchObject({
      body: {
        systems: [
          { system: 'salesforce', checked: false },
          { system: 'hubspot', fields: { jobtitle: field } },
        ],
      },
    });
    const accept = 'POST /schema/{sync}/{system}/accept';
    expect(await asked(accept, { sync: 'contacts', system: 'hubspot' })).toMatchObject({ status: 202 });
    expect(await asked(accept, { sync: 'contacts', system: 'google' })).toMatchObject({ status: 404 });
    expect(polled).toEqual(['hubspot']);
    expect(await schemas.known('contacts', 'hubspot')).toBeUndefined();
  });
});
