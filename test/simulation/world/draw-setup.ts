import { compileSync } from '../../../shared/config/compile-sync.ts';
import type { CompiledSync } from '../../../shared/config/compiled-sync.ts';
import {
  additive,
  type ConcordConfig,
  fillOnly,
  firstWriteWins,
  lastWriteWins,
  manual,
  maximum,
  minimum,
  neverAbove,
  oneWay,
  ownValue,
  type Policy,
  preferSystem,
  type Strategy,
  type SyncConfig,
  setUnion,
  sourceOfTruth,
} from '../../../shared/config/define-sync.ts';
import type { Chooser } from '../kernel/choice-tape.ts';
import type { FaultStrengths } from './faults.ts';
import type { Automation } from './model-crm.ts';
import type { Family, NativeField, NativeType, Normaliser, Validation } from './native-field.ts';

/** The canonical fields of a simulated sync. */
export const FIELDS = ['email', 'name', 'first', 'title', 'unit', 'phone', 'score', 'tags', 'born', 'optOut'] as const;
export type WorldField = (typeof FIELDS)[number];

const TYPES: Readonly<Record<WorldField, NativeType>> = {
  email: 'email',
  name: 'text',
  first: 'text',
  title: 'text',
  unit: 'text',
  phone: 'phone',
  score: 'number',
  tags: 'set',
  born: 'date',
  optOut: 'boolean',
};

const NAMES: Readonly<Record<Family, Readonly<Record<WorldField, string>>>> = {
  salesforce: {
    email: 'Email',
    name: 'LastName',
    first: 'FirstName',
    title: 'Title',
    unit: 'Department',
    phone: 'Phone',
    score: 'Score__c',
    tags: 'Tags__c',
    born: 'Birthdate',
    optOut: 'HasOptedOutOfEmail',
  },
  hubspot: {
    email: 'email',
    name: 'lastname',
    first: 'firstname',
    title: 'jobtitle',
    unit: 'department',
    phone: 'phone',
    score: 'score',
    tags: 'tags',
    born: 'date_of_birth',
    optOut: 'opted_out',
  },
};

/** The native name of a field in systems of a family. */
export function nativeName(family: Family, field: WorldField): string {
  return NAMES[family][field];
}

/** One system of a run. */
export interface SystemSetup {
  readonly system: string;
  readonly family: Family;
  /** False where only polls tell of changes. */
  readonly notifies: boolean;
  readonly object: string;
  readonly externalIdField: string;
  readonly stampResolutionMs: number;
  /** What the config says of it. */
  readonly readLagMs: number;
  /** The longest that a listing may miss a write. */
  readonly listLagMs: number;
  readonly skewMs: number;
  readonly mergeMintsNewId: boolean;
  readonly mergedIdsTakeWrites: boolean;
  readonly fields: readonly NativeField[];
  readonly automations: readonly Automation[];
}

export interface WorldSetup {
  readonly config: ConcordConfig;
  readonly syncs: ReadonlyMap<string, CompiledSync>;
  readonly systems: readonly SystemSetup[];
}

export const SYNC = 'contacts';
const COUNTRY = 'DE';
/** F28: no system that has the rule takes it; the others do. */
export const FORBIDDEN_TEXT = '~';
export const SCORE_BOUND = 1_000_000;
const OVERLAP_MINUTES = 10;

type NamedSystem = Pick<SystemSetup, 'system' | 'family' | 'notifies'>;

/** How the systems and the sync of a run are drawn. */
export interface SetupWishes {
  /** Plain strategies and no policies. */
  readonly plain?: boolean;
  readonly systemsMax?: number;
}

export function drawSetup(chooser: Chooser, faults: FaultStrengths = {}, wishes: SetupWishes = {}): WorldSetup {
  const draw = <const Value>(values: readonly [Value, ...Value[]]): Value =>
    values[chooser.choose(values.length, 'setup')] ?? values[0];
  const named: NamedSystem[] = [
    { system: 'salesforce', family: 'salesforce', notifies: true },
    { system: 'hubspot', family: 'hubspot', notifies: true },
  ];
  const systemsMax = wishes.systemsMax ?? 4;
  if (systemsMax > 2 && chooser.chance(600, 'setup'))
    named.push(
      draw<NamedSystem>([
        { system: 'hubspot2', family: 'hubspot', notifies: true },
        { system: 'ledger', family: 'hubspot', notifies: false },
        { system: 'archive', family: 'salesforce', notifies: false },
      ]),
    );
  if (systemsMax > 3 && named.length === 3 && chooser.chance(300, 'setup'))
    named.push({ system: 'warehouse', family: draw(['hubspot', 'salesforce']), notifies: false });
  if (chooser.chance(300, 'setup')) named.reverse(); // who wins ties

  const systems = named.map((one): SystemSetup => {
    const isStrict = one.family === 'salesforce';
    return {
      ...one,
      object: isStrict ? 'Contact' : 'contacts',
      externalIdField: isStrict ? 'Concord_Id__c' : 'concord_id',
      stampResolutionMs: isStrict ? 1_000 : 1,
      readLagMs: (faults.F36 ?? 0) > 0 ? draw([0, 500, 2_000]) : 0,
      // Search of HubSpot follows within moments; rows of Salesforce were seen to appear minutes behind their stamps.
      listLagMs: (faults.F09 ?? 0) === 0 ? 0 : isStrict ? draw([0, 30_000, 480_000]) : draw([0, 5_000, 30_000]),
      skewMs: (faults.F10 ?? 0) > 0 ? draw([0, 400, -400, 5_000, -5_000, 60_000, -60_000, 900_000, -900_000]) : 0,
      mergeMintsNewId: draw([true, false]),
      mergedIdsTakeWrites: draw([false, true]),
      fields: FIELDS.map((field) => nativeField(one.family, field, faults, chooser)),
      automations:
        (faults.F29 ?? 0) > 0 && chooser.chance(faults.F29 ?? 0, 'setup')
          ? [drawAutomation(one.system, one.family, chooser)]
          : [],
    };
  });
  const config = drawConfig(systems, chooser, wishes.plain === true);
  return { config, syncs: new Map([[SYNC, compileSync(config, SYNC)]]), systems };
}

function nativeField(family: Family, field: WorldField, faults: FaultStrengths, chooser: Chooser): NativeField {
  const normalisers = (faults.F25 ?? 0) > 0 && chooser.chance(faults.F25 ?? 0, 'setup') ? drawNormalisers(field, chooser) : [];
  const validations: Validation[] = [];
  if (family === 'salesforce' && field === 'name') validations.push({ kind: 'required' });
  if ((faults.F28 ?? 0) > 0 && chooser.chance(faults.F28 ?? 0, 'setup')) {
    if (field === 'title' || field === 'unit') validations.push({ kind: 'forbids-text', text: FORBIDDEN_TEXT });
    if (field === 'score') validations.push({ kind: 'at-most', bound: SCORE_BOUND });
  }
  return {
    name: nativeName(family, field),
    type: TYPES[field],
    ...(family === 'hubspot' && field === 'email' && { unique: true }),
    ...(normalisers.length > 0 && { normalisers }),
    ...(validations.length > 0 && { validations }),
  };
}

function drawNormalisers(field: WorldField, chooser: Chooser): readonly Normaliser[] {
  const draw = (values: readonly Normaliser[]): readonly Normaliser[] => {
    const drawn = values[chooser.choose(values.length, 'setup')];
    return drawn === undefined ? [] : [drawn];
  };
  switch (field) {
    case 'email':
      return draw([{ kind: 'lower-case' }, { kind: 'trim' }]);
    case 'phone':
      return draw([{ kind: 'phone-digits' }, { kind: 'phone-spaced' }]);
    case 'score':
      return draw([
        { kind: 'round', decimals: 1 },
        { kind: 'round', decimals: 2 },
      ]);
    case 'name':
    case 'first':
    case 'title':
    case 'unit':
      return draw([
        { kind: 'trim' },
        { kind: 'compose' },
        { kind: 'truncate', length: 24 },
        { kind: 'upper-case' },
        { kind: 'lower-case' },
      ]);
    default:
      return [];
  }
}

/** What follows from another field, or an argument about the very field that was saved. */
function drawAutomation(system: string, family: Family, chooser: Chooser): Automation {
  const title = nativeName(family, 'title');
  const unit = nativeName(family, 'unit');
  const timing = family === 'hubspot' ? { afterMs: [500, 5_000][chooser.choose(2, 'setup')] ?? 500 } : {};
  if (chooser.chance(250, 'setup')) {
    // Two systems that each insist on an ending of their own would go on for ever.
    const ending = ` [${system}]`;
    return {
      when: unit,
      sets: unit,
      to: (after) => {
        const value = after[unit];
        return typeof value !== 'string' || value.endsWith(ending) ? undefined : `${value.replace(/ \[\w+\]$/, '')}${ending}`;
      },
      ...timing,
    };
  }
  return {
    when: title,
    sets: unit,
    to: (after) => (typeof after[title] === 'string' ? `unit of ${after[title]} by ${system}` : undefined),
    ...timing,
  };
}

function drawConfig(systems: readonly SystemSetup[], chooser: Chooser, plain: boolean): ConcordConfig {
  const names = systems.map(({ system }) => system);
  const [first = ''] = names;
  const any = (): string => names[chooser.choose(names.length, 'strategies')] ?? first;
  const draw = <Value>(values: readonly Value[]): Value | undefined => values[chooser.choose(values.length, 'strategies')];
  const textStrategies = (): Strategy | undefined =>
    draw<Strategy>([lastWriteWins(), firstWriteWins(), preferSystem(first, 'it knows best'), manual(), fillOnly()]);
  const policies = (field: WorldField): Policy[] => {
    if (plain || !chooser.chance(200, 'strategies')) return [];
    if (field === 'score') return [neverAbove(SCORE_BOUND)];
    return draw<Policy[]>([[sourceOfTruth(any(), 'it is kept there')], [ownValue(any(), 'its own way')]]) ?? [];
  };
  const strategies: Readonly<Partial<Record<WorldField, Strategy | undefined>>> = plain
    ? {}
    : {
        title: textStrategies(),
        unit: textStrategies(),
        phone: textStrategies(),
        score: draw<Strategy>([lastWriteWins(), maximum(), minimum(), additive()]),
        tags: draw<Strategy>([setUnion(), lastWriteWins()]),
      };
  const oneWayField =
    !plain && chooser.chance(200, 'strategies')
      ? { field: 'first', system: any(), direction: draw(['in', 'out'] as const) ?? 'in' }
      : undefined;
  const fields = Object.fromEntries(
    FIELDS.map((field) => {
      const isBound = field === 'unit' || field === 'score';
      const own = isBound ? policies(field) : [];
      return [
        field,
        {
          ...kindOf(field),
          in: Object.fromEntries(
            systems.map(({ system, family }) => [
              system,
              oneWayField?.field === field && oneWayField.system === system
                ? oneWay(nativeName(family, field), oneWayField.direction)
                : nativeName(family, field),
            ]),
          ),
          ...(strategies[field] !== undefined && { strategy: strategies[field] }),
          ...(own.length > 0 && { policies: own }),
        },
      ];
    }),
  );
  const sync: SyncConfig = {
    name: SYNC,
    objects: Object.fromEntries(
      systems.map(({ system, object, externalIdField }) => [system, { type: object, externalId: externalIdField }]),
    ),
    fields,
    matchKeys: [['email']],
    strategy: lastWriteWins(),
    firstSync: !plain && chooser.chance(300, 'strategies') ? manual() : preferSystem(first, 'the oldest'),
    onDelete: chooser.chance(250, 'strategies') ? 'unlink' : 'archive',
    ...(chooser.chance(250, 'strategies') && { onUpdateDelete: 'delete-wins' as const }),
    poll: { everyMinutes: 1, overlapMinutes: OVERLAP_MINUTES },
  };
  return {
    tenant: 'main',
    systems: Object.fromEntries(
      systems.map(({ system, family, readLagMs, stampResolutionMs }) => [
        system,
        { connector: family, readLagMs, stampResolutionMs },
      ]),
    ),
    syncs: [sync],
  };
}

function kindOf(field: WorldField) {
  switch (TYPES[field]) {
    case 'email':
      return { kind: 'email' } as const;
    case 'phone':
      return { kind: 'phone', defaultCountry: COUNTRY } as const;
    case 'number':
      return { kind: 'number' } as const;
    case 'set':
      return { kind: 'set' } as const;
    case 'date':
      return { kind: 'date' } as const;
    case 'boolean':
      return { kind: 'boolean' } as const;
    case 'text':
      return {};
  }
}
