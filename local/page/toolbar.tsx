import { useEffect, useRef } from 'preact/hooks';
import { SYSTEM_NAMES, SYSTEMS, type System } from './fields.ts';
import { Icon } from './icons.tsx';

/** People on one screen: a thousand rows would be slow to draw and no easier to read. */
export const PAGE_SIZE = 50;

interface Props {
  readonly query: string;
  readonly onQuery: (query: string) => void;
  readonly people: number;
  readonly loaded: boolean;
  readonly page: number;
  readonly pageMax: number;
  readonly onPage: (page: number) => void;
  readonly facing: System;
  readonly onFacing: (system: System) => void;
  readonly arrivedIn: ReadonlySet<string>; // CRMs in which something just arrived
}

export function Toolbar({ query, onQuery, people, loaded, page, pageMax, onPage, facing, onFacing, arrivedIn }: Props) {
  const search = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const focusSearch = (event: KeyboardEvent) => {
      const typing = event.target instanceof HTMLInputElement;
      if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || document.querySelector('dialog[open]')) return;
      event.preventDefault();
      search.current?.focus();
    };
    document.addEventListener('keydown', focusSearch);
    return () => document.removeEventListener('keydown', focusSearch);
  }, []);
  const first = page * PAGE_SIZE + 1;
  const last = Math.min(people, (page + 1) * PAGE_SIZE);
  return (
    <div class="toolbar">
      <div class="search">
        <Icon name="search" />
        <label class="for-readers" for="search">
          Search people
        </label>
        <input
          id="search"
          ref={search}
          type="search"
          placeholder="Search people"
          value={query}
          onInput={(event) => onQuery(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Escape') return;
            onQuery('');
            event.currentTarget.blur();
          }}
        />
        <kbd>/</kbd>
      </div>
      <fieldset class="facing">
        <legend class="for-readers">CRM to show</legend>
        {SYSTEMS.map((system) => (
          <button
            key={system}
            type="button"
            class={`facing-${system}`}
            aria-pressed={facing === system}
            onClick={() => onFacing(system)}
          >
            {SYSTEM_NAMES[system]}
            {arrivedIn.has(system) && facing !== system && <span class="facing-news" title="Something arrived" />}
          </button>
        ))}
      </fieldset>
      <p class="tip">Click a value to edit it. Enter saves, Esc cancels.</p>
      {pageMax > 0 ? (
        <nav class="pager" aria-label="Pages">
          <span>
            {first}–{last} of {people}
          </span>
          <button
            type="button"
            class="button-bare"
            disabled={page === 0}
            onClick={() => onPage(page - 1)}
            aria-label="Previous page"
          >
            <Icon name="previous" />
          </button>
          <button
            type="button"
            class="button-bare"
            disabled={page === pageMax}
            onClick={() => onPage(page + 1)}
            aria-label="Next page"
          >
            <Icon name="next" />
          </button>
        </nav>
      ) : (
        <p class="pager">{loaded ? `${people} ${people === 1 ? 'person' : 'people'}` : ''}</p>
      )}
    </div>
  );
}
