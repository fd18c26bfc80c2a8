/** A bug that is planted to see whether the simulator sees it. */
export interface Mutant {
  readonly id: string;
  /** The invariant that it is expected to break; another one will do. */
  readonly invariant: string;
  readonly file: string;
  /** Occurs once in the file. */
  readonly find: string;
  readonly replace: string;
}

const PROCESS = 'functions/process-changes/process-changes.ts';
const ADOPT = 'functions/process-changes/adopt.ts';
const HINTS = 'functions/process-changes/handle-hints.ts';
const DELIVER = 'functions/deliver-changes/deliver-changes.ts';
const CREATE = 'functions/deliver-changes/create-objects.ts';
const POLL = 'functions/poll-changes/poll-changes.ts';
const STORE = 'shared/store/record-store.ts';
const DECIDE = 'shared/sync/decide.ts';
const DECIDE_FIELD = 'shared/sync/decide-field.ts';
const DELIVERY = 'shared/sync/delivery.ts';
const DOUBT = 'shared/sync/doubt.ts';
const LINK = 'shared/sync/link.ts';
const WITNESS = 'shared/sync/witness.ts';

export const MUTANTS: readonly Mutant[] = [
  // ---- reading and doubting ----
  {
    id: 'no-doubt-rule',
    invariant: 'I2',
    file: DECIDE,
    find: 'const doubt = doubtOf(record, link, system, seenNow, rules);',
    replace: 'const doubt: ReturnType<typeof doubtOf> = undefined;',
  },
  {
    id: 'doubt-without-lag',
    invariant: 'I2',
    file: LINK,
    find: 'return lastLookMs + traits.stampResolutionMs + traits.readLagMs;',
    replace: 'return lastLookMs;',
  },
  {
    id: 'doubt-drops-the-hint',
    invariant: 'I2',
    file: PROCESS,
    find: "this.putBack(group, Math.max(0, decision.rereadAfterMs - this.ports.now()), 'cannot be told from a stale read');",
    replace: '',
  },
  {
    id: 'absent-is-null',
    invariant: 'I2',
    file: DECIDE,
    find: 'const now = seenNow.fields[field];\n    if (now === undefined) continue; // not read',
    replace: 'const now = seenNow.fields[field] ?? null;\n    // not read',
  },
  {
    id: 'ours-by-user-name-only',
    invariant: 'I2',
    file: DOUBT,
    find: 'const isOurs = link.receipts.some((receipt) => {',
    replace: "if (seenNow.modifiedBy === 'us') return true;\n  const isOurs = link.receipts.some((receipt) => {",
  },
  {
    id: 'echo-is-an-edit',
    invariant: 'I3',
    file: DECIDE_FIELD,
    find: 'if (isEcho(draft.base, link, field, now, seenNow, rules)) {',
    replace: 'if (rules.sync === "none" && isEcho(draft.base, link, field, now, seenNow, rules)) {',
  },
  {
    id: 'first-sight-empties',
    invariant: 'I2',
    file: DECIDE_FIELD,
    find: 'if (now === null) {\n    draft.see(field, now); // ours to fill',
    replace: 'if (now === null && recordValue === null) {\n    draft.see(field, now); // ours to fill',
  },
  {
    id: 'causality-dropped',
    invariant: 'I13',
    file: DECIDE_FIELD,
    find: 'const atMs = Math.max(time.atMs, (baseMs ?? 0) + 1);',
    replace: 'const atMs = time.atMs;',
  },
  {
    id: 'no-base',
    invariant: 'I2',
    file: DECIDE_FIELD,
    find: 'if (unrivalled) {',
    replace: 'if (unrivalled || true) {',
  },
  // ---- witnesses ----
  {
    id: 'witness-ignored',
    invariant: 'I2',
    file: DECIDE,
    find: '  decideWitnesses(draft, link, system, seenNow, rules);\n',
    replace: '',
  },
  {
    id: 'witness-counts-twice',
    invariant: 'I13',
    file: WITNESS,
    find: 'if (draft.witnessed[field]?.includes(atMs)) continue;',
    replace: '',
  },
  {
    id: 'witness-of-anything',
    invariant: 'I13',
    file: WITNESS,
    find: 'return isOurs ? undefined : written;',
    replace: 'return written;',
  },
  // ---- committing ----
  {
    id: 'conflict-taken-for-committed',
    invariant: 'I2',
    file: STORE,
    find: "results[index] = isOwnWork(context, commit, error?.Item) ? 'committed' : 'conflict';",
    replace: "results[index] = 'committed';",
  },
  {
    id: 'fence-lets-older-through',
    invariant: 'I5',
    file: STORE,
    find: "ConditionExpression: '#v = :read',",
    replace: "ConditionExpression: '#v >= :read',",
  },
  {
    id: 'lost-race-loses-the-hint',
    invariant: 'I2',
    file: PROCESS,
    find: "if (results[index] === 'committed') await this.afterCommit(plan);\n      else lost.push(plan.group);",
    replace: "if (results[index] === 'committed') await this.afterCommit(plan);",
  },
  {
    id: 'loser-not-in-ledger',
    invariant: 'I2',
    file: STORE,
    find: 'const cancelled = await transactWrite(context, [updateOf(context, commit), { Put: ledgerPut(context, entry) }]);',
    replace: 'const cancelled = await transactWrite(context, [updateOf(context, { ...commit, ...(entry && {}) })]);',
  },
  {
    id: 'ledger-lines-not-told',
    invariant: 'I2',
    file: 'functions/dispatch-deliveries/dispatch-deliveries.ts',
    find: 'if (note.lines.length > 0) {',
    replace: 'if (note.lines.length > 99) {',
  },
  {
    id: 'creation-never-refused',
    invariant: 'I1',
    file: STORE,
    find: "if (cancelled === undefined) return 'created';",
    replace: "if (cancelled === undefined || cancelled.length > 0) return 'created';",
  },
  // ---- claiming and delivering ----
  {
    id: 'claim-ignored',
    invariant: 'I5',
    file: DELIVER,
    find: 'if (isClaimed(record, system, now())) {',
    replace: 'if (isClaimed(record, system, 0) && now() < 0) {',
  },
  {
    id: 'claim-not-won',
    invariant: 'I5',
    file: DELIVER,
    find: "if (results[index] === 'committed' && record !== undefined) jobs.push({ ...job, record });",
    replace: 'if (record !== undefined) jobs.push({ ...job, record });',
  },
  {
    id: 'lease-too-short',
    invariant: 'I5',
    file: 'functions/deliver-changes/jobs.ts',
    find: 'export const LEASE_MS = 120_000;',
    replace: 'export const LEASE_MS = 200;',
  },
  {
    id: 'no-verify-read',
    invariant: 'I2',
    file: DELIVER,
    find: "const step = observed === undefined ? 'doubt' : this.verify(job, observed);",
    replace: "const step: ReturnType<typeof this.verify> = 'as expected';",
  },
  {
    id: 'verify-overlooks-doubt',
    invariant: 'I2',
    file: DELIVER,
    find: "if (decision.kind === 'doubt') return 'doubt';",
    replace: "if (decision.kind === 'doubt') return 'as expected';",
  },
  {
    id: 'unknown-outcome-forgotten',
    invariant: 'I2',
    file: DELIVER,
    find: "this.jobs.putBack(job.request, LEASE_MS, 'the outcome of a write is unknown');",
    replace: "unwritten.push(job);\n          this.jobs.putBack(job.request, 0, 'the outcome of a write is unknown');",
  },
  {
    id: 'receipt-dropped-at-confirm',
    invariant: 'I2',
    file: DELIVERY,
    find: 'receipts: link.receipts.map((candidate) => (candidate === receipt ? { ...receipt, answeredAtMs: nowMs } : candidate)),',
    replace: 'receipts: link.receipts.filter((candidate) => candidate !== receipt),',
  },
  {
    id: 'unknown-receipts-forgotten',
    invariant: 'I2',
    file: LINK,
    find: '? readBeganAtMs - receipt.claimedAtMs < UNKNOWN_RECEIPT_LIFE_MS',
    replace: '? readBeganAtMs - receipt.claimedAtMs < 0 * UNKNOWN_RECEIPT_LIFE_MS',
  },
  {
    id: 'seen-moved-unconditionally',
    invariant: 'I2',
    file: DELIVERY,
    find: "if ('value' in known && !sameValue(rules, field, known.value, written.before)) continue;",
    replace: '',
  },
  {
    id: 'base-of-a-create-is-never',
    invariant: 'I13',
    file: DELIVERY,
    find: 'if (receipt.fields[field] === undefined) rememberSeen(seen, field, null, record.fields[field]?.value ?? null);',
    replace: 'if (receipt.fields[field] !== undefined || rules !== undefined) seen[field] = { never: true };',
  },
  {
    id: 'held-field-delivered',
    invariant: 'I2',
    file: DELIVERY,
    find: "directions[field] !== undefined && directions[field] !== 'in' && record.holds[field] === undefined;",
    replace: "directions[field] !== undefined && directions[field] !== 'in';",
  },
  {
    id: 'possibly-there-overlooked',
    invariant: 'I1',
    file: DELIVERY,
    find: 'if (isUncertain) values[field] = value;',
    replace: 'if (isUncertain && rules === undefined) values[field] = value;',
  },
  {
    id: 'rendering-written-again',
    invariant: 'I3',
    file: DELIVERY,
    find: 'if (!rendered) dirty[field] = asked;',
    replace: 'if (!rendered || dirty !== undefined) dirty[field] = asked;',
  },
  {
    id: 'refused-and-sent-again',
    invariant: 'I3',
    file: DELIVERY,
    find: 'if (record.frozen !== undefined || link?.refusal !== undefined || link?.quarantine !== undefined) return NOTHING;',
    replace: 'if (record.frozen !== undefined || link?.quarantine !== undefined) return NOTHING;',
  },
  {
    id: 'dirt-not-marked',
    invariant: 'I1',
    file: 'functions/record-commit.ts',
    find: 'dirty: dirty.length > 0,',
    replace: 'dirty: dirty.length > 99,',
  },
  {
    id: 'sweep-passes-over',
    invariant: 'I1',
    file: 'functions/sweep-deliveries/sweep-deliveries.ts',
    find: 'if (isClaimed(record, system, ports.now())) continue;',
    replace: 'if (isClaimed(record, system, ports.now()) || system !== undefined) continue;',
  },
  {
    id: 'only-the-first-system',
    invariant: 'I1',
    file: DELIVERY,
    find: "return Object.keys(rules.systems).filter((system) => wantOf(record, system, rules).kind !== 'nothing');",
    replace:
      "return Object.keys(rules.systems).filter((system) => wantOf(record, system, rules).kind !== 'nothing').slice(0, 1);",
  },
  // ---- identity ----
  {
    id: 'record-id-ignored',
    invariant: 'I4',
    file: ADOPT,
    find: 'const claimed = await adoptByRecordId(group, observation);',
    replace: 'const claimed = observation === undefined ? await adoptByRecordId(group, observation) : undefined;',
  },
  {
    id: 'match-first-found',
    invariant: 'I4',
    file: CREATE,
    find: 'else if (candidates.length > 1)',
    replace: 'else if (candidates.length > 99)',
  },
  {
    id: 'match-not-looked-for',
    invariant: 'I4',
    file: CREATE,
    find: 'const [candidate] = candidates;',
    replace: 'const [candidate] = candidates.slice(99);',
  },
  {
    id: 'taken-match-joined',
    invariant: 'I4',
    file: ADOPT,
    find: "if (isTaken) return review(group, observation, [owner], 'another object of the same system has its match key');",
    replace: '',
  },
  // ---- deletes and merges ----
  {
    id: 'deletion-ignored',
    invariant: 'I1',
    file: DECIDE,
    find: 'return decideDeleted(record, link, observation, rules);',
    replace: "return { kind: 'unchanged' };",
  },
  {
    id: 'deleted-by-absence',
    invariant: 'I9',
    file: DECIDE,
    find: 'return decideMissing(record, link, observation);',
    replace:
      "return decideDeleted(record, link, { ...observation, state: 'deleted', deletedAtMs: observation.readBeganAtMs }, rules);",
  },
  {
    id: 'merge-ignored',
    invariant: 'I1',
    file: DECIDE,
    find: 'return decideMerged(record, link, observation, rules);',
    replace: "return { kind: 'unchanged' };",
  },
  {
    id: 'tombstone-not-polled',
    invariant: 'I1',
    file: POLL,
    find: 'const fresh = seen.unseen(page.rows.map(remembered));',
    replace: "const fresh = seen.unseen(page.rows.filter(({ state }) => state === 'present').map(remembered));",
  },
  // ---- intake ----
  {
    id: 'cursor-set-to-now',
    invariant: 'I10',
    file: POLL,
    find: '      fromMs: position.fromMs,\n      overlapMs,\n    });',
    replace: '      fromMs: position.fromMs,\n      overlapMs: 0,\n    });',
  },
  {
    id: 'cursor-moved-before-the-hints',
    invariant: 'I10',
    file: POLL,
    find: 'await ports.changes.send(\n      hintMessages(',
    replace: 'void ports.changes.send(\n      hintMessages(',
  },
  {
    id: 'acknowledged-before-stored',
    invariant: 'I2',
    file: 'functions/receive-hubspot-webhook/receive-webhook.ts',
    find: 'await enqueueHints(',
    replace: 'void enqueueHints(',
  },
  {
    id: 'failed-message-deleted',
    invariant: 'I12',
    file: 'shared/queue/message-batch.ts',
    find: '.filter((message) => failedIds.has(message.id))',
    replace: '.filter(() => failedIds.size > 9_999)',
  },
  {
    id: 'unanswered-hints-dropped',
    invariant: 'I2',
    file: HINTS,
    find: 'return { ...NOTHING_DONE, later };',
    replace: 'return later.length < 0 ? { ...NOTHING_DONE, later } : NOTHING_DONE;',
  },
];
