import { useEffect, useRef } from 'preact/hooks';

/** Scrolls all `.pane-scroll` inside together, and lifts the row under the pointer on both sides: one person, one line. */
export function useScrollTogether() {
  const panes = useRef<HTMLElement>(null);
  useEffect(() => {
    const root = panes.current;
    if (root === null) return undefined;
    let hovered: string | undefined;
    const follow = (event: Event) => {
      const { target } = event;
      if (!(target instanceof HTMLElement) || !target.classList.contains('pane-scroll')) return;
      for (const other of root.querySelectorAll('.pane-scroll')) {
        if (other === target) continue;
        // Setting what is already so fires no event: the two do not chase each other.
        if (other.scrollTop !== target.scrollTop) other.scrollTop = target.scrollTop;
        if (other.scrollLeft !== target.scrollLeft) other.scrollLeft = target.scrollLeft;
      }
    };
    const lift = (event: Event) => {
      const row = event.target instanceof Element ? event.target.closest('tr[data-row]') : null;
      const key = row?.getAttribute('data-row') ?? undefined;
      if (key === hovered) return;
      hovered = key;
      for (const line of root.querySelectorAll('tr[data-row]')) {
        line.toggleAttribute('data-lifted', key !== undefined && line.getAttribute('data-row') === key);
      }
    };
    const drop = () => {
      hovered = undefined;
      for (const line of root.querySelectorAll('tr[data-lifted]')) line.removeAttribute('data-lifted');
    };
    root.addEventListener('scroll', follow, { capture: true, passive: true });
    root.addEventListener('pointerover', lift);
    root.addEventListener('pointerleave', drop);
    return () => {
      root.removeEventListener('scroll', follow, { capture: true });
      root.removeEventListener('pointerover', lift);
      root.removeEventListener('pointerleave', drop);
    };
  }, []);
  return panes;
}
