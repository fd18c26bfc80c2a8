import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { movableClock } from '../../../local/aws/clock.ts';
import { type LocalStack, type StackOptions, startStack } from '../../../local/runtime/stack.ts';
import { type WrittenAssembly, writeAssembly } from './assembly.ts';
import { until } from './scripted-function.ts';
import { PARTNER_BUS, SMALL_BUNDLES, SMALL_RESOURCES } from './small-template.ts';

const itemsSchema = z.object({
  Items: z.array(z.object({ id: z.object({ S: z.string() }), state: z.object({ S: z.string() }) })),
});

/** What lies in the table: id and state. */
async function items(stack: LocalStack): Promise<Record<string, string>> {
  const { Items } = itemsSchema.parse(await stack.dynamodb.call('Scan', { TableName: stack.tableName('Table') }));
  return Object.fromEntries(Items.map((item) => [item.id.S, item.state.S]));
}

const post = (stack: LocalStack, thing: object): Promise<Response> =>
  fetch(`${stack.apiUrl}/things`, {
    method: 'POST',
    body: JSON.stringify(thing),
    headers: { 'content-type': 'application/json' },
  });

const quiet = (stack: LocalStack): Promise<void> => stack.waitUntilQuiet({ timeoutMs: 10_000 });

const start = (assembly: WrittenAssembly, more: Partial<StackOptions> = {}): Promise<LocalStack> =>
  startStack({ ...assembly, warn: () => undefined, ...more });

describe('A stack', () => {
  let assembly: WrittenAssembly;
  let stack: LocalStack;
  const clock = movableClock();
  const lines: string[] = [];
  beforeAll(async () => {
    assembly = writeAssembly(SMALL_RESOURCES, SMALL_BUNDLES);
    stack = await start(assembly, { clock });
    stack.onLog(({ functionName, line }) => lines.push(`${functionName}: ${line}`));
  });
  afterAll(async () => {
    await stack.stop();
    assembly.remove();
  });

  it('carries a call through queue, function, table, stream and the next function', async () => {
    expect((await post(stack, { id: 'called' })).status).toBe(202);
    await quiet(stack);
    expect(await items(stack)).toMatchObject({ called: 'projected' });
    expect(lines).toContain('Worker: working on called');
    expect(stack.stats().denied).toEqual([]);
  });

  it("carries a partner's event through its rule into the queue", async () => {
    const body = {
      Entries: [{ Source: PARTNER_BUS, DetailType: 'Contact', Detail: '{"id":"from partner"}', Time: 1_767_225_600 }],
    };
    const response = await fetch(stack.gatewayUrl, {
      method: 'POST',
      headers: { 'x-amz-target': 'AWSEvents.PutPartnerEvents', authorization: 'AWS4-HMAC-SHA256 Credential=root/local' },
      body: JSON.stringify(body),
    });
    expect(response.status).toBe(200);
    await quiet(stack);
    expect(await items(stack)).toMatchObject({ 'from partner': 'projected' });
  });

  it('gives up a message that always fails, and counts it as a dead letter, not as work', async () => {
    const dead = stack.queueName('Dead');
    stack.resetStats();
    await post(stack, { id: 'poison' });
    for (const tries of [1, 2]) {
      await until(() => stack.stats().functions.Worker?.invocations === tries, 'the try');
      await sleep(30); // its answer is taken
      expect(stack.isQuiet()).toBe(false);
      clock.advance(60_000); // the visibility timeout
    }
    await quiet(stack);
    expect(stack.stats().deadLetters).toEqual({ [dead]: 1 });
  });

  it('rests when paused, but still answers calls; and works off what came meanwhile', async () => {
    stack.pause();
    expect(stack.isPaused()).toBe(true);
    expect((await post(stack, { id: 'for later' })).status).toBe(202);
    await sleep(60);
    expect(await items(stack)).not.toHaveProperty('for later');
    expect(stack.isQuiet()).toBe(false);
    await expect(stack.waitUntilQuiet({ timeoutMs: 100 })).rejects.toThrow(
      /not quiet within 100 ms: Small-Work holds 1 messages/,
    );
    stack.resume();
    await quiet(stack);
    expect(await items(stack)).toMatchObject({ 'for later': 'projected' });
  });

  it('is never quiet while a message is on its way: not between queue and function, nor between table and stream', async () => {
    for (let round = 0; round < 20; round++) {
      const id = `round ${round}`;
      await post(stack, { id, slowMs: round % 3 });
      await quiet(stack);
      expect(await items(stack)).toMatchObject({ [id]: 'projected' });
    }
  });

  it('can be killed in the middle of an invocation: the message comes back by visibility', async () => {
    stack.resetStats();
    await post(stack, { id: 'slow', slowMs: 200 });
    await until(() => stack.stats().functions.Worker?.invocations === 1, 'the first try');
    await sleep(80);
    expect(stack.kill('Worker')).toBeGreaterThan(0);
    await until(() => stack.stats().functions.Worker?.errors === 1, 'the failure');
    expect(lines).not.toContain('Worker: working on slow'); // it was cut before it came to that
    clock.advance(60_000);
    await quiet(stack);
    expect(await items(stack)).toMatchObject({ slow: 'projected' });
  });

  it('finds resources by the beginning of their id, and says what there is when it cannot', async () => {
    expect(stack.queueUrl('Work')).toBe(`${stack.gatewayUrl}/000000000000/Small-Work`);
    expect(() => stack.queueName('Nowhere')).toThrow(/0 resources begin with Nowhere; there are: Dead, Work/);
    expect(await stack.invoke('Receive', { body: '{"id":"direct"}' })).toMatchObject({ ok: true });
    await quiet(stack);
  });
});

describe('Stopping and starting a stack', () => {
  const open: { readonly assembly: WrittenAssembly; stack?: LocalStack }[] = [];
  const opened = (resources = SMALL_RESOURCES, bundles = SMALL_BUNDLES): WrittenAssembly => {
    const assembly = writeAssembly(resources, bundles);
    open.push({ assembly });
    return assembly;
  };
  afterEach(() => {
    for (const { assembly } of open.splice(0)) assembly.remove();
  });

  it('is a matter of a moment when nothing is in hand', async () => {
    const assembly = opened();
    const stack = await start(assembly);
    await post(stack, { id: 'a' });
    await quiet(stack);
    const stoppedAt = performance.now();
    await stack.stop();
    expect(performance.now() - stoppedAt).toBeLessThan(1_000);
  });

  it('lets work in hand finish, and resumes with the rest on the same data', async () => {
    const assembly = opened();
    const first = await start(assembly);
    await post(first, { id: 'warm' });
    await quiet(first);
    first.pause();
    for (const id of ['a', 'b', 'c']) await post(first, { id });
    first.resume();
    await post(first, { id: 'in hand', slowMs: 200 });
    await until(() => first.sqs.counts(first.queueName('Work')).inFlight > 0);
    await first.stop();

    const second = await start(assembly);
    try {
      await quiet(second);
      expect(await items(second)).toEqual({
        warm: 'projected',
        a: 'projected',
        b: 'projected',
        c: 'projected',
        'in hand': 'projected',
      });
      expect(second.stats().functions.Receive?.invocations).toBe(0);
    } finally {
      await second.stop();
    }
  });

  it('sets a given secret once: what was changed since is kept, until another is given', async () => {
    const assembly = opened();
    const value = async (stack: LocalStack): Promise<string> => {
      const response = await fetch(stack.gatewayUrl, {
        method: 'POST',
        headers: { 'x-amz-target': 'secretsmanager.GetSecretValue', authorization: 'AWS4-HMAC-SHA256 Credential=root/local' },
        body: JSON.stringify({ SecretId: 'small/token' }),
      });
      return z.object({ SecretString: z.string() }).parse(await response.json()).SecretString;
    };
    const started = async (secrets: object | undefined, act: (stack: LocalStack) => Promise<void>): Promise<void> => {
      const stack = await start(assembly, secrets && { secrets: { 'small/token': secrets } });
      await act(stack).finally(() => stack.stop());
    };
    await started(undefined, async (stack) =>
      expect(JSON.parse(await value(stack))).toEqual({ token: expect.stringMatching(/^.{32}$/) }),
    );
    await started({ token: 'given' }, async (stack) => {
      expect(await value(stack)).toBe('{"token":"given"}');
      await fetch(stack.gatewayUrl, {
        method: 'POST',
        headers: { 'x-amz-target': 'secretsmanager.PutSecretValue', authorization: 'AWS4-HMAC-SHA256 Credential=root/local' },
        body: JSON.stringify({ SecretId: 'small/token', SecretString: '{"token":"rotated"}' }),
      });
    });
    await started({ token: 'given' }, async (stack) => expect(await value(stack)).toBe('{"token":"rotated"}'));
    await started({ token: 'other' }, async (stack) => expect(await value(stack)).toBe('{"token":"other"}'));
  });

  it('fails with advice when a port is in use, and leaves nothing running', async () => {
    const assembly = opened();
    const blocker = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => blocker.once('listening', resolve));
    const { port } = z.object({ port: z.number() }).parse(blocker.address());
    await expect(start(assembly, { ports: { api: port } })).rejects.toThrow(`port ${port} of 127.0.0.1 is in use`);
    await expect(start(assembly, { ports: { gateway: port } })).rejects.toThrow(`port ${port} of 127.0.0.1 is in use`);
    blocker.close();
    const stack = await start(assembly); // the data directory is free again
    await stack.stop();
  });

  it('fails with advice when another run has the data directory', async () => {
    const assembly = opened();
    const stack = await start(assembly);
    await expect(start(assembly)).rejects.toThrow(
      /data is in use by another run: stop that one, or start this one on another directory/,
    );
    await stack.stop();
  });

  it.each([
    [
      'a source that is no queue and no stream',
      { FromQueue: { EventSourceArn: 'arn:aws:kinesis:eu-west-1:0:stream/x' } },
      /FromQueue reads arn:aws:kinesis/,
    ],
    ['a function that is not there', { FromQueue: { FunctionName: 'Nobody' } }, /FromQueue feeds Nobody/],
    [
      'a rule on a bus that is not there',
      { FromPartner: { EventBusName: 'elsewhere' } },
      /FromPartner listens to the bus elsewhere/,
    ],
    ['a route to nowhere', { Route: { Target: 'integrations/None' } }, /route POST \/things \(Route\) leads to no function/],
    ['another language', { Worker: { Runtime: 'python3.13' } }, /Worker[\s\S]*only Node\.js runs here/],
    ['a schedule that is none', { FromPartner: { ScheduleExpression: 'rate(1 minutes)' } }, /FromPartner: rate\(1 minutes\)/],
  ])('fails on a template with %s, naming the resource', async (_, changes, message) => {
    const resources = { ...SMALL_RESOURCES };
    for (const [id, properties] of Object.entries<object>(changes)) {
      const resource = SMALL_RESOURCES[id];
      if (resource !== undefined) resources[id] = { ...resource, Properties: { ...resource.Properties, ...properties } };
    }
    await expect(start(opened(resources))).rejects.toThrow(message);
  });
});
