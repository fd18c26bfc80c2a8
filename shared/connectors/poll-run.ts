/**
 * Where the run after this one must begin, given that a row may become visible up to `overlapMs`
 * after its stamp (late commits, index lag). Undefined while every page so far is beyond doubt.
 *
 * A page asked for at time T shows all rows stamped up to T - overlap. As long as pages end before
 * that, nothing can be missing behind them; from the first page that does not, a next run looks again.
 * So a long catch-up is read once, and only the last minutes are read twice.
 *
 * @param page.fromMs - stamp after which the page begins.
 * @param page.toMs - stamp of its last row; undefined when it is the last page there is.
 * @param page.askedAtMs - by the system's clock.
 */
export function resumeAfterPage(
  known: number | undefined,
  page: { fromMs: number; toMs: number | undefined; askedAtMs: number; overlapMs: number },
): number | undefined {
  if (known !== undefined) return known;
  const settledMs = page.askedAtMs - page.overlapMs;
  if (page.toMs !== undefined && page.toMs <= settledMs) return undefined;
  return Math.max(page.fromMs, settledMs);
}

/**
 * A run that never ends, because changes come as fast as they are read, would never look again at
 * what became visible behind it. Once it has followed the newest changes for the overlap, it starts over.
 */
export function mustStartOver(resumeMs: number | undefined, askedAtMs: number, overlapMs: number): boolean {
  return resumeMs !== undefined && overlapMs > 0 && askedAtMs > resumeMs + 2 * overlapMs;
}
