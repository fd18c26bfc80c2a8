import { recordId18 } from '../../../shared/connectors/salesforce/record-id.ts';
import type { NativeValue } from '../../../shared/sync/change-hint.ts';
import { type CrmChange, toldFields } from './crm-log.ts';

// Change events as Event Relay puts them on a partner event bus. Salesforce: Change Data Capture Developer Guide, "Change Event Header
// Fields" and "Change Event Body Fields".

export const ORGANISATION = checked('00D5g000004ABCD');
const OTHER_ORGANISATION = checked('00D5g000004ZYXW');
export const OUR_USER = checked('0055g00000AAAAA');
const A_PERSON = checked('0055g00000BBBBB');

/** The 18-character form. */
function checked(id: string): string {
  return recordId18(id) ?? id;
}

/** How an event is written down. */
export interface EventForm {
  /** Every field is present, null where nothing changed; else only what changed. */
  readonly whole?: boolean;
  /** A field is named as changed, and the body has no value for it. */
  readonly withoutValues?: boolean;
  /** Names the object and nothing else (GAP_UPDATE and so on). */
  readonly gap?: boolean;
  /** Another organisation's. */
  readonly foreign?: boolean;
}

const CHANGE_TYPES: Readonly<Record<CrmChange['kind'], string>> = {
  create: 'CREATE',
  update: 'UPDATE',
  merge: 'UPDATE', // nothing marks a merge
  touch: 'UPDATE',
  delete: 'DELETE',
  'merged-away': 'DELETE',
  restore: 'UNDELETE',
};

/** A change as the text of one event. @param values - what the object holds after it. */
export function changeEvent(change: CrmChange, values: Readonly<Record<string, NativeValue>>, form: EventForm = {}): string {
  const type = CHANGE_TYPES[change.kind];
  const fields = toldFields(change);
  const names = Object.keys(fields);
  const body: Record<string, unknown> = {};
  if (!form.gap && type === 'UPDATE') {
    if (form.whole) for (const name of Object.keys(values)) body[name] = null;
    if (!form.withoutValues) for (const name of names) body[name] = fields[name]?.after ?? null;
    body.LastModifiedDate = stampText(change.stampMs);
  }
  if (!form.gap && (type === 'CREATE' || type === 'UNDELETE')) {
    const present = type === 'CREATE' ? Object.fromEntries(names.map((name) => [name, fields[name]?.after ?? null])) : values;
    for (const [name, value] of Object.entries(present)) if (value !== null || form.whole) body[name] = value;
    body.LastModifiedDate = stampText(change.stampMs);
  }
  const nulled = names.filter((name) => (fields[name]?.after ?? null) === null);
  return enveloped(
    {
      ChangeEventHeader: {
        entityName: change.type,
        recordIds: [change.objectId],
        changeType: form.gap ? `GAP_${type}` : type,
        changeOrigin: change.author.by === 'concord' ? 'com/salesforce/api/rest/67.0;client=concord' : '',
        transactionKey: `0000-${change.seq}`,
        sequenceNumber: 1,
        commitTimestamp: change.clockMs,
        commitUser: isOurs(change) ? OUR_USER : A_PERSON,
        commitNumber: COMMIT_NUMBER,
        ...(!form.gap && { changedFields: type === 'UPDATE' ? [...names, 'LastModifiedDate'] : [] }),
        ...(form.whole && { nulledFields: nulled, diffFields: [] }),
      },
      ...body,
    },
    change,
    form.foreign === true,
  );
}

/** "Too many to be told": the rest of a transaction, or of a burst. */
export function overflowEvent(change: CrmChange): string {
  return enveloped(
    {
      ChangeEventHeader: {
        entityName: change.type,
        recordIds: ['000000000000000AAA'],
        changeType: 'GAP_OVERFLOW',
        changeOrigin: '',
        transactionKey: `0000-${change.seq}`,
        sequenceNumber: 1,
        commitTimestamp: change.clockMs,
        commitUser: A_PERSON,
        commitNumber: COMMIT_NUMBER,
      },
    },
    change,
    false,
  );
}

/** "Something about this object": whoever hears it has to read it. */
export function rereadEvent(type: string, objectId: string, clockMs: number): string {
  return enveloped(
    {
      ChangeEventHeader: {
        entityName: type,
        recordIds: [objectId],
        changeType: 'GAP_UPDATE',
        transactionKey: `0001-${objectId}`,
        sequenceNumber: 1,
        commitTimestamp: clockMs,
        commitUser: A_PERSON,
        commitNumber: COMMIT_NUMBER,
      },
    },
    { type, seq: 0, clockMs },
    false,
  );
}

/** A rule that runs inside a transaction is told under the name of whoever began it. */
function isOurs({ author }: CrmChange): boolean {
  return author.by === 'concord' || (author.by === 'automation' && author.inside === 'concord');
}

const COMMIT_NUMBER = '@commit';

function enveloped(payload: object, change: Pick<CrmChange, 'type' | 'seq' | 'clockMs'>, foreign: boolean): string {
  const source = `aws.partner/salesforce.com/${foreign ? OTHER_ORGANISATION : ORGANISATION}/0YL5g0000008OIAGA2`;
  const text = JSON.stringify({
    version: '0',
    id: `event-${change.seq}`,
    'detail-type': `${change.type}ChangeEvent`,
    source,
    account: '000000000000',
    time: new Date(change.clockMs).toISOString(),
    region: 'eu-west-1',
    resources: [],
    detail: { payload },
  });
  // A whole number beyond 2^53, as Salesforce sends it: no double holds it.
  return text.replace(`"${COMMIT_NUMBER}"`, String(1_745_500_706_683_617_281n + BigInt(change.seq)));
}

function stampText(stampMs: number): string {
  return new Date(stampMs).toISOString();
}
