/** By name, so that whoever hands out the work need not load the engine. A test compares them with the scenarios. */
export const SCENARIO_NAMES: readonly string[] = [
  'two-deciders',
  'same-field-twice',
  'echo-before-confirm',
  'quick-edits',
  'edit-in-the-window',
  'lost-answer',
  'late-write',
  'same-person-twice',
  'stale-replica',
  'old-read-newer-record',
  'lost-notifications',
  'lost-deletion',
  'truncating-system',
  'first-link-with-an-empty-side',
  'three-agree',
  'update-against-delete',
];
