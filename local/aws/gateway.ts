import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { accessRequests, type ServiceName } from './access-requests.ts';
import { AwsError } from './aws-error.ts';
import type { DynamoDb } from './dynamodb.ts';
import { callDynamoDb, prepareCall } from './dynamodb-gate.ts';
import type { EventBus } from './event-bus.ts';
import { type AccessRequest, type CompiledRole, compileRole, type Verdict } from './iam.ts';
import type { JsonApi } from './json-api.ts';
import { LOCAL_ACCOUNT, type LocalAccount } from './local-account.ts';
import type { SecretsManager } from './secrets-manager.ts';
import type { Sqs } from './sqs.ts';
import { sqsProtocol } from './sqs-protocol.ts';
import { type CallUsage, type ConsumedUnits, usageBook } from './usage.ts';

/** May do everything: the runtime, the simulators and tests. Any secret goes with it. */
export const ROOT_ACCESS_KEY = 'root';

/** A call as a test's fault hook sees it. */
export interface GatewayCall {
  readonly caller: string; // a role's name, or root
  readonly service: ServiceName;
  readonly operation: string;
  readonly body: unknown;
}

/**
 * What happens to a call instead of the usual: the connection is dropped before or after it took effect, or this error is the
 * answer. `body` is as AWS writes it: `{ __type: 'com.amazonaws.dynamodb.v20120810#ThrottlingException', message: '...' }`.
 */
export type Fault = 'drop' | 'dropAfterEffect' | { readonly status: number; readonly body: object };

export interface DeniedCall {
  readonly caller: string;
  readonly action: string;
  readonly resource: string;
  readonly verdict: Exclude<Verdict, 'Allowed'>;
}

export interface Gateway {
  /** The endpoint of every service: AWS_ENDPOINT_URL. */
  readonly url: string;
  /**
   * Lets a caller in, known by its access key, with the policies of its role; a later call replaces them.
   *
   * @throws Error when a policy has a condition that cannot be judged here.
   */
  admit(accessKeyId: string, role: { readonly name: string; readonly documents: readonly unknown[] }): void;
  /** The last calls that IAM refused, oldest first. */
  readonly denied: readonly DeniedCall[];
  /** Requests and DynamoDB units by caller and operation since the last reset. */
  usage(): CallUsage[];
  resetUsage(): void;
  /** Sets or, with undefined, removes the fault hook. */
  inject(hook: ((call: GatewayCall) => Fault | undefined) | undefined): void;
  close(): Promise<void>;
}

export interface GatewayOptions {
  readonly sqs: Sqs;
  readonly dynamodb: DynamoDb;
  readonly eventBus: EventBus;
  readonly secrets: SecretsManager;
  readonly account?: LocalAccount;
  readonly port?: number; // 0, the default: a free one
  readonly inject?: (call: GatewayCall) => Fault | undefined;
  readonly warn?: (message: string) => void;
}

const SERVICES: Readonly<Record<string, ServiceName>> = {
  DynamoDB_20120810: 'dynamodb',
  DynamoDBStreams_20120810: 'dynamodbstreams',
  AmazonSQS: 'sqs',
  AWSEvents: 'events',
  secretsmanager: 'secretsmanager',
};
/** DynamoDB's own limit, the largest of all services here. */
const BODY_BYTES_MAX = 16 * 1_024 * 1_024;
const KEEP_ALIVE_MS = 65_000;
const DENIED_KEPT = 1_000;
const JSON_TYPE = 'application/x-amz-json-1.0';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | string;
  readonly units?: ConsumedUnits | undefined;
}

/** Stands in front of all services on the loopback interface: knows the caller, asks IAM, counts. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { dynamodb, account = LOCAL_ACCOUNT, warn = console.warn } = options;
  const inProcess: Readonly<Partial<Record<ServiceName, JsonApi>>> = {
    sqs: sqsProtocol(options.sqs),
    events: options.eventBus.api,
    secretsmanager: options.secrets.api,
  };
  const roles = new Map<string, { readonly name: string; readonly role: CompiledRole }>();
  const denied: DeniedCall[] = [];
  const usage = usageBook();
  const context = { account, partitionKeyOf: dynamodb.partitionKeyOf };
  let hook = options.inject;
  let url = '';

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: Answer;
    try {
      const raw = await readBody(request);
      const target = String(request.headers['x-amz-target'] ?? '');
      const dot = target.indexOf('.');
      const service = SERVICES[target.slice(0, dot)];
      if (service === undefined)
        throw new AwsError('UnknownOperationException', `The embedded AWS has no ${target || 'service without x-amz-target'}.`);
      const accessKey = accessKeyOf(request.headers.authorization);
      const caller = accessKey === ROOT_ACCESS_KEY ? ROOT_ACCESS_KEY : roles.get(accessKey)?.name;
      if (caller === undefined)
        throw new AwsError('UnrecognizedClientException', 'The security token included in the request is invalid.');
      const call = { caller, service, operation: target.slice(dot + 1), body: parseJson(raw) };
      const fault = hook?.(call);
      if (fault === 'drop') return void request.socket.destroy();
      answer = typeof fault === 'object' ? faultAnswer(fault) : await settle(call, accessKey, target, raw, response);
      usage.note({
        caller,
        service,
        operation: call.operation,
        failed: answer.status !== 200,
        ...(answer.units === undefined ? {} : { units: answer.units }),
      });
      if (fault === 'dropAfterEffect') return void request.socket.destroy();
    } catch (error) {
      answer = errorAnswer(error);
    }
    response.writeHead(answer.status, { ...answer.headers, 'content-length': Buffer.byteLength(answer.body) }).end(answer.body);
  }

  async function settle(
    call: GatewayCall,
    accessKey: string,
    target: string,
    raw: Buffer,
    response: ServerResponse,
  ): Promise<Answer> {
    try {
      const role = roles.get(accessKey)?.role;
      if (role !== undefined) {
        for (const access of accessRequests(call.service, call.operation, call.body, context))
          authorize(call.caller, role, access);
      }
      return await answerOf(call, target, raw, response);
    } catch (error) {
      return errorAnswer(error);
    }
  }

  function authorize(caller: string, role: CompiledRole, access: AccessRequest): void {
    const verdict = role.decide(access);
    if (verdict === 'Allowed') return;
    denied.push({ caller, action: access.action, resource: access.resource, verdict });
    if (denied.length > DENIED_KEPT) denied.shift();
    const why =
      verdict === 'ExplicitlyDenied'
        ? 'with an explicit deny in an identity-based policy'
        : `because no identity-based policy allows the ${access.action} action`;
    throw new AwsError(
      'AccessDeniedException',
      `User: ${caller} is not authorized to perform: ${access.action} on resource: ${access.resource} ${why}`,
    );
  }

  async function answerOf(call: GatewayCall, target: string, raw: Buffer, response: ServerResponse): Promise<Answer> {
    const api = inProcess[call.service];
    if (api === undefined) {
      const prepared = prepareCall(call.service === 'dynamodb' ? call.operation : '', call.body, raw);
      const { answer, units } = await callDynamoDb(dynamodb, target, prepared);
      return { ...answer, units };
    }
    const result = await api({ operation: call.operation, body: call.body, gatewayUrl: url, gone: () => goneSignal(response) });
    return {
      status: 200,
      headers: { 'content-type': JSON_TYPE, 'x-amzn-requestid': randomUUID() },
      body: JSON.stringify(result),
    };
  }

  function errorAnswer(error: unknown): Answer {
    if (error instanceof AwsError) return refusalAnswer(error);
    warn(`the embedded AWS failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return refusalAnswer(new AwsError('InternalFailure', error instanceof Error ? error.message : 'unknown', { status: 500 }));
  }

  const server = createServer((request, response) => void serve(request, response));
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the gateway has no port');
  url = `http://127.0.0.1:${address.port}`;

  return {
    url,
    admit(accessKeyId, { name, documents }) {
      try {
        roles.set(accessKeyId, { name, role: compileRole(documents) });
      } catch (error) {
        throw new Error(`the policies of ${name} cannot be judged: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        });
      }
    },
    denied,
    usage: usage.list,
    resetUsage: usage.reset,
    inject(next) {
      hook = next;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > BODY_BYTES_MAX)
        reject(new AwsError('RequestEntityTooLargeException', `A request has at most ${BODY_BYTES_MAX} bytes.`, { status: 413 }));
      else chunks.push(chunk);
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('error', reject);
  });
}

function parseJson(raw: Buffer): unknown {
  try {
    return raw.length === 0 ? {} : JSON.parse(raw.toString('utf8'));
  } catch (error) {
    throw new AwsError('SerializationException', 'The request body is not JSON.', { cause: error });
  }
}

/** The key id out of `AWS4-HMAC-SHA256 Credential=<key id>/<date>/...`. The signature itself is not judged: nobody else is on loopback. */
function accessKeyOf(authorization: string | undefined): string {
  const [, accessKey = ''] = /Credential=([^/]+)\//.exec(authorization ?? '') ?? [];
  return accessKey;
}

function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  return gone.signal;
}

const faultAnswer = ({ status, body }: { status: number; body: object }): Answer => ({
  status,
  headers: { 'content-type': JSON_TYPE },
  body: JSON.stringify(body),
});

const refusalAnswer = (error: AwsError): Answer => ({
  status: error.status,
  headers: {
    'content-type': JSON_TYPE,
    'x-amzn-requestid': randomUUID(),
    'x-amzn-errortype': error.code,
    // SQS moved from an older protocol and keeps telling the old codes.
    'x-amzn-query-error': `${error.queryCode};${error.status < 500 ? 'Sender' : 'Receiver'}`,
  },
  body: JSON.stringify({ __type: error.code, message: error.message }),
});
