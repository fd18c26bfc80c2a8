import { describe, expect, it } from 'vitest';
import { domainCanon, domainForms, domainTransform, webDomain } from '../../../shared/sync/mapping/web-domain.ts';

describe('the domain of a web address', () => {
  it.each([
    ['acme.com', 'acme.com'],
    ['https://www.Acme.com/about?x=1#y', 'acme.com'],
    ['http://acme.com:8080', 'acme.com'],
    ['www.acme.co.uk.', 'acme.co.uk'],
    ['https://user@acme.com/', 'acme.com'],
    ['bücher.example', 'bücher.example'],
    ['https://xn--bcher-kva.example', 'xn--bcher-kva.example'],
  ])('of %s is %s', (address, domain) => expect(webDomain(address)).toBe(domain));

  it.each(['', 'acme', 'not a domain', 'acme..com', '-acme.com', '10.0.0.1'])('of "%s" is none', (text) =>
    expect(webDomain(text)).toBeUndefined(),
  );

  it('makes addresses of one domain equal, and no others', () => {
    expect(domainCanon('https://www.acme.com/about')).toBe(domainCanon('acme.com'));
    expect(domainCanon('acme.com')).not.toBe(domainCanon('acme.org'));
    expect(domainCanon(' ')).toBeNull();
    expect(domainCanon('no domain')).toBe('no domain');
  });

  it('is what travels; what is no address travels as it is', () => {
    expect(domainTransform.toCanonical('https://www.Acme.com/about')).toBe('acme.com');
    expect(domainTransform.toNative('acme.com')).toBe('acme.com');
    expect(domainTransform.toCanonical('ask Bob')).toBe('ask Bob');
    expect(domainTransform.toCanonical('')).toBeNull();
  });

  it('is found under every form that stands for it', () => {
    expect(domainForms('acme.com').map(webDomain)).toEqual(domainForms('acme.com').map(() => 'acme.com'));
    expect(domainForms('acme.com')).toEqual(expect.arrayContaining(['www.acme.com', 'https://www.acme.com/']));
  });
});
