import type { ChangeHint } from '../../sync/change-hint.ts';
import type { ReceivedHints } from '../connector.ts';
import { NotificationRefusedError } from '../notification-error.ts';
import { recordId18 } from './record-id.ts';
import { childrenNamed, readXml, textOf, type XmlElement } from './xml-reader.ts';

/** A message holds 100 notifications at most. Salesforce: SOAP API Developer Guide, "Outbound Messaging". */
const NOTIFICATIONS_MAX = 100;

export interface OutboundMessageContext {
  /** Our organisation, 18 characters; messages of others are refused. */
  readonly organizationId: string;
  /** Object types that take part; all where absent. */
  readonly objects?: ReadonlySet<string>;
  readonly receivedAtMs: number;
  readonly correlationId: (index: number) => string;
}

/**
 * Reads an outbound message. It carries an object's latest values, not what changed, and nothing in
 * it proves its sender (its session id is empty): so it yields bare hints to read again. The caller
 * has checked the secret part of the URL.
 *
 * @throws NotificationRefusedError when it is no outbound message, or another organisation's.
 */
export function readOutboundMessage(body: Uint8Array | string, context: OutboundMessageContext): ReceivedHints {
  const envelope = readXml(typeof body === 'string' ? body : Buffer.from(body).toString('utf8'));
  const notifications = childrenNamed(childrenNamed(envelope, 'Body')[0], 'notifications')[0];
  if (envelope.name !== 'Envelope' || notifications === undefined) {
    throw new NotificationRefusedError('unreadable', 'the XML is no outbound message');
  }
  if (recordId18(textOf(notifications, 'OrganizationId') ?? '') !== context.organizationId) {
    throw new NotificationRefusedError('foreign-account', 'the message is about another Salesforce organisation');
  }
  const items = childrenNamed(notifications, 'Notification');
  if (items.length > NOTIFICATIONS_MAX)
    throw new NotificationRefusedError('unreadable', `more than ${NOTIFICATIONS_MAX} notifications`);

  const byObject = new Map<string, Omit<ChangeHint, 'correlationId'>>();
  let ignored = 0;
  for (const item of items) {
    const hint = bareHint(childrenNamed(item, 'sObject')[0], context.receivedAtMs);
    if (hint === undefined || !(context.objects?.has(hint.object) ?? true)) {
      ignored++;
      continue;
    }
    const key = `${hint.object} ${hint.objectId}`;
    const known = byObject.get(key);
    if (known === undefined || known.occurredAtMs < hint.occurredAtMs) byObject.set(key, hint);
  }
  const hints = [...byObject.values()].map((hint, index) => ({ ...hint, correlationId: context.correlationId(index) }));
  return { hints, ignored };
}

/** `sObject xsi:type="sf:Contact"` with `sf:Id` and the selected fields. */
function bareHint(sObject: XmlElement | undefined, receivedAtMs: number): Omit<ChangeHint, 'correlationId'> | undefined {
  const object = sObject?.type?.split(':').at(-1);
  const objectId = recordId18(textOf(sObject, 'Id') ?? '');
  if (object === undefined || object === '' || objectId === undefined) return undefined;
  const stampMs = Date.parse(textOf(sObject, 'SystemModstamp') ?? textOf(sObject, 'LastModifiedDate') ?? '');
  return {
    object,
    objectId,
    kind: 'changed',
    by: 'unknown',
    occurredAtMs: Number.isNaN(stampMs) ? receivedAtMs : stampMs,
    receivedAtMs,
    fields: {},
    ...(Number.isNaN(stampMs) ? {} : { stampMs }),
  };
}

/** The answer to send with status 200: `true` only once the hints are stored; `false` asks for the message again. */
export function outboundAck(stored: boolean): string {
  return (
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>' +
    `<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>${stored}</Ack></notificationsResponse>` +
    '</soapenv:Body></soapenv:Envelope>'
  );
}
