/** By letter; vowels and what is not listed separate, h and w do not. */
const CODES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries({ 1: 'bfpv', 2: 'cgjkqsxz', 3: 'dt', 4: 'l', 5: 'mn', 6: 'r' }).flatMap(([code, letters]) =>
    [...letters].map((letter) => [letter, code]),
  ),
);

/**
 * American Soundex: names that sound alike have one code (National Archives, archives.gov/research/census/soundex). Of
 * a name in other letters, its beginning.
 *
 * @param name - comparable text.
 */
export function soundex(name: string): string {
  const letters = name.replace(/[^a-z]/g, '');
  const [first] = letters;
  if (first === undefined) return name.slice(0, 4);
  let code = first;
  let last = CODES[first];
  for (const letter of letters.slice(1)) {
    if (letter === 'h' || letter === 'w') continue;
    const digit = CODES[letter];
    if (digit !== undefined && digit !== last) code += digit;
    last = digit;
    if (code.length === 4) break;
  }
  return code.padEnd(4, '0');
}
