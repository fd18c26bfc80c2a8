import type { ComponentChildren } from 'preact';
import { nameOf, wordsOf } from './fields.ts';
import { Hint } from './hint.tsx';
import { Icon } from './icons.tsx';
import { isOpen, type Journey, totalMs } from './journeys.ts';
import { isConflictRule, ruleWords } from './rule-words.ts';
import { formatMs, formatTime, listed } from './wording.ts';

interface Props {
  readonly journey: Journey;
  readonly name: string;
  readonly slowestMs: number;
  readonly paused: boolean;
  readonly onRecord: () => void;
}

export function TrailRow({ journey, name, slowestMs, paused, onRecord }: Props) {
  const { merged, arrivals, savedAtMs, receivedAtMs, settled } = journey;
  const open = isOpen(journey);
  const total = totalMs(journey);
  const conflict = merged !== undefined && (merged.losers > 0 || merged.rules.some(isConflictRule));
  const refused = arrivals.some(({ kind }) => kind === 'refused');
  const awaited = merged?.deliver.filter((system) => !arrivals.some((arrival) => arrival.system === system)) ?? [];
  const state = open ? (paused ? 'is-waiting' : 'is-open') : refused ? 'is-refused' : conflict ? 'is-conflict' : 'is-done';
  return (
    <li class={`trail-row from-${journey.system} ${state}`} data-correlation={journey.correlationId}>
      <time class="trail-time">{formatTime(journey.beganAtMs)}</time>
      <button type="button" class="trail-what" onClick={onRecord} title="Show the ledger">
        <b>{name || 'Contact'}</b>
        <span>{whatHappened(journey)}</span>
      </button>
      <div class="stops">
        <Stop done={savedAtMs !== undefined} system={journey.system}>
          {savedAtMs === undefined ? 'Noticed in' : 'Saved in'} {nameOf(journey.system)}
        </Stop>
        <Stop done={receivedAtMs !== undefined} afterMs={between(savedAtMs, receivedAtMs)}>
          {receivedWords(journey.correlationId)}
        </Stop>
        <Stop done={merged !== undefined} afterMs={between(receivedAtMs, merged?.atMs)}>
          {merged === undefined && settled !== undefined ? SETTLED_WORDS[settled] : 'Merged'}
          {merged?.rules.map((rule) => (
            <Hint key={rule} words={ruleWords(rule)} class={`rule ${isConflictRule(rule) ? 'rule-conflict' : ''}`}>
              {rule}
            </Hint>
          ))}
          {merged !== undefined && merged.losers > 0 && (
            <button type="button" class="loser" onClick={onRecord}>
              loser in the ledger
            </button>
          )}
        </Stop>
        {arrivals.map(({ system, kind, code, atMs }) => (
          <Stop key={system} done refused={kind === 'refused'} system={system} afterMs={between(merged?.atMs, atMs)}>
            {kind === 'refused'
              ? `Refused by ${nameOf(system)}${code === undefined ? '' : `: ${code}`}`
              : arrivedWords(kind, system, journey.system)}
          </Stop>
        ))}
        {settled === undefined &&
          awaited.map((system) => (
            <Stop key={system} done={false} system={system}>
              {nameOf(system)}
            </Stop>
          ))}
        {merged === undefined && arrivals.length === 0 && settled === undefined && <Stop done={false}>Delivered</Stop>}
        {merged !== undefined && arrivals.length === 0 && awaited.length === 0 && <Stop done>Nothing to deliver</Stop>}
        {merged !== undefined && awaited.length > 0 && settled !== undefined && <Stop done>{SETTLED_WORDS[settled]}</Stop>}
      </div>
      <div class="total">
        {total !== undefined && (
          <>
            <b>{formatMs(total)}</b>
            <meter
              class="for-readers"
              min={0}
              max={slowestMs}
              value={total}
              aria-label="Time compared with the slowest edit shown"
            />
          </>
        )}
        {open && <span class="total-open">{paused ? 'waiting' : <Icon name="arrow" />}</span>}
      </div>
    </li>
  );
}

interface StopProps {
  readonly done: boolean;
  readonly refused?: boolean;
  readonly system?: string;
  readonly afterMs?: number | undefined;
  readonly children: ComponentChildren;
}

function Stop({ done, refused = false, system, afterMs, children }: StopProps) {
  const state = refused ? 'stop-done stop-refused' : done ? 'stop-done' : '';
  return (
    <span class={`stop ${state} ${system === undefined ? '' : `in-${system}`}`}>
      <i class="stop-dot" />
      <span class="stop-words">{children}</span>
      {afterMs !== undefined && <span class="stop-ms">+{formatMs(afterMs)}</span>}
      <span class="stop-line" />
    </span>
  );
}

/** Clocks round: a step never seems to end before it began. */
function between(fromMs: number | undefined, toMs: number | undefined): number | undefined {
  return fromMs === undefined || toMs === undefined ? undefined : Math.max(0, toMs - fromMs);
}

const ACTS: Readonly<Record<Journey['act'], string>> = {
  create: 'created the contact',
  update: 'changed',
  delete: 'deleted the contact',
  restore: 'restored the contact',
  merge: 'merged the contact with another',
  noticed: 'changed',
};

function whatHappened({ act, person, fields, system }: Journey): string {
  const who = person ?? 'Somebody';
  const where = act === 'noticed' ? '' : ` in ${nameOf(system)}`;
  if (act !== 'update' && act !== 'noticed') return `${who} ${ACTS[act]}${where}`;
  return `${who} changed ${fields.length === 0 ? 'something' : listed(fields.map(wordsOf))}`;
}

/** The way by which Concord learned of it is the first part of the correlation id. */
function receivedWords(correlationId: string | undefined): string {
  if (correlationId === undefined) return 'Received';
  if (correlationId.startsWith('webhook-')) return 'Received by webhook';
  if (correlationId.startsWith('event-')) return 'Received as change event';
  if (correlationId.startsWith('outbound-')) return 'Received by message';
  if (correlationId.startsWith('poll-')) return 'Found by poll';
  if (correlationId.startsWith('sweep-')) return 'Found by sweep';
  return 'Received';
}

function arrivedWords(kind: string, system: string, origin: string): string {
  if (system === origin && kind === 'update') return `Put back in ${nameOf(system)}`;
  switch (kind) {
    case 'create':
      return `Created in ${nameOf(system)}`;
    case 'archive':
      return `Deleted in ${nameOf(system)}`;
    case 'linked':
      return `Linked in ${nameOf(system)}`;
    default:
      return `Delivered to ${nameOf(system)}`;
  }
}

const SETTLED_WORDS = {
  agreed: 'Travelled with another edit',
  overtaken: 'Overtaken by the other edit',
  quiet: 'Nothing to carry over',
} as const;
