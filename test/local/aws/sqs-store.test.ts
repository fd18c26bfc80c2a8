import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { movableClock } from '../../../local/aws/clock.ts';
import { LOCAL_ACCOUNT, queueArn } from '../../../local/aws/local-account.ts';
import { type Sqs, startSqs } from '../../../local/aws/sqs.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sqs-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const file = () => join(directory, 'sqs.sqlite');

async function drain(sqs: Sqs, name: string): Promise<string[]> {
  const seen: string[] = [];
  for (;;) {
    const messages = await sqs.receive(name, { max: 10, waitMs: 0 });
    if (messages.length === 0) return seen;
    seen.push(...messages.map((message) => message.body));
    await sqs.remove(
      name,
      messages.map((message) => message.receiptHandle),
    );
  }
}

async function sendNumbers(sqs: Sqs, name: string, count: number): Promise<void> {
  for (let from = 0; from < count; from += 10) {
    await sqs.send(
      name,
      Array.from({ length: 10 }, (_, at) => ({ body: String(from + at) })),
    );
  }
}

describe('a restart', () => {
  it('keeps queues, messages, receive counts and what is in flight', async () => {
    const clock = movableClock();
    const before = startSqs({ file: file(), clock });
    before.ensureQueue('kept', { VisibilityTimeout: '30' });
    await before.send('kept', [{ body: 'waiting' }, { body: 'delayed', delaySeconds: 60 }]);
    const [taken] = await before.receive('kept', { max: 1 });
    before.close();

    const after = startSqs({ file: file(), clock });
    expect(after.counts('kept')).toEqual({ visible: 0, inFlight: 1, delayed: 1 });
    expect(after.attributes('kept').VisibilityTimeout).toBe('30');
    await after.remove('kept', [taken?.receiptHandle ?? '']);
    clock.advance(60_000);
    expect(await drain(after, 'kept')).toEqual(['delayed']);
    after.close();
  });

  it('after a kill has every message that was acknowledged', async () => {
    const module = new URL('../../../local/aws/sqs.ts', import.meta.url).href;
    const source = `
      import { startSqs } from '${module}';
      const sqs = startSqs({ file: ${JSON.stringify(file())} });
      sqs.ensureQueue('q');
      await Promise.all(Array.from({ length: 4 }, async () => {
        for (;;) {
          await sqs.send('q', [{ body: 'x' }]);
          process.stdout.write('.');
        }
      }));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
    let acknowledged = 0;
    child.stdout.on('data', (dots: Buffer) => {
      acknowledged += dots.length;
      if (acknowledged > 500) child.kill('SIGKILL');
    });
    await once(child, 'close');
    const after = startSqs({ file: file() });
    expect(acknowledged).toBeGreaterThan(500);
    expect(after.counts('q').visible).toBeGreaterThanOrEqual(acknowledged);
    after.close();
  });

  it('goes on with a redrive that was cut short', async () => {
    const clock = movableClock();
    const before = startSqs({ file: file(), clock });
    before.ensureQueue('dead');
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: queueArn(LOCAL_ACCOUNT, 'dead'), maxReceiveCount: 1 });
    before.ensureQueue('work', { VisibilityTimeout: '0', RedrivePolicy });
    await sendNumbers(before, 'work', 30);
    for (let round = 0; round < 7; round++) await before.receive('work', { max: 10 });
    expect(before.counts('dead').visible).toBe(30);
    await before.redrive('dead', undefined, 10);
    before.close();

    const after = startSqs({ file: file(), clock });
    await expect.poll(() => after.counts('work').visible, { timeout: 8_000 }).toBe(30);
    after.close();
  });
});

describe('a standard queue made unkind', () => {
  it('delivers some messages twice, and the same ones for the same seed', async () => {
    const run = async (name: string): Promise<string[]> => {
      const clock = movableClock();
      const sqs = startSqs({ file: join(directory, name), clock, unkind: { seed: 7, duplicateRate: 0.3, reorder: false } });
      sqs.ensureQueue('q');
      await sendNumbers(sqs, 'q', 100);
      clock.advance(1_000);
      const seen = await drain(sqs, 'q');
      sqs.close();
      return seen.sort();
    };
    const first = await run('a');
    expect(new Set(first).size).toBe(100);
    expect(first.length).toBeGreaterThan(110);
    expect(await run('b')).toEqual(first);
  });

  it('hands messages out in another order than they were sent', async () => {
    const sqs = startSqs({ file: file(), unkind: { seed: 7, duplicateRate: 0, reorder: true } });
    sqs.ensureQueue('q');
    await sendNumbers(sqs, 'q', 50);
    const seen = await drain(sqs, 'q');
    const sent = Array.from({ length: 50 }, (_, at) => String(at));
    expect(seen).not.toEqual(sent);
    expect([...seen].sort()).toEqual([...sent].sort());
    sqs.close();
  });
});

describe('speed', () => {
  it('does not look through waiting messages to find one that is due', async () => {
    const clock = movableClock();
    const sqs = startSqs({ file: file(), clock });
    sqs.ensureQueue('q');
    for (let batch = 0; batch < 1_000; batch++) {
      await sqs.send(
        'q',
        Array.from({ length: 10 }, () => ({ body: 'later', delaySeconds: 900 })),
      );
    }
    await sqs.send('q', [{ body: 'now' }]);
    const startedAt = performance.now();
    for (let round = 0; round < 100; round++) await sqs.receive('q', { max: 10, visibilityTimeoutSeconds: 0 });
    // 10,000 delayed rows read per receive would take seconds.
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    sqs.close();
  });
});
