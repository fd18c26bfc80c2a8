import './no-eval.ts';
import { render } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { ContactsPane } from './contacts-pane.tsx';
import { SYSTEMS, type System } from './fields.ts';
import { Header } from './header.tsx';
import { isOpen } from './journeys.ts';
import { matches } from './pairs.ts';
import { RecordDrawer, type RecordOf } from './record-drawer.tsx';
import { shownPairs } from './session.ts';
import { PAGE_SIZE, Toolbar } from './toolbar.tsx';
import { TrailPanel } from './trail-panel.tsx';
import { useKnownLinks } from './use-known-links.ts';
import { useScrollTogether } from './use-scroll-together.ts';
import { useSession } from './use-session.ts';

function App() {
  const [session, dispatch] = useSession();
  const [query, setQuery] = useState('');
  const [page, setPage] = useState(0);
  const [facing, setFacing] = useState<System>('salesforce'); // on a narrow screen one pane shows at a time
  const [shownRecord, showRecord] = useState<RecordOf>();
  const panes = useScrollTogether();

  const { contacts, travels, knownLinks, newcomers } = session;
  const pairs = useMemo(() => shownPairs(session), [contacts, travels, knownLinks, newcomers]);
  const found = useMemo(() => pairs.filter((pair) => matches(pair, query)), [pairs, query]);
  const pageMax = Math.max(0, Math.ceil(found.length / PAGE_SIZE) - 1);
  const current = Math.min(page, pageMax);
  const visible = found.slice(current * PAGE_SIZE, (current + 1) * PAGE_SIZE);
  const moving = useMemo(
    () => new Set(travels.journeys.filter(isOpen).map(({ system, objectId }) => `${system}:${objectId}`)),
    [travels],
  );
  const arrivedIn = new Set([...session.arrivals.keys()].map((key) => key.split(':', 1)[0] ?? ''));
  useKnownLinks(visible, dispatch);
  useEffect(() => setPage(0), [query]);

  return (
    <div class="app">
      <Header session={session} dispatch={dispatch} />
      <Toolbar
        query={query}
        onQuery={setQuery}
        people={found.length}
        loaded={contacts !== undefined}
        page={current}
        pageMax={pageMax}
        onPage={setPage}
        facing={facing}
        onFacing={setFacing}
        arrivedIn={arrivedIn}
      />
      <main class="panes" data-facing={facing} ref={panes}>
        {SYSTEMS.map((system) => (
          <ContactsPane
            key={system}
            system={system}
            pairs={visible}
            count={contacts?.[system].size}
            query={query}
            problem={contacts === undefined ? session.problem : undefined}
            arrivals={session.arrivals}
            moving={moving}
            dispatch={dispatch}
            onRecord={showRecord}
          />
        ))}
      </main>
      <TrailPanel travels={travels} pairs={pairs} paused={session.status?.paused === true} onRecord={showRecord} />
      <RecordDrawer of={shownRecord} onClose={() => showRecord(undefined)} />
    </div>
  );
}

const root = document.getElementById('app');
if (root !== null) render(<App />, root);
