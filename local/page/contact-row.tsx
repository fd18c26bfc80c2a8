import { useEffect, useState } from 'preact/hooks';
import { ContactCell } from './contact-cell.tsx';
import { type Column, otherSystem, PERSONS, SYSTEM_NAMES, type System, textOf } from './fields.ts';
import { Icon } from './icons.tsx';
import { displayName, type Pair } from './pairs.ts';
import type { RecordOf } from './record-drawer.tsx';
import type { Arrived } from './session.ts';

/** How long a first press of Delete waits for the second. */
const ARMED_MS = 3_000;
/** Where a contact that arrived as a whole shows how long it took: the e-mail's column is the widest. */
const WHOLE_BADGE_COLUMN = 2;

interface Props {
  readonly pair: Pair;
  readonly system: System;
  readonly columns: readonly Column[];
  readonly row: number;
  readonly active: string;
  readonly arrivals: ReadonlyMap<string, Arrived>;
  readonly moving: ReadonlySet<string>;
  readonly onSave: (objectId: string, native: string, value: string | null) => Promise<boolean>;
  readonly onGiveUp: () => void;
  readonly onRemove: (objectId: string) => void;
  readonly onRecord: (of: RecordOf) => void;
}

export function ContactRow(props: Props) {
  const { pair, system, columns, row } = props;
  const contact = pair[system];
  const other = otherSystem(system);
  const twin = pair[other];
  if (contact === undefined) {
    const coming = props.moving.has(`${other}:${twin?.objectId ?? ''}`);
    return (
      <tr class="absent" data-row={pair.key}>
        <td colSpan={columns.length + 1}>
          {coming ? 'On its way …' : `Not in ${SYSTEM_NAMES[system]}: ${displayName(twin, other) || 'this contact'}`}
        </td>
      </tr>
    );
  }
  const name = displayName(contact, system) || contact.objectId;
  const deleted = contact.deletedAtMs !== undefined;
  const key = `${system}:${contact.objectId}`;
  const moving = props.moving.has(key) || (twin !== undefined && props.moving.has(`${other}:${twin.objectId}`));
  const whole = props.arrivals.get(`${key}:*`);
  return (
    <tr data-row={pair.key} class={deleted ? 'deleted' : moving ? 'moving' : ''}>
      {columns.map((column, index) => {
        const native = column.native[system] ?? '';
        return (
          <ContactCell
            key={column.field}
            text={textOf(contact.values[native])}
            label={`${column.label} of ${name} in ${SYSTEM_NAMES[system]}`}
            person={PERSONS[system]}
            at={`${row}:${index}`}
            active={props.active}
            disabled={deleted}
            arrived={props.arrivals.get(`${key}:${column.field}`) ?? whole}
            extent={whole === undefined ? 'cell' : index === 0 ? 'row-start' : index === WHOLE_BADGE_COLUMN ? 'row-badge' : 'row'}
            onGiveUp={props.onGiveUp}
            onSave={(value) => props.onSave(contact.objectId, native, value === '' ? null : value)}
          >
            {index === 0 && <LinkDot alone={twin === undefined} moving={moving} />}
          </ContactCell>
        );
      })}
      <td class="acts-cell">
        {!deleted && (
          <RowActs
            name={name}
            row={row}
            column={columns.length}
            active={props.active}
            onRecord={() => props.onRecord({ system, objectId: contact.objectId, name })}
            onRemove={() => props.onRemove(contact.objectId)}
          />
        )}
      </td>
    </tr>
  );
}

/** Whether the contact has a twin, told by form and colour both. */
function LinkDot({ alone, moving }: { alone: boolean; moving: boolean }) {
  const words = moving ? 'On its way' : alone ? 'Only here' : 'In both CRMs';
  return (
    <span class={`link-dot ${moving ? 'is-moving' : alone ? 'is-alone' : ''}`} title={words}>
      <span class="for-readers">{words}</span>
    </span>
  );
}

interface ActsProps {
  readonly name: string;
  readonly row: number;
  readonly column: number;
  readonly active: string;
  readonly onRecord: () => void;
  readonly onRemove: () => void;
}

function RowActs({ name, row, column, active, onRecord, onRemove }: ActsProps) {
  const [armed, setArmed] = useState(false);
  useEffect(() => {
    if (!armed) return undefined;
    const timer = setTimeout(() => setArmed(false), ARMED_MS);
    return () => clearTimeout(timer);
  }, [armed]);
  const at = (index: number) => ({
    'data-at': `${row}:${column + index}`,
    tabIndex: active === `${row}:${column + index}` ? 0 : -1,
  });
  return (
    <span class={`row-acts ${armed ? 'is-armed' : ''}`}>
      {!armed && (
        <button type="button" class="button-bare" aria-label={`Ledger of ${name}`} title="Ledger" onClick={onRecord} {...at(0)}>
          <Icon name="ledger" />
        </button>
      )}
      <button
        type="button"
        class={armed ? 'button-armed' : 'button-bare'}
        aria-label={armed ? `Delete ${name}: press again to confirm` : `Delete ${name}`}
        title={armed ? undefined : 'Delete'}
        onBlur={() => setArmed(false)}
        onClick={() => (armed ? onRemove() : setArmed(true))}
        {...at(1)}
      >
        {armed ? 'Delete?' : <Icon name="remove" />}
      </button>
    </span>
  );
}
