import { generateKeyPairSync, verify } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { salesforceConnectionSchema } from '../../../shared/connectors/connection.ts';
import { fetchSalesforceGrant } from '../../../shared/connectors/salesforce/grant.ts';
import { json, type ScriptedApi, startScriptedApi } from '../scripted-api.ts';

let api: ScriptedApi | undefined;
afterEach(async () => {
  await api?.close();
  api = undefined;
});

const NOW_MS = Date.UTC(2026, 5, 15);
const options = { fetch, clock: () => NOW_MS, timeoutMs: 2_000 };
const tokenAnswer = (instanceUrl: string) => ({
  access_token: 'token',
  instance_url: instanceUrl,
  id: 'https://login.salesforce.com/id/00DSim000000001MAA/005Sim0000000ZzIAI',
  token_type: 'Bearer',
});

describe('a Salesforce token', () => {
  it('is asked for with a signed assertion that lives two minutes', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    api = await startScriptedApi((_call, response) => json(response, 200, tokenAnswer(api?.url ?? '')));
    const connection = salesforceConnectionSchema.parse({
      kind: 'salesforce',
      loginUrl: api.url,
      clientId: 'client',
      username: 'sync@acme.test',
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    });
    await expect(fetchSalesforceGrant('salesforce', connection, options)).resolves.toEqual({
      token: 'token',
      baseUrl: api.url,
      accountId: '00DSim000000001MAA',
      userId: '005Sim0000000ZzIAI',
    });
    const form = new URLSearchParams(api.seen[0]?.body);
    expect(form.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer');
    const [header = '', claims = '', signature = ''] = (form.get('assertion') ?? '').split('.');
    expect(verify('RSA-SHA256', Buffer.from(`${header}.${claims}`), publicKey, Buffer.from(signature, 'base64url'))).toBe(true);
    expect(z.unknown().parse(JSON.parse(Buffer.from(claims, 'base64url').toString()))).toEqual({
      iss: 'client',
      sub: 'sync@acme.test',
      aud: 'https://login.salesforce.com',
      exp: NOW_MS / 1000 + 120,
    });
  });

  it.each(['https://evil.test', 'http://acme.my.salesforce.com', 'http://169.254.169.254', 'https://salesforce.com.evil.test'])(
    'is not sent to %s, whatever the login answers',
    async (instanceUrl) => {
      api = await startScriptedApi((_call, response) => json(response, 200, tokenAnswer(instanceUrl)));
      const connection = salesforceConnectionSchema.parse({
        kind: 'salesforce',
        loginUrl: api.url,
        clientId: 'c',
        clientSecret: 's',
      });
      await expect(fetchSalesforceGrant('salesforce', connection, options)).rejects.toThrow(/instance URL/);
    },
  );

  it('is not sent to this machine by a login elsewhere', async () => {
    const connection = salesforceConnectionSchema.parse({
      kind: 'salesforce',
      loginUrl: 'https://acme.my.salesforce.com',
      clientId: 'c',
      clientSecret: 's',
    });
    const elsewhere = () => Promise.resolve(Response.json(tokenAnswer('http://127.0.0.1:9001')));
    await expect(fetchSalesforceGrant('salesforce', connection, { ...options, fetch: elsewhere })).rejects.toThrow(
      /this machine/,
    );
  });

  it('is refused with the reason the system gives, and never with the secret', async () => {
    api = await startScriptedApi((_call, response) =>
      json(response, 400, { error: 'invalid_grant', error_description: "user hasn't approved this consumer" }),
    );
    const connection = salesforceConnectionSchema.parse({
      kind: 'salesforce',
      loginUrl: api.url,
      clientId: 'c',
      clientSecret: 's3cr3t-marker',
    });
    const error = await fetchSalesforceGrant('salesforce', connection, options).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: 'AuthRejectedError', retryable: false });
    expect(String(error)).toContain("user hasn't approved this consumer");
    expect(String(error)).not.toContain('s3cr3t-marker');
  });
});
