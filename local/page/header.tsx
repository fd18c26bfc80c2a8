import type { Dispatch } from 'preact/hooks';
import { useState } from 'preact/hooks';
import { control, messageOf } from './control-client.ts';
import { Dialog } from './dialog.tsx';
import { Icon, Mark } from './icons.tsx';
import { medianMs } from './journeys.ts';
import { type Action, onTheirWay, type Session } from './session.ts';
import { refresh } from './use-session.ts';
import { formatMs } from './wording.ts';

type Act = 'pause' | 'resume' | 'poll' | 'reset';

export function Header({ session, dispatch }: { session: Session; dispatch: Dispatch<Action> }) {
  const [busy, setBusy] = useState<Act>();
  const [problem, setProblem] = useState('');
  const [confirming, setConfirming] = useState(false);
  const { status } = session;
  const paused = status?.paused === true;
  const idle = busy !== undefined || session.connection === 'lost';

  const carryOut = async (act: Act) => {
    setBusy(act);
    setProblem('');
    try {
      await control[act]();
      if (act === 'reset') {
        dispatch({ kind: 'restart', nowMs: Date.now() });
        refresh(dispatch);
      }
      dispatch({ kind: 'status', status: await control.status(), nowMs: Date.now() });
    } catch (error) {
      setProblem(messageOf(error));
    } finally {
      setBusy(undefined);
    }
  };

  return (
    <header class="header">
      <div class="brand">
        <Mark />
        <h1>Concord</h1>
        <p class="promise">Edit a contact in either CRM. The other agrees, field by field.</p>
      </div>
      <State session={session} />
      <div class="acts">
        <button
          type="button"
          class="button"
          disabled={idle || status === undefined}
          onClick={() => void carryOut(paused ? 'resume' : 'pause')}
          title={paused ? 'Concord goes on with what waits' : 'Concord stops working; edits wait until it resumes'}
        >
          <Icon name={paused ? 'play' : 'pause'} />
          <span>{paused ? 'Resume' : 'Pause'}</span>
        </button>
        <button
          type="button"
          class="button"
          disabled={idle || paused}
          onClick={() => void carryOut('poll')}
          title="Ask both CRMs now what has changed, as Concord does every minute"
        >
          <span class={busy === 'poll' ? 'turning' : ''}>
            <Icon name="poll" />
          </span>
          <span>Poll now</span>
        </button>
        <button type="button" class="button" disabled={idle} onClick={() => setConfirming(true)}>
          <Icon name="reset" />
          <span>{busy === 'reset' ? 'Resetting …' : 'Reset'}</span>
        </button>
      </div>
      {problem !== '' && (
        <p class="header-problem" role="alert">
          {problem}
        </p>
      )}
      {confirming && (
        <Dialog label="Reset everything?" class="dialog-small" onClose={() => setConfirming(false)}>
          <h2>Reset everything?</h2>
          <p>All contacts in both simulated CRMs are deleted for good, and Concord forgets its records, queues and ledger.</p>
          <div class="dialog-acts">
            <button type="button" class="button" onClick={() => setConfirming(false)}>
              Cancel
            </button>
            <button
              type="button"
              class="button button-danger"
              onClick={() => {
                setConfirming(false);
                void carryOut('reset');
              }}
            >
              Reset
            </button>
          </div>
        </Dialog>
      )}
    </header>
  );
}

function State({ session }: { session: Session }) {
  const { status, connection, travels } = session;
  if (connection === 'lost') {
    return (
      <div class="state" role="status">
        <span class="pill pill-lost">
          <i class="dot" />
          Connection lost, retrying
        </span>
      </div>
    );
  }
  const moving = onTheirWay(session);
  const median = medianMs(travels);
  const syncing = status?.syncs.some(({ firstSync }) => firstSync.phase !== 'live') === true;
  const waiting = status?.attention.records ?? 0;
  const agreement = moving > 0 ? `${moving} on ${moving === 1 ? 'its' : 'their'} way` : syncing ? 'First sync …' : 'In agreement';
  return (
    <div class="state">
      <span class={`pill ${status?.paused ? 'pill-paused' : 'pill-running'}`}>
        <i class="dot" />
        {status === undefined ? 'Connecting' : status.paused ? 'Paused' : 'Running'}
      </span>
      <span class={`pill ${moving > 0 || syncing ? 'pill-moving' : 'pill-agreed'}`} role="status">
        {status === undefined ? '…' : agreement}
      </span>
      {waiting > 0 && (
        <span class="pill pill-waiting" title="Held fields, refused writes and contested deletions: GET /conflicts lists them">
          {waiting} for a person
        </span>
      )}
      <span class="median" title="Half of the edits seen on this page were faster, from save to arrival">
        <b>{median === undefined ? '–' : formatMs(median)}</b> median
      </span>
    </div>
  );
}
