import { distance } from 'fastest-levenshtein';
import type { ComparableKind } from './comparable.ts';

/** How alike two values are, from 0 (they differ) to 1 (they agree). Between: a typing error, an abbreviation. */
export type Likeness = number;

const ALIKE_MIN = 0.7;
/** An initial agrees with a name, but with one in ten of all names. */
const INITIAL = 0.4;
/** Two of year, month and day, or the same digits in another order: a slip of the pen, or chance. */
const NEAR_DATE = 0.5;
const NEAR_IDENTIFIER = 0.7;
/** Somebody's other address. */
const SAME_MAILBOX = 0.5;
const PREFIX_LETTERS_MIN = 3;

/** Compares two values that are not equal. Symmetric. */
export function likeness(one: string, other: string, kind: ComparableKind): Likeness {
  switch (kind) {
    case 'name':
      return likeNames(one, other);
    case 'place':
    case 'text':
      return likeTexts(one, other);
    case 'date':
      return likeDates(one, other);
    case 'identifier':
      return isSlip(one, other) ? NEAR_IDENTIFIER : 0;
    case 'email':
      return likeAddresses(one, other);
    case 'phone':
    case 'category':
      return 0;
  }
}

function likeNames(one: string, other: string): Likeness {
  const [short, long] = one.length <= other.length ? [one, other] : [other, one];
  if (short.length === 1) return long.startsWith(short) ? INITIAL : 0;
  return likeTexts(one, other);
}

/** Digits tell things apart: house 6 is not house 8, and the second branch is not the first. */
function likeTexts(one: string, other: string): Likeness {
  if (digitsOf(one) !== digitsOf(other)) return 0;
  const [short, long] = one.length <= other.length ? [one, other] : [other, one];
  if (short.length >= PREFIX_LETTERS_MIN && long.startsWith(short)) return Math.max(ALIKE_MIN, short.length / long.length);
  const edits = editsBetween(one, other);
  const share = 1 - edits / long.length;
  if (share >= ALIKE_MIN) return share;
  return edits === 1 && short.length >= PREFIX_LETTERS_MIN ? ALIKE_MIN : 0;
}

/** Dates as digits, year first. */
function likeDates(one: string, other: string): Likeness {
  if (one.length !== 8 || other.length !== 8) return isSlip(one, other) ? NEAR_DATE : 0;
  if (isSlip(one, other)) return NEAR_IDENTIFIER;
  const parts = (text: string) => [text.slice(0, 4), text.slice(4, 6), text.slice(6)];
  const [ones, others] = [parts(one), parts(other)];
  const same = ones.filter((part, index) => part === others[index]).length;
  const isTurned = ones[0] === others[0] && ones[1] === others[2] && ones[2] === others[1];
  return same === 2 || isTurned ? NEAR_DATE : 0;
}

function likeAddresses(one: string, other: string): Likeness {
  const [mailbox = '', domain = ''] = one.split('@');
  const [otherMailbox = '', otherDomain = ''] = other.split('@');
  if (mailbox === otherMailbox) return SAME_MAILBOX;
  return domain === otherDomain && digitsOf(mailbox) === digitsOf(otherMailbox) && isSlip(mailbox, otherMailbox)
    ? SAME_MAILBOX
    : 0;
}

/** One wrong, missing, surplus or exchanged character in at least five. */
function isSlip(one: string, other: string): boolean {
  return Math.min(one.length, other.length) >= 5 && editsBetween(one, other) === 1;
}

/** Edits, where two neighbours exchanged count as one: the commonest error there is. */
function editsBetween(one: string, other: string): number {
  const edits = distance(one, other);
  if (edits !== 2 || one.length !== other.length) return edits;
  let at = 0;
  while (one[at] === other[at]) at += 1;
  return one[at] === other[at + 1] && one[at + 1] === other[at] && one.slice(at + 2) === other.slice(at + 2) ? 1 : edits;
}

function digitsOf(text: string): string {
  return text.replace(/\D+/g, '');
}
