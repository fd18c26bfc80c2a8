import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { objectProperties } from '../../deploy/hubspot/object-properties.ts';
import { type DeliverPorts, type DeliverResult, deliverChanges } from '../../functions/deliver-changes/deliver-changes.ts';
import { type ProcessPorts, type ProcessResult, processChanges } from '../../functions/process-changes/process-changes.ts';
import { isReferredTo } from '../../functions/references.ts';
import { allSyncs, syncNamed } from '../../functions/syncs.ts';
import { type HubSpotSimulator, startHubSpotSimulator } from '../../local/simulators/hubspot/hubspot-simulator.ts';
import { defaultOrgSettings } from '../../local/simulators/salesforce/org-settings.ts';
import { type SalesforceSimulator, startSalesforceSimulator } from '../../local/simulators/salesforce/salesforce-simulator.ts';
import type { CrmSimulator } from '../../local/simulators/simulator.ts';
import type { CompiledSide } from '../../shared/config/compiled-sync.ts';
import { connectionSchema } from '../../shared/connectors/connection.ts';
import type { Connector, ObjectState } from '../../shared/connectors/connector.ts';
import { unlimitedBudget } from '../../shared/connectors/local-budget.ts';
import { connectorFor } from '../../shared/connectors/registry.ts';
import type { DeliveryRequest } from '../../shared/queue/delivery-message.ts';
import type { MessageSender, OutgoingMessage } from '../../shared/queue/message-sender.ts';
import { cursorStore } from '../../shared/store/cursor-store.ts';
import { duplicateIndex } from '../../shared/store/duplicate-index.ts';
import { firstSyncStore } from '../../shared/store/first-sync-store.ts';
import { guardStore } from '../../shared/store/guard-store.ts';
import { keysOf } from '../../shared/store/keys.ts';
import { ledgerStore } from '../../shared/store/ledger-store.ts';
import { outboxOf } from '../../shared/store/outbox.ts';
import { quarantineStore } from '../../shared/store/quarantine-store.ts';
import { recordStore, type StoredRecord } from '../../shared/store/record-store.ts';
import { recordWorklist } from '../../shared/store/record-worklist.ts';
import { schemaStore } from '../../shared/store/schema-store.ts';
import type { Item, StoreContext } from '../../shared/store/table.ts';
import { waitingStore } from '../../shared/store/waiting-store.ts';
import type { ChangeHint } from '../../shared/sync/change-hint.ts';
import { dirtySystems } from '../../shared/sync/delivery.ts';
import type { FieldValue, FieldValues } from '../../shared/sync/field-value.ts';
import { type EmulatedTable, emulatedTable } from '../store/emulated-table.ts';

export type System = 'salesforce' | 'hubspot';
export const SYSTEMS = ['salesforce', 'hubspot'] as const;

/** A claim of a delivery stands for so long, ms. */
export const LEASE_MS = 120_000;

/** A person that both systems hold, and the record that ties the two objects together. */
export interface LinkedPerson {
  readonly recordId: string;
  readonly salesforce: string; // object ids
  readonly hubspot: string;
}

/** Both CRMs and the table, as the functions meet them; no queue moves by itself. */
export interface TwoCrms {
  readonly sync: ReturnType<typeof syncNamed>;
  readonly clock: StoppedClock;
  readonly salesforce: SalesforceSimulator;
  readonly hubspot: HubSpotSimulator;
  readonly connectors: Readonly<Record<System, Connector>>;
  readonly context: StoreContext;
  readonly table: EmulatedTable;
  readonly records: ReturnType<typeof recordStore>;
  readonly worklist: ReturnType<typeof recordWorklist>;
  readonly ledger: ReturnType<typeof ledgerStore>;
  readonly cursors: ReturnType<typeof cursorStore>;
  readonly firstSync: ReturnType<typeof firstSyncStore>;
  readonly changes: Readonly<Record<System, KeptMessages>>;
  readonly deliveries: Readonly<Record<System, KeptMessages>>;

  side(system: System): CompiledSide;
  object(system: System): string;
  simulator(system: System): CrmSimulator;
  processPorts(system: System, more?: Partial<ProcessPorts>): ProcessPorts;
  deliverPorts(system: System, more?: Partial<DeliverPorts>): DeliverPorts;
  process(system: System, hints: readonly ChangeHint[], more?: Partial<ProcessPorts>): Promise<ProcessResult>;
  deliver(system: System, asked: readonly (string | DeliveryRequest)[], more?: Partial<DeliverPorts>): Promise<DeliverResult>;
  request(recordId: string, more?: Partial<DeliveryRequest>): DeliveryRequest;

  /** The same person in both systems, linked and in agreement for a minute. */
  linkedPerson(values?: FieldValues): Promise<LinkedPerson>;
  /** A person in one system alone, whom Concord does not know; a hint that says so. */
  stranger(system: System, values: FieldValues): ChangeHint;
  /** The record of an object. */
  recordOf(system: System, objectId: string): Promise<StoredRecord | undefined>;
  record(recordId: string): Promise<StoredRecord>;
  /** The record's item as the table's stream shows it after the newest commit. */
  image(recordId: string): Promise<Item>;
  /** The systems to which the newest commit sends a delivery. */
  dispatched(recordId: string): Promise<readonly string[]>;
  dirty(recordId: string): Promise<string[]>;
  /** Somebody edits an object now. Returns the hint that a notification would bring. */
  edit(system: System, objectId: string, values: FieldValues): ChangeHint;
  /** A hint that only names an object. */
  hint(system: System, objectId: string, more?: Partial<ChangeHint>): ChangeHint;
  /** The echo of our own write, as a notification names it. */
  echo(system: System, objectId: string, values: FieldValues): ChangeHint;
  /** What the CRM holds now. */
  held(system: System, objectId: string): FieldValues;
  /** The values of a field that Concord wrote into an object since the last `quiet`, in order. */
  written(system: System, objectId: string, field: string): FieldValue[];
  /** How many writes of Concord there were in a system since the last `quiet`. */
  writes(system: System): number;
  /** From here on writes and calls are counted anew. */
  quiet(): void;
  /**
   * Does `work` in a function that dies at its n-th step: on the way to the table or a CRM, or on the way back, when the
   * call has taken effect. Nothing that it does after that reaches anybody.
   *
   * @returns false when the work was done before it came to that step.
   */
  diesAtStep(n: number, work: () => Promise<unknown>): Promise<boolean>;
}

/** A clock that moves only when it is told to: the simulators, the store and the functions all go by it. */
export interface StoppedClock {
  now(): number;
  onJump(listener: () => void): () => void;
  advance(ms: number): void;
}

function stoppedClock(): StoppedClock {
  let nowMs = Date.now();
  return {
    now: () => nowMs,
    onJump: () => () => undefined,
    advance(ms) {
      nowMs += ms;
    },
  };
}

/** A queue that keeps what is sent to it; one that is down refuses. */
export class KeptMessages implements MessageSender {
  readonly sent: OutgoingMessage[] = [];
  isDown = false;

  send(messages: readonly OutgoingMessage[]): Promise<void> {
    if (this.isDown) return Promise.reject(new Error('SQS refused 1 of 1 messages (ServiceUnavailable)'));
    this.sent.push(...messages);
    return Promise.resolve();
  }

  /** Takes all messages off the queue, as a function gets them. */
  take(): { id: string; body: string }[] {
    return this.sent.splice(0).map(({ body }, index) => ({ id: `m${index}`, body }));
  }
}

type Act = () => unknown;

/** What happens around the first call of each kind: that is how another process comes between two steps of this one. */
export interface Interruption {
  readonly beforeRead?: Act;
  readonly afterRead?: Act;
  readonly beforeUpdate?: Act;
  readonly afterUpdate?: Act;
  readonly afterCreate?: Act;
  /** What the first read answers instead. */
  readonly firstRead?: Map<string, ObjectState>;
}

export function interrupted(connector: Connector, at: Interruption): Connector {
  const done = new Set<Act>();
  const once = async (act: Act | undefined) => {
    if (act === undefined || done.has(act)) return;
    done.add(act);
    await act();
  };
  let reads = 0;
  return {
    ...connector,
    async read(...asked) {
      reads += 1;
      await once(at.beforeRead);
      const answer = reads === 1 && at.firstRead !== undefined ? at.firstRead : await connector.read(...asked);
      await once(at.afterRead);
      return answer;
    },
    async update(...asked) {
      await once(at.beforeUpdate);
      const answer = await connector.update(...asked);
      await once(at.afterUpdate);
      return answer;
    },
    async create(...asked) {
      const answer = await connector.create(...asked);
      await once(at.afterCreate);
      return answer;
    },
  };
}

/** What a function that dies here throws: nothing that anybody expects. */
export class Killed extends Error {
  override readonly name = 'Killed';
}

export const dies = () => {
  throw new Killed('the function died here');
};

const goesOn = () => Promise.resolve();

/** Both CRMs for a test file; each test begins with them and the table empty. */
export function twoCrms(): TwoCrms {
  const sync = syncNamed('contacts');
  const clock = stoppedClock();
  const tables: EmulatedTable[] = [];
  const salesforces: SalesforceSimulator[] = [];
  const hubspots: HubSpotSimulator[] = [];
  let connectors: Record<System, Connector> | undefined;
  let world: ReturnType<typeof freshWorld> | undefined;
  let tests = 0;
  let people = 0;
  let quietSeq: Record<System, number> = { salesforce: 0, hubspot: 0 };
  let step = goesOn;
  const travelling: typeof fetch = async (...call) => {
    await step();
    const answer = await fetch(...call);
    await step();
    return answer;
  };

  function started<T>(thing: T | undefined): T {
    if (thing === undefined) throw new Error('twoCrms() starts with the first test: use it inside a test');
    return thing;
  }

  beforeAll(async () => {
    const table = await emulatedTable();
    table.travel = () => step();
    tables.push(table);
    const salesforce = await startSalesforceSimulator({
      clock,
      credentials: { clientId: 'concord', clientSecret: 'secret', username: 'concord@example.test' },
    });
    const hubspot = await startHubSpotSimulator({
      clock: clock.now,
      portalId: 880_001,
      appId: 660_001,
      clientSecret: 'secret',
      accessToken: 'pat-eu1-0001',
      properties: objectProperties,
      behaviour: { searchLagMs: 0, searchLagSpreadMs: 0 },
      settings: { limits: false },
    });
    salesforces.push(salesforce);
    hubspots.push(hubspot);
    const connection = {
      salesforce: { kind: 'salesforce', loginUrl: salesforce.url, clientId: 'concord', clientSecret: 'secret' },
      hubspot: { kind: 'hubspot', baseUrl: hubspot.url, accessToken: 'pat-eu1-0001', webhookSecret: 'secret' },
    };
    const connect = (system: System) =>
      connectorFor(connectionSchema.parse(connection[system]), unlimitedBudget(), {
        clock: clock.now,
        callTimeoutMs: 5_000,
        fetch: travelling,
      });
    connectors = { salesforce: connect('salesforce'), hubspot: connect('hubspot') };
  });

  beforeEach(async () => {
    crms.salesforce.reset();
    crms.hubspot.reset();
    Object.assign(crms.salesforce.orgSettings, defaultOrgSettings);
    quietSeq = { salesforce: 0, hubspot: 0 };
    clock.advance(60_000);
    tests += 1;
    world = freshWorld(crms.table.context(`test-${tests}`, { now: clock.now }));
    // Tests delete more of their few people in a day than anybody should: the guard has tests of its own.
    await world.stores.guards.linked(sync.name, { salesforce: 10_000, hubspot: 10_000 });
  });

  afterAll(async () => {
    await Promise.all([...salesforces, ...hubspots].map((simulator) => simulator.close()));
    await tables[0]?.stop();
  });

  const fresh = () => started(world);

  const crms: TwoCrms = {
    sync,
    clock,
    get salesforce() {
      return started(salesforces[0]);
    },
    get hubspot() {
      return started(hubspots[0]);
    },
    get connectors() {
      return started(connectors);
    },
    get table() {
      return started(tables[0]);
    },
    get context() {
      return fresh().context;
    },
    get records() {
      return fresh().records;
    },
    get worklist() {
      return fresh().worklist;
    },
    get ledger() {
      return fresh().ledger;
    },
    get cursors() {
      return fresh().cursors;
    },
    get firstSync() {
      return fresh().firstSync;
    },
    get changes() {
      return fresh().changes;
    },
    get deliveries() {
      return fresh().deliveries;
    },

    side(system) {
      return started(sync.sides[system]);
    },
    object: (system) => crms.side(system).object,
    simulator: (system) => crms[system],

    processPorts: (system, more) => ({
      system,
      sync,
      connector: crms.connectors[system],
      rules: (more?.sync ?? sync).rules,
      records: crms.records,
      ...fresh().stores,
      isReferredTo: isReferredTo((more?.sync ?? sync).name, allSyncs()),
      firstSync: crms.firstSync,
      isLive: () => Promise.resolve(true),
      now: clock.now,
      newId: randomUUID,
      ...more,
    }),
    deliverPorts: (system, more) => ({
      system,
      sync,
      connector: crms.connectors[system],
      rules: (more?.sync ?? sync).rules,
      records: crms.records,
      ...fresh().stores,
      isReferredTo: isReferredTo((more?.sync ?? sync).name, allSyncs()),
      isLive: () => Promise.resolve(true),
      now: clock.now,
      newId: randomUUID,
      random: () => 0.5,
      ...more,
    }),
    process: (system, hints, more) => processChanges(hints, crms.processPorts(system, more)),
    deliver: (system, asked, more) =>
      deliverChanges(
        asked.map((one) => (typeof one === 'string' ? crms.request(one) : one)),
        crms.deliverPorts(system, more),
      ),
    request: (recordId, more) => ({ recordId, correlationId: 'test', receivedAtMs: clock.now(), attempts: 0, ...more }),

    async linkedPerson(values = {}) {
      people += 1;
      const person = { firstName: 'Ada', lastName: `Byron ${people}`, email: `ada.${people}@example.test`, ...values };
      const longAgoMs = clock.now() - 86_400_000;
      const load = (system: System) => started(crms[system].load(crms.object(system), [native(system, person)], longAgoMs)[0]);
      const salesforce = load('salesforce');
      const hubspot = load('hubspot');
      await crms.process('salesforce', [
        crms.hint('salesforce', salesforce, { matched: [{ system: 'hubspot', objectId: hubspot }] }),
      ]);
      await crms.process('hubspot', [crms.hint('hubspot', hubspot)]);
      clock.advance(60_000);
      const record = started(await crms.recordOf('salesforce', salesforce));
      if (dirtySystems(record, sync.rules).length > 0) throw new Error('the two do not agree from the start');
      crms.quiet();
      return { recordId: record.recordId, salesforce, hubspot };
    },
    stranger(system, values) {
      const objectId = crms[system].create(crms.object(system), native(system, values), 'sam');
      return crms.hint(system, objectId);
    },
    async recordOf(system, objectId) {
      const refs = [{ system, object: crms.object(system), objectId }];
      const [recordId] = (await recordStore(crms.context).resolveMany(refs)).values();
      return recordId === undefined ? undefined : crms.record(recordId);
    },
    async record(recordId) {
      return started((await crms.records.getMany([recordId], { consistent: true })).get(recordId));
    },
    async image(recordId) {
      const items = await crms.table.everything();
      const { pk, sk } = keysOf(crms.context.tenant).record(recordId);
      return started(items.find((item) => item.pk?.S === pk.S && item.sk?.S === sk.S));
    },
    dispatched: async (recordId) => outboxOf(await crms.image(recordId))?.deliver ?? [],
    async dirty(recordId) {
      return dirtySystems(await crms.record(recordId), sync.rules);
    },
    edit(system, objectId, values) {
      const written = native(system, values);
      crms[system].edit(crms.object(system), objectId, written, 'sam');
      return crms.hint(system, objectId, { by: 'other', fields: hintFields(written) });
    },
    echo: (system, objectId, values) => crms.hint(system, objectId, { by: 'us', fields: hintFields(native(system, values)) }),
    hint: (system, objectId, more) => ({
      object: crms.object(system),
      objectId,
      kind: 'changed',
      by: 'unknown',
      occurredAtMs: more?.fields === undefined ? 0 : clock.now(), // one that only names an object does not say when it changed
      receivedAtMs: clock.now(),
      fields: {},
      correlationId: `test-${system}-${objectId}`,
      ...more,
    }),
    held: (system, objectId) => crms.side(system).toCanonical(started(crms[system].object(crms.object(system), objectId)).values),
    written(system, objectId, field) {
      return ourWrites(system)
        .filter((entry) => entry.objectId === objectId)
        .flatMap((entry) => {
          const now = Object.fromEntries(Object.entries(entry.fields).map(([name, { to }]) => [name, to]));
          const value = crms.side(system).toCanonical(now)[field];
          return value === undefined ? [] : [value];
        });
    },
    writes: (system) => ourWrites(system).length,
    async diesAtStep(n, work) {
      const death = Promise.withResolvers<'died'>();
      let steps = 0;
      step = () => {
        steps += 1;
        if (steps < n) return Promise.resolve();
        death.resolve('died');
        return new Promise(() => {}); // the dead wait for ever
      };
      try {
        return (await Promise.race([work(), death.promise])) === 'died';
      } finally {
        step = goesOn;
      }
    },
    quiet() {
      for (const system of SYSTEMS) {
        quietSeq[system] = crms[system].writes().at(-1)?.seq ?? 0;
        crms[system].resetCalls();
      }
    },
  };

  function ourWrites(system: System) {
    return crms[system].writes(quietSeq[system]).filter((entry) => entry.by.kind === 'api');
  }

  function native(system: System, values: FieldValues) {
    return crms.side(system).toNative(values, values);
  }

  function hintFields(values: ReturnType<typeof native>): ChangeHint['fields'] {
    return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value, atMs: clock.now() }]));
  }

  return crms;
}

function freshWorld(context: StoreContext) {
  const queues = () => ({ salesforce: new KeptMessages(), hubspot: new KeptMessages() });
  return {
    context,
    records: recordStore(context),
    worklist: recordWorklist(context),
    ledger: ledgerStore(context),
    cursors: cursorStore(context),
    firstSync: firstSyncStore(context),
    stores: {
      quarantine: quarantineStore(context),
      duplicates: duplicateIndex(context),
      schemas: schemaStore(context),
      guards: guardStore(context),
      waiting: waitingStore(context),
    },
    changes: queues(),
    deliveries: queues(),
  };
}
