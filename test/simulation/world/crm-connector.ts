import type { Connector, ObjectState, RowPage, SystemTraits, WriteOutcome } from '../../../shared/connectors/connector.ts';
import { cursorAfter, readCursor } from '../../../shared/connectors/salesforce/change-cursor.ts';
import { AuthRejectedError, RateLimitedError, RequestRefusedError, SystemUnavailableError } from '../../../shared/errors.ts';
import type { NativeValues } from '../../../shared/sync/change-hint.ts';
import type { PortCall } from '../engine/world-face.ts';
import { CallFailedError } from '../kernel/incarnation.ts';
import type { Author, CrmChange } from './crm-log.ts';
import type { FaultBook } from './faults.ts';
import { comparable, type ModelCrm, type Written } from './model-crm.ts';

const RETRY_AFTER_MS = 5_000;
const LOCK_RETRY_MS = 2_000;
const PAGE_SIZES = [40, 12, 3] as const;

export interface ConnectorSurroundings {
  /** Tells one function's connector from another's. */
  readonly connection: number;
  readonly traits: SystemTraits;
  readonly faults: FaultBook;
  /** True while the access token is rejected (F24). */
  readonly isLockedOut: () => boolean;
  /** Told of what a person cannot see: reads that write, and the like. */
  readonly nextCall: () => number;
}

/**
 * A model CRM as a connector: each method is one call of a port. It is never kinder than the real connectors over the real
 * APIs: what they cannot tell, it does not tell.
 */
export function connectorOf(crm: ModelCrm, call: PortCall, surroundings: ConnectorSurroundings): Connector {
  const { system } = crm;
  const { faults, traits, connection } = surroundings;
  /** The true time of the state that this connection last saw of an object. */
  const seenAsOf = new Map<string, number>();

  /** F23, F24: what stands before every call, and proves that it did nothing. */
  function admit(search: boolean): void {
    if (surroundings.isLockedOut()) {
      faults.took('F24');
      throw new AuthRejectedError(system, 'the access token was rejected');
    }
    if (!faults.strikes('F23')) return;
    faults.took('F23');
    const retryAfterMs = faults.pick([1_000, 10_000, 60_000], 'F23');
    if (faults.pick([true, false], 'F23')) throw new RateLimitedError(system, retryAfterMs, search ? 'search' : 'burst');
    throw new SystemUnavailableError(system, 'it answered 503', retryAfterMs);
  }

  async function read<Result>(name: string, effect: () => Result): Promise<Result> {
    try {
      return await call(`crm ${system} ${name}`, () => {
        admit(name === 'find' || name === 'changes');
        return effect();
      });
    } catch (error) {
      if (!(error instanceof CallFailedError)) throw error;
      throw new SystemUnavailableError(system, error.message, RETRY_AFTER_MS, { cause: error });
    }
  }

  /** A write whose answer is lost may have happened. */
  async function write(
    name: string,
    keys: readonly string[],
    effect: (author: Author) => Map<string, WriteOutcome>,
  ): Promise<Map<string, WriteOutcome>> {
    const number = surroundings.nextCall();
    let gaveUp = false;
    const made: CrmChange[] = [];
    try {
      const outcomes = await call(`crm ${system} ${name}`, () => {
        admit(false);
        const fromSeq = crm.log.changes.length;
        const answer = effect({ by: 'concord', connection, call: number, late: gaveUp });
        made.push(...crm.log.changes.slice(fromSeq));
        // Committed, and then a gateway's 502.
        const fault = name === 'create' ? 'F20' : 'F21';
        if (!faults.strikes(fault)) return answer;
        faults.took(fault);
        return unknownOf(keys, 'it answered 502');
      });
      for (const change of made) {
        const outcome =
          outcomes.get(change.objectId) ?? outcomes.get(String(change.sent?.[crm.typeOf(change.type).externalIdField]));
        if (change.author.by === 'concord' && outcome?.outcome === 'written') change.answered = true;
      }
      return reordered(outcomes);
    } catch (error) {
      if (!(error instanceof CallFailedError)) throw error;
      gaveUp = true;
      if (error.refused) throw new SystemUnavailableError(system, error.message, RETRY_AFTER_MS, { cause: error });
      return unknownOf(keys, error.message);
    }
  }

  /** F22: in any order, and not of every row. */
  function reordered(outcomes: Map<string, WriteOutcome>): Map<string, WriteOutcome> {
    if (outcomes.size < 2 || !faults.strikes('F22')) return outcomes;
    faults.took('F22');
    return new Map([...outcomes].reverse());
  }

  /** F22: a row that is locked for a moment, or that the answer leaves out. */
  function rowFault(): 'locked' | 'left out' | undefined {
    if (!faults.strikes('F22')) return undefined;
    faults.took('F22');
    return faults.pick(['locked', 'left out'], 'F22');
  }

  function lagOf(objectId: string): number {
    if (traits.readLagMs === 0 || !faults.strikes('F36')) return 0;
    const lagMs = faults.upTo(traits.readLagMs, 'F36');
    if (crm.isStale(objectId, lagMs)) faults.took('F36');
    return lagMs;
  }

  function look(objectId: string, fields: readonly string[]): ObjectState {
    const lagMs = lagOf(objectId);
    const state = crm.state(objectId, fields, lagMs);
    seenAsOf.set(objectId, crm.now() - lagMs);
    if (crm.hiddenIds.includes(objectId)) faults.took('F12');
    if (state.state === 'present' && faults.strikes('F14')) {
      // "Last viewed" is a write to the row in some systems.
      faults.took('F14');
      crm.touch(objectId, { by: 'automation' });
    }
    return state;
  }

  /** @throws RequestRefusedError: Salesforce refuses a query that names a field which is not there. HubSpot leaves it out. */
  function checkFields(fields: readonly string[]): void {
    const [gone] = fields.filter((field) => crm.isRetired(field));
    if (gone === undefined) return;
    faults.took('F57');
    if (crm.family === 'salesforce') throw new RequestRefusedError(system, 'INVALID_FIELD', `No such column '${gone}'`);
  }

  function outcomeOf(written: Written, objectId: string | undefined, values: NativeValues): WriteOutcome {
    switch (written.outcome) {
      case 'gone':
        return { outcome: 'gone' };
      case 'omitted':
        return { outcome: 'gone' }; // the connector looks after ids that an answer leaves out
      case 'duplicate':
        faults.took('F54');
        return {
          outcome: 'duplicate',
          existingObjectId: written.existingObjectId,
          message: `${written.field} is taken by ${written.existingObjectId}`,
        };
      case 'rejected':
        faults.happened('F28');
        return written;
      case 'written': {
        if (crm.family === 'salesforce') return { outcome: 'written', objectId: written.objectId };
        const now = crm.valuesOf(written.objectId) ?? {};
        const shown = Object.fromEntries(Object.keys(values).map((name) => [name, now[name] ?? null]));
        return {
          outcome: 'written',
          objectId: objectId ?? written.objectId,
          values: shown,
          stampMs: crm.stampOf(written.objectId),
        };
      }
    }
  }

  /** Live objects that carry a value, from the primary store where it is unique, else from the search index. */
  function carrying(object: string, field: string, value: string, fields: readonly string[]): ObjectState[] {
    const type = crm.typeOf(object);
    const isUnique = field === type.externalIdField || type.fields.some((one) => one.name === field && one.unique);
    const fromIndex = crm.family === 'hubspot' && !isUnique;
    const form = comparable(value);
    const found: ObjectState[] = [];
    for (const objectId of crm.ids(object)) {
      const wanted = fields.includes(field) ? fields : [...fields, field];
      const state = fromIndex ? crm.listed(objectId, wanted) : crm.state(objectId, wanted, lagOf(objectId));
      if (state?.state !== 'present') continue;
      const held = state.values[field] ?? null;
      if (held === null || comparable(held) !== form) continue;
      seenAsOf.set(objectId, crm.now());
      found.push(state);
    }
    return found;
  }

  return {
    system,
    traits,

    describe: (object) => read('describe', () => crm.describe(object)),

    read: (object, objectIds, fields) =>
      read('read', () => {
        checkFields(fields);
        crm.typeOf(object);
        return new Map([...new Set(objectIds)].map((id): [string, ObjectState] => [id, look(id, fields)]));
      }),

    findByField: (object, field, values, fields) =>
      read('find', () => {
        checkFields([...fields, field]);
        return new Map([...new Set(values)].map((value) => [value, carrying(object, field, value, fields)]));
      }),

    update: (_object, writes) =>
      write(
        'update',
        writes.map(({ objectId }) => objectId),
        (author) =>
          new Map(
            writes.map(({ objectId, values }): [string, WriteOutcome] => {
              const fault = rowFault();
              if (fault === 'locked') return [objectId, locked()];
              if (crm.hiddenIds.includes(objectId)) return [objectId, { outcome: 'gone' }];
              const written = crm.update(objectId, values, author, { verifiedAsOfMs: seenAsOf.get(objectId) });
              if (fault === 'left out') return [objectId, leftOut()];
              return [objectId, outcomeOf(written, undefined, values)];
            }),
          ),
      ),

    create: (object, externalIdField, creates) =>
      write(
        'create',
        creates.map(({ recordId }) => recordId),
        (author) =>
          new Map(
            creates.map(({ recordId, values }): [string, WriteOutcome] => {
              const fault = rowFault();
              if (fault === 'locked') return [recordId, locked()];
              // An upsert: whoever carries the id is written over.
              const [known] = crm.liveIds(object).filter((id) => crm.valuesOf(id)?.[externalIdField] === recordId);
              if (known !== undefined && crm.hiddenIds.includes(known)) return [recordId, outOfSight()];
              const written =
                known === undefined
                  ? crm.create(object, { ...values, [externalIdField]: recordId }, author)
                  : crm.update(known, values, author, { verifiedAsOfMs: seenAsOf.get(known) });
              if (fault === 'left out') return [recordId, leftOut()];
              return [recordId, outcomeOf(written, undefined, values)];
            }),
          ),
      ),

    archive: (_object, objectIds) =>
      write('archive', objectIds, (author) => {
        const outcomes = new Map<string, WriteOutcome>();
        for (const objectId of objectIds) {
          if (rowFault() === 'locked') {
            outcomes.set(objectId, locked());
            continue;
          }
          crm.remove(objectId, author, { verifiedAsOfMs: seenAsOf.get(objectId) });
          outcomes.set(objectId, { outcome: 'written', objectId });
        }
        return outcomes;
      }),

    changes: (object, fields, from) =>
      read('changes', () => {
        checkFields(fields);
        return changePage(crm, faults, { object, fields, from });
      }),

    list: (object, fields, cursor) =>
      read('list', () => {
        checkFields(fields);
        const ids = crm.liveIds(object).filter((id) => cursor === undefined || isAfter(id, cursor));
        ids.sort((a, b) => (isAfter(a, b) ? 1 : -1));
        const size = faults.strikes('F08') ? faults.pick(PAGE_SIZES, 'F08') : PAGE_SIZES[0];
        if (ids.length > size) faults.took('F08');
        const page = ids.slice(0, size);
        const last = page.at(-1);
        const rows = page.map((id) => crm.state(id, fields)).filter(({ state }) => state === 'present');
        const done = ids.length <= size;
        return { rows, done, ...(!done && last !== undefined && { cursor: last }) };
      }),
  };
}

/** Rows in the order of their stamps, paged by (stamp, id). A page can come while rows move to the end of the order. */
function changePage(
  crm: ModelCrm,
  faults: FaultBook,
  asked: {
    readonly object: string;
    readonly fields: readonly string[];
    readonly from: { cursor?: string; fromMs: number; overlapMs: number };
  },
): RowPage {
  const { object, fields, from } = asked;
  const position = readCursor(from.cursor, from);
  const askedAtMs = crm.clock();
  const found: { state: ObjectState; stampMs: number; objectId: string }[] = [];
  for (const objectId of crm.ids(object)) {
    // HubSpot lists nothing that was merged away; its survivor names it, and is listed when it was merged.
    const survivorId = crm.family === 'hubspot' ? crm.mergedInto(objectId) : undefined;
    const stampMs = crm.listedStampMs(survivorId ?? objectId);
    if (stampMs === undefined || stampMs < position.fromMs) continue;
    if (position.afterId !== undefined && stampMs === position.fromMs && !isAfter(objectId, position.afterId)) continue;
    const state = crm.listed(objectId, fields);
    if (state === undefined || state.state === 'missing') continue;
    found.push({ state, stampMs, objectId });
  }
  found.sort((a, b) => a.stampMs - b.stampMs || (isAfter(a.objectId, b.objectId) ? 1 : -1));
  if (found.length > 0 && faults.strikes('F11')) {
    faults.took('F11');
    found.length = 0; // an error that reads as an empty page
  }
  const size = faults.strikes('F08') ? faults.pick(PAGE_SIZES, 'F08') : PAGE_SIZES[0];
  const isFull = found.length > size;
  if (isFull) faults.took('F08');
  const page = found.slice(0, size);
  const last = isFull ? page.at(-1) : undefined;
  return {
    rows: page.map(({ state }) => state),
    ...cursorAfter(position, { last, askedAtMs, overlapMs: from.overlapMs }),
  };
}

/** The order of ids: numbers of HubSpot by size, ids of Salesforce as texts. */
function isAfter(id: string, other: string): boolean {
  return id.length === other.length ? id > other : id.length > other.length;
}

function unknownOf(keys: readonly string[], message: string): Map<string, WriteOutcome> {
  return new Map(keys.map((key) => [key, { outcome: 'unknown', message }]));
}

function locked(): WriteOutcome {
  return { outcome: 'retry', code: 'UNABLE_TO_LOCK_ROW', retryAfterMs: LOCK_RETRY_MS };
}

/** An upsert whose key belongs to a row that we may not see. */
function outOfSight(): WriteOutcome {
  return {
    outcome: 'rejected',
    code: 'INSUFFICIENT_ACCESS_OR_READONLY',
    message: 'insufficient access rights on object id',
    fields: [],
  };
}

function leftOut(): WriteOutcome {
  return { outcome: 'unknown', message: 'the answer does not mention this object' };
}
