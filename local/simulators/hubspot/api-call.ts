import * as z from 'zod';
import type { SeededRandom } from '../random.ts';
import { invalidRequest } from './api-refusal.ts';
import type { Author } from './author.ts';
import type { HubSpotBehaviour } from './behaviour.ts';
import type { Portal } from './portal.ts';

/** One call, past authentication and limits. */
export interface ApiCall {
  readonly number: number;
  readonly query: URLSearchParams;
  readonly body: string;
  readonly author: Author;
  /** Came by a dated path (`/crm/objects/2026-09/...`). */
  readonly dated: boolean;
  /** What the caller says the call is for (`x-concord-correlation-id`); kept in the write log only. */
  readonly trace: string | undefined;
}

export interface ApiAnswer {
  readonly status: number;
  readonly body?: unknown;
}

/** An endpoint that a request was found to mean. */
export interface Endpoint {
  /** What follows the object type or the prefix, ids replaced: `/batch/read`, `/{id}`. */
  readonly suffix: string;
  readonly lane: 'general' | 'search';
  readonly access: 'read' | 'write';
  run(call: ApiCall): ApiAnswer;
}

/** What endpoints work on. */
export interface ApiWorld {
  readonly portal: Portal;
  readonly behaviour: HubSpotBehaviour;
  readonly random: SeededRandom;
  now(): number;
}

/** @throws ApiRefusal 400 naming the place in the body that is wrong. */
export function parseBody<T>(schema: z.ZodType<T>, body: string): T {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (error) {
    throw invalidRequest(`Invalid input JSON: ${error instanceof Error ? error.message : 'unreadable'}`);
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalidRequest(`Invalid input JSON at ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
}

/** A list in a query: comma-separated, repeated, or both. */
export function listIn(query: URLSearchParams, name: string): string[] {
  return query
    .getAll(name)
    .flatMap((value) => value.split(','))
    .map((value) => value.trim())
    .filter((value) => value !== '');
}

/**
 * Values of a write: text; numbers and booleans are taken for their text, null is refused:
 * HubSpot documents the empty string as the way to clear.
 */
export const valuesSchema = z.record(
  z.string(),
  z.union([z.string(), z.number().transform(String), z.boolean().transform(String)]),
);
