import { type ChildProcess, fork } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import type * as z from 'zod';
import config from '../concord.config.ts';
import type { Synthesis } from '../infra/synthesize.ts';
import { synthesize } from '../infra/synthesize.ts';
import { compileSync } from '../shared/config/compile-sync.ts';
import { lockDataDir } from './aws/data-dir-lock.ts';
import { LOCAL_EVENT_SOURCE, type LocalSecrets, localConnections, localSecrets } from './local-crms.ts';
import type { Isolation } from './runtime/function-instance.ts';
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
  /** Forget what former runs on this directory left. */
  readonly fresh?: boolean;
  readonly isolation?: Isolation;
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

/** @throws Error saying what to do when the directory or a port is in use. */
export async function startEnvironment(options: EnvironmentOptions): Promise<Environment> {
  // Closed in the opposite order, also when the start fails half-way.
  await using starting = new AsyncDisposableStack();
  const progress = options.onProgress ?? (() => undefined);
  const { dataDir } = options;
  const awsDir = path.join(dataDir, 'aws');
  // Before anything is written: another run's bundles must not be overwritten under it.
  starting.defer(lockDataDir(dataDir));
  if (options.fresh) for (const state of [awsDir, crmsDir(dataDir)]) rmSync(state, { recursive: true, force: true });
  const ports = await completePorts(options.ports ?? {});
  const secrets = localSecrets(dataDir);
  const api = `http://127.0.0.1:${ports.api}`;

  let simulators: Simulators | undefined;
  if (options.connections === undefined) {
    progress('starting the simulated CRMs');
    simulators = forkSimulators({
      ports,
      api,
      gateway: `http://127.0.0.1:${ports.gateway}`,
      secrets,
      dataDir,
      keep: options.keepCrms ?? false,
    });
    const { stop } = simulators;
    starting.defer(stop);
  }
  // Synthesising keeps this process busy; the simulators boot meanwhile.
  progress('synthesising the template');
  const synthesis = synthesize({
    outdir: path.join(dataDir, 'assembly'),
    syncs: config.syncs.map((sync) => compileSync(config, sync.name)),
    context: { dataProtection: 'destroy', salesforceEventSource: LOCAL_EVENT_SOURCE, ...options.context },
  });
  const crms = await simulators?.ready();

  const connections =
    options.connections ??
    localConnections(secrets, {
      salesforce: `http://127.0.0.1:${ports.salesforce}`,
      hubspot: `http://127.0.0.1:${ports.hubspot}`,
      api,
    });
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
  starting.defer(() => stack.stop());
  const running = starting.move();

  /** Restarts and resets come one after the other, whoever asks. */
  let last: Promise<void> = Promise.resolve();
  const inTurn = (act: () => Promise<void>): Promise<void> => {
    last = last.catch(() => undefined).then(act);
    return last;
  };
  return {
    get stack() {
      return stack;
    },
    synthesis,
    crms: crms && { ...crms, pid: simulators?.process.pid ?? 0, work: crms.work },
    reset: () =>
      inTurn(async () => {
        await stack.stop();
        rmSync(awsDir, { recursive: true, force: true });
        await Promise.all([crms?.salesforce.reset(), crms?.hubspot.reset()]);
        stack = await start();
      }),
    restartStack: () =>
      inTurn(async () => {
        await stack.stop();
        stack = await start();
      }),
    stop: () => inTurn(() => running.disposeAsync()),
  };
}

interface Crms {
  readonly salesforce: RemoteSimulator;
  readonly hubspot: RemoteSimulator;
  work(plan: WorkPlan): Promise<Edit[]>;
}

interface Simulators {
  readonly process: ChildProcess;
  /** Settles once both listen. */
  ready(): Promise<Crms>;
  stop(): Promise<void>;
}

const crmsDir = (dataDir: string): string => path.join(dataDir, 'crms');

/** The CRMs run in a process of their own, as the outside world does: their work is not charged to Concord's. */
function forkSimulators(given: {
  ports: Ports;
  api: string;
  gateway: string;
  secrets: LocalSecrets;
  dataDir: string;
  keep: boolean;
}): Simulators {
  const options: CrmsOptions = {
    salesforcePort: given.ports.salesforce,
    hubspotPort: given.ports.hubspot,
    eventsEndpoint: given.gateway,
    webhookUrl: `${given.api}/webhooks/hubspot`,
    secrets: given.secrets,
    ...(given.keep && { stateDir: crmsDir(given.dataDir) }),
  };
  const child = fork(path.join(import.meta.dirname, 'simulators', 'crms-process.ts'), [JSON.stringify(options)], {
    execArgv: ['--enable-source-maps'],
  });
  const ready = new Promise<CrmsReady>((resolve, reject) => {
    child.once('message', (message) => {
      const told = crmsReadySchema.safeParse(message);
      if (told.success) resolve(told.data);
      else reject(new Error(`the simulated CRMs did not start: ${JSON.stringify(message)}`));
    });
    child.once('exit', (code) =>
      reject(
        new Error(
          `the simulated CRMs ended at once (exit code ${code}): is port ${given.ports.salesforce} or ${given.ports.hubspot} in use?`,
        ),
      ),
    );
  });
  ready.catch(() => undefined); // it is asked for later
  return {
    process: child,
    async ready() {
      const { salesforce, hubspot } = await ready;
      return { salesforce: remoteSimulator(salesforce), hubspot: remoteSimulator(hubspot), work: (plan) => workOf(child, plan) };
    },
    stop: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve();
        child.once('exit', () => resolve());
        child.send('stop');
      }),
  };
}

function workOf(child: ChildProcess, plan: WorkPlan): Promise<Edit[]> {
  return new Promise((resolve) => {
    const listen = (message: unknown) => {
      const told = workDoneSchema.safeParse(message);
      if (!told.success) return;
      child.off('message', listen);
      resolve(told.data.edits);
    };
    child.on('message', listen);
    child.send({ work: plan } satisfies z.infer<typeof workRequestSchema>);
  });
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
