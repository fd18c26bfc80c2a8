import { createHash } from 'node:crypto';
import { AwsError } from './aws-error.ts';

/** One attribute of a message; binary values are base64 text. */
export interface MessageAttribute {
  readonly DataType: string; // String, Number, Binary, or one of them with a suffix: String.url
  readonly StringValue?: string | undefined;
  readonly BinaryValue?: string | undefined;
}
export type MessageAttributes = Readonly<Record<string, MessageAttribute>>;

export interface OutgoingMessage {
  readonly body: string;
  readonly delaySeconds?: number | undefined; // 0..900; without it, the queue's
  readonly attributes?: MessageAttributes | undefined;
  readonly traceHeader?: string | undefined;
}

export interface ReceivedMessage {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  readonly md5OfBody: string;
  /** ApproximateReceiveCount, SentTimestamp, ApproximateFirstReceiveTimestamp, SenderId and, in a dead-letter queue, DeadLetterQueueSourceArn. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly messageAttributes: MessageAttributes;
}

const DELAY_SECONDS_MAX = 900;
/** Ten user attributes: docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html */
const ATTRIBUTES_MAX = 10;
/** The characters that SendMessage admits: #x9, #xA, #xD, #x20-#xD7FF, #xE000-#xFFFD, #x10000-#x10FFFF. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the very characters that SQS refuses
const FORBIDDEN_CHARACTER = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]|\p{Surrogate}/u;

/** Body and attributes (name, type and value), in bytes: what counts towards 1 MiB. */
export function messageBytes(message: OutgoingMessage): number {
  let bytes = Buffer.byteLength(message.body);
  for (const [name, attribute] of Object.entries(message.attributes ?? {})) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(attribute.DataType);
    if (attribute.StringValue !== undefined) bytes += Buffer.byteLength(attribute.StringValue);
    else if (attribute.BinaryValue !== undefined) bytes += Buffer.byteLength(attribute.BinaryValue, 'base64');
  }
  return bytes;
}

/** @throws AwsError as SendMessage would. */
export function refuseWrongMessage(message: OutgoingMessage, messageBytesMax: number): void {
  if (message.body === '') {
    throw new AwsError('MissingParameter', 'The request must contain the parameter MessageBody.');
  }
  if (FORBIDDEN_CHARACTER.test(message.body)) {
    throw new AwsError(
      'InvalidMessageContents',
      'Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF',
    );
  }
  if (messageBytes(message) > messageBytesMax) {
    throw new AwsError(
      'InvalidParameterValue',
      `One or more parameters are invalid. Reason: Message must be shorter than ${messageBytesMax} bytes.`,
    );
  }
  const { delaySeconds } = message;
  if (delaySeconds !== undefined && (delaySeconds < 0 || delaySeconds > DELAY_SECONDS_MAX)) {
    throw new AwsError(
      'InvalidParameterValue',
      `Value ${delaySeconds} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= ${DELAY_SECONDS_MAX}.`,
    );
  }
  const attributes = Object.entries(message.attributes ?? {});
  if (attributes.length > ATTRIBUTES_MAX) {
    throw new AwsError(
      'InvalidParameterValue',
      `Number of message attributes [${attributes.length}] exceeds the allowed maximum [${ATTRIBUTES_MAX}].`,
    );
  }
  for (const [name, { DataType, StringValue, BinaryValue }] of attributes) {
    const value = DataType.startsWith('Binary') ? BinaryValue : StringValue;
    if (!/^(String|Number|Binary)(\..+)?$/.test(DataType) || value === undefined || value === '') {
      throw new AwsError(
        'InvalidParameterValue',
        `The message attribute '${name}' must have a type of String, Number or Binary and a value that is not empty.`,
      );
    }
  }
}

export const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

/**
 * The digest that SDKs compare with their own.
 * docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation
 */
export function md5OfAttributes(attributes: MessageAttributes): string {
  const hash = createHash('md5');
  const withLength = (value: Buffer): void => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(value.length);
    hash.update(length).update(value);
  };
  for (const name of Object.keys(attributes).sort()) {
    const attribute = attributes[name];
    if (attribute === undefined) continue;
    withLength(Buffer.from(name));
    withLength(Buffer.from(attribute.DataType));
    const binary = attribute.BinaryValue !== undefined;
    hash.update(Buffer.from([binary ? 2 : 1]));
    withLength(binary ? Buffer.from(attribute.BinaryValue, 'base64') : Buffer.from(attribute.StringValue ?? ''));
  }
  return hash.digest('hex');
}
