import { type Dispatch, useEffect, useRef } from 'preact/hooks';
import { control } from './control-client.ts';
import type { Pair } from './pairs.ts';
import type { Action } from './session.ts';

/** So many lone contacts of a screen are asked for: first syncs leave a few, not hundreds. */
const ASKED_MAX = 50;

/** Asks Concord, once each, for the partner of visible contacts that no match key pairs: it may know better. */
export function useKnownLinks(visible: readonly Pair[], dispatch: Dispatch<Action>): void {
  const asked = useRef(new Set<string>());
  const alone = visible.flatMap(({ salesforce, hubspot }) =>
    salesforce !== undefined && hubspot === undefined ? [salesforce.objectId] : [],
  );
  const open = alone.filter((objectId) => !asked.current.has(objectId)).slice(0, ASKED_MAX);
  const key = open.join();
  useEffect(() => {
    const ask = async () => {
      for (const objectId of open) {
        asked.current.add(objectId);
        const answer = await control.record('salesforce', objectId).catch(() => undefined);
        const partner = answer?.record.links.hubspot?.objectId;
        if (partner !== undefined) dispatch({ kind: 'link', salesforce: objectId, hubspot: partner });
      }
    };
    void ask();
  }, [key]);
}
