import { GetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs';

export interface QueueDepth {
  readonly waiting: number;
  readonly inFlight: number;
  readonly delayed: number;
}

/** How much lies on each queue, by the queue's name. Approximate, as SQS counts. */
export function queueDepths(sqs: SQSClient, urls: Readonly<Record<string, string>>): () => Promise<Record<string, QueueDepth>> {
  return async () =>
    Object.fromEntries(
      await Promise.all(
        Object.entries(urls).map(async ([name, url]): Promise<[string, QueueDepth]> => {
          const { Attributes: counts = {} } = await sqs.send(
            new GetQueueAttributesCommand({
              QueueUrl: url,
              AttributeNames: [
                'ApproximateNumberOfMessages',
                'ApproximateNumberOfMessagesNotVisible',
                'ApproximateNumberOfMessagesDelayed',
              ],
            }),
          );
          return [
            name,
            {
              waiting: Number(counts.ApproximateNumberOfMessages ?? 0),
              inFlight: Number(counts.ApproximateNumberOfMessagesNotVisible ?? 0),
              delayed: Number(counts.ApproximateNumberOfMessagesDelayed ?? 0),
            },
          ];
        }),
      ),
    );
}
