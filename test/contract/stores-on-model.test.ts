import { readdirSync, readFileSync } from 'node:fs';
import { describe, vi } from 'vitest';

// The stores' own tests once more, with the model in the place of the emulator: what they prove of the one holds on the other.
vi.mock('../store/emulated-table.ts', () => import('./modelled-table.ts'));

const STORES = new URL('../store/', import.meta.url);
const names = readdirSync(STORES)
  .filter((file) => file.endsWith('.test.ts') && readFileSync(new URL(file, STORES), 'utf8').includes("'./emulated-table.ts'"))
  .map((file) => file.slice(0, -'.test.ts'.length));

describe.each(names)('on the model of DynamoDB: %s', async (name) => {
  await import(`../store/${name}.test.ts`);
});
