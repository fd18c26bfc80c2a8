import type { ComponentChildren } from 'preact';
import { useId, useRef } from 'preact/hooks';

const GAP_PX = 8;

/** A few words that explain what is pointed at or focused. In the top layer, so that no scrolling pane cuts it off. */
export function Hint({ words, class: className, children }: { words: string; class?: string; children: ComponentChildren }) {
  const id = useId();
  const bubble = useRef<HTMLSpanElement>(null);
  const show = (event: Event) => {
    const { current } = bubble;
    if (current === null || !(event.currentTarget instanceof Element)) return;
    const target = event.currentTarget.getBoundingClientRect();
    current.showPopover();
    const { width, height } = current.getBoundingClientRect();
    const left = Math.max(GAP_PX, Math.min(target.left + target.width / 2 - width / 2, window.innerWidth - width - GAP_PX));
    const above = target.top - height - GAP_PX;
    current.style.left = `${left}px`;
    current.style.top = `${above > GAP_PX ? above : target.bottom + GAP_PX}px`;
  };
  const hide = () => bubble.current?.hidePopover();
  return (
    <>
      <button
        type="button"
        class={`hinted ${className ?? ''}`}
        aria-describedby={id}
        onPointerEnter={show}
        onPointerLeave={hide}
        onFocus={show}
        onBlur={hide}
        onClick={show}
      >
        {children}
      </button>
      <span class="bubble" role="tooltip" popover="manual" id={id} ref={bubble}>
        {words}
      </span>
    </>
  );
}
