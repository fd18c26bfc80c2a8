import { compileSync } from '../../../../shared/config/compile-sync.ts';
import type { CompiledSync } from '../../../../shared/config/compiled-sync.ts';
import {
  additive,
  type ConcordConfig,
  firstWriteWins,
  lastWriteWins,
  manual,
  maximum,
  minimum,
  preferSystem,
  type Strategy,
  type SyncConfig,
} from '../../../../shared/config/define-sync.ts';
import type { Chooser } from '../../kernel/choice-tape.ts';
import type { PlainKind } from './plain-crm.ts';

export interface PlainSetup {
  readonly config: ConcordConfig;
  readonly syncs: ReadonlyMap<string, CompiledSync>;
  readonly kinds: ReadonlyMap<string, PlainKind>;
  /** How old a read by id may be, ms; the config says so. */
  readonly readLagMs: number;
}

const SALESFORCE = { email: 'Email', name: 'LastName', title: 'Title', unit: 'Department', score: 'Score__c' };
const HUBSPOT = { email: 'email', name: 'lastname', title: 'jobtitle', unit: 'department', score: 'score' };
export const PLAIN_FIELDS = ['email', 'name', 'title', 'unit', 'score'] as const;
export type PlainField = (typeof PLAIN_FIELDS)[number];

/** The native name of a field in a system of a kind. */
export function nativeName(kind: PlainKind, field: PlainField): string {
  return (kind === 'salesforce' ? SALESFORCE : HUBSPOT)[field];
}

export function drawSetup(chooser: Chooser): PlainSetup {
  const kinds: [string, PlainKind][] = [
    ['salesforce', 'salesforce'],
    ['hubspot', 'hubspot'],
  ];
  if (chooser.chance(600, 'systems')) kinds.push(['other', chooser.chance(500, 'systems') ? 'poll-only' : 'hubspot']);
  if (kinds.length === 3 && chooser.chance(300, 'systems')) kinds.push(['fourth', 'poll-only']);
  if (chooser.chance(300, 'systems')) kinds.reverse(); // who wins ties
  const readLagMs = [0, 500, 2_000][chooser.choose(3, 'systems')] ?? 0;
  const strategies = plainStrategies(kinds[0]?.[0] ?? 'salesforce');
  const config = plainConfig(kinds, readLagMs, {
    title: strategies[chooser.choose(strategies.length, 'strategies')],
    unit: strategies[chooser.choose(strategies.length, 'strategies')],
    score: [lastWriteWins(), maximum(), minimum(), additive()][chooser.choose(4, 'strategies')],
    firstSync: chooser.chance(300, 'strategies') ? manual() : preferSystem(kinds[0]?.[0] ?? 'salesforce', 'the oldest'),
  });
  return { config, syncs: new Map([['contacts', compileSync(config, 'contacts')]]), kinds: new Map(kinds), readLagMs };
}

function plainStrategies(first: string): Strategy[] {
  return [lastWriteWins(), firstWriteWins(), preferSystem(first, 'it knows best'), manual()];
}

export function plainConfig(
  kinds: readonly (readonly [string, PlainKind])[],
  readLagMs: number,
  rules: {
    readonly title?: Strategy | undefined;
    readonly unit?: Strategy | undefined;
    readonly score?: Strategy | undefined;
    readonly firstSync?: SyncConfig['firstSync'];
  },
): ConcordConfig {
  const inAll = (field: PlainField) => Object.fromEntries(kinds.map(([system, kind]) => [system, nativeName(kind, field)]));
  const strategyOf = (strategy: Strategy | undefined) => (strategy === undefined ? {} : { strategy });
  return {
    tenant: 'main',
    systems: Object.fromEntries(
      kinds.map(([system, kind]) => [
        system,
        { connector: kind === 'salesforce' ? 'salesforce' : 'hubspot', readLagMs } as const,
      ]),
    ),
    syncs: [
      {
        name: 'contacts',
        objects: Object.fromEntries(
          kinds.map(([system, kind]) => [
            system,
            kind === 'salesforce'
              ? { type: 'Contact', externalId: 'Concord_Id__c' }
              : { type: 'contacts', externalId: 'concord_id' },
          ]),
        ),
        fields: {
          email: { kind: 'email', in: inAll('email') },
          name: { in: inAll('name') },
          title: { in: inAll('title'), ...strategyOf(rules.title) },
          unit: { in: inAll('unit'), ...strategyOf(rules.unit) },
          score: { kind: 'number', in: inAll('score'), ...strategyOf(rules.score) },
        },
        matchKeys: [['email']],
        strategy: lastWriteWins(),
        firstSync: rules.firstSync ?? preferSystem(kinds[0]?.[0] ?? 'salesforce', 'the oldest'),
        onDelete: 'archive',
        poll: { everyMinutes: 1, overlapMinutes: 10 },
      },
    ],
  };
}
