import { ApiRefusal, alreadyExists, invalidProperties, invalidRequest, type PropertyProblem } from './api-refusal.ts';
import type { HubSpotBehaviour } from './behaviour.ts';
import { type CrmRecord, propertyOf } from './crm-record.ts';
import { acceptValue } from './property-values.ts';
import type { RecordStore } from './record-store.ts';

export interface FieldChange {
  readonly from: string | null;
  readonly to: string | null;
}

/** A write that was checked and may be committed. */
export interface RecordDraft {
  readonly store: RecordStore;
  /** The record as it stands; absent for a creation. */
  readonly before?: CrmRecord;
  readonly properties: Readonly<Record<string, string>>;
  /** Changed properties only. */
  readonly changes: Readonly<Record<string, FieldChange>>;
}

/** How strict a write is. Dated paths enforce what administrators made mandatory. */
export interface WriteRules {
  readonly behaviour: HubSpotBehaviour;
  readonly dated: boolean;
}

/** @throws ApiRefusal when the record could not be made so, unique values apart: see `refuseConflicts`. */
export function draftCreate(store: RecordStore, values: Readonly<Record<string, string>>, rules: WriteRules): RecordDraft {
  const draft = draftChange(store, undefined, values, rules);
  for (const group of store.type.needed) {
    if (group.some((name) => draft.properties[name] !== undefined)) continue;
    throw invalidRequest(`Error creating ${store.type.label.toUpperCase()}. Some required properties were not set.`, [
      { message: `one of ${group.join(', ')} is needed`, code: 'MISSING_REQUIRED_PROPERTY', context: { properties: group } },
    ]);
  }
  return draft;
}

/** @throws ApiRefusal as `draftCreate`. */
export function draftUpdate(
  store: RecordStore,
  before: CrmRecord,
  values: Readonly<Record<string, string>>,
  rules: WriteRules,
): RecordDraft {
  return draftChange(store, before, values, rules);
}

/**
 * Unique values that somebody else has.
 *
 * @param claimed - by unique key, what earlier rows of the same batch claim; this draft's claims are added.
 * @throws ApiRefusal 409 naming the other record.
 */
export function refuseConflicts(draft: RecordDraft, claimed: Set<string> = new Set()): void {
  const { store, before } = draft;
  const changed = Object.fromEntries(
    Object.keys(draft.changes).flatMap((name) => (draft.properties[name] === undefined ? [] : [[name, draft.properties[name]]])),
  );
  for (const { key, property, value } of store.uniqueKeys(changed)) {
    const owner = store.owner(property, value);
    if (owner !== undefined && owner !== before?.id) throw alreadyExists(store.type.label, owner);
    if (claimed.has(key)) throw alreadyExists(store.type.label);
    claimed.add(key);
  }
}

function draftChange(
  store: RecordStore,
  before: CrmRecord | undefined,
  values: Readonly<Record<string, string>>,
  rules: WriteRules,
): RecordDraft {
  const problems: PropertyProblem[] = [];
  const properties: Record<string, string> = { ...before?.properties };
  const changes: Record<string, FieldChange> = {};
  for (const [name, input] of Object.entries(values)) {
    const definition = store.definitions.get(name);
    if (definition === undefined || definition.archived) {
      problems.push({ property: name, code: 'PROPERTY_DOESNT_EXIST', message: `Property "${name}" does not exist` });
      continue;
    }
    if (definition.readOnlyValue || definition.calculated) {
      const message = `"${name}" is a read only property; its value cannot be set.`;
      problems.push({ property: name, code: 'READ_ONLY_VALUE', message });
      continue;
    }
    const current = before?.properties[name] ?? '';
    const accepted = acceptValue(definition, input, current, rules.behaviour);
    if ('problem' in accepted) {
      problems.push(accepted.problem);
      continue;
    }
    if (accepted.value === current) continue;
    changes[name] = { from: current === '' ? null : current, to: accepted.value === '' ? null : accepted.value };
    if (accepted.value === '') delete properties[name];
    else properties[name] = accepted.value;
  }
  if (problems.length > 0) throw invalidProperties(problems);
  if (rules.dated) refuseMissing(store, before, properties, rules.behaviour);
  return { store, properties, changes, ...(before ? { before } : {}) };
}

/** HubSpot changelog "CRM API write validation enforcement": 400 with MISSING_REQUIRED_PROPERTY. */
function refuseMissing(
  store: RecordStore,
  before: CrmRecord | undefined,
  properties: Readonly<Record<string, string>>,
  behaviour: HubSpotBehaviour,
): void {
  const missing = behaviour.requiredOnDatedPaths.filter(
    (name) =>
      store.definitions.has(name) && properties[name] === undefined && (!before || propertyOf(store.type, before, name) !== null),
  );
  if (missing.length === 0) return;
  throw new ApiRefusal(400, {
    message: `Required properties are missing: ${missing.join(', ')}`,
    category: 'VALIDATION_ERROR',
    errors: missing.map((name) => ({
      message: `${name} is required`,
      code: 'MISSING_REQUIRED_PROPERTY',
      context: { propertyName: [name] },
    })),
  });
}
