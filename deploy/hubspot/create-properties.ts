import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { HUBSPOT_HOSTS } from '../../shared/connectors/connection.ts';
import { permittedBase } from '../../shared/connectors/permitted-url.ts';
import type { PropertyDefinition } from './contact-properties.ts';
import { objectProperties, type PropertyOfObject } from './object-properties.ts';

export interface HubSpotAccount {
  /** https://api.hubapi.com, or a simulator on this machine. */
  readonly baseUrl: string;
  /** Needs the scopes crm.schemas.{contacts,companies,deals}.read and .write. */
  readonly accessToken: string;
}

export interface PropertyOutcome {
  readonly object: string;
  readonly name: string;
  readonly outcome: 'created' | 'exists';
}

/** HubSpot said no; the message says what to do. */
export class PropertySetupError extends Error {
  override readonly name = 'PropertySetupError';
}

const TIMEOUT_MS = 10_000;
const ATTEMPTS_MAX = 4;

/**
 * Makes sure that the properties exist as they are defined; running it again changes nothing.
 * HubSpot: developers.hubspot.com/docs/api-reference/crm-properties-v3/guide
 *
 * @throws PropertySetupError when a property exists in another shape, or HubSpot refuses.
 */
export async function createProperties(
  account: HubSpotAccount,
  definitions: readonly PropertyOfObject[] = objectProperties,
): Promise<PropertyOutcome[]> {
  const outcomes: PropertyOutcome[] = [];
  for (const definition of definitions) outcomes.push(await ensureProperty(account, definition));
  return outcomes;
}

async function ensureProperty(account: HubSpotAccount, { object, ...definition }: PropertyOfObject): Promise<PropertyOutcome> {
  const { name } = definition;
  if (await existsAsDefined(account, object, definition)) return { object, name, outcome: 'exists' };
  const answer = await call(account, 'POST', `/crm/v3/properties/${object}`, definition);
  if (answer.status === 201) return { object, name, outcome: 'created' };
  if (answer.status !== 409) throw refusal(answer, `create the property ${name} of ${object}`, object);
  // Somebody else was quicker, or the name is taken by a property that is not shown.
  if (await existsAsDefined(account, object, definition)) return { object, name, outcome: 'exists' };
  throw new PropertySetupError(
    `HubSpot says that the property ${name} of ${object} exists, but does not show it: look for it under Settings > Properties > Archived and restore it.`,
  );
}

const propertySchema = z.object({ type: z.string(), fieldType: z.string(), hasUniqueValue: z.boolean().default(false) });

async function existsAsDefined(account: HubSpotAccount, object: string, definition: PropertyDefinition): Promise<boolean> {
  const { name } = definition;
  const answer = await call(account, 'GET', `/crm/v3/properties/${object}/${name}`);
  if (answer.status === 404) return false;
  if (answer.status !== 200) throw refusal(answer, `read the property ${name} of ${object}`, object);
  const found = propertySchema.safeParse(answer.body);
  if (!found.success)
    throw new PropertySetupError(`HubSpot's answer about ${name} is no property: check the base URL ${account.baseUrl}.`);
  const { type, hasUniqueValue } = found.data;
  if (type !== definition.type) {
    throw new PropertySetupError(
      `The property ${name} of ${object} exists as ${type}, but Concord needs ${definition.type}: archive it in HubSpot, or map another property in concord.config.ts.`,
    );
  }
  if (definition.hasUniqueValue && !hasUniqueValue) {
    throw new PropertySetupError(
      `The property ${name} of ${object} exists but does not require unique values, which HubSpot only allows to choose at creation: archive it in HubSpot and run this again.`,
    );
  }
  return true;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** One call; repeated a few times while HubSpot is busy, which is safe as each call here may be repeated. */
async function call(account: HubSpotAccount, method: 'GET' | 'POST', path: string, body?: PropertyDefinition): Promise<Answer> {
  for (let attempt = 1; ; attempt += 1) {
    const response = await send(account, method, path, body);
    const busy = response.status === 429 || response.status >= 500;
    if (!busy || attempt === ATTEMPTS_MAX) return { status: response.status, body: await json(response) };
    await response.body?.cancel();
    await sleep(waitMs(response, attempt));
  }
}

async function send(account: HubSpotAccount, method: string, path: string, body?: PropertyDefinition): Promise<Response> {
  try {
    return await fetch(`${account.baseUrl}${path}`, {
      method,
      headers: { authorization: `Bearer ${account.accessToken}`, 'content-type': 'application/json' },
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  } catch (error) {
    throw new PropertySetupError(`No answer from ${account.baseUrl}: check the network and the address, then run this again.`, {
      cause: error,
    });
  }
}

/** HubSpot does not promise Retry-After on a 429; its shortest window is a second, the usual one ten. */
function waitMs(response: Response, attempt: number): number {
  const asked = Number(response.headers.get('retry-after'));
  return asked > 0 ? Math.min(asked * 1000, 10_000) : 1000 * 2 ** (attempt - 1);
}

async function json(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // some errors come as HTML
  }
}

const errorSchema = z.object({
  message: z.string().optional(),
  category: z.string().optional(),
  correlationId: z.string().optional(),
});

function refusal(answer: Answer, doing: string, object: string): PropertySetupError {
  const { message, category, correlationId } = errorSchema.safeParse(answer.body).data ?? {};
  const said = [`HTTP ${answer.status}`, category, message, correlationId && `correlation id ${correlationId}`]
    .filter(Boolean)
    .join(', ');
  return new PropertySetupError(`HubSpot refused to ${doing} (${said}). ${advice(answer.status, object)}`);
}

function advice(status: number, object: string): string {
  if (status === 401) return 'The token is wrong or has expired: copy it again from the app.';
  if (status === 403)
    return `The app lacks a scope: grant crm.schemas.${object}.read and crm.schemas.${object}.write, then reinstall it.`;
  if (status === 429 || status >= 500) return 'HubSpot is busy or down: run this again later.';
  return 'The message says what HubSpot minds; an account may hold ten unique properties of an object at most.';
}

/** @throws PropertySetupError naming each variable that is missing or wrong. */
export function accountFromEnvironment(environment: Readonly<Record<string, string | undefined>>): HubSpotAccount {
  const accessToken = environment.HUBSPOT_ACCESS_TOKEN;
  const base = permittedBase(environment.HUBSPOT_BASE_URL ?? 'https://api.hubapi.com', HUBSPOT_HOSTS);
  if ('problem' in base) throw new PropertySetupError(`HUBSPOT_BASE_URL ${base.problem}.`);
  if (accessToken === undefined || accessToken === '') {
    throw new PropertySetupError(
      'HUBSPOT_ACCESS_TOKEN is not set: export an access token of the app (docs/deploy.md), then run this again.',
    );
  }
  return { baseUrl: base.origin, accessToken };
}

if (import.meta.main) {
  try {
    const outcomes = await createProperties(accountFromEnvironment(process.env));
    for (const { object, name, outcome } of outcomes)
      console.log(`${outcome === 'created' ? 'created' : 'exists '} ${object} ${name}`);
  } catch (error) {
    if (!(error instanceof PropertySetupError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
