import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { SYSTEM_NAMES } from './fields.ts';
import type { Arrived } from './session.ts';
import { formatMs } from './wording.ts';

interface Props {
  readonly text: string;
  readonly label: string; // which value of whom, for those who do not see the column
  readonly person: string;
  readonly at: string; // row:column
  readonly active: string; // the cell that Tab reaches
  readonly disabled: boolean;
  readonly arrived: Arrived | undefined;
  /** Whether the value arrived alone, or which part of a whole row that arrived this cell is. */
  readonly extent: 'cell' | 'row-start' | 'row-badge' | 'row';
  readonly onGiveUp: () => void;
  readonly onSave: (text: string) => Promise<boolean>;
  readonly children?: ComponentChildren;
}

/** One value, edited in place: a click or Enter opens it, Enter or leaving it saves, Escape gives up. */
export function ContactCell(props: Props) {
  const { text, label, at, arrived } = props;
  const [draft, setDraft] = useState<string>();
  const [saving, setSaving] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const returnFocus = useRef(false);
  const over = useRef(true); // removing the focused input blurs it once more: that must not save
  const editing = draft !== undefined;
  useEffect(() => {
    if (editing) input.current?.select();
    else if (returnFocus.current) button.current?.focus();
    returnFocus.current = false;
  }, [editing]);

  const close = (keepFocus: boolean) => {
    over.current = true;
    returnFocus.current = keepFocus;
    setDraft(undefined);
  };
  const save = async (keepFocus: boolean) => {
    if (draft === undefined || over.current || saving) return;
    if (draft === text) return close(keepFocus);
    setSaving(true);
    const saved = await props.onSave(draft);
    setSaving(false);
    if (saved) close(keepFocus);
    else if (keepFocus) input.current?.focus(); // left by a click: shown as refused, but nobody is held fast
  };

  return (
    <td class={editing ? 'is-editing' : arrived !== undefined ? 'has-arrival' : ''}>
      {editing ? (
        <input
          ref={input}
          class="cell-input"
          value={draft}
          aria-label={`${label}, saved as ${props.person}`}
          readOnly={saving}
          spellcheck={false}
          autocomplete="off"
          onInput={(event) => setDraft(event.currentTarget.value)}
          onBlur={() => void save(false)}
          onKeyDown={(event) => {
            if (event.key === 'Enter') void save(true);
            if (event.key === 'Escape') {
              close(true);
              props.onGiveUp();
            }
          }}
        />
      ) : (
        <button
          ref={button}
          type="button"
          class="cell-value"
          data-at={at}
          tabIndex={props.active === at ? 0 : -1}
          disabled={props.disabled}
          title={text}
          aria-label={`${label}: ${text || 'empty'}. Edit`}
          onClick={() => {
            over.current = false;
            setDraft(text);
          }}
        >
          {props.children}
          <span class={text === '' ? 'cell-empty' : 'cell-text'}>{text || '–'}</span>
        </button>
      )}
      {arrived !== undefined && !editing && (
        <span key={arrived.seenAtMs} class={`arrival arrival-${props.extent} arrival-from-${arrived.fromSystem}`}>
          {(props.extent === 'cell' || props.extent === 'row-badge') && (
            <span class="arrival-badge">
              {arrived.tookMs === undefined ? `from ${SYSTEM_NAMES[arrived.fromSystem]}` : formatMs(arrived.tookMs)}
            </span>
          )}
        </span>
      )}
    </td>
  );
}
