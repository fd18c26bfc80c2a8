import { SQSClient } from '@aws-sdk/client-sqs';

/** A client of SQS whose calls are answered by a script, without a network. */
export function scriptedSqs(answer: (command: string, input: unknown) => object): SQSClient {
  const sqs = new SQSClient({ region: 'eu-west-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } });
  sqs.middlewareStack.add(
    (_, { commandName }) =>
      async ({ input }) => ({
        response: {},
        output: { $metadata: {}, ...answer(String(commandName).replace(/Command$/, ''), input) },
      }),
    { step: 'initialize', priority: 'high' },
  );
  return sqs;
}
