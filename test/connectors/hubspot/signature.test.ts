import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type SignedRequest, verifySignatureV3 } from '../../../shared/connectors/hubspot/signature.ts';
import { SecretText } from '../../../shared/connectors/secret-text.ts';

const vectorSchema = z.object({
  name: z.string(),
  version: z.string(),
  method: z.string(),
  requestUrl: z.string(),
  timestamp: z.string().optional(),
  body: z.string(),
  signature: z.string(),
});
const file = z
  .object({
    clientSecret: z.string(),
    vectors: z.array(vectorSchema),
    toleranceV3: z.object({ timestamp: z.number(), cases: z.array(z.object({ nowMs: z.number(), valid: z.boolean() })) }),
  })
  .parse(JSON.parse(readFileSync(new URL('../../fixtures/hubspot/signature-vectors.json', import.meta.url), 'utf8')));
const secret = new SecretText(file.clientSecret);
const v3 = file.vectors.filter((vector) => vector.version === 'v3');
const NOW_MS = 1_767_225_600_000;

const requestOf = (vector: z.infer<typeof vectorSchema>): SignedRequest => ({
  method: vector.method,
  url: vector.requestUrl,
  body: Buffer.from(vector.body, 'utf8'),
  signature: vector.signature,
  timestamp: vector.timestamp,
});
const [first] = v3;
if (first === undefined) throw new Error('the vectors hold no v3 signature');
const request = requestOf(first);
const validity = (changed: Partial<SignedRequest>, secrets = [secret]) =>
  verifySignatureV3({ ...request, ...changed }, secrets, NOW_MS);

describe('a v3 signature', () => {
  it.each(v3)('of $name is accepted', (vector) => {
    expect(verifySignatureV3(requestOf(vector), [secret], NOW_MS)).toEqual({ valid: true });
  });

  it.each(v3)('of $name is refused once any byte of the request is changed', (vector) => {
    const whole = requestOf(vector);
    const body = Buffer.from(whole.body);
    for (let i = 0; i < body.length; i += 7) {
      const flipped = Buffer.from(body);
      flipped[i] = (flipped[i] ?? 0) ^ 1;
      expect(verifySignatureV3({ ...whole, body: flipped }, [secret], NOW_MS).valid).toBe(false);
    }
    const altered: Partial<SignedRequest>[] = [
      { body: Buffer.concat([body, Buffer.from(' ')]) },
      { method: 'PUT' },
      { url: whole.url.replace('https:', 'http:') },
      { url: `${whole.url}/` },
      { url: whole.url.replace('hooks.', 'hook.') },
      { timestamp: '1767225600001' },
      { signature: whole.signature?.slice(0, -1) },
      { signature: `${whole.signature} ` },
      { signature: `${whole.signature},${whole.signature}` }, // the header sent twice
      { signature: whole.signature?.toLowerCase() },
    ];
    for (const change of altered) expect(verifySignatureV3({ ...whole, ...change }, [secret], NOW_MS).valid).toBe(false);
  });

  it('is refused without its headers, and with a timestamp that is no number', () => {
    expect(validity({ signature: undefined })).toEqual({ valid: false, reason: 'missing-header' });
    expect(validity({ timestamp: undefined })).toEqual({ valid: false, reason: 'missing-header' });
    expect(validity({ signature: '' })).toEqual({ valid: false, reason: 'missing-header' });
    for (const timestamp of ['1767225600000abc', '1e12', ' 1767225600000', '-1', '1767225600000,1767225600000']) {
      expect(validity({ timestamp })).toEqual({ valid: false, reason: 'bad-timestamp' });
    }
  });

  it('lives five minutes, in both directions', () => {
    for (const { nowMs, valid } of file.toleranceV3.cases) expect(verifySignatureV3(request, [secret], nowMs).valid).toBe(valid);
    expect(verifySignatureV3(request, [secret], NOW_MS - 300_000).valid).toBe(true);
    expect(verifySignatureV3(request, [secret], NOW_MS - 300_001)).toEqual({ valid: false, reason: 'too-old' });
  });

  it('is not taken from an older scheme', () => {
    for (const older of file.vectors.filter((vector) => vector.version !== 'v3')) {
      expect(validity({ signature: older.signature }).valid).toBe(false);
    }
  });

  it('is accepted under either secret while one replaces the other, and under no other', () => {
    const other = new SecretText('another-secret');
    expect(validity({}, [other, secret]).valid).toBe(true);
    expect(validity({}, [other]).valid).toBe(false);
    expect(validity({}, []).valid).toBe(false);
  });
});
