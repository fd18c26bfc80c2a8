import { useEffect, useState } from 'preact/hooks';
import type { NativeValue } from '../../shared/sync/change-hint.ts';
import { control, messageOf } from './control-client.ts';
import { Dialog } from './dialog.tsx';
import { nameOf, type System, textOf, wordsOf } from './fields.ts';
import { Hint } from './hint.tsx';
import { Icon } from './icons.tsx';
import type { LedgerLineMessage, RecordAnswer } from './messages.ts';
import { isConflictRule, ruleWords } from './rule-words.ts';
import { formatTime } from './wording.ts';

export interface RecordOf {
  readonly system: System;
  readonly objectId: string;
  readonly name: string; // empty where the contact is gone: its record knows it
}

type Found = { readonly answer: RecordAnswer | undefined } | { readonly problem: string };

/** The ledger of one record: every value there ever was, whose it was, and by which rule it won or lost. */
export function RecordDrawer({ of, onClose }: { of: RecordOf | undefined; onClose: () => void }) {
  return of === undefined ? null : <OpenDrawer key={`${of.system}:${of.objectId}`} of={of} onClose={onClose} />;
}

function OpenDrawer({ of, onClose }: { of: RecordOf; onClose: () => void }) {
  const [found, setFound] = useState<Found>();
  useEffect(() => {
    control.record(of.system, of.objectId).then(
      (answer) => setFound({ answer }),
      (error: unknown) => setFound({ problem: messageOf(error) }),
    );
  }, [of.system, of.objectId]);
  const name = of.name || (found !== undefined && 'answer' in found && nameIn(found.answer)) || `Contact in ${nameOf(of.system)}`;
  return (
    <Dialog label={`Ledger of ${name}`} class="drawer" onClose={onClose}>
      <div class="drawer-head">
        <h2>{name}</h2>
        <button type="button" class="button-bare" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </div>
      {found === undefined && <p class="drawer-note">Loading the ledger …</p>}
      {found !== undefined && 'problem' in found && (
        <p class="drawer-note" role="alert">
          The ledger could not be read. {found.problem}
        </p>
      )}
      {found !== undefined && 'answer' in found && found.answer === undefined && (
        <p class="drawer-note">Concord has no record of this contact yet.</p>
      )}
      {found !== undefined && 'answer' in found && found.answer !== undefined && <Ledger answer={found.answer} />}
    </Dialog>
  );
}

function nameIn(answer: RecordAnswer | undefined): string {
  const { firstName, lastName } = answer?.record.fields ?? {};
  return [firstName, lastName]
    .map((field) => textOf(field?.value))
    .filter(Boolean)
    .join(' ');
}

function Ledger({ answer: { record, ledger } }: { answer: RecordAnswer }) {
  const entries = ledger.toSorted((a, b) => b.version - a.version);
  return (
    <>
      <dl class="links">
        {Object.entries(record.links).map(([system, { objectId, state, refusal }]) => (
          <div key={system} class={`link in-${system}`}>
            <dt>{nameOf(system)}</dt>
            <dd>
              {objectId ?? 'no object'} <span>{state}</span>
              {refusal !== undefined && <p class="link-refusal">{refusal.message ?? refusal.code}</p>}
            </dd>
          </div>
        ))}
        <div class="link">
          <dt>Record</dt>
          <dd>
            {record.recordId} <span>version {record.version}</span>
          </dd>
        </div>
      </dl>
      <h3>Ledger</h3>
      {entries.length === 0 && <p class="drawer-note">Nothing has been decided for this contact yet.</p>}
      <ol class="ledger">
        {entries.map((entry) => (
          <li key={entry.version}>
            <p class="ledger-head">
              <b>Version {entry.version}</b>
              {entry.decidedAtMs !== undefined && <time>{formatTime(entry.decidedAtMs)}</time>}
              <code title={entry.correlationId}>{entry.correlationId}</code>
            </p>
            <ul>
              {entry.lines.map((line, index) => (
                <LedgerLine key={index} line={line} />
              ))}
            </ul>
          </li>
        ))}
      </ol>
    </>
  );
}

function LedgerLine({ line }: { line: LedgerLineMessage }) {
  const { field, event, rule, reason, by, from, to, lost } = line;
  return (
    <li class={`ledger-line in-${by}`}>
      <p class="ledger-what">
        <i class="stop-dot" />
        <span>
          <b>{field === undefined ? event : wordsOf(field)}</b>
          {field !== undefined && ` ${event}`}
        </span>
        <span class="ledger-by">{nameOf(by)}</span>
        <Hint
          words={reason === undefined ? ruleWords(rule) : `${ruleWords(rule)} Reason: ${reason}.`}
          class={`rule ${isConflictRule(rule) ? 'rule-conflict' : ''}`}
        >
          {rule}
        </Hint>
      </p>
      {(from !== undefined || to !== undefined) && (
        <p class="ledger-values">
          {from !== undefined && <Value value={from} old />}
          {from !== undefined && to !== undefined && <Icon name="arrow" />}
          {to !== undefined && <Value value={to} />}
        </p>
      )}
      {reason !== undefined && isConflictRule(rule) && <p class="ledger-reason">{reason}</p>}
      {lost !== undefined && (
        <p class="ledger-values ledger-lost">
          <span>Lost</span>
          <Value value={lost.value} old />
          <span>from {nameOf(lost.by)}</span>
        </p>
      )}
    </li>
  );
}

function Value({ value, old = false }: { value: NativeValue; old?: boolean }) {
  const text = textOf(value);
  if (text === '') return <em>empty</em>;
  return old ? <del>{text}</del> : <ins>{text}</ins>;
}
