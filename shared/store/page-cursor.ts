import { Buffer } from 'node:buffer';
import * as z from 'zod';
import type { Item } from './table.ts';

// Cursors go out to browsers and come back, so they are checked like any input, and a foreign key in one is refused.

const attribute = z.union([z.strictObject({ S: z.string() }), z.strictObject({ N: z.string().regex(/^-?\d+(\.\d+)?$/) })]);
const keySchema = z.record(z.enum(['pk', 'sk', 'dk', 'ds', 'ak', 'as']), attribute.optional());
const cursorSchema = z.strictObject({ p: z.int().nonnegative(), k: keySchema.optional() });

/** Where a listing goes on: in which of its partitions, after which key. */
export interface PagePosition {
  readonly partition: number;
  readonly after?: Item;
}

export function encodeCursor(position: PagePosition): string {
  return Buffer.from(JSON.stringify({ p: position.partition, ...(position.after && { k: position.after }) })).toString(
    'base64url',
  );
}

/** @throws RangeError when the cursor did not come from a listing of this tenant. */
export function decodeCursor(cursor: string | undefined, tenant: string): PagePosition {
  if (cursor === undefined) return { partition: 0 };
  try {
    const { p, k } = cursorSchema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
    if (k === undefined) return { partition: p };
    const after: Item = {};
    for (const [name, value] of Object.entries(k)) if (value !== undefined) after[name] = value;
    for (const name of ['pk', 'dk', 'ak']) {
      const partitionKey = after[name]?.S;
      if (partitionKey !== undefined && !partitionKey.startsWith(`${tenant}#`)) throw new RangeError('foreign key');
    }
    return { partition: p, after };
  } catch (error) {
    throw new RangeError('the cursor is not one that this listing gave; begin without a cursor', { cause: error });
  }
}
