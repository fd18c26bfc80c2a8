import type { Dispatch } from 'preact/hooks';
import { useState } from 'preact/hooks';
import { ContactRow } from './contact-row.tsx';
import { control, messageOf } from './control-client.ts';
import { COLUMNS, PERSONS, SYSTEM_NAMES, type System } from './fields.ts';
import { moveInGrid } from './grid-keys.ts';
import { Icon } from './icons.tsx';
import { NewContact } from './new-contact.tsx';
import type { Pair } from './pairs.ts';
import type { RecordOf } from './record-drawer.tsx';
import type { Action, Arrived } from './session.ts';
import { sentence } from './wording.ts';

interface Props {
  readonly system: System;
  readonly pairs: readonly Pair[];
  readonly count: number | undefined; // undefined until the contacts are loaded
  readonly query: string;
  readonly problem: string | undefined;
  readonly arrivals: ReadonlyMap<string, Arrived>;
  readonly moving: ReadonlySet<string>;
  readonly dispatch: Dispatch<Action>;
  readonly onRecord: (of: RecordOf) => void;
}

/** One CRM's contacts. Its rows stand at the same height as their twins in the other pane. */
export function ContactsPane(props: Props) {
  const { system, pairs, count, dispatch } = props;
  const [problem, setProblem] = useState('');
  const [creating, setCreating] = useState(false);
  const [active, setActive] = useState('0:0'); // the one cell that Tab reaches; arrows go on from there
  const name = SYSTEM_NAMES[system];
  const columns = COLUMNS.filter((column) => column.native[system] !== undefined);

  const attempt = async (act: () => Promise<unknown>): Promise<boolean> => {
    setProblem('');
    try {
      await act();
      return true;
    } catch (error) {
      setProblem(messageOf(error));
      return false;
    }
  };

  return (
    <section class={`pane pane-${system}`} aria-label={name}>
      <div class="pane-head">
        <span class="crm-mark" aria-hidden="true" />
        <h2>{name}</h2>
        <span class="count">{count ?? ''}</span>
        <span class="person">
          as <b>{PERSONS[system]}</b>
        </span>
        <button type="button" class="button button-small" disabled={count === undefined} onClick={() => setCreating(true)}>
          <Icon name="plus" />
          <span>New contact</span>
        </button>
      </div>
      <div class="pane-scroll">
        <table
          // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: a table whose cells are edited in place is a grid
          role="grid"
          aria-label={`Contacts in ${name}`}
          aria-busy={count === undefined}
          onKeyDown={moveInGrid}
          onFocusIn={(event) => {
            const at = event.target instanceof HTMLElement ? event.target.dataset.at : undefined;
            if (at !== undefined) setActive(at);
          }}
        >
          <colgroup>
            {columns.map(({ field }) => (
              <col key={field} class={`col-${field}`} />
            ))}
            <col class="col-acts" />
          </colgroup>
          <thead>
            <tr>
              {columns.map(({ field, label, native }) => (
                <th key={field} scope="col" title={native[system]}>
                  {label}
                </th>
              ))}
              <th scope="col" class="acts-cell">
                <span class="for-readers">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {pairs.map((pair, index) => (
              <ContactRow
                key={pair.key}
                pair={pair}
                system={system}
                columns={columns}
                row={index}
                active={active}
                arrivals={props.arrivals}
                moving={props.moving}
                onSave={(objectId, native, value) =>
                  attempt(async () => {
                    await control.edit(system, objectId, { [native]: value });
                    dispatch({ kind: 'saved', system, objectId, native, value });
                  })
                }
                onGiveUp={() => setProblem('')}
                onRemove={(objectId) => void attempt(() => control.remove(system, objectId))}
                onRecord={props.onRecord}
              />
            ))}
            {count === undefined && props.problem === undefined && <Loading columns={columns.length + 1} />}
          </tbody>
        </table>
        {count === undefined && props.problem !== undefined && (
          <div class="nothing" role="alert">
            <b>The contacts cannot be shown</b>
            <span>{sentence(props.problem)}</span>
          </div>
        )}
        {count !== undefined && pairs.length === 0 && (
          <div class="nothing">
            {props.query === '' ? (
              <>
                <b>No contacts yet</b>
                <span>Add one, and it appears in both CRMs.</span>
                <button type="button" class="button" onClick={() => setCreating(true)}>
                  <Icon name="plus" />
                  <span>New contact</span>
                </button>
              </>
            ) : (
              <>
                <b>Nobody found</b>
                <span>No value in either CRM holds “{props.query}”.</span>
              </>
            )}
          </div>
        )}
      </div>
      {problem !== '' && (
        <p class="pane-problem" role="alert">
          {sentence(problem)}
          <button type="button" class="button-bare" aria-label="Dismiss" onClick={() => setProblem('')}>
            <Icon name="close" />
          </button>
        </p>
      )}
      {creating && (
        <NewContact
          system={system}
          columns={columns}
          onClose={() => setCreating(false)}
          onCreate={(values) => control.create(system, values)}
        />
      )}
    </section>
  );
}

const LOADING_ROWS = [0, 1, 2, 3, 4, 5, 6, 7];

function Loading({ columns }: { columns: number }) {
  return LOADING_ROWS.map((row) => (
    <tr key={row} class="loading">
      <td colSpan={columns}>
        <span />
      </td>
    </tr>
  ));
}
