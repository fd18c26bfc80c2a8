/**
 * A value in canonical form, as the record holds it. `null` is the one way to say "empty":
 * the empty string of a CRM becomes `null` on its way in. Dates are `YYYY-MM-DD`, instants
 * ISO 8601 in UTC, telephone numbers E.164 where they could be parsed.
 */
export type FieldValue = string | number | boolean | null;

/** Canonical fields by their name in the sync; a field that was not read is absent. */
export type FieldValues = Readonly<Record<string, FieldValue>>;
