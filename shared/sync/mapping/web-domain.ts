import { type Canon, trimmedText } from '../canon.ts';
import type { FieldValue } from '../field-value.ts';
import type { Transform } from './transforms.ts';

/** A host name: labels with dots between them, the last one of letters (or an encoded one). */
const HOST = /^(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?\.)+(?:\p{L}{2,}|xn--[a-z0-9-]+)$/u;

/**
 * The domain that a web address belongs to: `https://www.Acme.com/about` is `acme.com`.
 *
 * @returns undefined where the text is no web address.
 */
export function webDomain(text: string): string | undefined {
  const host = text
    .trim()
    .toLowerCase()
    .normalize('NFC')
    .replace(/^[a-z][a-z0-9+.-]*:\/\//, '')
    .replace(/[/?#].*$/s, '')
    .replace(/^[^@]*@/, '')
    .replace(/:\d{1,5}$/, '')
    .replace(/\.$/, '')
    .replace(/^www\./, '');
  return HOST.test(host) ? host : undefined;
}

/** Two web addresses of one domain are the same value: one system keeps the address, another one the domain alone. */
export const domainCanon: Canon = (value) => {
  const text = trimmedText(value);
  return text === null ? null : (webDomain(text) ?? text);
};

export const domainTransform: Transform = {
  toCanonical: (native): FieldValue => {
    const text = trimmedText(native);
    return text === null ? null : (webDomain(text) ?? text);
  },
  toNative: (canonical) => canonical,
  samples: ['acme.com', 'https://www.Acme.com/about?x=1', 'http://acme.com', 'not a domain', 'acme'],
};

/** How a domain may stand in a field that takes any web address. */
export function domainForms(domain: string): string[] {
  const hosts = [domain, `www.${domain}`];
  const addresses = hosts.flatMap((host) => [`https://${host}`, `http://${host}`]);
  return [...hosts, ...addresses, ...addresses.map((address) => `${address}/`)];
}
