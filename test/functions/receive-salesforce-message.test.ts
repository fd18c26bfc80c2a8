import { readFileSync } from 'node:fs';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { beforeEach, describe, expect, it } from 'vitest';
import { receiveMessage } from '../../functions/receive-salesforce-message/receive-message.ts';
import { connectionSchema } from '../../shared/connectors/connection.ts';
import { hintEnvelopeSchema } from '../../shared/sync/change-hint.ts';
import { KeptMessages } from './two-crms.ts';

const MESSAGE = readFileSync(new URL('../fixtures/salesforce/outbound/notifications-two-contacts.xml', import.meta.url), 'utf8');
const TOKEN = 'a-token-of-22-characters-and-more';
const NOW_MS = 1_781_600_000_000;

let changes: KeptMessages;
beforeEach(() => {
  changes = new KeptMessages();
});

function receive(
  request: { token?: string; body?: string; isBase64Encoded?: boolean },
  secret: object = {},
): Promise<APIGatewayProxyStructuredResultV2> {
  const connection = connectionSchema.parse({
    kind: 'salesforce',
    loginUrl: 'https://acme.my.salesforce.com',
    clientId: 'concord',
    clientSecret: 'secret',
    organizationId: '00DSim000000001MAA',
    outboundMessageToken: TOKEN,
    ...secret,
  });
  const { token = TOKEN, body = MESSAGE, isBase64Encoded = false } = request;
  const http = { method: 'POST', path: '/', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: '' };
  const event: APIGatewayProxyEventV2 = {
    version: '2.0',
    routeKey: 'POST /messages/salesforce/{token}',
    rawPath: `/messages/salesforce/${token}`,
    rawQueryString: '',
    headers: { 'content-type': 'text/xml; charset=utf-8' },
    pathParameters: { token },
    body,
    isBase64Encoded,
    requestContext: {
      accountId: '000000000000',
      apiId: 'api',
      domainName: 'hooks.example.com',
      domainPrefix: 'hooks',
      http,
      requestId: 'request',
      routeKey: 'POST /messages/salesforce/{token}',
      stage: '$default',
      time: '',
      timeEpoch: NOW_MS,
    },
  };
  return receiveMessage(event, {
    system: 'salesforce',
    connection: () => Promise.resolve(connection),
    changes,
    now: () => NOW_MS,
  });
}

const acknowledged = ({ body }: APIGatewayProxyStructuredResultV2) => /<Ack>(true|false)<\/Ack>/.exec(body ?? '')?.[1];

describe('an outbound message', () => {
  it('is acknowledged once its hints are queued, plain and in base64', async () => {
    const answers = [
      await receive({}),
      await receive({ body: Buffer.from(MESSAGE, 'utf8').toString('base64'), isBase64Encoded: true }),
    ];
    for (const answer of answers) {
      expect(answer.statusCode).toBe(200);
      expect(acknowledged(answer)).toBe('true');
    }
    for (const { body } of changes.sent)
      expect(hintEnvelopeSchema.parse(JSON.parse(body))).toMatchObject({
        system: 'salesforce',
        sync: 'contacts',
        hints: [
          { objectId: '003Sim000000001IAA', fields: {} },
          { objectId: '003Sim000000002IAA', fields: {} },
        ],
      });
    expect(changes.sent).toHaveLength(2);
  });

  it.each<[string, number, Parameters<typeof receive>]>([
    ['by another address', 401, [{ token: `${TOKEN}x` }]],
    ['by no address at all', 401, [{ token: '' }]],
    ['where none was agreed', 401, [{}, { outboundMessageToken: undefined }]],
    ['where the organisation is not known', 401, [{}, { organizationId: undefined }]],
    ['of another organisation', 403, [{}, { organizationId: '00DSim000000002MAA' }]],
    ['that is no XML', 400, [{ body: 'nonsense' }]],
    ['that is no outbound message', 400, [{ body: '<Envelope><Body/></Envelope>' }]],
    ['that tells of files on the server', 400, [{ body: `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>${MESSAGE}` }]],
    ['that is too large', 413, [{ body: MESSAGE.padEnd(256 * 1024 + 1) }]],
  ])('F05: %s is refused', async (_, status, given) => {
    const answer = await receive(...given);
    expect(answer.statusCode).toBe(status);
    expect(acknowledged(answer)).toBe('false');
    expect(changes.sent).toEqual([]);
  });

  it('I2: whose hints the queue does not take is not acknowledged, so that Salesforce sends it again', async () => {
    changes.isDown = true;
    await expect(receive({})).rejects.toThrow('SQS refused');
  });
});
