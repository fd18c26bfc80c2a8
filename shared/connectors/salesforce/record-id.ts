const ID_PATTERN = /^[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?$/;
const CHECK_CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ012345';

/**
 * The 18-character form of a Salesforce id, or undefined where the text is no id. Wrong check
 * characters count as no id: one such id in a batched call may fail the whole call.
 */
export function recordId18(text: string): string | undefined {
  if (!ID_PATTERN.test(text)) return undefined;
  const id = text.slice(0, 15) + checkCharacters(text);
  return text.length === 18 && text !== id ? undefined : id;
}

/** One character per block of five: bit i is set where the block's character i is a capital letter. */
function checkCharacters(id: string): string {
  let characters = '';
  for (let block = 0; block < 15; block += 5) {
    let bits = 0;
    for (let i = 0; i < 5; i++) {
      const character = id.charAt(block + i);
      if (character >= 'A' && character <= 'Z') bits |= 1 << i;
    }
    characters += CHECK_CHARACTERS.charAt(bits);
  }
  return characters;
}
