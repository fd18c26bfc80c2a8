import { useMemo, useRef } from 'preact/hooks';
import { isSystem, nameOf, SYSTEMS, type System, wordsOf } from './fields.ts';
import { type Journey, type Travels, totalMs } from './journeys.ts';
import { type Contact, displayName, type Pair } from './pairs.ts';
import type { RecordOf } from './record-drawer.tsx';
import { TrailRow } from './trail-row.tsx';
import { formatMs, formatTime, listed } from './wording.ts';

const ROWS_MAX = 60;

interface Props {
  readonly travels: Travels;
  readonly pairs: readonly Pair[];
  readonly paused: boolean;
  readonly onRecord: (of: RecordOf) => void;
}

/** What Concord does, as it does it: one line per edit, newest first. */
export function TrailPanel({ travels, pairs, paused, onRecord }: Props) {
  const names = useNames(pairs);
  const rows = travels.journeys.slice(0, ROWS_MAX);
  const slowestMs = Math.max(1, ...rows.flatMap((journey) => totalMs(journey) ?? []));
  const { firstSync } = travels;
  const record = (journey: Journey): RecordOf | undefined =>
    isSystem(journey.system) && journey.objectId !== ''
      ? { system: journey.system, objectId: journey.objectId, name: names.get(`${journey.system}:${journey.objectId}`) ?? '' }
      : undefined;
  return (
    <section class="trail" aria-label="Trail">
      <div class="trail-head">
        <h2>Trail</h2>
        <p>Every edit, from save to arrival</p>
      </div>
      <p class="for-readers" role="status" aria-live="polite">
        {lastWords(rows)}
      </p>
      <div class="trail-scroll">
        {rows.length === 0 && firstSync === undefined && (
          <p class="nothing">
            <b>Nothing has happened yet</b>
            <span>Change a value above: its way to the other CRM shows here.</span>
          </p>
        )}
        <ol>
          {rows.map((journey) => (
            <TrailRow
              key={journey.key}
              journey={journey}
              name={names.get(`${journey.system}:${journey.objectId}`) ?? arrivalName(journey, names)}
              slowestMs={slowestMs}
              paused={paused}
              onRecord={() => {
                const of = record(journey);
                if (of !== undefined) onRecord(of);
              }}
            />
          ))}
          {firstSync !== undefined && (
            <li class="trail-row trail-first-sync">
              <time class="trail-time">{formatTime(firstSync.beganAtMs)}</time>
              <p>
                <b>First sync</b> {firstSync.records.size} people matched or made known, {firstSync.deliveries} filled in or
                created in the other CRM
              </p>
            </li>
          )}
        </ol>
      </div>
    </section>
  );
}

/** Names by `system:objectId`. A deleted contact keeps the last name that it had. */
function useNames(pairs: readonly Pair[]): ReadonlyMap<string, string> {
  const { current: names } = useRef(new Map<string, string>());
  const note = (system: System, contact: Contact | undefined) => {
    if (contact !== undefined) names.set(`${system}:${contact.objectId}`, displayName(contact, system));
  };
  useMemo(() => {
    for (const pair of pairs) for (const system of SYSTEMS) note(system, pair[system]);
  }, [pairs]);
  return names;
}

function arrivalName(journey: Journey, names: ReadonlyMap<string, string>): string {
  for (const { system, objectId } of journey.arrivals) {
    const name = names.get(`${system}:${objectId}`);
    if (name !== undefined) return name;
  }
  return '';
}

/** Said aloud by screen readers when an edit has arrived. */
function lastWords(rows: readonly Journey[]): string {
  const done = rows.find((journey) => totalMs(journey) !== undefined);
  const ms = done && totalMs(done);
  if (done === undefined || ms === undefined) return '';
  const where = listed(done.arrivals.map(({ system }) => nameOf(system)));
  const what = done.fields.length === 0 ? 'The change' : listed(done.fields.map(wordsOf));
  return `${what} arrived in ${where} after ${formatMs(ms)}.`;
}
