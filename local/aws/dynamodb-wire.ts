import { Agent, request } from 'node:http';
import * as z from 'zod';
import { AwsError } from './aws-error.ts';

export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Speaks DynamoDB's JSON protocol to the server, over connections that stay open. */
export interface DynamoDbWire {
  /** @param target - the `x-amz-target` header: `DynamoDB_20120810.PutItem`. */
  forward(target: string, body: Buffer | string): Promise<WireAnswer>;
  /** @throws AwsError with the server's own code and message. */
  call(target: string, body: object): Promise<unknown>;
  close(): void;
}

/** The server wants a signature but believes any. */
const CREDENTIALS = {
  'content-type': 'application/x-amz-json-1.0',
  'x-amz-date': '20260101T000000Z',
  authorization: 'AWS4-HMAC-SHA256 Credential=root/20260101/eu-west-1/dynamodb/aws4_request, SignedHeaders=host, Signature=none',
};
const SOCKETS_MAX = 64;
/** Over-long refusals are the server's inner state in words; nobody needs more than their beginning. */
const MESSAGE_MAX = 1_000;

const errorSchema = z.object({
  __type: z.string().default('InternalServerError'),
  message: z.string().optional(),
  Message: z.string().optional(),
});

export function dynamoDbWire(endpoint: string): DynamoDbWire {
  const { hostname, port } = new URL(endpoint);
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX });

  function forward(target: string, body: Buffer | string): Promise<WireAnswer> {
    return new Promise((resolve, reject) => {
      const headers = { ...CREDENTIALS, 'x-amz-target': target, 'content-length': Buffer.byteLength(body) };
      const outgoing = request({ hostname, port, method: 'POST', path: '/', agent, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const kept: Record<string, string> = { 'content-type': 'application/x-amz-json-1.0' };
          for (const name of ['x-amzn-requestid', 'x-amz-crc32']) {
            const value = response.headers[name];
            if (typeof value === 'string') kept[name] = value;
          }
          const [only] = chunks;
          resolve({
            status: response.statusCode ?? 500,
            headers: kept,
            body: chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks),
          });
        });
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  return {
    forward,
    async call(target, body) {
      const answer = await forward(target, JSON.stringify(body));
      const parsed: unknown = JSON.parse(answer.body.toString('utf8'));
      if (answer.status === 200) return parsed;
      const { __type, message, Message } = errorSchema.parse(parsed);
      throw new AwsError(__type.slice(__type.indexOf('#') + 1), (message ?? Message ?? '').slice(0, MESSAGE_MAX), {
        status: answer.status,
      });
    },
    close: () => agent.destroy(),
  };
}
