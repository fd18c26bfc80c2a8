import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { type Connection, parseConnection } from '../shared/connectors/connection.ts';

/** A rotated secret is picked up within this time, without a deployment. */
const SECRET_LIFE_MS = 5 * 60_000;

/** Reads a connection's secret, and again when it is old: a rotation needs no deployment. */
export function connectionSecret(secretArn: string, client = new SecretsManagerClient({})): () => Promise<Connection> {
  let known: { readonly secret: Promise<Connection>; readonly readAtMs: number } | undefined;
  return () => {
    if (known === undefined || Date.now() - known.readAtMs > SECRET_LIFE_MS) {
      const secret = read(client, secretArn);
      known = { secret, readAtMs: Date.now() };
      secret.catch(() => {
        known = undefined;
      });
    }
    return known.secret;
  };
}

async function read(client: SecretsManagerClient, secretArn: string): Promise<Connection> {
  const { SecretString: text } = await client.send(new GetSecretValueCommand({ SecretId: secretArn }));
  if (text === undefined) throw new Error(`secret ${secretArn} is empty: fill it in as docs/deploy.md says`);
  return parseConnection(text, secretArn);
}
