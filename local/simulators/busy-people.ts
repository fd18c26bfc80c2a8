import * as z from 'zod';
import type { NativeValue } from '../../shared/sync/change-hint.ts';
import { seededRandom } from './random.ts';
import type { CrmSimulator } from './simulator.ts';

/** People at work: who they may edit, how fast, how long, and how often two of them want the same field. */
export const workPlanSchema = z.object({
  /** Both objects of each person. */
  twins: z.array(z.object({ salesforceId: z.string(), hubspotId: z.string() })),
  editsPerSecond: z.number().positive(),
  durationMs: z.number().positive(),
  /** Share of edits that hit the same field on both sides at once, 0..1; each such pair counts as two edits. */
  contested: z.number().min(0).max(1),
  seed: z.int(),
  /** Edits each person at most once, in order, all in one system: a mass update. */
  onceEach: z.enum(['salesforce', 'hubspot']).optional(),
});
export type WorkPlan = z.infer<typeof workPlanSchema>;

/** One edit by a person. Its value is unique, so wherever it turns up it tells its origin. */
export const editSchema = z.object({
  system: z.enum(['salesforce', 'hubspot']),
  twin: z.int(), // position in the plan
  field: z.enum(['title', 'city', 'street']),
  value: z.string(),
  atMs: z.number(),
});
export type Edit = z.infer<typeof editSchema>;

const NATIVE = {
  salesforce: { title: 'Title', city: 'MailingCity', street: 'MailingStreet' },
  hubspot: { title: 'jobtitle', city: 'city', street: 'address' },
} as const;
const FIELDS = ['title', 'city', 'street'] as const;
/** How finely the work is spread; timers below this are not kept by the machine anyway. */
const TICK_MS = 10;

/** People at work in both CRMs: edits at a steady rate, half of them on each side, for a while. */
export async function workAway(crms: { salesforce: CrmSimulator; hubspot: CrmSimulator }, plan: WorkPlan): Promise<Edit[]> {
  const edits: Edit[] = [];
  const random = seededRandom(plan.seed);
  const startedAtMs = performance.now();
  let made = 0;
  const edit = (system: Edit['system'], twin: number, field: Edit['field']) => {
    const twins = plan.twins[twin];
    if (twins === undefined) return;
    made += 1;
    const value = `${field} ${plan.seed}-${made}`;
    const values: Record<string, NativeValue> = { [NATIVE[system][field]]: value };
    edits.push({ system, twin, field, value, atMs: Date.now() });
    if (system === 'salesforce') crms.salesforce.edit('Contact', twins.salesforceId, values, 'ada');
    else crms.hubspot.edit('contacts', twins.hubspotId, values, 'grace');
  };
  if (plan.onceEach !== undefined) {
    for (const twin of plan.twins.keys()) edit(plan.onceEach, twin, 'title');
    return edits;
  }
  while (performance.now() - startedAtMs < plan.durationMs) {
    const due = ((performance.now() - startedAtMs) / 1_000) * plan.editsPerSecond;
    while (made < due) {
      const twin = random.below(plan.twins.length);
      const field = FIELDS[random.below(FIELDS.length)] ?? 'title';
      // A contested pair is two edits, so it is drawn half as often as its share.
      if (random.next() < plan.contested / (2 - plan.contested)) {
        edit('salesforce', twin, field);
        edit('hubspot', twin, field);
      } else edit(random.next() < 0.5 ? 'salesforce' : 'hubspot', twin, field);
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  return edits;
}
