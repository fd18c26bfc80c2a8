import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import * as z from 'zod';
import type { SecretsManager } from '../aws/secrets-manager.ts';
import type { LocalTemplate } from './template.ts';
import { TemplateError } from './template-error.ts';

const digestsSchema = z.record(z.string(), z.string());
const secretSchema = z.object({
  SecretString: z.string().optional(),
  GenerateSecretString: z
    .strictObject({ GenerateStringKey: z.string().optional(), SecretStringTemplate: z.string().optional() })
    .optional(),
});
const GENERATED_BYTES = 24; // 32 characters, as many as Secrets Manager generates
const templateObjectSchema = z.record(z.string(), z.unknown());

/**
 * Makes the template's secrets. A given value is set when it is new or another than at the last start: a value that somebody
 * changed since then, as an operator rotates a token, stays.
 *
 * @param options.given - values by the secret's name.
 * @param options.digestFile - keeps what was given at the last start, as digests.
 */
export function makeSecrets(options: {
  readonly template: LocalTemplate;
  readonly secrets: SecretsManager;
  readonly given: Readonly<Record<string, unknown>>;
  readonly digestFile: string;
}): void {
  const { template, secrets, given, digestFile } = options;
  const digests: Record<string, string> = { ...readDigests(digestFile) };
  for (const { logicalId, properties } of template.ofType('AWS::SecretsManager::Secret')) {
    const name = template.nameOf(logicalId);
    if (given[name] === undefined) {
      secrets.ensureSecret(name, initialValue(logicalId, properties));
      continue;
    }
    const value = JSON.stringify(given[name]);
    const digest = createHash('sha256').update(value).digest('hex');
    if (secrets.get(name) === undefined || digests[name] !== digest) secrets.put(name, value);
    digests[name] = digest;
  }
  const next = `${digestFile}.next`;
  writeFileSync(next, JSON.stringify(digests), { mode: 0o600 });
  renameSync(next, digestFile);
}

function readDigests(file: string): Record<string, string> {
  if (!existsSync(file)) return {};
  try {
    return digestsSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return {}; // then the given values are set again, as at a first start
  }
}

/** What CloudFormation would put into a new secret. */
function initialValue(logicalId: string, properties: unknown): string {
  const parsed = secretSchema.safeParse(properties);
  if (!parsed.success) throw new TemplateError(`${logicalId} is not run here as it stands: ${z.prettifyError(parsed.error)}`);
  const { SecretString, GenerateSecretString: generate } = parsed.data;
  if (SecretString !== undefined) return SecretString;
  const random = randomBytes(GENERATED_BYTES).toString('base64url');
  if (generate?.GenerateStringKey === undefined) return random;
  const template = templateObjectSchema.parse(JSON.parse(generate.SecretStringTemplate ?? '{}'));
  return JSON.stringify({ ...template, [generate.GenerateStringKey]: random });
}
