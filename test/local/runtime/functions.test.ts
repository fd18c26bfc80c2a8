import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Isolation } from '../../../local/runtime/function-instance.ts';
import { type FunctionSpec, type LocalFunction, localFunction } from '../../../local/runtime/functions.ts';
import { writeBundle } from './assembly.ts';

const BUNDLE = `
import { appendFileSync } from 'node:fs';
const bootedAt = process.hrtime.bigint().toString();
let invocations = 0;
export const handler = async (event, context) => {
  invocations += 1;
  switch (event.do) {
    case 'sleep': await new Promise((resolve) => setTimeout(resolve, event.ms)); break;
    case 'spin': for (;;) {}
    case 'exit': process.exit(event.code);
    case 'throw': throw new RangeError('out of range');
    case 'crash': setImmediate(() => { throw new Error('nobody catches this'); }); await new Promise(() => {}); break;
    case 'reject': Promise.reject(new Error('nobody awaits this')); await new Promise(() => {}); break;
    case 'write then sleep': appendFileSync(event.file, 'written'); await new Promise(() => {}); break;
    case 'log': console.log('first line\\nsecond line'); console.error('an error'); await new Promise((resolve) => process.stdout.write('no line end', resolve)); break;
    case 'nothing': return undefined;
    case 'context': return { id: context.awsRequestId, left: context.getRemainingTimeInMillis(), memory: context.memoryLimitInMB };
    case 'environment': return { names: Object.keys(process.env).sort(), own: process.env.OWN };
    case 'json': return { date: new Date(0), gone: undefined };
  }
  return { bootedAt, invocations };
};
`;

const open: { close(): Promise<void>; remove(): void }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) {
    await one.close();
    one.remove();
  }
});

function booted(
  isolation: Isolation,
  more: Partial<FunctionSpec> = {},
  source = BUNDLE,
): LocalFunction & { lines: string[]; dir: string } {
  const { entry, remove } = writeBundle(source);
  const lines: string[] = [];
  const spec: FunctionSpec = {
    logicalId: 'Subject',
    name: 'subject',
    arn: 'arn:aws:lambda:eu-west-1:000000000000:function:subject',
    entry,
    handler: 'handler',
    environment: { OWN: 'value' },
    timeoutMs: 5_000,
    memoryMb: 128,
    instancesMax: 2,
    ...more,
  };
  const subject = localFunction(spec, isolation, (line) => lines.push(line));
  open.push({ close: () => subject.close(), remove });
  return { ...subject, lines, dir: path.dirname(entry) };
}

async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; !condition(); round++) {
    if (round > 500) throw new Error('it did not come to pass within 5 s');
    await sleep(10);
  }
}

// Both kinds of instance keep the same promises: docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
describe.each<Isolation>(['worker', 'process'])('A function in a %s', (isolation) => {
  it('boots at its first invocation, and stays warm', async () => {
    const subject = booted(isolation);
    expect(subject.stats().coldStarts).toBe(0);
    const first = await subject.invoke({});
    const second = await subject.invoke({});
    expect(first).toMatchObject({ ok: true, payload: { invocations: 1 } });
    expect(second).toMatchObject({ ok: true, payload: { invocations: 2 } });
    expect(subject.stats()).toMatchObject({ invocations: 2, errors: 0, coldStarts: 1 });
    expect(subject.stats().importMs).toHaveLength(1);
  });

  it('boots as many instances as it may, and lets the other invocations wait', async () => {
    const subject = booted(isolation, { instancesMax: 2 });
    const results = await Promise.all(Array.from({ length: 6 }, () => subject.invoke({ do: 'sleep', ms: 20 })));
    expect(results.every((result) => result.ok)).toBe(true);
    expect(subject.stats().coldStarts).toBe(2);
    expect(subject.running()).toBe(0);
  });

  it('is ended when it runs out of time, even in an endless loop, and the next invocation begins afresh', async () => {
    const subject = booted(isolation, { timeoutMs: 300, instancesMax: 1 });
    await subject.invoke({});
    const [late, next] = await Promise.all([subject.invoke({ do: 'spin' }), subject.invoke({})]);
    expect(late).toEqual({
      ok: false,
      error: { type: 'Sandbox.Timedout', message: expect.stringContaining('Task timed out after 0.30 seconds') },
    });
    expect(next).toMatchObject({ ok: true, payload: { invocations: 1 } });
    expect(subject.stats()).toMatchObject({ errors: 1, coldStarts: 2 });
  });

  it.each([
    ['process.exit', { do: 'exit', code: 3 }, /exit status 3/],
    ['an error that nobody catches', { do: 'crash' }, isolation === 'worker' ? /nobody catches this/ : /exit status 1/],
    ['a rejection that nobody awaits', { do: 'reject' }, isolation === 'worker' ? /nobody awaits this/ : /exit status 1/],
  ])('loses to %s only the invocation that does it', async (_, event, message) => {
    const subject = booted(isolation);
    const beside = subject.invoke({ do: 'sleep', ms: 150 });
    const ended = await subject.invoke(event);
    expect(ended).toEqual({ ok: false, error: { type: 'Runtime.ExitError', message: expect.stringMatching(message) } });
    expect(await beside).toMatchObject({ ok: true });
    expect(await subject.invoke({})).toMatchObject({ ok: true });
  });

  it('tells what its handler threw, and stays warm', async () => {
    const subject = booted(isolation);
    expect(await subject.invoke({ do: 'throw' })).toEqual({ ok: false, error: { type: 'RangeError', message: 'out of range' } });
    expect(await subject.invoke({})).toMatchObject({ ok: true, payload: { invocations: 2 } });
  });

  it('can be killed in the middle of an invocation: what it wrote before stays written', async () => {
    const subject = booted(isolation);
    const file = path.join(subject.dir, 'effects');
    const cut = subject.invoke({ do: 'write then sleep', file });
    await until(() => existsSync(file));
    expect(subject.kill()).toBe(1);
    expect(await cut).toEqual({ ok: false, error: { type: 'Runtime.ExitError', message: expect.stringContaining('killed') } });
    expect(readFileSync(file, 'utf8')).toBe('written');
    expect(await subject.invoke({})).toMatchObject({ ok: true, payload: { invocations: 1 } });
  });

  it('never gives an invocation to an instance that is being killed', async () => {
    const subject = booted(isolation, { instancesMax: 1 });
    for (let round = 0; round < 3; round++) {
      await subject.invoke({});
      subject.kill();
      expect(await subject.invoke({})).toMatchObject({ ok: true, payload: { invocations: 1 } });
    }
  });

  it('sees its own environment and nothing of this process', async () => {
    process.env.NOT_FOR_FUNCTIONS = 'secret';
    const result = await booted(isolation).invoke({ do: 'environment' });
    delete process.env.NOT_FOR_FUNCTIONS;
    expect(result).toEqual({ ok: true, payload: { names: ['OWN'], own: 'value' } });
  });

  it('is told its request id, its time and its memory', async () => {
    const result = await booted(isolation).invoke({ do: 'context' });
    expect(result).toMatchObject({ ok: true, payload: { id: expect.stringMatching(/^[0-9a-f-]{36}$/), memory: '128' } });
    const { left } = Object(result.ok ? result.payload : {});
    expect(left).toBeGreaterThan(4_000);
    expect(left).toBeLessThanOrEqual(5_000);
  });

  it('answers in JSON: nothing is null', async () => {
    const subject = booted(isolation);
    expect(await subject.invoke({ do: 'nothing' })).toEqual({ ok: true, payload: null });
    expect(await subject.invoke({ do: 'json' })).toEqual({ ok: true, payload: { date: '1970-01-01T00:00:00.000Z' } });
  });

  it('has its output taken line by line', async () => {
    const subject = booted(isolation);
    await subject.invoke({ do: 'log' });
    await until(() => subject.lines.length >= 3);
    await subject.close();
    await until(() => subject.lines.length >= 4); // what had no line end comes with the end of the stream
    expect([...subject.lines].sort()).toEqual(['an error', 'first line', 'no line end', 'second line']);
  });

  it('says why when its code cannot be loaded', async () => {
    const subject = booted(isolation, { instancesMax: 1 }, "throw new Error('missing setting');");
    const [one, two] = await Promise.all([subject.invoke({}), subject.invoke({})]);
    for (const result of [one, two]) expect(result).toMatchObject({ ok: false, error: { type: 'Runtime.ImportModuleError' } });
    const noExport = booted(isolation, { handler: 'other' });
    expect(await noExport.invoke({})).toMatchObject({ ok: false });
  });

  it('fails what is under way and what waits when it is closed', async () => {
    const subject = booted(isolation, { instancesMax: 1 });
    await subject.invoke({});
    const underWay = subject.invoke({ do: 'sleep', ms: 4_000 });
    const waits = subject.invoke({});
    await subject.close();
    expect(await underWay).toMatchObject({ ok: false });
    expect(await waits).toMatchObject({ ok: false });
    expect(await subject.invoke({})).toMatchObject({ ok: false });
  });
});
