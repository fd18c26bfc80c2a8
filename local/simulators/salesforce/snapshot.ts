import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import * as z from 'zod';
import { nativeValueSchema } from '../../../shared/sync/change-hint.ts';
import { settingsSchema, writeLogEntrySchema } from '../control-messages.ts';
import type { SimulatorSettings } from '../simulator.ts';
import type { RelayMemory } from './event-relay.ts';
import type { OrgState } from './org.ts';
import { orgSettingsSchema } from './org-settings.ts';

const rowSchema = z.object({
  id: z.string(),
  object: z.string(),
  values: z.record(z.string(), nativeValueSchema),
  createdAtMs: z.number(),
  createdById: z.string(),
  modifiedAtMs: z.number(),
  modifiedById: z.string(),
  stampMs: z.number(),
  deletedAtMs: z.number().optional(),
  masterRecordId: z.string().optional(),
});

const changeEventSchema = z.object({
  entityName: z.string(),
  changeType: z.enum([
    'CREATE',
    'UPDATE',
    'DELETE',
    'UNDELETE',
    'GAP_CREATE',
    'GAP_UPDATE',
    'GAP_DELETE',
    'GAP_UNDELETE',
    'GAP_OVERFLOW',
  ]),
  recordIds: z.array(z.string()),
  atMs: z.number(),
  detail: z.string(),
});

const snapshotSchema = z.object({
  v: z.literal(1),
  organizationId: z.string(),
  org: z.object({
    idCounts: z.record(z.string(), z.int()),
    rows: z.array(rowSchema),
    writes: z.array(writeLogEntrySchema),
    deleteLog: z.array(z.object({ object: z.string(), id: z.string(), atMs: z.number() })),
    settings: orgSettingsSchema,
  }),
  relay: z.object({ retained: z.array(changeEventSchema), queued: z.array(changeEventSchema) }),
  settings: settingsSchema,
});

/** Everything that a simulated org must remember over a restart. Tokens are not kept: clients ask for new ones. */
export interface Snapshot {
  readonly organizationId: string;
  readonly org: OrgState;
  readonly relay: RelayMemory;
  readonly settings: SimulatorSettings;
}

/** Writes beside the file and renames, so that a kill in between leaves the snapshot before. */
export function saveSnapshot(path: string, snapshot: Snapshot): void {
  const fresh = `${path}.new`;
  writeFileSync(fresh, JSON.stringify({ v: 1, ...snapshot }));
  renameSync(fresh, path);
}

/** @returns undefined when there is no such file. @throws Error when the file is not a snapshot. */
export function readSnapshot(path: string): Snapshot | undefined {
  if (!existsSync(path)) return undefined;
  const snapshot = snapshotSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')));
  if (snapshot.success) return snapshot.data;
  throw new Error(
    `${path} is not a snapshot of a Salesforce simulator; delete it to start anew: ${z.prettifyError(snapshot.error)}`,
  );
}
