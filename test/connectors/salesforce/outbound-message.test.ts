import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NotificationRefusedError } from '../../../shared/connectors/notification-error.ts';
import { outboundAck, readOutboundMessage } from '../../../shared/connectors/salesforce/outbound-message.ts';
import { readXml } from '../../../shared/connectors/salesforce/xml-reader.ts';
import { changeHintSchema } from '../../../shared/sync/change-hint.ts';

const fixture = (name: string) => readFileSync(new URL(`../../fixtures/salesforce/outbound/${name}`, import.meta.url), 'utf8');
const message = fixture('notifications-two-contacts.xml');
const context = {
  organizationId: '00DSim000000001MAA',
  receivedAtMs: 1_781_600_000_000,
  correlationId: (index: number) => `c${index}`,
};

describe('an outbound message', () => {
  it('becomes one bare hint per object', () => {
    const { hints, ignored } = readOutboundMessage(Buffer.from(message), context);
    const stampMs = Date.UTC(2026, 5, 15, 10, 0, 2);
    const bare = { object: 'Contact', kind: 'changed', by: 'unknown', fields: {}, receivedAtMs: context.receivedAtMs };
    expect(hints).toEqual([
      { ...bare, objectId: '003Sim000000001IAA', occurredAtMs: stampMs, stampMs, correlationId: 'c0' },
      { ...bare, objectId: '003Sim000000002IAA', occurredAtMs: context.receivedAtMs, correlationId: 'c1' },
    ]);
    expect(ignored).toBe(0);
    for (const hint of hints) expect(changeHintSchema.parse(hint)).toEqual(hint);
  });

  it('says the same object once, and counts objects that take no part', () => {
    const twice = message.replaceAll('003Sim000000002IAA', '003Sim000000001IAA');
    expect(readOutboundMessage(twice, context).hints).toHaveLength(1);
    expect(readOutboundMessage(message, { ...context, objects: new Set(['Lead']) })).toEqual({ hints: [], ignored: 2 });
  });

  it('is refused for another organisation', () => {
    expect(() => readOutboundMessage(message, { ...context, organizationId: '00DSim000000002MAA' })).toThrow(
      /another Salesforce/,
    );
    expect(() => readOutboundMessage(message.replace(/<OrganizationId>.*?</, '<OrganizationId><'), context)).toThrow(
      /another Salesforce/,
    );
  });

  it('is acknowledged as Salesforce expects', () => {
    const compact = (xml: string) => xml.replace(/>\s+</g, '><').trim();
    expect(compact(outboundAck(true))).toBe(compact(fixture('ack-true.xml')));
    expect(compact(outboundAck(false))).toBe(compact(fixture('ack-false.xml')));
  });
});

describe('the XML reader', () => {
  it('decodes the built-in entities and character references', () => {
    expect(readXml('<a x="1"> &lt;&amp;&#65;&#x1F680;&apos; </a>').text).toBe(" <&A🚀' ");
  });

  it.each([
    ['an external entity', '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'],
    ['an entity bomb', '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><a>&y;</a>'],
    ['an unknown entity', '<a>&nbsp;</a>'],
    ['a bare ampersand', '<a>a & b</a>'],
    ['a reference to nothing', '<a>&#0;</a>'],
    ['a reference past Unicode', '<a>&#x110000;</a>'],
    ['a comment', '<a><!-- x --></a>'],
    ['CDATA', '<a><![CDATA[x]]></a>'],
    ['a processing instruction', '<a><?php x ?></a>'],
    ['crossed tags', '<a><b></a></b>'],
    ['two roots', '<a/><b/>'],
    ['an open end', '<a><b></b>'],
    ['text outside', '<a/>x'],
    ['an unquoted attribute', '<a x=1/>'],
    ['nothing', ''],
    ['JSON', '{"a":1}'],
    ['great depth', '<a>'.repeat(50) + '</a>'.repeat(50)],
    ['too many elements', `<a>${'<b/>'.repeat(100_001)}</a>`],
    ['great length', `<a>${'x'.repeat(5 * 1024 * 1024)}</a>`],
  ])('refuses %s', (_name, xml) => {
    expect(() => readXml(xml)).toThrow(NotificationRefusedError);
  });

  it('reads or refuses anything, quickly', () => {
    const piece = fc.constantFrom(
      '<',
      '>',
      '/',
      '</',
      'a',
      'b:c',
      ' ',
      '="',
      '"',
      "'",
      '&',
      ';',
      '&#',
      '<?xml ',
      '?>',
      '<!',
      '=',
      'xmlns',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 300 }), (pieces) => {
        try {
          readXml(pieces.join(''));
        } catch (error) {
          expect(error).toBeInstanceOf(NotificationRefusedError);
        }
      }),
      { numRuns: 500 },
    );
    const startedAt = performance.now();
    for (const slow of [
      `<a ${' '.repeat(200_000)}`,
      `<a ${'x '.repeat(100_000)}`,
      `<${'a'.repeat(200_000)}`,
      `<a ${'x="" '.repeat(50_000)}`,
    ]) {
      expect(() => readXml(slow)).toThrow(NotificationRefusedError);
    }
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });
});
