/** The name that was probably meant: the one with the fewest letters different; undefined where none is near. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  let best: { readonly name: string; readonly distance: number } | undefined;
  for (const other of known) {
    const distance = editDistance(lettersOf(name), lettersOf(other));
    if (best === undefined || distance < best.distance) best = { name: other, distance };
  }
  return best !== undefined && best.distance <= Math.max(2, name.length / 3) ? best.name : undefined;
}

/** `; did you mean X?`, or what else to say. */
export function didYouMean(name: string, known: readonly string[], otherwise: string): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? `; ${otherwise}` : `; did you mean ${nearest}?`;
}

/** Without what people forget: case, underscores, and the ending of a custom field in Salesforce. */
function lettersOf(name: string): string {
  return name.toLowerCase().replace(/__c$/, '').replaceAll('_', '');
}

/** Levenshtein distance, row by row. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, left] of [...a].entries()) {
    const row = [i + 1];
    for (const [j, right] of [...b].entries()) {
      row.push(Math.min((row[j] ?? 0) + 1, (previous[j + 1] ?? 0) + 1, (previous[j] ?? 0) + (left === right ? 0 : 1)));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
