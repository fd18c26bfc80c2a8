/** The rules of shared/sync/RULES.md in a few words each, for people who have not read it. */
const WORDS: Readonly<Record<string, string>> = {
  O2: 'Concord recognised its own write coming back: nothing to do.',
  O3: 'The value could not be told from a stale read, so it was read again before anything was decided.',
  O4: 'Both sides made the same edit; the later time counts.',
  O5: 'First look at this field: an empty side takes the other’s value; two different values go to the first-sync strategy.',
  O6: 'Only this CRM had changed the field, so its value was taken.',
  O7: 'Both CRMs had changed the field, neither knowing of the other: the field’s strategy decided.',
  O8: 'The CRM stores what Concord sent in its own form: not an edit.',
  P1: 'The field is one-way: the edit was kept in the ledger and the record’s value put back.',
  S1: 'Last write wins: the later edit was kept.',
  S2: 'The config prefers one system for this field, and its value was kept.',
  S3: 'The config asks a person to decide this field: it is on hold.',
  H1: 'The field is on hold: each CRM keeps its own value until a person decides.',
  H2: 'A new edit of a field on hold: the choice must be made anew.',
  H3: 'All sides hold the same value again: the hold ended by itself.',
  D1: 'A confirmed deletion, carried over as an archive.',
  D2: 'Deleted here only: the link ended, the other CRM keeps its contact.',
  D3: 'Edited here and deleted there: the edit survives and a person is asked.',
  D4: 'Not found, and no tombstone: absence alone proves no deletion.',
  D5: 'Merged into another contact: the link ended, its twin is left alone.',
  D6: 'The contact is there again: the record lives on.',
  I1: 'The contact carries the id of its record.',
  L1: 'The contact matched exactly one record by its match key.',
  L2: 'First sync: contacts with one match key, one per CRM, are the same person.',
  L3: 'Several candidates: never guessed between, a person is asked.',
  C1: 'A new contact that matches nobody: a new record.',
  C2: 'Linked, and read before anything is written.',
  C3: 'Found in the other CRM before it was created there a second time.',
  C4: 'Created in the other CRM and tied to the record.',
  W8: 'The CRM refused the change for good; the reason is shown.',
};

/** The rules that mean somebody's edit lost, or waits for a person. */
const CONFLICTS = new Set(['O7', 'S1', 'S2', 'S3', 'H1', 'H2', 'D3', 'D4', 'L3', 'P1']);

export function ruleWords(rule: string): string {
  return rule
    .split('/')
    .map((part) => WORDS[part] ?? `Rule ${part}: see shared/sync/RULES.md.`)
    .join(' ');
}

export function isConflictRule(rule: string): boolean {
  return rule.split('/').some((part) => CONFLICTS.has(part));
}
