import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Observer } from '../../functions/observe-objects.ts';
import { workingSyncs } from '../../functions/paused-fields.ts';
import { connectionCheck, MappingError } from '../../functions/poll-changes/check-connection.ts';
import { listAgain } from '../../functions/poll-changes/list-again.ts';
import { pollChanges } from '../../functions/poll-changes/poll-changes.ts';
import type { CompiledSync } from '../../shared/config/compiled-sync.ts';
import type { FieldDescription } from '../../shared/connectors/connector.ts';
import { schemaStore } from '../../shared/store/schema-store.ts';
import { hintEnvelopeSchema } from '../../shared/sync/change-hint.ts';
import { decide } from '../../shared/sync/decide.ts';
import { dirtySystems } from '../../shared/sync/delivery.ts';
import { twoCrms } from './two-crms.ts';

const crms = twoCrms();
const MINUTE_MS = 60_000;

const schemaPorts = () => ({ connector: crms.connectors.hubspot, schemas: schemaStore(crms.context), now: crms.clock.now });
const check = (connection = connectionCheck(schemaPorts())) => connection.check(crms.sync, 'hubspot', crms.connectors.hubspot);

/** What HubSpot's administrator does. */
async function property(method: 'DELETE' | 'POST', name: string, body?: unknown): Promise<void> {
  const path = `/crm/v3/properties/contacts${method === 'DELETE' ? `/${name}` : ''}`;
  const answer = await fetch(new URL(path, crms.hubspot.url), {
    method,
    headers: { authorization: 'Bearer pat-eu1-0001', 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${name}: ${answer.status} ${await answer.text()}`);
}
const deleted = (name: string) => property('DELETE', name);
const made = (name: string) =>
  property('POST', name, {
    name,
    label: name,
    type: 'string',
    fieldType: 'text',
    groupName: 'contactinformation',
    hasUniqueValue: false,
  });

/** What a batch that shows an object decides about its record. */
async function decided(recordId: string, objectId: string, sync: CompiledSync = crms.sync) {
  const record = await crms.record(recordId);
  const side = sync.sides.hubspot;
  if (side === undefined) throw new Error('hubspot takes part');
  const readBeganAtMs = crms.clock.now();
  const states = await crms.connectors.hubspot.read(side.object, [objectId], side.nativeFields);
  const readings = [...states.values()].map((state) => ({ state, hints: [], correlationId: 'test', record }));
  const observed = await new Observer(crms.processPorts('hubspot', { sync })).observe(readings, readBeganAtMs);
  const observation = observed.get(objectId)?.observation;
  if (observation === undefined) throw new Error('the object was read');
  return decide(record, observation, sync.rules);
}

const reads = () => crms.hubspot.calls().byEndpoint['GET /crm/v3/properties/contacts'] ?? 0;

describe('F57: a HubSpot property that is deleted while the sync runs', () => {
  it('clears nothing elsewhere, though its values read as empty', async () => {
    const ada = await crms.linkedPerson({ personNumber: 'P-1' });
    await deleted('person_number');
    crms.edit('hubspot', ada.hubspot, { jobTitle: 'Countess' });
    const decision = await decided(ada.recordId, ada.hubspot);
    if (decision.kind !== 'changed') throw new Error(`the edit of the title is ${decision.kind}`);
    expect(decision.record.fields).toMatchObject({ personNumber: { value: 'P-1' }, jobTitle: { value: 'Countess' } });
    expect(decision.lines.map(({ field }) => field)).toEqual(['jobTitle']);
    expect(await schemaPorts().schemas.state('contacts', 'hubspot')).toMatchObject({
      fields: { person_number: { reading: true } },
    });
  });

  it('is told from a field that somebody cleared, by one more call and only where something is cleared', async () => {
    const ada = await crms.linkedPerson({ personNumber: 'P-1', jobTitle: 'Lady' });
    crms.hubspot.resetCalls();
    crms.edit('hubspot', ada.hubspot, { jobTitle: 'Countess' });
    await decided(ada.recordId, ada.hubspot);
    expect(reads()).toBe(0);
    crms.edit('hubspot', ada.hubspot, { jobTitle: null });
    const decision = await decided(ada.recordId, ada.hubspot);
    expect(decision).toMatchObject({ kind: 'changed', record: { fields: { jobTitle: { value: null } } } });
    expect(reads()).toBe(1);
  });

  it('rests, and the other fields go on, until it is there again', async () => {
    const ada = await crms.linkedPerson({ personNumber: 'P-1' });
    const connection = connectionCheck(schemaPorts());
    expect((await check(connection)).problems).toEqual([]);
    await deleted('person_number');
    crms.clock.advance(16 * MINUTE_MS);
    const { working, problems } = await check(connection);
    expect(problems).toEqual([expect.stringContaining('contacts.person_number does not exist in hubspot')]);

    await crms.process('hubspot', [crms.edit('hubspot', ada.hubspot, { jobTitle: 'Countess' })], { sync: working });
    await crms.process('salesforce', [crms.edit('salesforce', ada.salesforce, { personNumber: 'P-2' })]);
    await crms.deliver('hubspot', [ada.recordId], { sync: working });
    const record = await crms.record(ada.recordId);
    expect(record.fields).toMatchObject({ personNumber: { value: 'P-2' }, jobTitle: { value: 'Countess' } });
    expect(record.links.hubspot?.refusal).toBeUndefined();
    expect(dirtySystems(record, working.rules)).toEqual(['salesforce']); // only the title is to be written by now
    expect(dirtySystems(record, crms.sync.rules)).toContain('hubspot'); // and the number is not forgotten

    await made('person_number');
    crms.clock.advance(MINUTE_MS);
    const mended = await check(connection);
    expect(mended.problems).toEqual([]);
    expect(mended.working).toBe(crms.sync);
    await crms.deliver('hubspot', [ada.recordId]);
    crms.clock.advance(MINUTE_MS);
    await crms.deliver('hubspot', [ada.recordId]);
    expect(crms.held('hubspot', ada.hubspot).personNumber).toBe('P-2');
  });
});

describe('F57: what was changed while a field rested', () => {
  const hubspot = () => ({ system: 'hubspot', cursors: crms.cursors, schemas: schemaStore(crms.context), newId: randomUUID });
  const poll = async (sync: CompiledSync) => {
    await pollChanges(sync, crms.clock.now() - MINUTE_MS, {
      tenant: crms.context.tenant,
      connector: crms.connectors.hubspot,
      changes: crms.changes.hubspot,
      now: crms.clock.now,
      deadlineMs: crms.clock.now() + MINUTE_MS,
      ...hubspot(),
    });
    return crms.changes.hubspot.take().flatMap(({ body }) => hintEnvelopeSchema.parse(JSON.parse(body)).hints);
  };
  /** HubSpot as it is while a text is said to be a date. */
  const asDate = {
    describe: async (object: string): Promise<readonly FieldDescription[]> =>
      (await crms.connectors.hubspot.describe(object)).map((field) =>
        field.name === 'jobtitle' ? { ...field, type: 'date' } : field,
      ),
  };

  it('is listed again once it does not rest any more', async () => {
    const ada = await crms.linkedPerson({ jobTitle: 'Lady' });
    const connection = connectionCheck(schemaPorts());
    await check(connection);
    await poll(crms.sync);
    crms.clock.advance(30 * MINUTE_MS);
    const { working } = await connection.check(crms.sync, 'hubspot', asDate);
    crms.edit('hubspot', ada.hubspot, { jobTitle: 'Countess' });
    await crms.process('hubspot', await poll(working), { sync: working });
    expect((await crms.record(ada.recordId)).fields.jobTitle?.value).toBe('Lady');

    crms.clock.advance(30 * MINUTE_MS);
    const { working: whole, listAgainFromMs } = await check(connection);
    expect(whole).toBe(crms.sync);
    if (listAgainFromMs === undefined) throw new Error('nothing is to be listed again');
    expect(await listAgain(crms.sync, { fromMs: listAgainFromMs, firstMs: 0 }, hubspot())).toBe(true);
    await crms.process('hubspot', await poll(whole));
    expect((await crms.record(ada.recordId)).fields.jobTitle?.value).toBe('Countess');
    expect((await check(connection)).listAgainFromMs).toBeUndefined();
  });

  it('waits for another poller that has the cursor', async () => {
    const leased = { owner: 'another', leaseMs: 10 * MINUTE_MS, fromMs: 0 };
    await crms.cursors.lease('contacts', 'hubspot', leased);
    expect(await listAgain(crms.sync, { fromMs: 0, firstMs: 0 }, hubspot())).toBe(false);
  });
});

describe('the check of a connection', () => {
  const describing = (change: (fields: readonly FieldDescription[]) => readonly FieldDescription[]) => ({
    describe: async (object: string) => change(await crms.connectors.hubspot.describe(object)),
  });
  const lacking = (...names: string[]) => describing((fields) => fields.filter(({ name }) => !names.includes(name)));

  it('F57: names each field that the system does not have, and lets the others go on', async () => {
    const connection = connectionCheck(schemaPorts());
    const { problems, working } = await connection.check(crms.sync, 'hubspot', lacking('birthdate', 'city'));
    expect(problems.join(' ')).toMatch(/city.*birthdate|birthdate.*city/);
    expect(working.sides.hubspot?.nativeFields).not.toContain('city');
    expect(working.sides.hubspot?.nativeFields).toContain('lastname');
  });

  it('F57: stops where the field of the record id is gone, or the object type', async () => {
    const connection = connectionCheck(schemaPorts());
    await expect(connection.check(crms.sync, 'hubspot', lacking('concord_id'))).rejects.toThrow(MappingError);
    const noType = { describe: () => crms.connectors.hubspot.describe('no_such_type') };
    await expect(connection.check(crms.sync, 'hubspot', noType)).rejects.toThrow();
    expect(await schemaStore(crms.context).state('contacts', 'hubspot')).toBeUndefined();
  });

  it('asks the system every 15 minutes, at once after it refused something, and at each poll while a field rests', async () => {
    const connection = connectionCheck(schemaPorts());
    crms.hubspot.resetCalls();
    await check(connection);
    await check(connection);
    expect(reads()).toBe(1);
    connection.doubt(crms.sync, 'hubspot');
    await check(connection);
    expect(reads()).toBe(2);
    crms.clock.advance(16 * MINUTE_MS);
    await check(connection);
    expect(reads()).toBe(3);
    await deleted('person_number');
    connection.doubt(crms.sync, 'hubspot');
    for (let polls = 0; polls < 3; polls += 1) expect((await check(connection)).problems).toHaveLength(1);
    expect(reads()).toBe(6);
  });

  it('tells the other functions within half a minute', async () => {
    const workingSync = workingSyncs(schemaPorts());
    expect(await workingSync(crms.sync, 'hubspot')).toBe(crms.sync);
    await connectionCheck(schemaPorts()).check(crms.sync, 'hubspot', lacking('city'));
    expect(await workingSync(crms.sync, 'hubspot')).toBe(crms.sync);
    crms.clock.advance(30_000);
    expect((await workingSync(crms.sync, 'hubspot')).sides.hubspot?.nativeFields).not.toContain('city');
  });
});
