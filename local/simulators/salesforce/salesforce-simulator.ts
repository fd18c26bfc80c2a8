import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { NativeValue, NativeValues } from '../../../shared/sync/change-hint.ts';
import { type Clock, systemClock } from '../../aws/clock.ts';
import { handleControl } from '../control.ts';
import { seededRandom } from '../random.ts';
import type { CrmSimulator, SimulatedObject, SimulatorSettings } from '../simulator.ts';
import type { ApiWorld } from './api-routes.ts';
import { callMeter } from './call-meter.ts';
import { changeEventsOf, type EnrichedFields, type GapType, gapEvent, type HeaderSource } from './change-events.ts';
import { salesforceActs } from './control-acts.ts';
import { eventRelay, type RelayState, type RelayStatus } from './event-relay.ts';
import { httpFront } from './http-front.ts';
import { type AppCredentials, oauth } from './oauth.ts';
import type { FieldSpec, ObjectDefinition } from './object-schema.ts';
import { createOrg, type Org } from './org.ts';
import type { OrgSettings } from './org-settings.ts';
import { type OutboundTarget, outboundMessages } from './outbound-messages.ts';
import type { PartnerEndpoint } from './partner-events.ts';
import { id18 } from './record-id.ts';
import { queries } from './rest-queries.ts';
import { RowRefusal } from './row-refusal.ts';
import { fieldValue, type Row } from './rows.ts';
import { readSnapshot, saveSnapshot } from './snapshot.ts';
import type { Author, Automation, Transaction } from './transaction.ts';

export interface SalesforceOptions {
  /** 0 or absent: any free port. */
  readonly port?: number;
  readonly organizationId?: string;
  readonly clock?: Clock;
  readonly seed?: number;
  /** Where change events go; absent: no relay. */
  readonly events?: PartnerEndpoint;
  /** Fields that the channel adds to UPDATE and DELETE events; absent: those of the channel in `deploy/salesforce`. */
  readonly enrichedFields?: EnrichedFields;
  /** Where outbound messages go; absent: none are sent. */
  readonly outbound?: OutboundTarget;
  /** The user that API clients act as; its username is that of the credentials. */
  readonly integrationUser?: { readonly id?: string; readonly name?: string };
  readonly credentials: AppCredentials;
  /** Custom fields beside those of `standard-objects.ts`, by object. Their names end in `__c`. */
  readonly customFields?: Readonly<Record<string, readonly FieldSpec[]>>;
  readonly customObjects?: readonly ObjectDefinition[];
  /** The org's own automation: sets further fields in the transaction of every save. */
  readonly automation?: Automation;
  /** Where it differs from the defaults of `org-settings.ts`. */
  readonly orgSettings?: Partial<OrgSettings>;
}

/** A Salesforce org on loopback: the REST API for clients, and a person's and an administrator's acts for tests. */
export interface SalesforceSimulator extends CrmSimulator {
  readonly system: 'salesforce';
  readonly organizationId: string;
  readonly integrationUserId: string;
  /** What only a Salesforce org has; all can be changed while it runs. */
  readonly orgSettings: OrgSettings;
  /** One or two rows become part of the winner; `values` are set on it. */
  merge(object: string, winnerId: string, loserIds: readonly string[], values?: NativeValues, person?: string): void;
  /** A person makes a contact of a lead, below a known account or a new one. @returns the contact's id. */
  convertLead(leadId: string, accountId?: string, person?: string): string;
  /** Stamps the edit now and leaves it uncommitted: nobody sees it before the returned function is called. */
  beginEdit(object: string, objectId: string, values: NativeValues, person?: string): () => void;
  /** A write by the system itself: only SystemModstamp moves, without an event. */
  touch(object: string, objectId: string): void;
  /** Emits a gap event: rows changed, what changed is not told. GAP_OVERFLOW names no row. */
  emitGap(object: string, changeType: GapType, recordIds: readonly string[]): void;
  /** @returns how many rows are gone for good. */
  emptyRecycleBin(object: string): number;
  relay(): RelayStatus;
  setRelay(state: RelayState): void;
  /** A valid token, as `/services/oauth2/token` would give it. */
  issueToken(): string;
  revokeTokens(): void;
  /** Writes everything but tokens to a JSON file; does nothing when nothing changed since the last time. */
  save(path: string): void;
  /** @returns false when there is no such file: the org stays as it is. */
  restoreFrom(path: string): boolean;
}

const DEFAULT_PERSON = 'Sam Admin';
/** How changes made in the browser show in `changeOrigin`. */
const UI_ORIGIN = 'com/salesforce/api/soap/67.0;client=SfdcInternalAPI/';
const DEPLOYED_ENRICHMENT: EnrichedFields = {
  Account: ['Concord_Id__c'],
  Contact: ['Concord_Id__c'],
  Opportunity: ['Concord_Id__c'],
};
const OVERFLOW_ID = '000000000000000AAA';

const kindSettings = (): SimulatorSettings => ({
  latencyMs: 0,
  limits: true,
  dropNotifications: 0,
  notificationCopies: 1,
  shuffleNotificationsMs: 0,
  holdNotifications: false,
  faults: [],
});

export async function startSalesforceSimulator(options: SalesforceOptions): Promise<SalesforceSimulator> {
  const clock = options.clock ?? systemClock;
  const now = () => clock.now();
  const random = seededRandom(options.seed ?? 1);
  const settings = kindSettings();
  const org = createOrg({
    organizationId: options.organizationId ?? '00DSim000000001MAA',
    integrationUser: { ...options.integrationUser, username: options.credentials.username },
    customFields: options.customFields,
    objects: options.customObjects,
    automation: options.automation,
    settings: options.orgSettings,
    now,
  });
  const relay = eventRelay({ settings, orgSettings: org.settings, random, endpoint: options.events, now });
  const outbound = outboundMessages(org, settings, random, options.outbound);
  const enriched = options.enrichedFields ?? DEPLOYED_ENRICHMENT;
  const header = headerSource(random.below, now);
  org.onCommit((committed) => {
    if (options.events) relay.publish(changeEventsOf(org, committed, header, enriched));
    outbound.note(committed);
  });

  let url = '';
  let saved = '';
  const auth = oauth({
    credentials: options.credentials,
    organizationId: org.organizationId,
    userId: org.integrationUserId,
    settings: org.settings,
    instanceUrl: () => url,
    now,
  });
  const meter = callMeter(settings, org.settings, now);
  const world: ApiWorld = { org, meter, relay, queries: queries(org), startedAtMs: now(), url: () => url };
  const front = httpFront(world, auth, settings);

  const asPerson = (person: string | undefined): Author => {
    const name = person ?? DEFAULT_PERSON;
    return { userId: org.userOf(name), by: { kind: 'person', name }, origin: UI_ORIGIN, allowDuplicates: true };
  };
  /** A person's act, committed at once. */
  function perform<T>(person: string | undefined, act: (transaction: Transaction) => T): T {
    const transaction = org.begin(asPerson(person));
    return plainly(() => {
      try {
        const result = act(transaction);
        org.commit(transaction);
        return result;
      } catch (error) {
        org.abandon(transaction);
        throw error;
      }
    });
  }

  const simulator: SalesforceSimulator = {
    system: 'salesforce',
    get url() {
      return url;
    },
    organizationId: org.organizationId,
    integrationUserId: org.integrationUserId,
    settings,
    orgSettings: org.settings,
    edit: (object, objectId, values, person) =>
      perform(person, (transaction) => transaction.update(object, rowId(objectId), values)),
    create: (object, values, person) => perform(person, (transaction) => transaction.create(object, values)),
    remove: (object, objectId, person) => perform(person, (transaction) => transaction.remove(object, rowId(objectId))),
    restore: (object, objectId, person) => perform(person, (transaction) => transaction.restore(object, rowId(objectId))),
    merge: (object, winnerId, loserIds, values, person) =>
      perform(person, (transaction) => transaction.merge(object, rowId(winnerId), loserIds.map(rowId), values ?? {})),
    convertLead: (leadId, accountId, person) =>
      perform(person, (transaction) =>
        transaction.convert(rowId(leadId), accountId === undefined ? {} : { accountId: rowId(accountId) }),
      ),
    beginEdit(object, objectId, values, person) {
      const transaction = org.begin(asPerson(person));
      return () => {
        try {
          plainly(() => transaction.update(object, rowId(objectId), values));
          org.commit(transaction);
        } catch (error) {
          org.abandon(transaction);
          throw error;
        }
      };
    },
    touch: (object, objectId) => perform(undefined, (transaction) => transaction.touch(object, rowId(objectId))),
    load(object, rows, atMs) {
      const transaction = org.begin(asPerson(undefined), atMs);
      return plainly(() => {
        try {
          const ids = rows.map((row) => transaction.create(object, row));
          org.settle(transaction);
          return ids;
        } catch (error) {
          org.abandon(transaction);
          throw error;
        }
      });
    },
    objects: (object) => [...tableOf(org, object).byId()].map((row) => shownTo(org, row)),
    object(object, objectId) {
      const row = tableOf(org, object).get(id18(objectId) ?? '');
      return row && shownTo(org, row);
    },
    emitGap(object, changeType, recordIds) {
      const ids = changeType === 'GAP_OVERFLOW' ? [OVERFLOW_ID] : recordIds.map(rowId);
      const { name } = tableOf(org, object).schema;
      relay.publish([gapEvent(name, changeType, ids, org.userOf(DEFAULT_PERSON), now(), header)]);
    },
    emptyRecycleBin: (object) => org.emptyRecycleBin(object),
    relay: () => relay.status(),
    setRelay: (state) => relay.setState(state),
    issueToken: () => auth.issue(),
    revokeTokens: () => auth.revokeAll(),
    writes: (afterSeq = 0) => org.writes(afterSeq),
    calls: () => meter.counts(),
    resetCalls: () => meter.resetCounts(),
    pendingNotifications: () => relay.pending + outbound.pending,
    releaseNotifications(mode) {
      relay.release(mode);
      outbound.release(mode);
    },
    reset() {
      relay.clear();
      outbound.clear();
      meter.clear();
      world.queries.clear();
      org.clear();
      Object.assign(settings, kindSettings());
    },
    onWrite: (listener) => org.onWrite(listener),
    save(path) {
      const present = JSON.stringify([path, org.revision(), relay.pending, settings, org.settings]);
      if (present === saved) return;
      saveSnapshot(path, { organizationId: org.organizationId, org: org.state(), relay: relay.memory(), settings });
      saved = present;
    },
    restoreFrom(path) {
      const snapshot = readSnapshot(path);
      if (!snapshot) return false;
      if (snapshot.organizationId !== org.organizationId) {
        throw new Error(
          `${path} is of organization ${snapshot.organizationId}, not ${org.organizationId}; delete it to start anew`,
        );
      }
      org.resume(snapshot.org);
      Object.assign(settings, snapshot.settings);
      relay.resume(snapshot.relay);
      return true;
    },
    async close() {
      stopWatchingClock();
      relay.close();
      outbound.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };

  const acts = salesforceActs(simulator);
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      if (!(await handleControl(simulator, request, response, acts))) await front(request, response);
    } catch (error) {
      // A fault of the simulator itself: loud, so that nobody takes it for Salesforce.
      console.error('the Salesforce simulator failed', error);
      if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' });
      response.end('the Salesforce simulator failed; see its log');
    }
  }
  // Longer request lines than the API takes must get as far as its own answer, 414.
  const server = createServer({ maxHeaderSize: 256 * 1024, keepAliveTimeout: 65_000 }, (request, response) => {
    void answer(request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the simulator has no TCP address');
  url = `http://127.0.0.1:${address.port}`;
  const stopWatchingClock = clock.onJump(() => relay.wake());
  return simulator;
}

/** A person sees a plain error that names the fields. */
function plainly<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof RowRefusal)) throw error;
    const fields = error.fields.length > 0 ? ` (${error.fields.join(', ')})` : '';
    throw new Error(`Salesforce refuses${fields}: ${error.code}: ${error.message}`, { cause: error });
  }
}

function rowId(given: string): string {
  const id = id18(given);
  if (id !== undefined) return id;
  throw new Error(`${given} is no Salesforce id: it needs 15 or 18 characters with a right check sum`);
}

function tableOf(org: Org, object: string) {
  const table = org.table(object);
  if (table) return table;
  throw new Error(`the org has no object ${object}; it has ${org.objects.join(', ')}`);
}

function shownTo(org: Org, row: Row): SimulatedObject {
  const values: Record<string, NativeValue> = {};
  for (const field of tableOf(org, row.object).schema.fields) {
    if (!field.system && field.type !== 'address') values[field.name] = fieldValue(row, field);
  }
  return {
    objectId: row.id,
    values,
    modifiedAtMs: row.modifiedAtMs,
    modifiedBy: row.modifiedById,
    deleted: row.deletedAtMs !== undefined,
  };
}

/** Commit numbers rise with time and lie beyond 2^53; transaction keys look like UUIDs. */
function headerSource(below: (bound: number) => number, now: () => number): HeaderSource {
  let lastCommit = 0n;
  const hex = (digits: number) => Array.from({ length: digits }, () => below(16).toString(16)).join('');
  return {
    nextCommitNumber() {
      const byTime = BigInt(now()) * 1_000_000n + BigInt(below(1_000_000));
      lastCommit = byTime > lastCommit ? byTime : lastCommit + 1n;
      return lastCommit;
    },
    nextTransactionKey: () => `0000${hex(4)}-${hex(4)}-${hex(4)}-${hex(4)}-${hex(12)}`,
  };
}
