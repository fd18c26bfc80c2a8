import { DynamoDBClient, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
import type { ModelTable } from './model-table.ts';
import type { PortCall } from './port-call.ts';

/**
 * The table as the stores of one container reach it. It is a DynamoDBClient that can only `send`, so that whatever else somebody
 * would use of one fails at once.
 *
 * A call that is repeated on its way is the SDK's own retry: a transaction then carries the same token, as the SDK sees to.
 */
export function tableClient(table: ModelTable, call: PortCall): DynamoDBClient {
  const client: DynamoDBClient = Object.create(DynamoDBClient.prototype);
  const send = (command: object): Promise<object> => {
    const token = command instanceof TransactWriteItemsCommand ? table.newToken() : undefined;
    return call(`table ${command.constructor.name.replace(/Command$/, '')}`, () => table.execute(command, token));
  };
  return Object.defineProperty(client, 'send', { value: send });
}
