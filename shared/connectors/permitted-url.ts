const LOOPBACK = /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/;

export function isLoopback(url: URL): boolean {
  // The URL parser has already turned decimal, octal and hexadecimal addresses into dotted form.
  return LOOPBACK.test(url.hostname);
}

/**
 * The base address of a system's API, if Concord may send credentials there: https on the default
 * port to one of the vendor's host suffixes, or http(s) to this machine (simulators).
 *
 * @returns the origin, or a sentence that says what is wrong with the address.
 */
export function permittedBase(text: string, hostSuffixes: readonly string[]): { origin: string } | { problem: string } {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return { problem: 'is not a URL' };
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    return { problem: 'must hold nothing but scheme, host and port' };
  }
  if (url.pathname !== '/') return { problem: 'must have no path' };
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return { problem: 'must begin with https://' };
  if (isLoopback(url)) return { origin: url.origin };
  if (url.protocol !== 'https:') return { problem: 'must begin with https:// (http is for this machine only)' };
  if (url.port !== '') return { problem: 'must use the default port' };
  if (!hostSuffixes.some((suffix) => url.hostname.endsWith(`.${suffix}`))) {
    return { problem: `must be a host below ${hostSuffixes.join(' or ')}` };
  }
  return { origin: url.origin };
}
