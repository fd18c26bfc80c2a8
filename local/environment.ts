import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import type * as z from 'zod';
import config from '../concord.config.ts';
import type { Synthesis } from '../infra/synthesize.ts';
import { synthesize } from '../infra/synthesize.ts';
import { compileSync } from '../shared/config/compile-sync.ts';
import { LOCAL_EVENT_SOURCE, type LocalSecrets, localConnections, localSecrets } from './local-crms.ts';
import { type LocalStack, startStack } from './runtime/stack.ts';
import type { Edit, WorkPlan } from './simulators/busy-people.ts';
import {
  type CrmsOptions,
  type CrmsReady,
  crmsReadySchema,
  workDoneSchema,
  type workRequestSchema,
} from './simulators/crms-messages.ts';
import { type RemoteSimulator, remoteSimulator } from './simulators/remote.ts';

export interface Ports {
  readonly api: number;
  readonly gateway: number;
  readonly salesforce: number;
  readonly hubspot: number;
}

export interface EnvironmentOptions {
  /** State lies here; a restart on the same directory resumes. */
  readonly dataDir: string;
  /** Free ports are taken where none is given. */
  readonly ports?: Partial<Ports>;
  /**
   * Connection secrets of CRMs that run elsewhere (sandboxes, other simulators). Without it the bundled simulators are started.
   */
  readonly connections?: Readonly<Record<string, unknown>>;
  /** Keep the simulated CRMs' data between starts. */
  readonly keepCrms?: boolean;
  readonly isolation?: 'worker' | 'process';
  readonly context?: Readonly<Record<string, unknown>>;
  readonly onProgress?: (step: string) => void;
}

/** The whole of Concord on this machine: the synthesised template on the embedded AWS, beside two CRMs. */
export interface Environment {
  readonly stack: LocalStack;
  readonly synthesis: Synthesis;
  /** The bundled simulators; undefined where the CRMs run elsewhere. */
  readonly crms:
    | {
        readonly salesforce: RemoteSimulator;
        readonly hubspot: RemoteSimulator;
        readonly pid: number;
        /** Sets people to work in both CRMs and returns what they edited. */
        work(plan: WorkPlan): Promise<Edit[]>;
      }
    | undefined;
  /** Everything back to empty: CRMs, queues, table. The ports stay. */
  reset(): Promise<void>;
  /** Stops and starts the stack alone, as a redeployment or a power cut would. */
  restartStack(): Promise<void>;
  stop(): Promise<void>;
}

export async function startEnvironment(options: EnvironmentOptions): Promise<Environment> {
  const progress = options.onProgress ?? (() => undefined);
  mkdirSync(options.dataDir, { recursive: true });
  const ports = await completePorts(options.ports ?? {});
  const secrets = localSecrets(options.dataDir);

  progress('synthesising the template');
  const synthesis = synthesize({
    outdir: path.join(options.dataDir, 'assembly'),
    syncs: config.syncs.map((sync) => compileSync(config, sync.name)),
    context: { dataProtection: 'destroy', salesforceEventSource: LOCAL_EVENT_SOURCE, ...options.context },
  });

  const api = `http://127.0.0.1:${ports.api}`;
  let simulators: Simulators | undefined;
  if (options.connections === undefined) {
    progress('starting the simulated CRMs');
    simulators = await startSimulators({
      ports,
      api,
      gateway: `http://127.0.0.1:${ports.gateway}`,
      secrets,
      dataDir: options.dataDir,
      keep: options.keepCrms ?? false,
    });
  }
  const connections =
    options.connections ??
    localConnections(secrets, {
      salesforce: `http://127.0.0.1:${ports.salesforce}`,
      hubspot: `http://127.0.0.1:${ports.hubspot}`,
      api,
    });
  const awsDir = path.join(options.dataDir, 'aws');
  const start = () =>
    startStack({
      assemblyDir: synthesis.assemblyDir,
      stackName: synthesis.stackName,
      dataDir: awsDir,
      ports: { api: ports.api, gateway: ports.gateway },
      secrets: Object.fromEntries(
        Object.entries(connections).map(([system, secret]) => [`concord/${config.tenant}/${system}`, secret]),
      ),
      ...(options.isolation !== undefined && { isolation: options.isolation }),
    });
  progress('starting the stack on the embedded AWS');
  let stack = await start();

  return {
    get stack() {
      return stack;
    },
    synthesis,
    crms: simulators && { ...simulators.crms, pid: simulators.process.pid ?? 0, work: simulators.work },
    async reset() {
      await stack.stop();
      rmSync(awsDir, { recursive: true, force: true });
      await simulators?.crms.salesforce.reset();
      await simulators?.crms.hubspot.reset();
      stack = await start();
    },
    async restartStack() {
      await stack.stop();
      stack = await start();
    },
    async stop() {
      await stack.stop();
      await simulators?.stop();
    },
  };
}

interface Simulators {
  readonly process: ChildProcess;
  readonly crms: { readonly salesforce: RemoteSimulator; readonly hubspot: RemoteSimulator };
  work(plan: WorkPlan): Promise<Edit[]>;
  stop(): Promise<void>;
}

/** The CRMs run in a process of their own, as the outside world does: their work is not charged to Concord's. */
async function startSimulators(given: {
  ports: Ports;
  api: string;
  gateway: string;
  secrets: LocalSecrets;
  dataDir: string;
  keep: boolean;
}): Promise<Simulators> {
  const options: CrmsOptions = {
    salesforcePort: given.ports.salesforce,
    hubspotPort: given.ports.hubspot,
    eventsEndpoint: given.gateway,
    webhookUrl: `${given.api}/webhooks/hubspot`,
    secrets: given.secrets,
    ...(given.keep && { stateDir: path.join(given.dataDir, 'crms') }),
  };
  const child = fork(path.join(import.meta.dirname, 'simulators', 'crms-process.ts'), [JSON.stringify(options)], {
    execArgv: ['--enable-source-maps'],
  });
  const ready = await new Promise<CrmsReady>((resolve, reject) => {
    child.once('message', (message) => {
      const told = crmsReadySchema.safeParse(message);
      if (told.success) resolve(told.data);
      else reject(new Error(`the simulated CRMs did not start: ${JSON.stringify(message)}`));
    });
    child.once('exit', (code) =>
      reject(new Error(`the simulated CRMs ended at once (exit code ${code}); is one of the ports in use?`)),
    );
  });
  return {
    process: child,
    crms: { salesforce: remoteSimulator(ready.salesforce), hubspot: remoteSimulator(ready.hubspot) },
    work: (plan) =>
      new Promise((resolve) => {
        const listen = (message: unknown) => {
          const told = workDoneSchema.safeParse(message);
          if (!told.success) return;
          child.off('message', listen);
          resolve(told.data.edits);
        };
        child.on('message', listen);
        child.send({ work: plan } satisfies z.infer<typeof workRequestSchema>);
      }),
    stop: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve();
        child.once('exit', () => resolve());
        child.send('stop');
      }),
  };
}

async function completePorts(given: Partial<Ports>): Promise<Ports> {
  const [api, gateway, salesforce, hubspot] = await Promise.all(
    [given.api, given.gateway, given.salesforce, given.hubspot].map((port) => port ?? freePort()),
  );
  if (api === undefined || gateway === undefined || salesforce === undefined || hubspot === undefined)
    throw new Error('no free port on 127.0.0.1');
  return { api, gateway, salesforce, hubspot };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no free port')),
      );
    });
  });
}
