import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as z from 'zod';

/** The simulated organisations: fixed, recognisable ids, and secrets that are minted once per data directory. */
export const LOCAL_ORGANIZATION_ID = '00DSim000000001MAA';
export const LOCAL_EVENT_SOURCE = `aws.partner/salesforce.com/${LOCAL_ORGANIZATION_ID}/0YLSim000000001OAA`;
export const LOCAL_PORTAL_ID = 880_001;
export const LOCAL_APP_ID = 660_001;
/** The access key with which the simulated Event Relay puts its events on the bus. */
export const RELAY_ACCESS_KEY = 'root';

const secretsSchema = z.object({
  salesforceClientSecret: z.string(),
  hubspotAccessToken: z.string(),
  hubspotWebhookSecret: z.string(),
  outboundMessageToken: z.string(),
});
export type LocalSecrets = z.infer<typeof secretsSchema>;

/** Reads the data directory's secrets, minting them on the first start: nothing secret lies in the project. */
export function localSecrets(dataDir: string): LocalSecrets {
  const file = path.join(dataDir, 'local-secrets.json');
  try {
    return secretsSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    const mint = () => randomBytes(24).toString('base64url');
    const minted: LocalSecrets = {
      salesforceClientSecret: mint(),
      hubspotAccessToken: `pat-eu1-${mint()}`,
      hubspotWebhookSecret: mint(),
      outboundMessageToken: mint(),
    };
    writeFileSync(`${file}.new`, JSON.stringify(minted), { mode: 0o600 });
    renameSync(`${file}.new`, file);
    return minted;
  }
}

/** The connections to the simulated CRMs, as an operator would store them in Secrets Manager. */
export function localConnections(secrets: LocalSecrets, urls: { salesforce: string; hubspot: string; api: string }) {
  return {
    salesforce: {
      kind: 'salesforce',
      loginUrl: urls.salesforce,
      clientId: 'concord-local',
      clientSecret: secrets.salesforceClientSecret,
      organizationId: LOCAL_ORGANIZATION_ID,
      outboundMessageToken: secrets.outboundMessageToken,
    },
    hubspot: {
      kind: 'hubspot',
      baseUrl: urls.hubspot,
      accessToken: secrets.hubspotAccessToken,
      webhookSecret: secrets.hubspotWebhookSecret,
      appId: LOCAL_APP_ID,
      portalId: LOCAL_PORTAL_ID,
      webhookUrl: `${urls.api}/webhooks/hubspot`,
    },
  } as const;
}
