import { type ObjectRef, refKey } from './keys.ts';

/** An identity is some hundred bytes; this many fit a function's memory many times over. */
const REMEMBERED_MAX = 20_000;

/**
 * Remembers which record an object belongs to. An identity hardly ever changes, so a warm function need not read it again;
 * whoever finds the record disagreeing forgets the identity and reads anew.
 */
export interface IdentityMemory {
  get(ref: ObjectRef): string | undefined;
  remember(ref: ObjectRef, recordId: string): void;
  forget(ref: ObjectRef): void;
}

export function identityMemory(): IdentityMemory {
  const known = new Map<string, string>(); // oldest first
  return {
    get: (ref) => known.get(refKey(ref)),
    remember(ref, recordId) {
      const key = refKey(ref);
      known.delete(key);
      known.set(key, recordId);
      const oldest = known.size > REMEMBERED_MAX ? known.keys().next().value : undefined;
      if (oldest !== undefined) known.delete(oldest);
    },
    forget(ref) {
      known.delete(refKey(ref));
    },
  };
}
