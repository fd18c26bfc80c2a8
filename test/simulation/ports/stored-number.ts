import { validation } from './table-refusals.ts';

// Numbers as DynamoDB keeps them: 38 significant digits, 1E-130 to 9.99E+125 and their negatives, without superfluous zeros.
// docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html#HowItWorks.DataTypes.Number

const DIGITS_MAX = 38;
const MAGNITUDE_MAX = 125;
const MAGNITUDE_MIN = -130;
/** Any two of so many digits are exact in a double, and so is their sum. */
const EXACT_LENGTH_MAX = 15;
const PLAIN = /^(?:0|-?[1-9]\d*)$/;
const WRITTEN = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;

/** digits × 10^exponent */
interface Decimal {
  readonly digits: bigint;
  readonly exponent: number;
}

/** The number as it is read back. @throws a ValidationException when it is none, or one that DynamoDB cannot keep. */
export function storedNumber(text: string): string {
  return text.length <= EXACT_LENGTH_MAX && PLAIN.test(text) ? text : textOf(decimalOf(text));
}

export function comparedNumbers(a: string, b: string): number {
  if (a.length <= EXACT_LENGTH_MAX && b.length <= EXACT_LENGTH_MAX) return Number(a) - Number(b);
  const [left, right] = aligned(decimalOf(a), decimalOf(b));
  return left === right ? 0 : left < right ? -1 : 1;
}

export function sumOf(a: string, b: string, sign: 1 | -1): string {
  if (a.length <= EXACT_LENGTH_MAX && b.length <= EXACT_LENGTH_MAX && PLAIN.test(a) && PLAIN.test(b)) {
    return String(Number(a) + sign * Number(b));
  }
  const [left, right, exponent] = aligned(decimalOf(a), decimalOf(b));
  return textOf(checked({ digits: sign === 1 ? left + right : left - right, exponent }));
}

/** What a number counts towards the size of its item: about half a byte per digit, and one more. */
export function numberBytes(text: string): number {
  return Math.ceil(text.replace(/^-?0*|\.|0+$/g, '').length / 2) + (text.startsWith('-') ? 2 : 1);
}

function decimalOf(text: string): Decimal {
  const [, sign, whole = '', fraction = '', exponent = '0'] = WRITTEN.exec(text) ?? [];
  if (whole + fraction === '') throw validation('The parameter cannot be converted to a numeric value');
  const digits = BigInt(whole + fraction);
  return checked({ digits: sign === '-' ? -digits : digits, exponent: Number(exponent) - fraction.length });
}

function checked(number: Decimal): Decimal {
  if (number.digits === 0n) return { digits: 0n, exponent: 0 };
  let text = String(number.digits < 0n ? -number.digits : number.digits);
  const trimmed = text.replace(/0+$/, '');
  const exponent = number.exponent + text.length - trimmed.length;
  text = trimmed;
  const magnitude = exponent + text.length - 1;
  if (magnitude > MAGNITUDE_MAX)
    throw validation('Number overflow. Attempting to store a number with magnitude larger than supported range');
  if (magnitude < MAGNITUDE_MIN)
    throw validation('Number underflow. Attempting to store a number with magnitude smaller than supported range');
  if (text.length > DIGITS_MAX) throw validation('Attempting to store more than 38 significant digits in a Number');
  const digits = BigInt(text);
  return { digits: number.digits < 0n ? -digits : digits, exponent };
}

function textOf({ digits, exponent }: Decimal): string {
  if (exponent >= 0) return String(digits * 10n ** BigInt(exponent));
  const sign = digits < 0n ? '-' : '';
  const text = String(digits < 0n ? -digits : digits).padStart(1 - exponent, '0');
  return `${sign}${text.slice(0, exponent)}.${text.slice(exponent)}`;
}

function aligned(a: Decimal, b: Decimal): [bigint, bigint, number] {
  const exponent = Math.min(a.exponent, b.exponent);
  return [a.digits * 10n ** BigInt(a.exponent - exponent), b.digits * 10n ** BigInt(b.exponent - exponent), exponent];
}
