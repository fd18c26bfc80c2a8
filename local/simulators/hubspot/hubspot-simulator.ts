import * as z from 'zod';
import type { NativeValue, NativeValues } from '../../../shared/sync/change-hint.ts';
import { type ControlActs, handleControl } from '../control.ts';
import { pointRequestSchema } from '../control-messages.ts';
import { seededRandom } from '../random.ts';
import type { CrmSimulator, SimulatedObject, SimulatorSettings } from '../simulator.ts';
import { type AssociationType, singleAssociation, singleAssociations } from './association-types.ts';
import { type Author, personAuthor } from './author.ts';
import { behaviourSchema, defaultBehaviour, type HubSpotBehaviour } from './behaviour.ts';
import { allScopes, Credentials } from './credentials.ts';
import { type CrmRecord, propertyOf } from './crm-record.ts';
import { HttpFront } from './http-front.ts';
import { type CustomProperty, Portal } from './portal.ts';
import { RateLimits } from './rate-limits.ts';
import { draftCreate, draftUpdate, refuseConflicts } from './record-draft.ts';
import type { RecordStore } from './record-store.ts';
import { readState, writeState } from './saved-state.ts';
import { WebhookDelivery } from './webhook-delivery.ts';
import { eventsOf } from './webhook-events.ts';
import { WebhookSubscriptions } from './webhook-subscriptions.ts';

export interface HubSpotSimulatorOptions {
  /** 0 or absent: any free one. */
  readonly port?: number;
  readonly portalId: number;
  /** The app whose tokens call the API, and which is told of changes. */
  readonly appId: number;
  /** Of the app: signs webhooks, and is needed to refresh tokens. */
  readonly clientSecret: string;
  /** A private app's token, which does not expire. */
  readonly accessToken?: string;
  readonly refreshToken?: string;
  readonly clientId?: string;
  /** Granted to the app's tokens; all that the simulator knows when absent. */
  readonly scopes?: readonly string[];
  /** Of the developer account, for `/webhooks/v3/{appId}/...?hapikey=`. */
  readonly developerApiKey?: string;
  /** Epoch ms. Waits (gathering, retries, latency) go by real timers all the same. */
  readonly clock?: () => number;
  readonly seed?: number;
  /** Without one no webhook is sent, nor kept for later. */
  readonly webhookUrl?: string;
  /** Contact properties to tell of, as an app subscribes to them one by one; all of them when absent. */
  readonly subscribedProperties?: readonly string[];
  /** The account's own properties, e.g. `{ name: 'concord_id', type: 'string', hasUniqueValue: true }`. */
  readonly properties?: readonly CustomProperty[];
  readonly settings?: Partial<SimulatorSettings>;
  readonly behaviour?: Partial<HubSpotBehaviour>;
}

export interface HubSpotSimulator extends CrmSimulator {
  readonly portalId: number;
  readonly appId: number;
  /** What is special to HubSpot, to be changed while it runs. */
  readonly behaviour: HubSpotBehaviour;
  /** Merges `absorbedId` into `primaryId` by hand. @returns the survivor's id. */
  merge(object: string, primaryId: string, absorbedId: string, person?: string): string;
  /** Privacy deletion (GDPR) by hand. */
  erase(object: string, objectId: string, person?: string): void;
  /** Everything written so far becomes visible to search. */
  settleSearch(): void;
  /** Tokens that can expire have expired; tokens that were handed out stop working; the grant comes back. */
  expireTokens(): void;
  revokeTokens(): void;
  reinstateTokens(): void;
  /** A further token, e.g. of another app or with fewer scopes. */
  issueToken(wanted?: { appId?: number; scopes?: readonly string[]; lifetimeSeconds?: number }): string;
  /** What a user's consent gives: good for one `authorization_code` request. */
  issueCode(): string;
  /** From now on webhooks go here; undefined sends none. */
  setWebhookUrl(url: string | undefined): void;
  /** Notifications dropped, or given up after the last retry. */
  lostNotifications(): number;
  /** Writes everything to a JSON file, unless nothing changed since the last time. */
  save(file: string): void;
  /** Goes on from a saved file. @returns false where there is none. */
  restoreFrom(file: string): boolean;
}

const SYSTEM = 'hubspot';
const SOMEBODY = 'Somebody';

/** Starts a simulated HubSpot account on 127.0.0.1, all in memory. */
export async function startHubSpotSimulator(options: HubSpotSimulatorOptions): Promise<HubSpotSimulator> {
  const now = options.clock ?? Date.now;
  const random = seededRandom(options.seed ?? 1);
  const firstSettings = (): SimulatorSettings => ({
    latencyMs: 0,
    limits: true,
    dropNotifications: 0,
    notificationCopies: 1,
    shuffleNotificationsMs: 0,
    holdNotifications: false,
    ...options.settings,
    faults: (options.settings?.faults ?? []).map((fault) => ({ ...fault })),
  });
  const settings = firstSettings();
  const behaviour = behaviourSchema.parse({ ...defaultBehaviour, ...options.behaviour });
  const { portalId, appId, clientSecret } = options;
  const clientId = options.clientId ?? `client-${appId}`;

  const portal = new Portal({ behaviour, random, now, properties: options.properties ?? [] });
  const credentials = new Credentials({
    appId,
    clientId,
    clientSecret,
    accessToken: options.accessToken,
    refreshToken: options.refreshToken,
    scopes: options.scopes ?? allScopes,
    behaviour,
    random,
    now,
  });
  const limits = new RateLimits({ behaviour, settings, now });
  const subscriptions = new WebhookSubscriptions({
    targetUrl: options.webhookUrl,
    properties: options.subscribedProperties ?? 'all',
    now,
  });
  const delivery = new WebhookDelivery({
    settings,
    behaviour,
    random,
    clientSecret,
    now,
    targetUrl: () => subscriptions.targetUrl,
  });
  portal.onCommit((commit) => delivery.push(eventsOf(commit, { portalId, appId, behaviour, random, subscriptions })));

  const front = new HttpFront({
    world: { portal, behaviour, random, now },
    account: {
      portalId,
      appId,
      clientId,
      developerApiKey: options.developerApiKey ?? `developer-${appId}`,
      behaviour,
      credentials,
      subscriptions,
      now,
    },
    credentials,
    limits,
    settings,
    control: (request, response) => handleControl(simulator, request, response, acts()),
  });

  const author = (person: string = SOMEBODY): Author => personAuthor(person, portal.userIdOf(person));
  const rules = { behaviour, dated: false };
  function retie(store: RecordStore, id: string, ties: readonly OwnTie[], by: Author): void {
    for (const { type, toId } of ties) {
      const to = portal.store(type.to);
      const former = tiedTo(portal, type, id);
      if (toId !== null) {
        liveRecord(to, toId);
        portal.associate({ from: { store, id }, to: { store: to, id: toId }, type }, by);
      } else if (former !== null) {
        portal.associate({ from: { store, id }, to: { store: to, id: former }, type: undefined }, by);
      }
    }
  }
  let savedMark = '';
  const url = await front.listen(options.port ?? 0);

  const simulator: HubSpotSimulator = {
    system: SYSTEM,
    url,
    settings,
    behaviour,
    portalId,
    appId,
    edit(object, objectId, values, person) {
      const store = portal.store(object);
      const { properties, ties } = split(store, values);
      const record = liveRecord(store, objectId);
      if (Object.keys(properties).length > 0 || ties.length === 0) {
        const draft = draftUpdate(store, record, properties, rules);
        refuseConflicts(draft);
        portal.commit(draft, author(person));
      }
      retie(store, objectId, ties, author(person));
    },
    create(object, values, person) {
      const store = portal.store(object);
      const { properties, ties } = split(store, values);
      const draft = draftCreate(store, properties, rules);
      refuseConflicts(draft);
      const { id } = portal.commit(draft, author(person));
      retie(store, id, ties, author(person));
      return id;
    },
    remove(object, objectId, person) {
      const store = portal.store(object);
      portal.archive(store, liveRecord(store, objectId), author(person));
    },
    restore(object, objectId, person) {
      const store = portal.store(object);
      const record = store.get(objectId);
      if (record?.archivedAtMs === undefined) throw new Error(`${object} ${objectId} is not in the recycle bin`);
      portal.restore(store, record, author(person));
    },
    merge(object, primaryId, absorbedId, person) {
      const store = portal.store(object);
      return portal.merge(store, liveRecord(store, primaryId), liveRecord(store, absorbedId), author(person)).id;
    },
    erase(object, objectId, person) {
      const store = portal.store(object);
      const record = store.get(objectId);
      if (record === undefined) throw new Error(`there is no ${object} ${objectId}`);
      portal.erase(store, record, author(person));
    },
    load(object, rows, atMs = now()) {
      const store = portal.store(object);
      return rows.map((row) => {
        const { properties, ties } = split(store, row);
        const id = portal.load(store, properties, atMs);
        for (const { type, toId } of ties) if (toId !== null) portal.associations.add(type, id, toId);
        return id;
      });
    },
    objects: (object) => {
      const store = portal.store(object);
      return store.all().map((record) => shown(portal, store, record));
    },
    object(object, objectId) {
      const store = portal.store(object);
      const record = store.get(objectId);
      return record && shown(portal, store, record);
    },
    writes: (afterSeq = 0) => portal.log.after(afterSeq),
    calls: () => front.calls(),
    resetCalls: () => front.resetCalls(),
    pendingNotifications: () => delivery.pending(),
    releaseNotifications: (mode) => delivery.release(mode),
    lostNotifications: () => delivery.lost,
    settleSearch: () => portal.settleSearch(),
    expireTokens: () => credentials.expireTokens(),
    revokeTokens: () => credentials.revokeTokens(),
    reinstateTokens: () => credentials.reinstate(),
    issueToken: (wanted) => credentials.issue(wanted),
    issueCode: () => credentials.issueCode(),
    setWebhookUrl(target) {
      subscriptions.targetUrl = target;
    },
    reset() {
      delivery.clear();
      portal.clear();
      limits.clear();
      front.resetCalls();
      Object.assign(settings, firstSettings());
      Object.assign(behaviour, { ...defaultBehaviour, ...options.behaviour });
    },
    onWrite: (listener) => portal.log.onAdd(listener),
    save(file) {
      const small = { subscriptions: subscriptions.state(), credentials: credentials.state(), behaviour };
      const mark = `${file} ${portal.mark()} ${delivery.pending()} ${JSON.stringify(small)}`;
      if (mark === savedMark) return;
      writeState(file, { v: 1, portal: portal.state(), delivery: delivery.state(), ...small });
      savedMark = mark;
    },
    restoreFrom(file) {
      const state = readState(file);
      if (state === undefined) return false;
      portal.resume(state.portal);
      subscriptions.resume(state.subscriptions);
      credentials.resume(state.credentials);
      Object.assign(behaviour, state.behaviour);
      delivery.resume(state.delivery);
      return true;
    },
    async close() {
      delivery.clear();
      await front.close();
    },
  };
  const acts = () => controlActs(simulator);
  return simulator;
}

const mergeRequestSchema = z.strictObject({
  object: z.string(),
  primaryId: z.string(),
  absorbedId: z.string(),
  person: z.string().optional(),
});
const webhookRequestSchema = z.strictObject({ url: z.url().nullable() });
const behaviourPatchSchema = behaviourSchema.partial();

/** Acts of the control surface that only HubSpot has, beside those every simulator has. */
function controlActs(simulator: HubSpotSimulator): ControlActs {
  return {
    'GET behaviour': () => simulator.behaviour,
    'PATCH behaviour': (input) => Object.assign(simulator.behaviour, behaviourPatchSchema.parse(input)),
    'POST merge': (input) => {
      const { object, primaryId, absorbedId, person } = mergeRequestSchema.parse(input);
      return { objectId: simulator.merge(object, primaryId, absorbedId, person) };
    },
    'POST erase': (input) => {
      const { object, objectId, person } = pointRequestSchema.parse(input);
      simulator.erase(object, objectId, person);
    },
    'POST webhook': (input) => simulator.setWebhookUrl(webhookRequestSchema.parse(input).url ?? undefined),
    'GET notifications/lost': () => ({ lost: simulator.lostNotifications() }),
    'POST search/settle': () => simulator.settleSearch(),
    'POST tokens/expire': () => simulator.expireTokens(),
    'POST tokens/revoke': () => simulator.revokeTokens(),
    'POST tokens/reinstate': () => simulator.reinstateTokens(),
  };
}

function liveRecord(store: RecordStore, id: string): CrmRecord {
  const record = store.get(id);
  if (record !== undefined && record.archivedAtMs === undefined) return record;
  throw new Error(`there is no live ${store.type.singular} ${id}`);
}

/** HubSpot stores text only; null clears, as the empty text does. */
function texts(values: NativeValues): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value === null ? '' : String(value)]));
}

interface OwnTie {
  readonly type: AssociationType;
  readonly toId: string | null;
}

/** Properties apart from ties: people set a company as `association:companies:primary`. */
function split(store: RecordStore, values: NativeValues): { properties: Record<string, string>; ties: OwnTie[] } {
  const ties: OwnTie[] = [];
  const properties: Record<string, NativeValue> = {};
  for (const [name, value] of Object.entries(values)) {
    const type = singleAssociation(store.type.name, name);
    if (type === undefined) properties[name] = value;
    else ties.push({ type, toId: value === null || value === '' ? null : String(value) });
  }
  return { properties: texts(properties), ties };
}

/** The id of the one record that a record is tied to in this way. */
function tiedTo(portal: Portal, type: AssociationType, id: string): string | null {
  const found = portal.associations.of({ type: type.from, id }, type.to).find((tie) => tie.typeIds.includes(type.typeId));
  return found?.id ?? null;
}

function shown(portal: Portal, store: RecordStore, record: CrmRecord): SimulatedObject {
  const ties = singleAssociations.flatMap(({ name, type }): [string, string][] => {
    const toId = type.from === store.type.name ? tiedTo(portal, type, record.id) : null;
    return toId === null ? [] : [[name, toId]];
  });
  const computed = ['hs_object_id', 'createdate', store.type.lastModified];
  return {
    objectId: record.id,
    values: {
      ...record.properties,
      ...Object.fromEntries(computed.map((name) => [name, propertyOf(store.type, record, name)])),
      ...Object.fromEntries(ties),
    },
    modifiedAtMs: record.archivedAtMs ?? record.updatedAtMs,
    modifiedBy: record.modifiedBy,
    deleted: record.archivedAtMs !== undefined,
  };
}
