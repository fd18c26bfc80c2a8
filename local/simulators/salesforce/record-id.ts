/** Record ids: 15 case-sensitive characters, or 18 with three that make them safe to compare without case. */

const CHECK_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ012345';
/** In ASCII order, so that ids minted later also sort later. */
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const ID15 = /^[0-9A-Za-z]{15}$/;
const ID18 = /^[0-9A-Za-z]{15}[A-Z0-5]{3}$/i;

/** For each block of five characters: bit i is set where character i is A-Z; the sum names the check character. */
export function checkCharacters(id15: string): string {
  let check = '';
  for (let block = 0; block < 15; block += 5) {
    let bits = 0;
    for (let i = 0; i < 5; i += 1) {
      const code = id15.charCodeAt(block + i);
      if (code >= 65 && code <= 90) bits |= 1 << i;
    }
    check += CHECK_ALPHABET[bits];
  }
  return check;
}

/**
 * The 18-character form of an id given in either form.
 *
 * @returns undefined for anything that is no well-formed id, a wrong check character included.
 */
export function id18(id: string): string | undefined {
  if (ID15.test(id)) return id + checkCharacters(id);
  if (!ID18.test(id)) return undefined;
  const id15 = id.slice(0, 15);
  return checkCharacters(id15) === id.slice(15).toUpperCase() ? id15 + id.slice(15).toUpperCase() : undefined;
}

/** The n-th id of a prefix (`003`), in the 18-character form. `Sim` stands where real ids name their server. */
export function mintId(prefix: string, n: number): string {
  let digits = '';
  for (let rest = n; rest > 0; rest = Math.floor(rest / BASE62.length)) digits = BASE62[rest % BASE62.length] + digits;
  const id15 = `${prefix}Sim${digits.padStart(9, '0')}`;
  return id15 + checkCharacters(id15);
}
