import type { ComparableKind, ScoredField } from '../sync/matching/comparable.ts';
import type { ScoredMatching } from '../sync/matching/scored-match.ts';
import type { FieldConfig } from './define-sync.ts';

/** How objects that no match key ties are recognised. */
export interface MatchingConfig<Field extends string = string> {
  /** `true`: on all fields that tell who somebody is, by their kinds and names. */
  readonly scored?: boolean | ScoredConfig<Field>;
}

export interface ScoredConfig<Field extends string = string> {
  /** What a field tells, where its kind and name do not say it; false leaves it out. */
  readonly fields?: { readonly [F in Field]?: ComparableKind | false };
  /** From this score on two objects are linked, in bits: 10 is a thousand to one. */
  readonly link?: number;
  /** From this score on a person is asked: 0 is one to one. */
  readonly review?: number;
}

export const LINK_DEFAULT = 10;
export const REVIEW_DEFAULT = 0;

/** Names of fields as they are usually given; what none of them fits is text that changes easily. */
const KIND_BY_NAME: readonly (readonly [RegExp, ComparableKind])[] = [
  [/(street|address|city|suburb|town|postal|postcode|zip|state|province|region|county|country)/i, 'place'],
  [/(first|last|middle|given|family|full|sur|maiden|nick)_?name$|^name$/i, 'name'],
  [/(number|code|key|ssn|domain|website)$/i, 'identifier'],
  [/(^|_)id$|[a-z]I[dD]$/, 'identifier'],
];

/** @returns undefined where the sync matches by its keys only. */
export function scoredMatchingOf(config: MatchingConfig | undefined, fields: Readonly<Record<string, FieldConfig>>) {
  const scored = config?.scored ?? false;
  if (scored === false) return undefined;
  const given: ScoredConfig = scored === true ? {} : scored;
  const taking = Object.entries(fields).flatMap(([field, spec]): ScoredField[] => {
    const kind = given.fields?.[field] ?? comparableKindOf(field, spec.kind);
    return kind === undefined || kind === false ? [] : [{ field, kind }];
  });
  return {
    fields: taking,
    link: given.link ?? LINK_DEFAULT,
    review: given.review ?? REVIEW_DEFAULT,
  } satisfies ScoredMatching;
}

/** What a field tells about who an object is, by default; undefined where it tells nothing. */
export function comparableKindOf(field: string, kind: string | undefined): ComparableKind | undefined {
  switch (kind) {
    case 'email':
    case 'phone':
    case 'date':
      return kind;
    case 'picklist':
      return 'category';
    case undefined:
    case 'text':
      return KIND_BY_NAME.find(([name]) => name.test(field))?.[1] ?? 'text';
    default:
      return undefined; // a number, a tick or a set changes too easily
  }
}
