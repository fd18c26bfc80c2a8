import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import * as z from 'zod';
import { AwsError } from './aws-error.ts';
import { type Clock, systemClock } from './clock.ts';
import { type JsonApi, parseRequest } from './json-api.ts';
import { LOCAL_ACCOUNT, type LocalAccount, secretArn } from './local-account.ts';

const versionSchema = z.object({ value: z.string(), createdAtMs: z.number(), stages: z.array(z.string()) });
const secretSchema = z.object({ createdAtMs: z.number(), versions: z.record(z.string(), versionSchema) });
type Secret = z.infer<typeof secretSchema>;
const fileSchema = z.record(z.string(), secretSchema);

export interface SecretsManager {
  readonly account: LocalAccount;
  /** Creates the secret with a first value; an existing one keeps its own. */
  ensureSecret(name: string, initialValue: string): void;
  /** Makes this the current value. Returns the version's id. */
  put(name: string, value: string): string;
  /** The current value; undefined when there is no such secret. */
  get(name: string): string | undefined;
  names(): string[];
  /** The JSON protocol: GetSecretValue, PutSecretValue, DescribeSecret. */
  readonly api: JsonApi;
}

const CURRENT = 'AWSCURRENT';
const PREVIOUS = 'AWSPREVIOUS';
/** Secrets Manager keeps the versions that a stage names and up to about a hundred others; the oldest of those go. */
const UNSTAGED_VERSIONS_MAX = 20;
const VALUE_BYTES_MAX = 65_536;

const getSchema = z.object({
  SecretId: z.string().min(1),
  VersionId: z.string().optional(),
  VersionStage: z.string().optional(),
});
const putSchema = z.object({
  SecretId: z.string().min(1),
  SecretString: z.string().optional(),
  ClientRequestToken: z.string().min(32).max(64).optional(),
  VersionStages: z.array(z.string()).optional(),
});

/**
 * Secrets in one JSON file that only its owner may read.
 *
 * @throws Error when the file is there but cannot be understood: it is never written over.
 */
export function startSecretsManager(options: {
  readonly file: string;
  readonly clock?: Clock;
  readonly account?: LocalAccount;
}): SecretsManager {
  const { file, clock = systemClock, account = LOCAL_ACCOUNT } = options;
  const secrets = new Map<string, Secret>(existsSync(file) ? Object.entries(readSecrets(file)) : []);

  function find(id: string): { name: string; secret: Secret } {
    const name = id.startsWith('arn:') ? [...secrets.keys()].find((known) => secretArn(account, known) === id) : id;
    const secret = name === undefined ? undefined : secrets.get(name);
    if (name !== undefined && secret !== undefined) return { name, secret };
    throw new AwsError('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
  }

  /** As PutSecretValue: the same version id with the same value changes nothing, with another it is refused. */
  function putVersion(name: string, value: string, versionId: string, stages: readonly string[]): void {
    if (Buffer.byteLength(value) > VALUE_BYTES_MAX) {
      throw new AwsError('InvalidRequestException', `A secret value has at most ${VALUE_BYTES_MAX} bytes.`);
    }
    const { createdAtMs, versions: before } = secrets.get(name) ?? { createdAtMs: clock.now(), versions: {} };
    const same = before[versionId];
    if (same !== undefined) {
      if (same.value === value) return;
      throw new AwsError(
        'ResourceExistsException',
        `You can't modify an existing version, but only create a new one: ${versionId}.`,
      );
    }
    const versions: Secret['versions'] = {};
    for (const [id, version] of Object.entries(before)) {
      const kept = version.stages.filter((stage) => !stages.includes(stage) && !(stages.includes(CURRENT) && stage === PREVIOUS));
      if (stages.includes(CURRENT) && version.stages.includes(CURRENT)) kept.push(PREVIOUS);
      versions[id] = { ...version, stages: kept };
    }
    versions[versionId] = { value, createdAtMs: clock.now(), stages: [...stages] };
    const unstaged = Object.keys(versions).filter((id) => versions[id]?.stages.length === 0);
    for (const id of unstaged.slice(0, Math.max(0, unstaged.length - UNSTAGED_VERSIONS_MAX))) delete versions[id];
    secrets.set(name, { createdAtMs, versions });
    writeSecrets(file, Object.fromEntries(secrets));
  }

  const api: JsonApi = async ({ operation, body }) => {
    switch (operation) {
      case 'GetSecretValue': {
        const request = parseRequest(getSchema, body);
        const { name, secret } = find(request.SecretId);
        const stage = request.VersionStage ?? (request.VersionId === undefined ? CURRENT : undefined);
        const found = Object.entries(secret.versions).find(
          ([id, version]) => (request.VersionId ?? id) === id && (stage === undefined || version.stages.includes(stage)),
        );
        if (found === undefined)
          throw new AwsError('ResourceNotFoundException', "Secrets Manager can't find the specified secret value.");
        const [VersionId, { value, stages, createdAtMs }] = found;
        return {
          ARN: secretArn(account, name),
          Name: name,
          VersionId,
          SecretString: value,
          VersionStages: stages,
          CreatedDate: createdAtMs / 1_000,
        };
      }
      case 'PutSecretValue': {
        const request = parseRequest(putSchema, body);
        const { name } = find(request.SecretId);
        if (request.SecretString === undefined)
          throw new AwsError('InvalidRequestException', 'The embedded Secrets Manager keeps text only: send SecretString.');
        const VersionId = request.ClientRequestToken ?? randomUUID();
        const VersionStages = request.VersionStages ?? [CURRENT];
        putVersion(name, request.SecretString, VersionId, VersionStages);
        return { ARN: secretArn(account, name), Name: name, VersionId, VersionStages };
      }
      case 'DescribeSecret': {
        const { name, secret } = find(parseRequest(getSchema, body).SecretId);
        const staged = Object.entries(secret.versions).filter(([, version]) => version.stages.length > 0);
        const changedAtMs = Math.max(...Object.values(secret.versions).map((version) => version.createdAtMs));
        return {
          ARN: secretArn(account, name),
          Name: name,
          CreatedDate: secret.createdAtMs / 1_000,
          LastChangedDate: changedAtMs / 1_000,
          VersionIdsToStages: Object.fromEntries(staged.map(([id, version]) => [id, version.stages])),
        };
      }
      default:
        throw new AwsError('UnknownOperationException', `The embedded Secrets Manager has no ${operation}.`);
    }
  };

  return {
    account,
    ensureSecret(name, initialValue) {
      if (!secrets.has(name)) putVersion(name, initialValue, randomUUID(), [CURRENT]);
    },
    put(name, value) {
      const versionId = randomUUID();
      putVersion(name, value, versionId, [CURRENT]);
      return versionId;
    },
    get: (name) => Object.values(secrets.get(name)?.versions ?? {}).find((version) => version.stages.includes(CURRENT))?.value,
    names: () => [...secrets.keys()],
    api,
  };
}

function readSecrets(file: string): z.infer<typeof fileSchema> {
  try {
    return fileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    // The cause might quote a value, so only its kind is told.
    throw new Error(
      `${file} is not a file of secrets (${error instanceof Error ? error.name : 'unreadable'}): mend it, or move it away to begin anew`,
    );
  }
}

/** Written whole beside the old file and then put in its place: a kill leaves one or the other. */
function writeSecrets(file: string, secrets: z.infer<typeof fileSchema>): void {
  const next = `${file}.next`;
  const descriptor = openSync(next, 'w', 0o600);
  try {
    writeSync(descriptor, JSON.stringify(secrets, null, 2));
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(next, file);
}
