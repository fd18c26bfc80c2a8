import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LOCAL_ACCOUNT, secretArn } from '../../../local/aws/local-account.ts';
import { startSecretsManager } from '../../../local/aws/secrets-manager.ts';
import { type EmbeddedAws, embeddedAws } from './embedded-aws.ts';

describe('over the SDK', () => {
  let aws: EmbeddedAws;
  let client: SecretsManagerClient;
  beforeAll(async () => {
    aws = await embeddedAws();
    client = new SecretsManagerClient(aws.client());
  });
  afterAll(async () => {
    client.destroy();
    await aws.close();
  });

  it('a new value is current and the former one previous (API_PutSecretValue)', async () => {
    aws.secrets.ensureSecret('hubspot', 'first');
    const put = await client.send(new PutSecretValueCommand({ SecretId: 'hubspot', SecretString: 'second' }));
    const arn = secretArn(LOCAL_ACCOUNT, 'hubspot');
    expect(put).toMatchObject({ ARN: arn, Name: 'hubspot', VersionStages: ['AWSCURRENT'] });
    expect(await client.send(new GetSecretValueCommand({ SecretId: arn }))).toMatchObject({
      SecretString: 'second',
      VersionId: put.VersionId,
    });
    const previous = await client.send(new GetSecretValueCommand({ SecretId: 'hubspot', VersionStage: 'AWSPREVIOUS' }));
    expect(previous.SecretString).toBe('first');
    const { VersionIdsToStages } = await client.send(new DescribeSecretCommand({ SecretId: 'hubspot' }));
    expect(
      Object.values(VersionIdsToStages ?? {})
        .flat()
        .sort(),
    ).toEqual(['AWSCURRENT', 'AWSPREVIOUS']);
  });

  it('a repeated put with the same token changes nothing, with another value it is refused', async () => {
    aws.secrets.ensureSecret('token', 'first');
    const ClientRequestToken = 'a'.repeat(32);
    const put = (SecretString: string) =>
      client.send(new PutSecretValueCommand({ SecretId: 'token', SecretString, ClientRequestToken }));
    await put('second');
    await put('second');
    await expect(put('third')).rejects.toMatchObject({ name: 'ResourceExistsException' });
  });

  it('an unknown secret is refused', async () => {
    await expect(client.send(new GetSecretValueCommand({ SecretId: 'nowhere' }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
  });

  it('a role reads only the secret it was granted', async () => {
    aws.secrets.ensureSecret('mine', 'x');
    aws.secrets.ensureSecret('theirs', 'y');
    const Resource = secretArn(LOCAL_ACCOUNT, 'mine');
    const documents = [{ Statement: [{ Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource }] }];
    aws.gateway.admit('FNdeliver', { name: 'deliver', documents });
    const deliver = new SecretsManagerClient(aws.client('FNdeliver'));
    await deliver.send(new GetSecretValueCommand({ SecretId: 'mine' }));
    await expect(deliver.send(new GetSecretValueCommand({ SecretId: 'theirs' }))).rejects.toMatchObject({
      name: 'AccessDeniedException',
    });
    deliver.destroy();
  });
});

describe('the file', () => {
  let file: string;
  beforeEach(() => {
    file = join(mkdtempSync(join(tmpdir(), 'secrets-')), 'secrets.json');
  });
  afterEach(() => rmSync(join(file, '..'), { recursive: true, force: true }));

  it('is for its owner only, and keeps values over a restart', () => {
    startSecretsManager({ file }).ensureSecret('a', 'initial');
    startSecretsManager({ file }).put('a', 'changed');
    const after = startSecretsManager({ file });
    after.ensureSecret('a', 'initial');
    expect(after.get('a')).toBe('changed');
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('is never written over when it cannot be understood, and its text is not told', () => {
    writeFileSync(file, '{"a": "hush"');
    expect(() => startSecretsManager({ file })).toThrow(/not a file of secrets/);
    expect(() => startSecretsManager({ file })).not.toThrow(/hush/);
    expect(readFileSync(file, 'utf8')).toBe('{"a": "hush"');
  });
});
