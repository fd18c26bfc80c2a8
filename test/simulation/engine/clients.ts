import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DeleteMessageBatchCommand, ReceiveMessageCommand, SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { ModelQueue } from '../ports/model-queue.ts';
import type { ModelTable } from '../ports/model-table.ts';
import type { PortCall } from './world-face.ts';

/** SQS counts a message too many that a producer could mend as the sender's fault. */
const SENDER_FAULT = { SenderFault: true, Code: 'InvalidParameterValue' };

/** The table, as the stores of one container reach it. */
export function tableClient(table: ModelTable, call: PortCall): DynamoDBClient {
  const face: Pick<DynamoDBClient, 'send'> = {
    // biome-ignore lint/suspicious/noExplicitAny: the SDK's `send` is a set of overloads that no function literal satisfies
    send: (command: any): any => call(`table ${nameOf(command)}`, () => table.execute(command)),
  };
  return standIn(face);
}

/** The queues by URL, as one container reaches them. */
export function queueClient(queues: ReadonlyMap<string, ModelQueue>, call: PortCall): SQSClient {
  const face: Pick<SQSClient, 'send'> = {
    // biome-ignore lint/suspicious/noExplicitAny: the SDK's `send` is a set of overloads that no function literal satisfies
    send: (command: any): any => call(`queue ${nameOf(command)}`, () => answer(queues, command)),
  };
  return standIn(face);
}

function answer(queues: ReadonlyMap<string, ModelQueue>, command: object): object {
  if (command instanceof SendMessageBatchCommand) {
    const queue = queueOf(queues, command.input.QueueUrl);
    const Failed: object[] = [];
    const Successful: object[] = [];
    for (const { Id, MessageBody = '', DelaySeconds = 0 } of command.input.Entries ?? []) {
      try {
        queue.send({ body: MessageBody, delayMs: DelaySeconds * 1_000 });
        Successful.push({ Id });
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        Failed.push({ Id, ...SENDER_FAULT, Message: error.message });
      }
    }
    return { Successful, ...(Failed.length > 0 && { Failed }) };
  }
  if (command instanceof ReceiveMessageCommand) {
    const taken = queueOf(queues, command.input.QueueUrl).receive(command.input.MaxNumberOfMessages ?? 1);
    return {
      Messages: taken.map(({ id, body, receipt }) => ({
        MessageId: id,
        Body: body,
        ReceiptHandle: JSON.stringify([id, receipt]),
      })),
    };
  }
  if (command instanceof DeleteMessageBatchCommand) {
    const queue = queueOf(queues, command.input.QueueUrl);
    for (const { ReceiptHandle } of command.input.Entries ?? []) {
      const [id, receipt]: [string, number] = JSON.parse(ReceiptHandle ?? '');
      queue.delete(id, receipt);
    }
    return { Successful: (command.input.Entries ?? []).map(({ Id }) => ({ Id })) };
  }
  throw new Error(`the model queue does not know ${nameOf(command)}`);
}

function queueOf(queues: ReadonlyMap<string, ModelQueue>, url: string | undefined): ModelQueue {
  const queue = queues.get(url ?? '');
  if (queue === undefined) throw new Error(`there is no queue ${url}`);
  return queue;
}

function nameOf(command: object): string {
  return command.constructor.name.replace(/Command\d*$/, '');
}

/** The stores use nothing of a client but `send`. */
function standIn<Client>(face: object): Client {
  return face as Client;
}
