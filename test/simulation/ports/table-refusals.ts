import {
  type AttributeValue,
  type CancellationReason,
  ConditionalCheckFailedException,
  DynamoDBServiceException,
  TransactionCanceledException,
} from '@aws-sdk/client-dynamodb';

export type Item = Record<string, AttributeValue>;

/** The model does not carry what it was asked, though DynamoDB may: extend the model, and prove it in the contract suite. */
export class UnknownToModelError extends Error {
  override readonly name = 'UnknownToModelError';

  constructor(what: string) {
    super(`the model of DynamoDB does not know ${what}; add it, and its behaviour to test/contract/table-contract.ts`);
  }
}

/** The SDK has no class for it: callers see the name. */
export function validation(message: string): DynamoDBServiceException {
  return new DynamoDBServiceException({ name: 'ValidationException', $fault: 'client', message, $metadata: {} });
}

export const CONDITION_FAILED = 'The conditional request failed';

export function conditionFailed(shown: Item | undefined): ConditionalCheckFailedException {
  return new ConditionalCheckFailedException({ message: CONDITION_FAILED, $metadata: {}, ...(shown && { Item: shown }) });
}

export function transactionCanceled(reasons: CancellationReason[]): TransactionCanceledException {
  return new TransactionCanceledException({
    message: `Transaction cancelled, please refer cancellation reasons for specific reasons [${reasons.map(({ Code }) => Code).join(', ')}]`,
    $metadata: {},
    CancellationReasons: reasons,
  });
}
