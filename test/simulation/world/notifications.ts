import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import type { Chooser } from '../kernel/choice-tape.ts';
import { changeEvent, type EventForm, overflowEvent, rereadEvent } from './change-events.ts';
import { type CrmChange, type Telling, toldFields } from './crm-log.ts';
import type { FaultBook } from './faults.ts';
import type { ModelCrm } from './model-crm.ts';
import { FORGERIES, rereadEvents, signedDelivery, type WebhookForm, webhookEvents } from './webhooks.ts';

/** What notifications reach of the run. */
export interface NotificationPorts {
  readonly chooser: Chooser;
  readonly now: () => number;
  readonly at: (ms: number, label: string, act: () => void) => void;
  /** Calls our webhook. */
  readonly webhook: (system: string, event: APIGatewayProxyEventV2, answered: (status: number | undefined) => void) => void;
  /** Puts an event of the bus onto the changes queue. */
  readonly bus: (system: string, body: string) => void;
  readonly tell: (actor: string, event: () => string) => void;
}

const USUAL_MS = [150, 600, 2_000, 9_000] as const;
const LATE_MS = [30_000, 180_000, 700_000] as const;
const AGAIN_MS = [1_000, 60_000, 900_000] as const;
/** Events of a webhook subscription wait so long for company. */
const GATHER_MS = [0, 50, 400] as const;
const EVENTS_PER_DELIVERY = 100;
const WEBHOOK_TRIES = 10;
const WEBHOOK_RETRY_MS = [20_000, 60_000, 180_000] as const;
const TOO_LARGE_BYTES = 300 * 1024;

interface Waiting {
  readonly change: CrmChange;
  readonly events: readonly object[];
  readonly hidden: boolean;
}

/** Tells Concord of changes, as well or as badly as the systems do. */
export class Notifications {
  /** On their way. */
  underway = 0;
  /** Forged calls that were taken for real ones. */
  readonly accepted: { readonly atMs: number; readonly system: string; readonly what: string }[] = [];
  private readonly ports: NotificationPorts;
  private readonly faults: FaultBook;
  private readonly poison = new Set<string>();
  private readonly gathering = new Map<string, Waiting[]>();

  constructor(ports: NotificationPorts, faults: FaultBook) {
    this.ports = ports;
    this.faults = faults;
  }

  /** True for what was put on a queue only to see it refused: it belongs among the dead letters. */
  isPoison(body: string): boolean {
    return this.poison.has(body);
  }

  /** A change in a system that tells of changes. */
  announce(crm: ModelCrm, change: CrmChange): void {
    // HubSpot tells of properties that changed, and of nothing else.
    const changesNothing = change.kind === 'touch' || (change.kind === 'update' && Object.keys(toldFields(change)).length === 0);
    if (crm.family === 'hubspot' && changesNothing) return;
    this.strangers(crm, change);
    if (this.faults.strikes('F03')) {
      this.faults.took('F03');
      tellAs(change, 'lost');
      this.ports.tell(crm.system, () => `the notification about ${change.objectId} (change ${change.seq}) gets lost`);
      return;
    }
    tellAs(change, 'underway');
    const copies = this.faults.strikes('F01') ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      const delayMs = this.delayMs() + (copy === 0 ? 0 : this.faults.pick(AGAIN_MS, 'F01'));
      if (copy > 0) this.faults.took('F01');
      if (crm.family === 'salesforce') this.sendEvent(crm, change, delayMs);
      else this.gather(crm, change, delayMs);
    }
  }

  /** Hints at an object without a fault, so that it is read. */
  remind(crm: ModelCrm, type: string, objectId: string): void {
    this.underway += 1;
    const delayMs = USUAL_MS[this.ports.chooser.choose(USUAL_MS.length, 'notification')] ?? 0;
    this.ports.at(this.ports.now() + delayMs, `notify ${crm.system}`, () => {
      if (crm.family === 'salesforce') {
        this.underway -= 1;
        this.ports.bus(crm.system, rereadEvent(type, objectId, crm.clock()));
      } else this.call(crm.system, rereadEvents(crm.system, type, objectId, crm.clock()), 1, () => undefined);
    });
  }

  private delayMs(): number {
    const { chooser } = this.ports;
    if (this.faults.strikes('F04')) {
      this.faults.took('F04');
      return this.faults.pick(LATE_MS, 'F04');
    }
    if (this.faults.strikes('F02')) {
      this.faults.took('F02');
      return this.faults.upTo(60_000, 'F02');
    }
    return USUAL_MS[chooser.choose(USUAL_MS.length, 'notification')] ?? 0;
  }

  // ---- Salesforce: events of the partner bus ----

  private sendEvent(crm: ModelCrm, change: CrmChange, delayMs: number): void {
    const form = this.eventForm();
    const isOverflow = form.gap === true && change.kind !== 'create' && this.faults.pick([false, true], 'F07');
    const text = isOverflow ? overflowEvent(change) : changeEvent(change, crm.valuesOf(change.objectId) ?? {}, form);
    this.underway += 1;
    this.ports.at(this.ports.now() + delayMs, `notify ${crm.system}`, () => {
      this.underway -= 1;
      settle(change, isOverflow ? 'lost' : form.gap || form.withoutValues ? 'hidden' : 'told');
      this.ports.bus(crm.system, text);
    });
  }

  private eventForm(): EventForm {
    if (this.faults.strikes('F07')) {
      this.faults.took('F07');
      return { gap: true };
    }
    if (!this.faults.strikes('F58')) return {};
    this.faults.took('F58');
    return this.faults.pick<EventForm>([{ whole: true }, { withoutValues: true }], 'F58');
  }

  // ---- HubSpot: webhooks ----

  private gather(crm: ModelCrm, change: CrmChange, delayMs: number): void {
    const form = this.webhookForm();
    const events = webhookEvents(change, form);
    if (events.length === 0) {
      settle(change, 'told');
      return;
    }
    const hidden = form.hidden !== undefined || (form.creationOnly === true && change.kind === 'create');
    this.underway += 1;
    this.ports.at(this.ports.now() + delayMs, `gather ${crm.system}`, () => {
      const waiting = this.gathering.get(crm.system);
      if (waiting !== undefined) {
        waiting.push({ change, events, hidden });
        return;
      }
      this.gathering.set(crm.system, [{ change, events, hidden }]);
      const gatherMs = GATHER_MS[this.ports.chooser.choose(GATHER_MS.length, 'notification')] ?? 0;
      this.ports.at(this.ports.now() + gatherMs, `notify ${crm.system}`, () => this.sendGathered(crm.system));
    });
  }

  private sendGathered(system: string): void {
    const waiting = this.gathering.get(system) ?? [];
    this.gathering.delete(system);
    let rest = waiting;
    while (rest.length > 0) {
      const part: Waiting[] = [];
      let count = 0;
      for (const one of rest) {
        if (part.length > 0 && count + one.events.length > EVENTS_PER_DELIVERY) break;
        part.push(one);
        count += one.events.length;
      }
      rest = rest.slice(part.length);
      const events = part.flatMap((one) => one.events);
      if (events.length > 1 && this.faults.strikes('F02')) {
        this.faults.took('F02');
        events.reverse();
      }
      // One delivery carries several changes, and is one thing on its way.
      this.underway -= part.length - 1;
      this.call(system, events, 1, (arrived) => {
        for (const { change, hidden } of part) settle(change, arrived ? (hidden ? 'hidden' : 'told') : 'lost');
      });
    }
  }

  private webhookForm(): WebhookForm {
    if (!this.faults.strikes('F58')) return {};
    this.faults.took('F58');
    return this.faults.pick<WebhookForm>([{ creationOnly: true }, { hidden: 'redacted' }, { hidden: 'absent' }], 'F58');
  }

  private call(system: string, events: readonly object[], attempt: number, done: (arrived: boolean) => void): void {
    const body = JSON.stringify(events.map((event) => ({ ...event, attemptNumber: attempt - 1 })));
    this.ports.webhook(system, signedDelivery(system, body, this.ports.now()), (status) => {
      const isTaken = status !== undefined && status < 300;
      if (isTaken || attempt >= WEBHOOK_TRIES) {
        this.underway -= 1;
        done(isTaken);
        return;
      }
      const retryMs = WEBHOOK_RETRY_MS[Math.min(attempt, WEBHOOK_RETRY_MS.length) - 1] ?? 0;
      this.ports.at(this.ports.now() + retryMs, `notify ${system} again`, () => this.call(system, events, attempt + 1, done));
    });
  }

  // ---- What does not come from the system, or not from ours ----

  private strangers(crm: ModelCrm, change: CrmChange): void {
    if (this.faults.strikes('F05')) this.forge(crm, change);
    if (this.faults.strikes('F16')) this.foreign(crm, change);
    if (this.faults.strikes('F06')) this.garbage(crm, change);
  }

  /** F05: an attacker's version of a real change. There is no way onto the bus without the account's own grant. */
  private forge(crm: ModelCrm, change: CrmChange): void {
    if (crm.family !== 'hubspot') return;
    const forgery = this.faults.pick(FORGERIES, 'F05');
    const body = JSON.stringify(webhookEvents(fake(change), {}));
    this.faults.took('F05');
    this.ports.webhook(crm.system, signedDelivery(crm.system, body, this.ports.now(), forgery), (status) => {
      if (status === undefined || status >= 300) return;
      this.accepted.push({ atMs: this.ports.now(), system: crm.system, what: `a delivery with ${forgery}` });
    });
  }

  /** F16: true events of another account, whose objects happen to have the ids of ours. */
  private foreign(crm: ModelCrm, change: CrmChange): void {
    this.faults.took('F16');
    if (crm.family === 'salesforce') {
      const text = changeEvent(fake(change), {}, { foreign: true });
      this.poison.add(text);
      this.ports.bus(crm.system, text);
      return;
    }
    const mixed = [
      ...webhookEvents(fake(change), { foreign: true }),
      ...rereadEvents(crm.system, change.type, '1', change.clockMs),
    ];
    this.ports.webhook(crm.system, signedDelivery(crm.system, JSON.stringify(mixed), this.ports.now()), () => undefined);
  }

  private garbage(crm: ModelCrm, change: CrmChange): void {
    this.faults.took('F06');
    const real = crm.family === 'salesforce' ? changeEvent(fake(change), {}) : JSON.stringify(webhookEvents(fake(change), {}));
    const kind = this.faults.pick(['cut short', 'flipped', 'deep', 'empty', 'too large', 'burst'], 'F06');
    if (kind === 'burst') {
      for (let count = 0; count < 60; count += 1) this.remind(crm, change.type, change.objectId);
      return;
    }
    const body = damaged(real, kind);
    if (crm.family === 'salesforce') {
      // The bus carries JSON only.
      if (kind === 'deep' || kind === 'empty') {
        this.poison.add(body);
        this.ports.bus(crm.system, body);
      }
      return;
    }
    this.ports.webhook(crm.system, signedDelivery(crm.system, body, this.ports.now()), (status) => {
      if (status !== undefined && status >= 500)
        this.accepted.push({
          atMs: this.ports.now(),
          system: crm.system,
          what: `garbage (${kind}), which made the receiver fail with ${status}`,
        });
    });
  }
}

/** The same change with values that nobody ever saved. */
function fake(change: CrmChange): CrmChange {
  const names = Object.keys(change.fields).length > 0 ? Object.keys(change.fields) : ['email'];
  return {
    ...change,
    kind: 'update',
    author: { by: 'person' },
    fields: Object.fromEntries(names.map((name) => [name, { before: null, after: `forged ${change.seq}` }])),
  };
}

function damaged(text: string, kind: 'cut short' | 'flipped' | 'deep' | 'empty' | 'too large'): string {
  switch (kind) {
    case 'cut short':
      return text.slice(0, Math.floor(text.length / 2));
    case 'flipped':
      return text.replace(':', ';');
    case 'deep':
      return `${'['.repeat(2_000)}${']'.repeat(2_000)}`;
    case 'empty':
      return '{}';
    case 'too large':
      return JSON.stringify([{ padding: 'x'.repeat(TOO_LARGE_BYTES) }]);
  }
}

/** Of several copies the first that arrives counts, and a better one corrects a worse. */
function settle(change: CrmChange, telling: 'told' | 'hidden' | 'lost'): void {
  if (change.telling === 'told' || (change.telling === 'hidden' && telling === 'lost')) return;
  tellAs(change, telling);
}

function tellAs(change: CrmChange, telling: Telling): void {
  change.telling = telling;
  if (change.rider !== undefined) change.rider.telling = telling;
}
