/** Line icons on a 16 px grid; decorative, so the control that holds one carries the name. */
const PATHS = {
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M5 3.2v9.6l7.6-4.8L5 3.2Z',
  poll: 'M13 8a5 5 0 1 1-1.6-3.7M13 2.5v2.8h-2.8',
  reset: 'M3 8a5 5 0 1 0 1.6-3.7M3 2.5v2.8h2.8',
  search: 'M7.2 11.9a4.7 4.7 0 1 0 0-9.4 4.7 4.7 0 0 0 0 9.4ZM13.5 13.5l-3-3',
  plus: 'M8 3.5v9M3.5 8h9',
  remove: 'M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.6 8.5h5.8l.6-8.5M6.9 7v3.6M9.1 7v3.6',
  ledger: 'M4 2.5h8v11H4zM6.2 5.5h3.6M6.2 8h3.6M6.2 10.5h2',
  close: 'm4 4 8 8M12 4l-8 8',
  previous: 'M9.8 4 5.8 8l4 4',
  next: 'm6.2 4 4 4-4 4',
  arrow: 'M3 8h9.5M9 4.5 12.5 8 9 11.5',
} as const;

export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** Two circles, and where they agree. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <circle cx="11.5" cy="16" r="9.5" class="mark-salesforce" />
      <circle cx="20.5" cy="16" r="9.5" class="mark-hubspot" />
      <path d="M16 7.63a9.5 9.5 0 0 1 0 16.74a9.5 9.5 0 0 1 0-16.74Z" class="mark-concord" />
    </svg>
  );
}
