import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { concordClient } from './concord-client.ts';
import { startControlApi } from './control-api.ts';
import { type Environment, startEnvironment } from './environment.ts';
import { samplePeople } from './page/sample-people.ts';
import { pageFiles } from './page-files.ts';

const USAGE = `Runs Concord on this machine: the synthesised template on an embedded AWS, beside two simulated CRMs.

  npm start                          state is kept in .concord and resumed
  npm start -- --fresh               begin anew
  npm start -- --port 4000           the page; the four ports after it serve Concord's API, the AWS endpoint and the CRMs
  npm start -- --connections FILE    connect to CRMs that run elsewhere: a JSON object of connection secrets by system
                                     (docs/deploy.md shows their keys); the simulators are not started
`;

const portSchema = z.coerce.number().int().min(1).max(65_531);

async function main(): Promise<void> {
  const { values: flags } = parseArgs({
    options: {
      port: { type: 'string', default: '4000' },
      'data-dir': { type: 'string', default: '.concord' },
      fresh: { type: 'boolean', default: false },
      connections: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (flags.help) return say(USAGE);
  const { data: port } = portSchema.safeParse(flags.port);
  if (port === undefined) throw new Error(`--port takes a number from 1 to 65531, not ${flags.port}`);
  const startedAtMs = Date.now();
  const environment = await startEnvironment({
    dataDir: path.resolve(flags['data-dir']),
    ports: { api: port + 1, gateway: port + 2, salesforce: port + 3, hubspot: port + 4 },
    keepCrms: true,
    fresh: flags.fresh,
    onProgress: (step) => say(`  ${step} …`),
    ...(flags.connections !== undefined && { connections: connectionsIn(flags.connections) }),
  });
  const control = await startControlApi(environment, pageFiles(), port, () => populate(environment));
  stopOnSignal(environment, control);
  await populate(environment);
  const { skipped } = environment.stack.report();
  say(`
Concord runs (${((Date.now() - startedAtMs) / 1000).toFixed(1)} s).

  Page            ${control.url}      edit a contact in one CRM and watch it arrive in the other
  Concord's API   ${environment.stack.apiUrl}/stats`);
  if (environment.crms !== undefined) {
    say(`  Salesforce      ${environment.crms.salesforce.url}      (simulated)
  HubSpot         ${environment.crms.hubspot.url}      (simulated)`);
  }
  say(`
  ${skipped.length} kinds of resources of the template have no part here (alarms, log groups ...): local/README.md says why.
  Ctrl-C stops; what was done is kept in ${flags['data-dir']}.
`);
}

/** A first start has something to show: the same few people in both CRMs. */
async function populate(environment: Environment): Promise<void> {
  const { crms } = environment;
  if (crms === undefined) return;
  const empty = (await crms.salesforce.objects('Contact')).length === 0 && (await crms.hubspot.objects('contacts')).length === 0;
  if (empty) {
    await crms.salesforce.load('Contact', samplePeople('salesforce'));
    await crms.hubspot.load('contacts', samplePeople('hubspot'));
  }
  say('  first sync …');
  await concordClient(environment).untilLive();
}

function connectionsIn(file: string): Record<string, unknown> {
  const parsed = z.record(z.string(), z.unknown()).safeParse(JSON.parse(readFileSync(file, 'utf8')));
  if (!parsed.success) throw new Error(`${file} must hold a JSON object: connection secrets by system`);
  return parsed.data;
}

function stopOnSignal(environment: Environment, control: { close(): Promise<void> }): void {
  let stopping = false;
  const stop = async () => {
    if (stopping) process.exit(1); // asked twice: do not wait
    stopping = true;
    say('\nstopping …');
    await control.close();
    await environment.stop();
    process.exit(0);
  };
  process.on('SIGINT', () => void stop());
  process.on('SIGTERM', () => void stop());
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`\nConcord did not start: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
