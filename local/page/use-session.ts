import { type Dispatch, useEffect, useReducer } from 'preact/hooks';
import { control, messageOf } from './control-client.ts';
import { isOpen } from './journeys.ts';
import { type TrailMessage, trailEventSchema } from './messages.ts';
import { type Action, newSession, reduce, type Session } from './session.ts';

/** Concord is asked how it stands: often while something travels, now and then otherwise. */
const STATUS_BUSY_MS = 1_500;
const STATUS_CALM_MS = 6_000;
const RETRY_MS = 2_000;
const TICK_MS = 500;

/** The session, kept up to date by the event stream; loads the contacts at the start and after each lost connection. */
export function useSession(): [Session, Dispatch<Action>] {
  const [session, dispatch] = useReducer(reduce, Date.now(), newSession);
  useEffect(() => followEvents(dispatch), []);
  const lost = session.connection === 'lost';
  const loaded = session.contacts !== undefined;
  useEffect(() => (lost || loaded ? undefined : loadContacts(dispatch)), [lost, loaded]);

  const busy = session.travels.journeys.some(isOpen) || session.arrivals.size > 0;
  useEffect(() => (lost ? undefined : askStatus(dispatch, busy ? STATUS_BUSY_MS : STATUS_CALM_MS)), [lost, busy]);

  const hasDeleted =
    session.contacts !== undefined &&
    Object.values(session.contacts).some((side) => [...side.values()].some(({ deletedAtMs }) => deletedAtMs !== undefined));
  const ticking = busy || hasDeleted;
  useEffect(() => {
    if (!ticking) return undefined;
    const timer = setInterval(() => dispatch({ kind: 'tick', nowMs: Date.now() }), TICK_MS);
    return () => clearInterval(timer);
  }, [ticking]);
  return [session, dispatch];
}

function followEvents(dispatch: Dispatch<Action>): () => void {
  let source: EventSource | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let waiting: TrailMessage[] = [];
  let wasLost = false;
  let closed = false;
  // A burst is one change of the screen, not hundreds. Not requestAnimationFrame: a hidden tab must keep up, too.
  const flush = () => {
    const events = waiting;
    waiting = [];
    if (events.length > 0) dispatch({ kind: 'events', events, nowMs: Date.now() });
    // These writes do not tell all the values that the object has now.
    if (events.some((event) => event.type === 'write' && (event.kind === 'restore' || event.kind === 'merge'))) refresh(dispatch);
  };
  const open = () => {
    source = new EventSource('/control/events');
    source.onopen = () => {
      dispatch({ kind: 'connection', state: 'open' });
      if (wasLost) refresh(dispatch);
      wasLost = false;
    };
    source.onmessage = ({ data }) => {
      const event = readEvent(data);
      if (event === undefined) return;
      if (waiting.length === 0) setTimeout(flush, 16);
      waiting.push(event);
    };
    source.onerror = () => {
      wasLost = true;
      dispatch({ kind: 'connection', state: 'lost' });
      source?.close(); // the browser's own retry gives up after an HTTP error: ours does not
      if (!closed) retry = setTimeout(open, RETRY_MS);
    };
  };
  open();
  return () => {
    closed = true;
    clearTimeout(retry);
    source?.close();
  };
}

/** Events of a kind that this page does not know are not for it. */
function readEvent(data: unknown): TrailMessage | undefined {
  if (typeof data !== 'string') return undefined;
  try {
    const read = trailEventSchema.safeParse(JSON.parse(data));
    return read.success ? read.data : undefined;
  } catch {
    return undefined;
  }
}

function loadContacts(dispatch: Dispatch<Action>): () => void {
  let stopped = false;
  const load = async () => {
    while (!stopped) {
      try {
        const contacts = await control.contacts();
        if (!stopped) dispatch({ kind: 'contacts', contacts });
        return;
      } catch (error) {
        dispatch({ kind: 'problem', message: messageOf(error) });
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  };
  void load();
  return () => {
    stopped = true;
  };
}

/** Reads everything anew beside what is shown: after a lost connection, and after a reset. */
export function refresh(dispatch: Dispatch<Action>): void {
  control.contacts().then(
    (contacts) => dispatch({ kind: 'contacts', contacts }),
    () => undefined, // the stream tells when the connection is lost
  );
}

function askStatus(dispatch: Dispatch<Action>, everyMs: number): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;
  const ask = async () => {
    try {
      const status = await control.status();
      if (!stopped) dispatch({ kind: 'status', status, nowMs: Date.now() });
    } catch {
      // Said by the event stream, when the connection is gone; else the next answer is as good.
    }
    if (!stopped) timer = setTimeout(() => void ask(), everyMs);
  };
  void ask();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
