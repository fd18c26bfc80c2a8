import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DeliveryRequest, deliveryEnvelopeSchema } from '../../shared/queue/delivery-message.ts';
import { deliveryMessages, hintMessages } from '../../shared/queue/envelopes.ts';
import { type ChangeHint, hintEnvelopeSchema } from '../../shared/sync/change-hint.ts';

const ADDRESS = { tenant: 'main', system: 'hubspot', sync: 'contacts' };

const hint = (objectId: string, value = 'Ada'): ChangeHint => ({
  object: 'contacts',
  objectId,
  kind: 'changed',
  by: 'other',
  occurredAtMs: 1,
  receivedAtMs: 2,
  fields: { firstname: { value } },
  correlationId: `c-${objectId}`,
});
const hints = (count: number, value?: string) => Array.from({ length: count }, (_, n) => hint(String(n), value));
const opened = (bodies: readonly string[]) => bodies.map((body) => hintEnvelopeSchema.parse(JSON.parse(body)).hints);

describe('hints on their way', () => {
  it('arrive as they were sent, in order, each once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string({ minLength: 1, unit: 'binary' }), fc.string({ unit: 'binary', maxLength: 2_000 })), {
          maxLength: 250,
        }),
        (given) => {
          const sent = given.map(([id, value]) => hint(id, value));
          expect(opened(hintMessages(ADDRESS, sent)).flat()).toEqual(sent);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('travel a hundred to a message, so that one read serves it', () => {
    expect(opened(hintMessages(ADDRESS, hints(250))).map((some) => some.length)).toEqual([100, 100, 50]);
    expect(hintMessages(ADDRESS, hints(100))).toHaveLength(1);
    expect(hintMessages(ADDRESS, [])).toEqual([]);
  });

  it('F34: share a message only while it is small enough, in bytes and not in letters', () => {
    for (const value of ['x'.repeat(5_000), '東'.repeat(5_000)]) {
      const bodies = hintMessages(ADDRESS, hints(60, value));
      for (const body of bodies) expect(Buffer.byteLength(body)).toBeLessThan(125_000);
      expect(opened(bodies).flat()).toHaveLength(60);
    }
  });

  it('F34: that are large travel alone, and take no other with them', () => {
    const bodies = hintMessages(ADDRESS, [hint('1'), hint('2', 'x'.repeat(150_000)), hint('3')]);
    expect(opened(bodies).map((some) => some.map(({ objectId }) => objectId))).toEqual([['1'], ['2'], ['3']]);
  });

  it('F34: that are too large for a message go without their values: they still name the object', () => {
    const poll: ChangeHint = { ...hint('1', '東'.repeat(100_000)), snapshot: true, stampMs: 1 };
    const bodies = hintMessages(ADDRESS, [poll]);
    expect(Buffer.byteLength(bodies.join())).toBeLessThan(1_000);
    const { snapshot: _, ...bare } = poll;
    expect(opened(bodies)).toEqual([[{ ...bare, fields: {} }]]);
  });

  it('F59: hold no character that SQS refuses, whatever somebody typed', () => {
    const odd = '\u0000 \u001f \ufffe \uffff \ud800 \u{1f680}';
    const [body = ''] = hintMessages(ADDRESS, [hint('1', odd)]);
    // docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
    expect(body).toMatch(/^[\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]*$/u);
    expect(opened([body])[0]?.[0]?.fields.firstname?.value).toBe(odd);
  });
});

describe('deliveries on their way', () => {
  it('arrive as they were sent', () => {
    const requests = Array.from(
      { length: 120 },
      (_, n): DeliveryRequest => ({ recordId: `r${n}`, correlationId: `c${n}`, receivedAtMs: n, attempts: n }),
    );
    const envelopes = deliveryMessages({ tenant: 'main', sync: 'contacts' }, requests).map((body) =>
      deliveryEnvelopeSchema.parse(JSON.parse(body)),
    );
    expect(envelopes.map(({ deliveries }) => deliveries.length)).toEqual([100, 20]);
    expect(envelopes.flatMap(({ deliveries }) => deliveries)).toEqual(requests);
  });
});
