/** Sections of docs/runbook.md, by anchor: each alarm names the one that says what to do. */
export const runbookSections = [
  'changes-given-up',
  'deliveries-given-up',
  'stream-batches-given-up',
  'change-events-undeliverable',
  'changes-delayed',
  'deliveries-delayed',
  'stream-delayed',
  'function-errors',
  'polling-stale',
  'api-budget-nearly-spent',
  'change-events-missing',
  'credentials-rejected',
  'writes-stopped',
  'canary-late',
  'records-frozen',
  'objects-quarantined',
  'fields-paused',
] as const;
export type RunbookSection = (typeof runbookSections)[number];

/** An alarm's description: what it means, and where to read on. */
export function alarmDescription(meaning: string, section: RunbookSection): string {
  return `${meaning} What to do: docs/runbook.md#${section}`;
}
