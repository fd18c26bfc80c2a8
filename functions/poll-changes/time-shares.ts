/**
 * Divides a run among the syncs that it takes in turn: each may begin work until its fair part of what is left is over, so that one
 * that lists a whole system does not keep the others from being polled. What a sync does not use is there for the next.
 *
 * @param endMs - epoch ms; no sync begins anything after it.
 * @param turns - how many syncs take their turn.
 * @returns asked at the beginning of each turn: until when it may begin work, epoch ms.
 */
export function timeShares(endMs: number, turns: number, now: () => number): () => number {
  let left = turns;
  return () => {
    const nowMs = now();
    const share = Math.max(0, endMs - nowMs) / Math.max(1, left);
    left -= 1;
    return nowMs + Math.floor(share);
  };
}
