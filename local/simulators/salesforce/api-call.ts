import { RowRefusal } from './row-refusal.ts';

/** One request to the REST API, after it was admitted. */
export interface ApiCall {
  readonly number: number;
  readonly method: string;
  /** `67.0` */
  readonly version: string;
  readonly userId: string;
  /** The parts of the path that the route names, URL-decoded. */
  readonly path: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  header(name: string): string | undefined;
  /** @throws RowRefusal JSON_PARSER_ERROR */
  json(): unknown;
}

export interface ApiAnswer {
  readonly status: number;
  /** Sent as JSON; absent: no body. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export type ApiHandler = (call: ApiCall) => ApiAnswer | Promise<ApiAnswer>;

export const noContent: ApiAnswer = { status: 204 };
export const ok = (body: unknown): ApiAnswer => ({ status: 200, body });

/** The error body of REST: an array, whatever happened. */
export function refusalAnswer(error: RowRefusal): ApiAnswer {
  const fields = error.fields.length > 0 || DML_CODES.has(error.code) ? { fields: error.fields } : {};
  return { status: error.status, body: [{ ...error.details, message: error.message, errorCode: error.code, ...fields }] };
}

const DML_CODES = new Set(['DUPLICATE_VALUE', 'ENTITY_IS_DELETED', 'UNABLE_TO_LOCK_ROW', 'INVALID_CROSS_REFERENCE_KEY']);

/** `Sforce-Call-Options: client=crm-sync, defaultNamespace=x` and its kin: `name=value` parts, split at `,` or `;`. */
export function headerOption(header: string | undefined, name: string): string | undefined {
  for (const part of header?.split(/[,;]/) ?? []) {
    const [key = '', ...value] = part.split('=');
    if (key.trim().toLowerCase() === name.toLowerCase()) return value.join('=').trim();
  }
  return undefined;
}

/** @throws RowRefusal 400 when a date header cannot be read. */
export function dateHeaderMs(call: ApiCall, name: string): number | undefined {
  const value = call.header(name);
  if (value === undefined) return undefined;
  const atMs = Date.parse(value);
  if (!Number.isNaN(atMs)) return atMs;
  throw new RowRefusal('INVALID_ARGUMENT', `${name} is not an HTTP date: ${value}`);
}
