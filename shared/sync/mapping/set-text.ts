import { setMembers, setText, trimmedText } from '../canon.ts';
import type { Transform } from './transforms.ts';

/**
 * A set as one text, its members separated as the system separates them. It is written in a fixed order, so that the same
 * set is always the same text. White space around a separator makes no difference: `, ` also reads `a,b`.
 *
 * @param separator - what stands between two members; no member may contain it, nor a semicolon.
 */
export function setTextTransform(separator: string): Transform {
  const reading = separator.trim() || separator;
  return {
    toCanonical: (native) => {
      const text = trimmedText(native);
      return text === null ? null : setText(text.split(reading).flatMap(setMembers));
    },
    toNative: (canonical) => setMembers(setText(setMembers(canonical))).join(separator) || null,
    samples: ['a', ['a', 'b c', 'd'].join(separator)],
    canonicalSamples: ['a', 'a;b c;d'],
  };
}

/** A set as both CRMs write several choices, `a;b`. */
export const setTransform: Transform = {
  toCanonical: (native) => setText(setMembers(native)),
  toNative: (canonical) => setText(setMembers(canonical)),
  samples: ['b;a', ';a; a ;b;'],
};
