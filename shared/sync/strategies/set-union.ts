import { setMembers, setText } from '../canon.ts';
import type { FieldConflict, Verdict } from './conflict.ts';

/**
 * S9. What either side added is in, what either side removed is out. Both began at one base, so nothing can be added
 * by one and removed by the other. Without a base it is the plain union.
 */
export function uniteSets({ base, record, observed }: FieldConflict): Verdict {
  const before = new Set(setMembers(base));
  const now = new Set(setMembers(observed.value));
  const members = setMembers(record.value).filter((member) => now.has(member) || !before.has(member));
  for (const member of now) if (!before.has(member)) members.push(member);
  return {
    winner: 'merged',
    value: setText(members),
    rule: 'S9',
    reason: 'what either side added is in, what either removed is out',
  };
}
