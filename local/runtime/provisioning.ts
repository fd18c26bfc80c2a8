import * as z from 'zod';
import { AwsError } from '../aws/aws-error.ts';
import type { DynamoDb } from '../aws/dynamodb.ts';
import { queueNameOf } from '../aws/local-account.ts';
import type { Sqs } from '../aws/sqs.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { LocalTemplate } from './template.ts';
import { TemplateError } from './template-error.ts';

/** Properties of a queue that are no attributes of SQS, or say nothing here. */
const NO_ATTRIBUTES = new Set(['QueueName', 'Tags', 'SqsManagedSseEnabled', 'KmsMasterKeyId', 'RedriveAllowPolicy']);

/** Dead-letter queues come first: the others name them. */
export function makeQueues(template: LocalTemplate, sqs: Sqs): void {
  const queues = template
    .ofType('AWS::SQS::Queue')
    .sort((a, b) => Number('RedrivePolicy' in a.properties) - Number('RedrivePolicy' in b.properties));
  for (const { logicalId, properties } of queues) {
    const attributes = Object.entries(properties)
      .filter(([name]) => !NO_ATTRIBUTES.has(name))
      .map(([name, value]) => [name, typeof value === 'object' ? JSON.stringify(value) : String(value)]);
    try {
      sqs.ensureQueue(template.nameOf(logicalId), Object.fromEntries(attributes));
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      throw new TemplateError(`${logicalId} (AWS::SQS::Queue): ${error.message}`, { cause: error });
    }
  }
}

export async function makeTables(template: LocalTemplate, dynamodb: DynamoDb, checkpoints: Checkpoints): Promise<void> {
  for (const { logicalId, properties } of template.ofType('AWS::DynamoDB::GlobalTable', 'AWS::DynamoDB::Table')) {
    const name = template.nameOf(logicalId);
    await dynamodb.ensureTable(name, properties);
    const readers = template
      .ofType('AWS::Lambda::EventSourceMapping')
      .filter((mapping) => String(mapping.properties.EventSourceArn).includes(`table/${name}/`));
    // What the only reader is past is of no use to anybody.
    const [position, ...others] = readers.map((mapping) => checkpoints.get(mapping.logicalId));
    if (position !== undefined && others.length === 0) await dynamodb.trimStream(name, position);
  }
}

const deadLetterHolderSchema = z.object({
  RedrivePolicy: z.object({ deadLetterTargetArn: z.string() }).optional(),
  DestinationConfig: z.object({ OnFailure: z.object({ Destination: z.string() }).optional() }).optional(),
  Targets: z.array(z.object({ DeadLetterConfig: z.object({ Arn: z.string() }).optional() })).optional(),
});

/** Queues that others send to when they give up: what lies there waits for a person. */
export function deadLetterQueues(template: LocalTemplate): ReadonlySet<string> {
  const holders = template.ofType('AWS::SQS::Queue', 'AWS::Lambda::EventSourceMapping', 'AWS::Events::Rule');
  const arns = holders.flatMap(({ properties }) => {
    const { RedrivePolicy, DestinationConfig, Targets = [] } = deadLetterHolderSchema.parse(properties);
    return [
      RedrivePolicy?.deadLetterTargetArn,
      DestinationConfig?.OnFailure?.Destination,
      ...Targets.map((target) => target.DeadLetterConfig?.Arn),
    ];
  });
  return new Set(arns.flatMap((arn) => (arn === undefined ? [] : [queueNameOf(arn)])));
}
