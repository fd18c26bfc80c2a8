import type { NativeValue } from '../../../shared/sync/change-hint.ts';
import type { Chooser } from '../kernel/choice-tape.ts';
import type { WorldField } from './draw-setup.ts';
import { FORBIDDEN_TEXT, SCORE_BOUND } from './draw-setup.ts';

const ODD_TEXTS: readonly ((serial: number) => string)[] = [
  (serial) => `T${serial} Zoë Müller-Łuk`,
  (serial) => `T${serial} e\u0301clair`, // an accent of its own
  (serial) => `T${serial} 👩‍👩‍👧 family`,
  (serial) => `  T${serial}  two  spaces `,
  (serial) => `T${serial} "quotes"; and\\slashes`,
  (serial) => `T${serial} ${'long '.repeat(12)}`,
  (serial) => `T${serial}\nsecond line`,
  (serial) => `T${serial} STRASSE straße`,
];

/** Every value is made once, so that a value found anywhere tells whose edit it was. */
export class FreshValues {
  private readonly chooser: Chooser;
  private serial = 0;

  constructor(chooser: Chooser) {
    this.chooser = chooser;
  }

  of(field: WorldField): NativeValue {
    this.serial += 1;
    const { serial } = this;
    switch (field) {
      case 'email':
        return `p${serial}@example.test`;
      case 'phone':
        return `+4930${String(1_000_000 + serial)}`;
      case 'score':
        return serial;
      case 'tags':
        return `tag${serial}`;
      case 'born':
        return new Date(Date.UTC(1950, 0, 1 + serial)).toISOString().slice(0, 10);
      case 'optOut':
        return serial % 2 === 0;
      default:
        return `${field} ${serial}`;
    }
  }

  /** F59: what trips up whoever is careless with texts, numbers and days. */
  odd(field: WorldField): NativeValue {
    const plain = this.of(field);
    const { serial } = this;
    switch (field) {
      case 'email':
        return `P${serial}.Big@Example.TEST`;
      case 'phone':
        return this.pick([`030 ${1_000_000 + serial}`, `+49 (30) ${1_000_000 + serial}`, `+4930${1_000_000 + serial} ext. 5`]);
      case 'score':
        return this.pick([serial + 0.25, serial + 0.1 + 0.02, -serial, serial * 1e15]);
      case 'tags':
        return this.pick([`tag${serial};tag${serial}`, ` b${serial} ; a${serial}`]);
      case 'name':
      case 'first':
      case 'title':
      case 'unit':
        return (ODD_TEXTS[this.chooser.choose(ODD_TEXTS.length, 'odd values')] ?? String)(serial);
      default:
        return plain;
    }
  }

  /** F28: a value that some systems do not take. */
  unwelcome(field: WorldField): NativeValue {
    const plain = this.of(field);
    if (field === 'score') return SCORE_BOUND + this.serial;
    return typeof plain === 'string' && (field === 'title' || field === 'unit') ? `${plain} ${FORBIDDEN_TEXT}` : plain;
  }

  private pick(values: readonly NativeValue[]): NativeValue {
    return values[this.chooser.choose(values.length, 'odd values')] ?? null;
  }
}
