import { createHash, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';

/** A secret in memory. Printing, logging or serialising it shows `[secret]`; only `reveal` gives the text. */
export class SecretText {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  /** Compares in constant time. Hashing first hides the length as well. */
  equals(candidate: string): boolean {
    return equalInConstantTime(this.#text, candidate);
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}

export function equalInConstantTime(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text, 'utf8').digest();
  return timingSafeEqual(digest(a), digest(b));
}
