import { createHash } from 'node:crypto';

/** The AWS account and region that the embedded services pretend to be. */
export interface LocalAccount {
  readonly region: string;
  readonly accountId: string;
}

export const LOCAL_ACCOUNT: LocalAccount = { region: 'eu-west-1', accountId: '000000000000' };

const arn = (service: string, account: LocalAccount, rest: string): string =>
  `arn:aws:${service}:${account.region}:${account.accountId}:${rest}`;

export const queueArn = (account: LocalAccount, queueName: string): string => arn('sqs', account, queueName);
export const tableArn = (account: LocalAccount, tableName: string): string => arn('dynamodb', account, `table/${tableName}`);
export const indexArn = (account: LocalAccount, tableName: string, indexName: string): string =>
  `${tableArn(account, tableName)}/index/${indexName}`;
/** One stream per table here, so its label never changes. */
export const streamArn = (account: LocalAccount, tableName: string): string => `${tableArn(account, tableName)}/stream/local`;
export const eventBusArn = (account: LocalAccount, busName: string): string => arn('events', account, `event-bus/${busName}`);

/**
 * AWS ends a secret's ARN with a hyphen and six random characters; here they follow from the name,
 * so that a restart (and a template resolved before the secret exists) gives the same ARN.
 */
export function secretArn(account: LocalAccount, secretName: string): string {
  const suffix = createHash('sha256').update(secretName).digest('hex').slice(0, 6);
  return arn('secretsmanager', account, `secret:${secretName}-${suffix}`);
}

/** The last part of a queue's URL or ARN. */
export const queueNameOf = (urlOrArn: string): string =>
  urlOrArn.slice(Math.max(urlOrArn.lastIndexOf('/'), urlOrArn.lastIndexOf(':')) + 1);

/** SDKs send a queue's requests to the host in its URL, so that must be the gateway's. */
export const queueUrl = (gatewayUrl: string, account: LocalAccount, queueName: string): string =>
  `${gatewayUrl}/${account.accountId}/${queueName}`;
