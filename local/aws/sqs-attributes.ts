import * as z from 'zod';
import { AwsError } from './aws-error.ts';

/** A queue's settings as SQS names and writes them: all are strings, `VisibilityTimeout: '30'`. */
export type QueueAttributes = Readonly<Record<string, string>>;

/** Ranges and defaults, in seconds and bytes: docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html */
const NUMBERS: Readonly<Record<string, { readonly min: number; readonly max: number; readonly initial: number }>> = {
  DelaySeconds: { min: 0, max: 900, initial: 0 },
  MaximumMessageSize: { min: 1_024, max: 1_048_576, initial: 1_048_576 },
  MessageRetentionPeriod: { min: 60, max: 1_209_600, initial: 345_600 },
  ReceiveMessageWaitTimeSeconds: { min: 0, max: 20, initial: 0 },
  VisibilityTimeout: { min: 0, max: 43_200, initial: 30 },
};
const TEXTS = new Set([
  'Policy',
  'RedrivePolicy',
  'RedriveAllowPolicy',
  'KmsMasterKeyId',
  'KmsDataKeyReusePeriodSeconds',
  'SqsManagedSseEnabled',
]);
/** What GetQueueAttributes adds to the settings. */
export const COMPUTED_ATTRIBUTES = [
  'QueueArn',
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
  'CreatedTimestamp',
  'LastModifiedTimestamp',
] as const;

export const isQueueAttribute = (name: string): boolean =>
  name in NUMBERS || TEXTS.has(name) || COMPUTED_ATTRIBUTES.some((known) => known === name);

export const defaultQueueAttributes = (): Record<string, string> =>
  Object.fromEntries(Object.entries(NUMBERS).map(([name, { initial }]) => [name, String(initial)]));

const redrivePolicySchema = z.object({
  deadLetterTargetArn: z.string().min(1),
  maxReceiveCount: z.coerce.number().int().min(1).max(1_000),
});

/** What a queue does with its messages, read from its attributes. */
export interface QueueSettings {
  readonly delayMs: number;
  readonly messageBytesMax: number;
  readonly retentionMs: number;
  readonly receiveWaitMs: number;
  readonly visibilityTimeoutMs: number;
  readonly redrive: { readonly deadLetterArn: string; readonly maxReceiveCount: number } | undefined;
}

/** @throws AwsError naming the attribute that SQS would refuse. */
export function queueSettings(attributes: QueueAttributes): QueueSettings {
  for (const [name, value] of Object.entries(attributes)) refuseWrongAttribute(name, value);
  const number = (name: string): number => Number(attributes[name] ?? NUMBERS[name]?.initial);
  return {
    delayMs: number('DelaySeconds') * 1_000,
    messageBytesMax: number('MaximumMessageSize'),
    retentionMs: number('MessageRetentionPeriod') * 1_000,
    receiveWaitMs: number('ReceiveMessageWaitTimeSeconds') * 1_000,
    visibilityTimeoutMs: number('VisibilityTimeout') * 1_000,
    redrive: redriveOf(attributes.RedrivePolicy),
  };
}

function refuseWrongAttribute(name: string, value: string): void {
  if (
    name === 'FifoQueue' ||
    name === 'ContentBasedDeduplication' ||
    name === 'DeduplicationScope' ||
    name === 'FifoThroughputLimit'
  ) {
    throw new AwsError('InvalidAttributeName', `The embedded SQS has standard queues only: remove ${name} from the queue.`);
  }
  const range = NUMBERS[name];
  if (range === undefined) {
    if (!TEXTS.has(name)) throw new AwsError('InvalidAttributeName', `Unknown Attribute ${name}.`);
    return;
  }
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < range.min || number > range.max) {
    throw new AwsError(
      'InvalidAttributeValue',
      `Invalid value for the parameter ${name}. Reason: Must be a whole number from ${range.min} to ${range.max}.`,
    );
  }
}

function redriveOf(policy: string | undefined): QueueSettings['redrive'] {
  if (policy === undefined || policy === '') return undefined;
  let parsed: z.infer<typeof redrivePolicySchema>;
  try {
    parsed = redrivePolicySchema.parse(JSON.parse(policy));
  } catch (error) {
    throw new AwsError(
      'InvalidAttributeValue',
      'Value for parameter RedrivePolicy is invalid. Reason: it needs deadLetterTargetArn and a maxReceiveCount from 1 to 1000.',
      { cause: error },
    );
  }
  return { deadLetterArn: parsed.deadLetterTargetArn, maxReceiveCount: parsed.maxReceiveCount };
}
