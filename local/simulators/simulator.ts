import type { NativeValue, NativeValues } from '../../shared/sync/change-hint.ts';

/** One committed write in a simulated CRM, whoever made it. The log is omniscient: nothing escapes it. */
export interface WriteLogEntry {
  readonly seq: number; // 1, 2, 3 ... over the life of the simulator
  readonly atMs: number; // epoch, when the write was committed
  readonly system: string;
  readonly object: string;
  readonly objectId: string;
  readonly kind: 'create' | 'update' | 'delete' | 'restore' | 'merge';
  /** Changed fields only; a write that changed nothing has none, and is logged all the same. */
  readonly fields: Readonly<Record<string, { readonly from: NativeValue; readonly to: NativeValue }>>;
  /** A person at the CRM's own page, or an API client by its app or user id. */
  readonly by: { readonly kind: 'person' | 'api'; readonly name: string };
  /** The API call that carried it (numbers of `calls`), and the caller's trace id where it sent one. */
  readonly call?: number;
  readonly trace?: string;
}

/** API calls since the last reset, as the CRM would bill them. The control endpoints do not count. */
export interface CallCounts {
  readonly total: number;
  /** By method and path template: `POST /crm/v3/objects/contacts/batch/read`. */
  readonly byEndpoint: Readonly<Record<string, number>>;
  readonly byStatus: Readonly<Record<string, number>>;
}

/** A live or archived object, as an administrator would see it. */
export interface SimulatedObject {
  readonly objectId: string;
  readonly values: NativeValues;
  readonly modifiedAtMs: number;
  readonly modifiedBy: string;
  readonly deleted: boolean;
}

/** How unkind the simulated CRM is right now. All can be changed while it runs. */
export interface SimulatorSettings {
  /** Added to every API call, ms. */
  latencyMs: number;
  /** Enforce the documented rate limits and send their headers; when off, the headers show a limit too high to reach. */
  limits: boolean;
  /** Share of outgoing change notifications (webhooks, change events) lost for good, 0..1. */
  dropNotifications: number;
  /** How often each notification is sent (1 = once). */
  notificationCopies: number;
  /** Notifications are collected and sent in random order, ms (0 = at once, in order). */
  shuffleNotificationsMs: number;
  /** Notifications wait until released (control endpoint), to be lost or reordered by hand. */
  holdNotifications: boolean;
  /** Answers given instead of the real one to the next API calls; consumed in order of matching. */
  faults: ApiFault[];
}

export interface ApiFault {
  /** Which calls: a prefix of `METHOD /path`. */
  readonly match: string;
  /** How many matching calls it strikes. */
  times: number;
  /** `status`: answer with it. `hang`: accept and never answer. `drop`: close the connection. */
  readonly kind: 'status' | 'hang' | 'drop';
  /** The call takes effect first: an ambiguous write. */
  readonly afterEffect?: boolean;
  readonly status?: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * A simulated CRM as tests and the control API drive it. A person's edit goes through `edit`,
 * Concord and official clients through the HTTP API at `url`.
 */
export interface CrmSimulator {
  readonly system: string;
  readonly url: string; // http://127.0.0.1:port
  readonly settings: SimulatorSettings;
  /** Edits by a person, committed now. @throws Error naming the field when the CRM would refuse it. */
  edit(object: string, objectId: string, values: NativeValues, person?: string): void;
  create(object: string, values: NativeValues, person?: string): string;
  remove(object: string, objectId: string, person?: string): void;
  restore(object: string, objectId: string, person?: string): void;
  /** Loads objects as they stood before anybody watched: no notifications, stamps at `atMs`. Returns their ids. */
  load(object: string, rows: readonly NativeValues[], atMs?: number): string[];
  objects(object: string): SimulatedObject[];
  object(object: string, objectId: string): SimulatedObject | undefined;
  writes(afterSeq?: number): WriteLogEntry[];
  calls(): CallCounts;
  resetCalls(): void;
  /** Notifications not yet delivered (queued, held or waiting for a retry). */
  pendingNotifications(): number;
  releaseNotifications(mode: 'send' | 'drop' | 'reverse'): void;
  /** Back to empty: objects, logs, counters, settings. */
  reset(): void;
  /** Calls back after each committed write. Returns the way to stop. */
  onWrite(listener: (entry: WriteLogEntry) => void): () => void;
  close(): Promise<void>;
}
