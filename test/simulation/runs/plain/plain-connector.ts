import type { Connector, ObjectState, RowPage, WriteOutcome } from '../../../../shared/connectors/connector.ts';
import { SystemUnavailableError } from '../../../../shared/errors.ts';
import type { PortCall } from '../../engine/world-face.ts';
import { CallFailedError } from '../../kernel/incarnation.ts';
import type { PlainCrm } from './plain-crm.ts';

const PAGE = 40;
const RETRY_AFTER_MS = 5_000;

export interface PlainLags {
  /** How old what a read by id shows may be, ms. */
  readonly readLagMs: () => number;
  /** How old what a search or a listing shows may be, ms. */
  readonly listLagMs: () => number;
}

/** A plain CRM as a connector: each method is one call of a port. */
export function plainConnector(crm: PlainCrm, call: PortCall, lags: PlainLags, now: () => number): Connector {
  const { system } = crm;
  const read = async <Result>(name: string, effect: () => Result): Promise<Result> => {
    try {
      return await call(`crm ${system} ${name}`, effect);
    } catch (error) {
      if (!(error instanceof CallFailedError)) throw error;
      throw new SystemUnavailableError(system, error.message, RETRY_AFTER_MS, { cause: error });
    }
  };
  /** A write whose answer is lost may have happened. */
  const write = async (
    name: string,
    keys: readonly string[],
    effect: () => Map<string, WriteOutcome>,
  ): Promise<Map<string, WriteOutcome>> => {
    try {
      return await call(`crm ${system} ${name}`, effect);
    } catch (error) {
      if (!(error instanceof CallFailedError)) throw error;
      if (error.refused) throw new SystemUnavailableError(system, error.message, RETRY_AFTER_MS, { cause: error });
      return new Map(keys.map((key) => [key, { outcome: 'unknown', message: error.message }]));
    }
  };
  const written = (objectId: string): WriteOutcome =>
    crm.kind === 'hubspot'
      ? { outcome: 'written', objectId, values: crm.valuesOf(objectId) ?? {}, stampMs: crm.stampOf(objectId) }
      : { outcome: 'written', objectId };
  const carrying = (field: string, value: string, lagMs: number, fields: readonly string[]): ObjectState[] =>
    crm
      .liveIds()
      .map((id) => crm.state(id, [...fields, field], lagMs))
      .filter((state) => state.state === 'present' && String(state.values[field] ?? '').toLowerCase() === value.toLowerCase());

  return {
    system,
    traits: { stampResolutionMs: crm.resolutionMs, readLagMs: 0, listLagMs: 0, readBatchSizeMax: 100, writeBatchSizeMax: 100 },
    describe: () =>
      read('describe', () =>
        crm.fields.map((name) => ({
          name,
          type: name.toLowerCase().startsWith('score') ? (crm.kind === 'salesforce' ? 'double' : 'number') : 'string',
          writable: true,
          unique: name === crm.externalIdField,
        })),
      ),
    read: (_object, objectIds, fields) =>
      read('read', () => {
        const lagMs = lags.readLagMs();
        const states = objectIds.map((id): [string, ObjectState] => [id, crm.state(id, fields, lagMs)]);
        for (const id of objectIds) crm.reads.set(id, now() - lagMs);
        return new Map(states);
      }),
    findByField: (_object, field, values, fields) =>
      read('find', () => {
        // A unique field is looked up in the primary store, any other in the search index.
        const lagMs = field === crm.externalIdField ? lags.readLagMs() : lags.listLagMs();
        return new Map(values.map((value) => [value, carrying(field, value, lagMs, fields)]));
      }),
    update: (_object, writes) =>
      write(
        'update',
        writes.map(({ objectId }) => objectId),
        () =>
          new Map(
            writes.map(({ objectId, values }): [string, WriteOutcome] => [
              objectId,
              crm.update(objectId, values, 'concord') ? written(objectId) : { outcome: 'gone' },
            ]),
          ),
      ),
    create: (_object, externalIdField, creates) =>
      write(
        'create',
        creates.map(({ recordId }) => recordId),
        () =>
          new Map(
            creates.map(({ recordId, values }): [string, WriteOutcome] => {
              const [known] = carrying(externalIdField, recordId, 0, []);
              if (known !== undefined) crm.update(known.objectId, values, 'concord');
              return [recordId, written(known?.objectId ?? crm.create({ ...values, [externalIdField]: recordId }, 'concord'))];
            }),
          ),
      ),
    archive: (_object, objectIds) =>
      write('archive', objectIds, () => {
        for (const id of objectIds) crm.remove(id, 'concord');
        return new Map(objectIds.map((objectId) => [objectId, { outcome: 'written', objectId }]));
      }),
    changes: (_object, fields, { cursor, fromMs, overlapMs }) =>
      read('changes', () => changedSince(crm, fields, cursor, { fromMs, overlapMs, lagMs: lags.listLagMs(), nowMs: now() })),
    list: (_object, fields, cursor) =>
      read('list', () => {
        const ids = crm
          .liveIds()
          .filter((id) => cursor === undefined || id > cursor)
          .sort();
        const page = ids.slice(0, PAGE);
        const last = page.at(-1);
        const done = ids.length <= PAGE;
        return { rows: page.map((id) => crm.state(id, fields)), done, ...(!done && last !== undefined && { cursor: last }) };
      }),
  };
}

/** In the order of their stamps; the next run begins an overlap before the end of this one. */
function changedSince(
  crm: PlainCrm,
  fields: readonly string[],
  cursor: string | undefined,
  at: { readonly fromMs: number; readonly overlapMs: number; readonly lagMs: number; readonly nowMs: number },
): RowPage {
  const [fromMs, afterId, resumeMs]: [number, string, number] = cursor === undefined ? [at.fromMs, '', 0] : JSON.parse(cursor);
  const stampOf = (state: ObjectState): number =>
    state.state === 'present' ? state.stampMs : state.state === 'deleted' ? state.deletedAtMs : 0;
  const rows = crm
    .ids()
    .map((id) => crm.state(id, fields, at.lagMs))
    .filter((state) => state.state !== 'missing')
    .filter((state) => stampOf(state) > fromMs || (stampOf(state) === fromMs && state.objectId > afterId))
    .sort((a, b) => stampOf(a) - stampOf(b) || (a.objectId < b.objectId ? -1 : 1));
  const page = rows.slice(0, PAGE);
  const last = page.at(-1);
  const resumes = resumeMs > 0 ? resumeMs : Math.max(at.fromMs, at.nowMs - at.overlapMs);
  if (rows.length <= PAGE || last === undefined) return { rows: page, done: true, cursor: JSON.stringify([resumes, '', 0]) };
  return { rows: page, done: false, cursor: JSON.stringify([stampOf(last), last.objectId, resumes]) };
}
