import { useState } from 'preact/hooks';
import type { NativeValues } from '../../shared/sync/change-hint.ts';
import { messageOf } from './control-client.ts';
import { Dialog } from './dialog.tsx';
import { type Column, otherSystem, PERSONS, SYSTEM_NAMES, type System } from './fields.ts';

/** What is asked of a new contact; the rest can be filled in in the table. */
const FIELDS_MAX = 6;

interface Props {
  readonly system: System;
  readonly columns: readonly Column[];
  readonly onClose: () => void;
  /** @throws Error with the CRM's reason when it refuses. */
  readonly onCreate: (values: NativeValues) => Promise<unknown>;
}

export function NewContact({ system, columns, onClose, onCreate }: Props) {
  const [problem, setProblem] = useState('');
  const [saving, setSaving] = useState(false);
  const asked = columns.slice(0, FIELDS_MAX);

  const create = async (form: HTMLFormElement) => {
    const given = [...new FormData(form)].flatMap(([native, value]) =>
      typeof value === 'string' && value.trim() !== '' ? [[native, value.trim()] as const] : [],
    );
    if (given.length === 0) return setProblem('Fill in at least one field.');
    setSaving(true);
    setProblem('');
    try {
      await onCreate(Object.fromEntries(given));
      onClose();
    } catch (error) {
      setProblem(messageOf(error));
      setSaving(false);
    }
  };

  return (
    <Dialog label={`New contact in ${SYSTEM_NAMES[system]}`} class={`dialog-form dialog-${system}`} onClose={onClose}>
      <h2>
        <span class="crm-mark" aria-hidden="true" /> New contact in {SYSTEM_NAMES[system]}
      </h2>
      <p>
        Saved as {PERSONS[system]}. Concord creates the same person in {SYSTEM_NAMES[otherSystem(system)]}.
      </p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void create(event.currentTarget);
        }}
      >
        <div class="form-fields">
          {asked.map(({ field, label, native, kind }) => (
            <label key={field} class={`field-${field}`}>
              <span>{label}</span>
              <input name={native[system]} autocomplete="off" spellcheck={false} inputMode={modeOf(kind)} />
            </label>
          ))}
        </div>
        {problem !== '' && (
          <p class="form-problem" role="alert">
            {problem}
          </p>
        )}
        <div class="dialog-acts">
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button button-primary" disabled={saving}>
            {saving ? 'Saving …' : `Save as ${PERSONS[system]}`}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function modeOf(kind: string): 'email' | 'tel' | 'text' {
  return kind === 'email' ? 'email' : kind === 'phone' ? 'tel' : 'text';
}
