import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiAnswer, type ApiCall, headerOption } from './api-call.ts';
import type { Org } from './org.ts';
import { id18 } from './record-id.ts';
import type { RowIndex } from './row-index.ts';
import { entityIsDeleted, RowRefusal, resourceNotFound } from './row-refusal.ts';
import type { Row } from './rows.ts';
import type { Author, Transaction } from './transaction.ts';

/**
 * Carries out the writes of one call in one transaction. The stamp is taken now, the commit
 * comes `commitLagMs` later, and only then do others see anything.
 */
export async function inTransaction(
  org: Org,
  author: Author,
  perform: (transaction: Transaction) => ApiAnswer,
): Promise<ApiAnswer> {
  const transaction = org.begin(author);
  try {
    if (org.settings.commitLagMs > 0) await sleep(org.settings.commitLagMs, undefined, { ref: false });
    const answer = perform(transaction);
    org.commit(transaction);
    return answer;
  } catch (error) {
    org.abandon(transaction);
    throw error;
  }
}

/** @param inCollection - call options are documented for calls about single rows only. */
export function apiAuthor(org: Org, call: ApiCall, inCollection: boolean): Author {
  const heeded = !inCollection || org.settings.callOptionsOnCollections;
  const client = heeded ? headerOption(call.header('sforce-call-options'), 'client') : undefined;
  return {
    userId: call.userId,
    by: { kind: 'api', name: call.userId },
    origin: `com/salesforce/api/rest/${call.version}${client ? `;client=${client}` : ''}`,
    call: call.number,
    trace: call.header('x-concord-correlation-id'),
    allowDuplicates: headerOption(call.header('sforce-duplicate-rule-header'), 'allowsave') === 'true',
  };
}

/** @throws RowRefusal 404, as for any address that names nothing. */
export function tableAt(org: Org, call: ApiCall): RowIndex {
  const table = org.table(call.path.object ?? '');
  if (!table) throw resourceNotFound();
  return table;
}

export function refuseReadOnly(table: RowIndex): void {
  if (!table.schema.readOnly) return;
  throw new RowRefusal('INSUFFICIENT_ACCESS_OR_READONLY', `insufficient access rights on ${table.schema.name}`);
}

/** @throws RowRefusal 404: not there (NOT_FOUND) or in the Recycle Bin (ENTITY_IS_DELETED). */
export function liveRowAt(table: RowIndex, id: string): Row {
  const row = table.get(id18(id) ?? '');
  if (!row) throw resourceNotFound();
  if (row.deletedAtMs !== undefined) throw entityIsDeleted();
  return row;
}
