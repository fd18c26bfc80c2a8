import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { LOCAL_ACCOUNT, queueArn } from '../../../local/aws/local-account.ts';
import { type EventSource, type Intake, intake } from '../../../local/runtime/intake.ts';
import { sqsEventSource } from '../../../local/runtime/sqs-event-source.ts';
import { type EmbeddedAws, embeddedAws } from '../aws/embedded-aws.ts';
import { type ScriptedFunction, scriptedFunction, until } from './scripted-function.ts';

let aws: EmbeddedAws;
let queueNumber = 0;
const open: { readonly taking: Intake; readonly source: EventSource }[] = [];

beforeAll(async () => {
  aws = await embeddedAws();
});
afterEach(async () => {
  for (const { taking, source } of open.splice(0)) {
    taking.close();
    await source.ended;
  }
});
afterAll(() => aws.close());

const eventSchema = z.object({ Records: z.array(z.looseObject({ messageId: z.string(), body: z.string() })) });
const bodiesOf = (event: unknown): string[] => eventSchema.parse(event).Records.map((record) => record.body);
const idsOf = (event: unknown, body: string): { itemIdentifier: string }[] =>
  eventSchema.parse(event).Records.flatMap((record) => (record.body === body ? [{ itemIdentifier: record.messageId }] : []));

function freshQueue(attributes: Record<string, string> = {}): { readonly queue: string; readonly dead: string } {
  const queue = `queue-${++queueNumber}`;
  const dead = `${queue}-dead`;
  aws.sqs.ensureQueue(dead);
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: queueArn(LOCAL_ACCOUNT, dead), maxReceiveCount: 2 });
  aws.sqs.ensureQueue(queue, { VisibilityTimeout: '30', RedrivePolicy, ...attributes });
  return { queue, dead };
}

function feed(queue: string, target: ScriptedFunction, properties: object = {}): Intake {
  const taking = intake();
  const source = sqsEventSource({
    logicalId: 'FromQueue',
    properties: { EventSourceArn: queueArn(LOCAL_ACCOUNT, queue), FunctionName: 'scripted', ...properties },
    target,
    sqs: aws.sqs,
    region: 'eu-west-1',
    intake: taking,
    warn: () => undefined,
  });
  open.push({ taking, source });
  return taking;
}

const send = async (queue: string, bodies: readonly string[]): Promise<void> => {
  for (let at = 0; at < bodies.length; at += 10)
    await aws.sqs.send(
      queue,
      bodies.slice(at, at + 10).map((body) => ({ body })),
    );
};
const isEmpty = (queue: string) => (): boolean => {
  const { visible, inFlight, delayed } = aws.sqs.counts(queue);
  return visible + inFlight + delayed === 0;
};
const PARTIAL = { FunctionResponseTypes: ['ReportBatchItemFailures'] };

// docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
describe('A queue that feeds a function', () => {
  it('hands messages over as Lambda writes them, and deletes what was handled', async () => {
    const { queue } = freshQueue();
    const target = scriptedFunction(() => null);
    feed(queue, target);
    await aws.sqs.send(queue, [{ body: 'hello', attributes: { kind: { DataType: 'String', StringValue: 'greeting' } } }]);
    await until(isEmpty(queue), 'the deletion');
    expect(target.events).toEqual([
      {
        Records: [
          {
            messageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
            receiptHandle: expect.any(String),
            body: 'hello',
            attributes: expect.objectContaining({
              ApproximateReceiveCount: '1',
              SentTimestamp: expect.stringMatching(/^\d{13}$/),
            }),
            messageAttributes: {
              kind: { dataType: 'String', stringValue: 'greeting', stringListValues: [], binaryListValues: [] },
            },
            md5OfBody: '5d41402abc4b2a76b9719d911017c592',
            eventSource: 'aws:sqs',
            eventSourceARN: queueArn(LOCAL_ACCOUNT, queue),
            awsRegion: 'eu-west-1',
          },
        ],
      },
    ]);
  });

  it('gets back only the messages that the function names', async () => {
    const { queue } = freshQueue();
    const target = scriptedFunction((event, invocation) => ({ batchItemFailures: invocation === 1 ? idsOf(event, 'bad') : [] }));
    await send(queue, ['good', 'bad', 'also good']);
    feed(queue, target, PARTIAL);
    await until(() => aws.sqs.counts(queue).inFlight === 1, 'the partial failure');
    aws.clock.advance(30_000);
    await until(isEmpty(queue), 'the second try');
    expect(target.events.map(bodiesOf)).toEqual([['good', 'bad', 'also good'], ['bad']]);
  });

  it('gets back the whole batch when the answer is malformed, and gives it up after maxReceiveCount', async () => {
    const { queue, dead } = freshQueue();
    const target = scriptedFunction(() => ({ batchItemFailures: [{ itemIdentifier: 'not in the batch' }] }));
    await send(queue, ['one', 'two']);
    feed(queue, target, PARTIAL);
    await until(() => target.events.length === 1 && aws.sqs.counts(queue).inFlight === 2);
    aws.clock.advance(30_000);
    await until(() => target.events.length === 2 && aws.sqs.counts(queue).inFlight === 2);
    aws.clock.advance(30_000);
    await until(() => aws.sqs.counts(dead).visible === 2, 'the redrive');
    expect(target.events).toHaveLength(2);
    expect(aws.sqs.peek(dead, 10).map((message) => message.attributes.DeadLetterQueueSourceArn)).toEqual([
      queueArn(LOCAL_ACCOUNT, queue),
      queueArn(LOCAL_ACCOUNT, queue),
    ]);
  });

  it('gets everything back when the function fails', async () => {
    const { queue } = freshQueue();
    const target = scriptedFunction((_, invocation) => {
      if (invocation === 1) throw new Error('not now');
    });
    await send(queue, ['one', 'two']);
    feed(queue, target);
    await until(() => target.events.length === 1);
    expect(aws.sqs.counts(queue)).toMatchObject({ inFlight: 2 });
    aws.clock.advance(30_000);
    await until(isEmpty(queue), 'the second try');
  });

  it('takes no notice of reported failures unless the mapping asks for them', async () => {
    const { queue } = freshQueue();
    feed(
      queue,
      scriptedFunction((event) => ({ batchItemFailures: idsOf(event, 'bad') })),
    );
    await send(queue, ['bad']);
    await until(isEmpty(queue), 'the deletion');
  });

  it('refuses a batch above 10 without a window, naming the mapping; with one it gathers more', async () => {
    const { queue } = freshQueue();
    const target = scriptedFunction(() => null);
    expect(() => feed(queue, target, { BatchSize: 25 })).toThrow(
      /FromQueue[\s\S]*BatchSize above 10 needs a MaximumBatchingWindowInSeconds/,
    );
    await send(
      queue,
      Array.from({ length: 25 }, (_, at) => `message ${at}`),
    );
    feed(queue, target, { BatchSize: 25, MaximumBatchingWindowInSeconds: 1, ScalingConfig: { MaximumConcurrency: 2 } });
    await until(isEmpty(queue), 'the deletion');
    expect(Math.max(...target.events.map((event) => bodiesOf(event).length))).toBeGreaterThan(10);
    expect(target.events.flatMap(bodiesOf)).toHaveLength(25);
  });

  it('refuses properties of another kind of source', () => {
    const { queue } = freshQueue();
    expect(() =>
      feed(
        queue,
        scriptedFunction(() => null),
        { StartingPosition: 'LATEST' },
      ),
    ).toThrow(/FromQueue[\s\S]*StartingPosition/);
  });

  it('has no more batches in hand than MaximumConcurrency', async () => {
    const { queue } = freshQueue();
    const target = scriptedFunction(() => sleep(30));
    await send(
      queue,
      Array.from({ length: 12 }, (_, at) => `message ${at}`),
    );
    feed(queue, target, { BatchSize: 1, ScalingConfig: { MaximumConcurrency: 3 } });
    await until(isEmpty(queue), 'the deletion');
    expect(target.atOnce()).toBe(3);
  });

  it('deletes unseen what no filter wants', async () => {
    const { queue } = freshQueue();
    const target = scriptedFunction(() => null);
    await send(queue, ['{"kind":"wanted"}', '{"kind":"other"}', 'no JSON']);
    feed(queue, target, { FilterCriteria: { Filters: [{ Pattern: '{"body":{"kind":["wanted"]}}' }] } });
    await until(isEmpty(queue), 'the deletion');
    expect(target.events.flatMap(bodiesOf)).toEqual(['{"kind":"wanted"}']);
  });

  it('is left alone while the intake is paused, even by a poll that was already waiting', async () => {
    const { queue } = freshQueue();
    const target = scriptedFunction(() => null);
    const taking = feed(queue, target);
    await sleep(20); // all pollers wait for a message
    taking.pause();
    await send(queue, ['for later']);
    await sleep(50);
    expect(target.events).toEqual([]);
    expect(aws.sqs.counts(queue)).toMatchObject({ visible: 1 });
    taking.resume();
    await until(isEmpty(queue), 'the deletion');
  });

  it('finishes what is in hand when it is closed, at once when there is nothing', async () => {
    const { queue } = freshQueue();
    const target = scriptedFunction(() => sleep(60));
    feed(queue, target);
    await send(queue, ['in hand']);
    await until(() => target.events.length === 1);
    const [entry] = open.splice(0);
    entry?.taking.close();
    await entry?.source.ended;
    expect(isEmpty(queue)()).toBe(true);

    const idle = freshQueue().queue;
    feed(idle, target);
    await sleep(20);
    const [idleEntry] = open.splice(0);
    const closedAt = performance.now();
    idleEntry?.taking.close();
    await idleEntry?.source.ended;
    expect(performance.now() - closedAt).toBeLessThan(500);
  });
});
