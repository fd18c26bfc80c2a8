import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { objectProperties } from '../../deploy/hubspot/object-properties.ts';
import { LOCAL_APP_ID, LOCAL_EVENT_SOURCE, LOCAL_ORGANIZATION_ID, LOCAL_PORTAL_ID, RELAY_ACCESS_KEY } from '../local-crms.ts';
import { workAway } from './busy-people.ts';
import { type CrmsOptions, type CrmsReady, crmsOptionsSchema, workRequestSchema } from './crms-messages.ts';
import { startHubSpotSimulator } from './hubspot/hubspot-simulator.ts';
import { startSalesforceSimulator } from './salesforce/salesforce-simulator.ts';

const SAVE_EVERY_MS = 5_000;

async function main(options: CrmsOptions): Promise<void> {
  const salesforce = await startSalesforceSimulator({
    port: options.salesforcePort,
    organizationId: LOCAL_ORGANIZATION_ID,
    events: { endpoint: options.eventsEndpoint, source: LOCAL_EVENT_SOURCE, accessKeyId: RELAY_ACCESS_KEY },
    credentials: {
      clientId: 'concord-local',
      clientSecret: options.secrets.salesforceClientSecret,
      username: 'concord@example.test',
    },
  });
  const hubspot = await startHubSpotSimulator({
    port: options.hubspotPort,
    portalId: LOCAL_PORTAL_ID,
    appId: LOCAL_APP_ID,
    clientSecret: options.secrets.hubspotWebhookSecret,
    accessToken: options.secrets.hubspotAccessToken,
    webhookUrl: options.webhookUrl,
    properties: objectProperties,
  });
  const save = keeper(options.stateDir, { salesforce, hubspot });
  const timer = setInterval(save, SAVE_EVERY_MS);
  const stop = async () => {
    clearInterval(timer);
    save();
    await Promise.all([salesforce.close(), hubspot.close()]);
    process.exit(0);
  };
  process.on('message', (message) => {
    if (message === 'stop') return void stop();
    const asked = workRequestSchema.safeParse(message);
    if (asked.success) void workAway({ salesforce, hubspot }, asked.data.work).then((edits) => process.send?.({ edits }));
  });
  process.on('disconnect', () => void stop()); // the parent is gone
  process.on('SIGINT', () => undefined); // Ctrl-C reaches the whole group: the parent says when to stop
  process.send?.({ salesforce: salesforce.url, hubspot: hubspot.url } satisfies CrmsReady);
}

interface Keepable {
  save(file: string): void;
  restoreFrom(file: string): boolean;
}

/** Restores what a former run left, and returns the way to save. */
function keeper(stateDir: string | undefined, crms: Readonly<Record<string, Keepable>>): () => void {
  if (stateDir === undefined) return () => undefined;
  mkdirSync(stateDir, { recursive: true });
  const file = (name: string) => path.join(stateDir, `${name}.json`);
  for (const [name, crm] of Object.entries(crms)) crm.restoreFrom(file(name));
  return () => {
    for (const [name, crm] of Object.entries(crms)) crm.save(file(name));
  };
}

const [given] = process.argv.slice(2);
if (process.send !== undefined && given !== undefined) await main(crmsOptionsSchema.parse(JSON.parse(given)));
