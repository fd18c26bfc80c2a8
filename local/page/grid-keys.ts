const STEPS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** Arrow keys move between the cells of a grid, whose focusable parts carry `data-at="row:column"`. */
export function moveInGrid(event: KeyboardEvent): void {
  const step = STEPS[event.key];
  const { target, currentTarget } = event;
  if (step === undefined || !(target instanceof HTMLElement) || !(currentTarget instanceof HTMLElement)) return;
  const [row, column] = (target.dataset.at ?? '').split(':').map(Number);
  if (target instanceof HTMLInputElement || row === undefined || column === undefined) return;
  const next = currentTarget.querySelector(`[data-at="${row + step[0]}:${column + step[1]}"]`);
  if (!(next instanceof HTMLElement)) return;
  event.preventDefault();
  next.focus();
}
