import { generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ConnectionError, parseConnection } from '../../shared/connectors/connection.ts';

const MARKER = 'marker-of-a-secret-9f3a';
const salesforce = {
  kind: 'salesforce',
  loginUrl: 'https://acme.my.salesforce.com',
  clientId: 'client',
  clientSecret: MARKER,
};
const hubspot = { kind: 'hubspot', accessToken: MARKER, webhookSecret: MARKER };
const parse = (secret: unknown) => parseConnection(JSON.stringify(secret), 'concord/test');

describe('a connection secret', () => {
  it('fills in the documented defaults', () => {
    expect(parse(salesforce)).toMatchObject({ apiVersion: '67.0', loginUrl: 'https://acme.my.salesforce.com' });
    expect(parse(hubspot)).toMatchObject({
      baseUrl: 'https://api.hubapi.com',
      apiVersion: 'v3',
      rateLimit: { calls: 100, intervalMs: 10_000 },
    });
  });

  it.each([
    [{ ...salesforce, clientSecret: undefined }, ['username is missing', 'privateKey is missing']],
    [{ ...salesforce, clientId: undefined }, ['clientId is missing']],
    [{ ...hubspot, webhookSecret: undefined }, ['webhookSecret is missing']],
    [{ ...hubspot, accessToken: undefined, clientId: 'a' }, ['clientSecret is missing', 'refreshToken is missing']],
    [{ kind: 'oracle' }, ['kind']],
  ])('names what is missing: %j', (secret, expected) => {
    let message = '';
    try {
      parse(secret);
    } catch (error) {
      expect(error).toBeInstanceOf(ConnectionError);
      message = String(error);
    }
    for (const part of ['concord/test', ...expected]) expect(message).toContain(part);
    expect(message).not.toContain(MARKER);
  });

  it('never shows a secret, whatever is wrong with it or done to it', () => {
    const broken = [
      `{"kind":"salesforce","clientSecret":"${MARKER}"`, // cut short
      JSON.stringify({ ...salesforce, clientSecret: undefined, username: 'u', privateKey: MARKER }),
      JSON.stringify({ ...salesforce, loginUrl: `https://${MARKER}@acme.my.salesforce.com` }),
      JSON.stringify({ ...salesforce, outboundMessageToken: 'short', clientSecret: [MARKER] }),
    ];
    for (const text of broken) {
      expect(() => parseConnection(text, 'concord/test')).toThrow(ConnectionError);
      try {
        parseConnection(text, 'concord/test');
      } catch (error) {
        expect(inspect(error, { depth: 10 })).not.toContain(MARKER);
      }
    }
    const good = parse(hubspot);
    expect(
      `${JSON.stringify(good)} ${inspect(good, { depth: 10 })} ${String(good.kind === 'hubspot' && good.accessToken)}`,
    ).not.toContain(MARKER);
  });

  it('takes an RSA key for JWT bearer and refuses a short or an elliptic one', () => {
    const pem = (key: { export(options: { type: 'pkcs8'; format: 'pem' }): string | Buffer }) =>
      String(key.export({ type: 'pkcs8', format: 'pem' }));
    const jwt = (privateKey: string) => ({ ...salesforce, clientSecret: undefined, username: 'u@acme.test', privateKey });
    expect(parse(jwt(pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey)))).toMatchObject({
      username: 'u@acme.test',
    });
    expect(() => parse(jwt(pem(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey)))).toThrow(
      /privateKey must be an RSA/,
    );
    expect(() => parse(jwt(pem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)))).toThrow(
      /privateKey must be an RSA/,
    );
  });

  it.each([
    'http://acme.my.salesforce.com', // no TLS
    'https://acme.my.salesforce.com.evil.test',
    'https://evilsalesforce.com',
    'https://salesforce.com.',
    'https://acme.my.salesforce.com:8443',
    'https://user:pass@acme.my.salesforce.com',
    'https://acme.my.salesforce.com/path',
    'https://acme.my.salesforce.com/?a=1',
    'https://169.254.169.254',
    'http://169.254.169.254',
    'http://2852039166', // 169.254.169.254 as one number
    'http://0xa9fea9fe',
    'http://0251.0376.0251.0376',
    'http://[::ffff:169.254.169.254]',
    'http://[fe80::1]',
    'http://[fd00::1]',
    'http://10.0.0.1',
    'http://100.64.0.1',
    'http://localhost.evil.test',
    'http://127.0.0.1.evil.test',
    'ftp://127.0.0.1',
    'file:///etc/passwd',
    'not a url',
  ])('refuses to send credentials to %s', (loginUrl) => {
    expect(() => parse({ ...salesforce, loginUrl })).toThrow(/loginUrl/);
    expect(() => parse({ ...hubspot, baseUrl: loginUrl })).toThrow(/baseUrl/);
  });

  it.each(['http://127.0.0.1:4100', 'http://localhost:4100', 'http://[::1]:4100', 'http://2130706433:4100'])(
    'lets a simulator run on this machine: %s',
    (loginUrl) => {
      expect(parse({ ...salesforce, loginUrl }).kind).toBe('salesforce');
    },
  );
});
