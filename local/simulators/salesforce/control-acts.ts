import * as z from 'zod';
import { nativeValueSchema } from '../../../shared/sync/change-hint.ts';
import type { ControlActs } from '../control.ts';
import { orgSettingsSchema } from './org-settings.ts';
import type { SalesforceSimulator } from './salesforce-simulator.ts';

const valuesSchema = z.record(z.string().min(1), nativeValueSchema);
const personSchema = z.string().min(1).optional();
const pointSchema = z.strictObject({ object: z.string(), objectId: z.string(), person: personSchema });

const mergeSchema = z.strictObject({
  object: z.string(),
  winnerId: z.string(),
  loserIds: z.array(z.string()).min(1).max(2),
  values: valuesSchema.optional(),
  person: personSchema,
});
const convertSchema = z.strictObject({ leadId: z.string(), accountId: z.string().optional(), person: personSchema });
const lateEditSchema = pointSchema.extend({ values: valuesSchema, commitAfterMs: z.int().min(0).max(600_000) });
const gapSchema = z.strictObject({
  object: z.string(),
  changeType: z.enum(['GAP_CREATE', 'GAP_UPDATE', 'GAP_DELETE', 'GAP_UNDELETE', 'GAP_OVERFLOW']),
  recordIds: z.array(z.string()).default([]),
});
const relaySchema = z.strictObject({ state: z.enum(['RUN', 'PAUSE', 'STOP']) });

/** Acts that only Salesforce has, under `/__sim/salesforce/`. */
export function salesforceActs(simulator: SalesforceSimulator): ControlActs {
  return {
    'POST salesforce/merge': (input) => {
      const { object, winnerId, loserIds, values, person } = mergeSchema.parse(input);
      simulator.merge(object, winnerId, loserIds, values, person);
    },
    'POST salesforce/convert-lead': (input) => {
      const { leadId, accountId, person } = convertSchema.parse(input);
      return { contactId: simulator.convertLead(leadId, accountId, person) };
    },
    'POST salesforce/edit-late': (input) => {
      const { object, objectId, values, commitAfterMs, person } = lateEditSchema.parse(input);
      const commit = simulator.beginEdit(object, objectId, values, person);
      setTimeout(commit, commitAfterMs).unref();
    },
    'POST salesforce/touch': (input) => {
      const { object, objectId } = pointSchema.parse(input);
      simulator.touch(object, objectId);
    },
    'POST salesforce/gap': (input) => {
      const { object, changeType, recordIds } = gapSchema.parse(input);
      simulator.emitGap(object, changeType, recordIds);
    },
    'POST salesforce/empty-recycle-bin': (input) => ({
      purged: simulator.emptyRecycleBin(z.strictObject({ object: z.string() }).parse(input).object),
    }),
    'GET salesforce/settings': () => simulator.orgSettings,
    'PATCH salesforce/settings': (input) => Object.assign(simulator.orgSettings, orgSettingsSchema.partial().parse(input)),
    'GET salesforce/relay': () => simulator.relay(),
    'POST salesforce/relay': (input) => {
      simulator.setRelay(relaySchema.parse(input).state);
      return simulator.relay();
    },
    'POST salesforce/revoke-tokens': () => simulator.revokeTokens(),
  };
}
