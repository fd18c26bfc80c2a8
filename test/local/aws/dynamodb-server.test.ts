import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { lockDataDir } from '../../../local/aws/data-dir-lock.ts';
import { type DynamoDb, startDynamoDb } from '../../../local/aws/dynamodb.ts';
import { RECORDS_TABLE } from './embedded-aws.ts';

let dataDir: string;
let started: DynamoDb[];
let children: ChildProcess[];
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'dynamodb-'));
  started = [];
  children = [];
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const dynamodb of started) await dynamodb.close();
  for (const child of children) child.kill('SIGKILL');
  rmSync(dataDir, { recursive: true, force: true });
});

async function start(): Promise<DynamoDb> {
  const dynamodb = await startDynamoDb({ dataDir, warn: () => {} });
  started.push(dynamodb);
  await dynamodb.ensureTable('Records', RECORDS_TABLE);
  return dynamodb;
}

const put = (dynamodb: DynamoDb, pk: string) =>
  dynamodb.call('PutItem', { TableName: 'Records', Item: { pk: { S: pk }, sk: { S: 's' } } });
const get = (dynamodb: DynamoDb, pk: string) =>
  dynamodb.call('GetItem', { TableName: 'Records', Key: { pk: { S: pk }, sk: { S: 's' } } });

/** Another process that runs this module and then waits. It says `ready` with whatever it has to tell. */
async function run(script: string): Promise<{ child: ChildProcess; said: string }> {
  const local = new URL('../../../local/aws/', import.meta.url).href;
  const source = script.replaceAll('LOCAL/', local).replaceAll('DATA', JSON.stringify(dataDir));
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const [said] = await once(child.stdout, 'data');
  return { child, said: String(said).trim() };
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('the DynamoDB server', () => {
  it('keeps tables, items and the place in the stream over a restart', async () => {
    const before = await start();
    await put(before, 'a');
    const [record] = await before.readStream('Records', undefined, 10);
    await put(before, 'b');
    await before.close();

    const after = await start();
    expect(await get(after, 'a')).toMatchObject({ Item: { pk: { S: 'a' } } });
    const rest = await after.readStream('Records', record?.dynamodb.SequenceNumber, 10);
    expect(rest.map((one) => one.dynamodb.Keys.pk)).toEqual([{ S: 'b' }]);
  });

  it('dies with its parent even when that is killed, and leaves nothing in the way of the next start', async () => {
    const { child, said } = await run(`
      import { startDynamoDb } from 'LOCAL/dynamodb.ts';
      const dynamodb = await startDynamoDb({ dataDir: DATA });
      await dynamodb.ensureTable('Records', ${JSON.stringify(RECORDS_TABLE)});
      await dynamodb.call('PutItem', { TableName: 'Records', Item: { pk: { S: 'a' }, sk: { S: 's' } } });
      console.log('ready');
      setInterval(() => {}, 1_000);
    `);
    expect(said).toBe('ready');
    const serverPid = Number(readFileSync(join(dataDir, 'dynamodb.pid'), 'utf8'));
    expect(isRunning(serverPid)).toBe(true);
    child.kill('SIGKILL');
    const dynamodb = await start(); // at once, while the old server may still be going
    expect(await get(dynamodb, 'a')).toMatchObject({ Item: { pk: { S: 'a' } } });
    await expect.poll(() => isRunning(serverPid), { timeout: 3_000 }).toBe(false);
  });

  it('tells when it ends by itself', async () => {
    const dynamodb = await start();
    process.kill(Number(readFileSync(join(dataDir, 'dynamodb.pid'), 'utf8')), 'SIGKILL');
    expect(await dynamodb.exited).toMatch(/ended by itself/);
  });

  it('says what to do when its binary is not there', async () => {
    vi.stubEnv('DYNOXIDE_BIN', '/nowhere/dynoxide');
    await expect(startDynamoDb({ dataDir })).rejects.toThrow(/DYNOXIDE_BIN names \/nowhere\/dynoxide/);
  });

  it('keeps its writes quick as the stream grows', async () => {
    const dynamodb = await start();
    const many = async (prefix: string, count: number): Promise<number> => {
      const startedAt = performance.now();
      for (let at = 0; at < count; at += 25) {
        const writes = Array.from({ length: 25 }, (_, n) => ({
          PutRequest: { Item: { pk: { S: `${prefix}-${at + n}` }, sk: { S: 's' } } },
        }));
        await dynamodb.call('BatchWriteItem', { RequestItems: { Records: writes } });
      }
      return (performance.now() - startedAt) / count;
    };
    await many('warm', 250);
    const early = await many('early', 500);
    await many('bulk', 4_000);
    // Without the index each write reads all records: about nine times slower by now.
    expect(await many('late', 500)).toBeLessThan(early * 4);
  });
});

describe('the data directory', () => {
  it('belongs to one run at a time', async () => {
    const { child } = await run(`
      import { lockDataDir } from 'LOCAL/data-dir-lock.ts';
      lockDataDir(DATA);
      console.log('ready');
      setInterval(() => {}, 1_000);
    `);
    expect(() => lockDataDir(dataDir)).toThrow(/in use by another run/);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const release = lockDataDir(dataDir); // the lock went with its holder
    release();
  });
});
