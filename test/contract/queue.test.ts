import { queueArn, queueUrl } from '../../local/aws/local-account.ts';
import { embeddedAws, sqsClient } from '../local/aws/embedded-aws.ts';
import { ModelQueue } from '../simulation/ports/model-queue.ts';
import { atOnce } from '../simulation/ports/port-call.ts';
import { queueClient } from '../simulation/ports/queue-client.ts';
import { type QueueBackend, queueContract, RECEIVES_MAX, RETENTION_MS, VISIBILITY_MS } from './queue-contract.ts';

async function model(): Promise<QueueBackend> {
  let nowMs = 1_790_000_000_000;
  const now = () => nowMs;
  const queues = new Map<string, ModelQueue>();
  return {
    client: queueClient(queues, atOnce),
    queue() {
      const url = `https://queues.test/q${queues.size}`;
      const deadLetterUrl = `${url}-dead`;
      const timing = { now, visibilityTimeoutMs: VISIBILITY_MS, retentionMs: RETENTION_MS };
      const deadLetter = new ModelQueue(timing);
      queues.set(deadLetterUrl, deadLetter);
      queues.set(url, new ModelQueue({ ...timing, maxReceiveCount: RECEIVES_MAX, deadLetter }));
      return { url, deadLetterUrl };
    },
    advance(ms) {
      nowMs += ms;
    },
    close: async () => undefined,
  };
}

async function emulator(): Promise<QueueBackend> {
  const aws = await embeddedAws();
  const client = sqsClient(aws);
  const { account } = aws.sqs;
  const attributes = { VisibilityTimeout: String(VISIBILITY_MS / 1_000), MessageRetentionPeriod: String(RETENTION_MS / 1_000) };
  let count = 0;
  return {
    client,
    queue() {
      const name = `q${++count}`;
      const dead = `${name}-dead`;
      aws.sqs.ensureQueue(dead, attributes);
      const redrive = { deadLetterTargetArn: queueArn(account, dead), maxReceiveCount: RECEIVES_MAX };
      aws.sqs.ensureQueue(name, { ...attributes, RedrivePolicy: JSON.stringify(redrive) });
      return { url: queueUrl(aws.gateway.url, account, name), deadLetterUrl: queueUrl(aws.gateway.url, account, dead) };
    },
    advance: (ms) => aws.clock.advance(ms),
    async close() {
      client.destroy();
      await aws.close();
    },
  };
}

queueContract('the model of SQS', model);
queueContract('the emulated SQS', emulator);
