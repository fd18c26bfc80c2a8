import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import * as z from 'zod';
import { behaviourSchema } from './behaviour.ts';
import { credentialsStateSchema } from './credentials.ts';
import { portalStateSchema } from './portal.ts';
import { deliveryStateSchema } from './webhook-delivery.ts';
import { subscriptionsStateSchema } from './webhook-subscriptions.ts';

const savedStateSchema = z.object({
  v: z.literal(1),
  portal: portalStateSchema,
  delivery: deliveryStateSchema,
  subscriptions: subscriptionsStateSchema,
  credentials: credentialsStateSchema,
  behaviour: behaviourSchema.partial(),
});
export type SavedState = z.infer<typeof savedStateSchema>;

/** Writes the state in one step: a crash leaves the former file whole. */
export function writeState(file: string, state: SavedState): void {
  writeFileSync(`${file}.new`, JSON.stringify(state), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** @returns undefined where there is no such file. @throws Error where it is there and cannot be used. */
export function readState(file: string): SavedState | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return savedStateSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new Error(`${file} is no saved HubSpot account; delete it to start with an empty one`, { cause: error });
  }
}
