import * as z from 'zod';

/** What is special to a Salesforce org and can be changed while it runs, beside the settings every simulator has. */
export const orgSettingsSchema = z.strictObject({
  /** API calls per rolling 24 h; past it 403 REQUEST_LIMIT_EXCEEDED (Enterprise: 100,000 and more). */
  dailyApiCalls: z.int().positive(),
  /** Change events delivered per day (UTC), over all subscribers (Enterprise 25,000, Unlimited 50,000). */
  dailyEventDeliveries: z.int().nonnegative(),
  /** A token lives this long after its last use, ms. */
  sessionMs: z.int().positive(),
  /** Between taking a row's stamp and committing it, for API writes, ms: rows appear behind a poll's cursor. */
  commitLagMs: z.int().nonnegative(),
  /** Where the relay goes on after an error or a STOP: LATEST skips what was missed, EARLIEST repeats up to 72 h. */
  replayRecovery: z.enum(['LATEST', 'EARLIEST']),
  /** Whether `Sforce-Call-Options: client=` also shows in `changeOrigin` for collections; documented for single rows only. */
  callOptionsOnCollections: z.boolean(),
  /** Whether white space around text is dropped on save. */
  trimText: z.boolean(),
  /** Contacts with the e-mail address of another: let in, refused unless the call allows it, or refused. */
  duplicateContacts: z.enum(['allow', 'alert', 'block']),
  /** Validation rules: a row whose field matches the pattern is refused. */
  validationRules: z
    .array(z.strictObject({ object: z.string(), field: z.string(), forbids: z.string().refine(isPattern), message: z.string() }))
    .max(100),
  /** Rows that somebody else holds: the next so many writes answer UNABLE_TO_LOCK_ROW. `*` is every row. */
  locks: z.array(z.strictObject({ objectId: z.string(), times: z.int().positive() })).max(1000),
});
export type OrgSettings = z.infer<typeof orgSettingsSchema>;

export const defaultOrgSettings: OrgSettings = {
  dailyApiCalls: 100_000,
  dailyEventDeliveries: 50_000,
  sessionMs: 2 * 3600 * 1000,
  commitLagMs: 0,
  replayRecovery: 'LATEST',
  callOptionsOnCollections: false,
  trimText: true,
  duplicateContacts: 'allow',
  validationRules: [],
  locks: [],
};

function isPattern(source: string): boolean {
  try {
    new RegExp(source);
    return true;
  } catch {
    return false;
  }
}
