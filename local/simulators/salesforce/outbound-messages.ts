import type { SeededRandom } from '../random.ts';
import type { SimulatorSettings } from '../simulator.ts';
import { eventDatetime } from './datetime.ts';
import { notificationGate } from './notification-gate.ts';
import type { Committed, Org } from './org.ts';
import { mintId } from './record-id.ts';
import { fieldValue } from './rows.ts';

/**
 * Outbound Messages: SOAP notifications of a workflow rule that fires on every saved row.
 * (Salesforce: developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging_notifications.htm)
 */
export interface OutboundMessages {
  note(committed: Committed): void;
  readonly pending: number;
  release(mode: 'send' | 'drop' | 'reverse'): void;
  clear(): void;
  close(): void;
}

export interface OutboundTarget {
  readonly url: string;
  /** Contact, unless another object is named. */
  readonly object?: string;
  /** Fields that the message carries beside Id. */
  readonly fields?: readonly string[];
  /** Wait before the first retry, ms; it doubles up to 2 h. */
  readonly retryMinMs?: number;
}

const NOTIFICATIONS_MAX = 100;
const ANSWER_WITHIN_MS = 60_000;
const RETRY_MAX_MS = 2 * 3600 * 1000;
const DROPPED_AFTER_MS = 24 * 3600 * 1000;
const ACK = /<(?:\w+:)?Ack>\s*(true|1)\s*<\/(?:\w+:)?Ack>/;
const DEFAULT_FIELDS = ['Email', 'FirstName', 'LastModifiedDate', 'LastName'];

interface Notification {
  readonly id: string;
  readonly rowId: string;
  readonly atMs: number;
}

export function outboundMessages(
  org: Org,
  settings: SimulatorSettings,
  random: SeededRandom,
  target: OutboundTarget | undefined,
): OutboundMessages {
  const object = target?.object ?? 'Contact';
  const retryMinMs = target?.retryMinMs ?? 1000;
  const closing = new AbortController();
  let minted = 0;
  let queue: Notification[] = [];
  let sending = false;
  let retryMs = retryMinMs;
  let timer: NodeJS.Timeout | undefined;

  const gate = notificationGate<Notification>(settings, random, (notifications) => {
    queue.push(...notifications.map((notification) => ({ ...notification }))); // each copy by itself
    void pump();
  });

  /** True once the receiver has acknowledged. One Ack covers the whole message. */
  async function deliver(url: string, notifications: readonly Notification[]): Promise<boolean> {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'text/xml; charset=utf-8', soapaction: '""' },
      body: envelope(org, object, target?.fields ?? DEFAULT_FIELDS, notifications),
      signal: AbortSignal.any([closing.signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
    });
    const text = await response.text();
    return response.status === 200 && ACK.test(text);
  }

  async function pump(): Promise<void> {
    if (!target || sending || closing.signal.aborted) return;
    sending = true;
    try {
      while (queue.length > 0 && !closing.signal.aborted) {
        queue = queue.filter((notification) => org.now() - notification.atMs < DROPPED_AFTER_MS);
        const batch = queue.slice(0, NOTIFICATIONS_MAX);
        const acknowledged = batch.length === 0 || (await deliver(target.url, batch).catch(() => false));
        if (!acknowledged) {
          timer = setTimeout(() => void pump(), retryMs).unref();
          retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
          return;
        }
        retryMs = retryMinMs;
        const sent = new Set(batch);
        queue = queue.filter((notification) => !sent.has(notification));
      }
    } finally {
      sending = false;
    }
  }

  return {
    note(committed) {
      if (!target) return;
      // No messages of deletes and merges: workflow rules fire on saved rows only.
      for (const { kind, after } of committed.changes) {
        if (after.object !== object || (kind !== 'create' && kind !== 'update')) continue;
        minted += 1;
        gate.push({ id: mintId('04l', minted), rowId: after.id, atMs: committed.atMs });
      }
    },
    get pending() {
      return queue.length + gate.waiting;
    },
    release: (mode) => gate.release(mode),
    clear() {
      clearTimeout(timer);
      gate.clear();
      queue = [];
      retryMs = retryMinMs;
    },
    close() {
      closing.abort();
      clearTimeout(timer);
      gate.clear();
    },
  };
}

/** Always the latest data, whatever the row held when the rule fired; a row deleted since has none. */
function envelope(org: Org, object: string, fields: readonly string[], notifications: readonly Notification[]): string {
  const table = org.table(object);
  const shown = notifications.map(({ id, rowId }) => {
    const row = table?.get(rowId);
    const data = fields.toSorted().flatMap((name) => {
      const field = table?.schema.field(name);
      const value = row && field && row.deletedAtMs === undefined ? fieldValue(row, field) : null;
      if (value === null || !field) return [];
      const text = field.type === 'datetime' ? eventDatetime(Date.parse(String(value).replace('+0000', 'Z'))) : String(value);
      return [`     <sf:${field.name}>${escapeXml(text)}</sf:${field.name}>`];
    });
    return [
      '   <Notification>',
      `    <Id>${id}</Id>`,
      `    <sObject xsi:type="sf:${object}" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">`,
      `     <sf:Id>${rowId}</sf:Id>`,
      ...data,
      '    </sObject>',
      '   </Notification>',
    ];
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">',
    ' <soapenv:Body>',
    '  <notifications xmlns="http://soap.sforce.com/2005/09/outbound">',
    `   <OrganizationId>${org.organizationId}</OrganizationId>`,
    `   <ActionId>${mintId('04k', 1)}</ActionId>`,
    '   <SessionId xsi:nil="true"/>',
    `   <EnterpriseUrl>https://sim.my.salesforce.com/services/Soap/c/67.0/${org.organizationId}</EnterpriseUrl>`,
    `   <PartnerUrl>https://sim.my.salesforce.com/services/Soap/u/67.0/${org.organizationId}</PartnerUrl>`,
    ...shown.flat(),
    '  </notifications>',
    ' </soapenv:Body>',
    '</soapenv:Envelope>',
  ].join('\n');
}

const XML_ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', "'": '&apos;', '"': '&quot;' };

function escapeXml(text: string): string {
  return text.replace(/[&<>'"]/g, (character) => XML_ESCAPES[character] ?? character);
}
