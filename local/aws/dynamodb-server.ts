import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface DynamoDbServer {
  readonly endpoint: string; // http://host:port
  /** SQLite file of the server, where it is ours. */
  readonly databaseFile: string | undefined;
  /** Settles, with a reason, if the server ends without being asked to. */
  readonly exited: Promise<string>;
  stop(): Promise<void>;
}

const DYNOXIDE_VERSION = '1.2.1';
const START_TRIES_MAX = 3;
const READY_WITHIN_MS = 10_000;
const READY_POLL_MS = 5;
const STOP_WITHIN_MS = 5_000;
const OUTPUT_KEPT = 2_000; // characters of the server's last words

/**
 * Runs the server, and ends it as soon as our end of the pipe closes: so the server cannot outlive us, not even when we are
 * killed. $1 is where its process id is kept, the rest its command line.
 */
const GUARD = `
pidfile=$1; shift
exec 3<&0
"$@" </dev/null 3<&- & server=$!
echo "$server" > "$pidfile"
{ read -r _; kill -TERM "$server"; sleep 2; kill -KILL "$server"; } <&3 >/dev/null 2>&1 & watcher=$!
wait "$server"; status=$?
[ "$(cat "$pidfile" 2>/dev/null)" = "$server" ] && rm -f "$pidfile"
kill "$watcher" 2>/dev/null
exit $status
`;

/**
 * Starts dynoxide on a free port of the loopback interface, its data in `dataDir`; or, where $DYNAMODB_ENDPOINT names a server
 * (DynamoDB Local), takes that one.
 *
 * @throws Error saying what to install when there is no binary for this machine.
 */
export async function startDynamoDbServer(dataDir: string): Promise<DynamoDbServer> {
  const external = process.env.DYNAMODB_ENDPOINT;
  if (external !== undefined && external !== '') {
    return { endpoint: external, databaseFile: undefined, exited: new Promise(() => {}), stop: async () => {} };
  }
  const binary = dynoxideBinary();
  const databaseFile = join(dataDir, 'dynamodb.sqlite');
  const pidFile = join(dataDir, 'dynamodb.pid');
  await endLeftover(pidFile, databaseFile);
  for (let attempt = 1; ; attempt++) {
    const server = await tryStart(binary, databaseFile, pidFile);
    if ('endpoint' in server) return server;
    // Another process may have taken the port between our looking and the server's listening.
    if (attempt >= START_TRIES_MAX) throw new Error(`dynoxide (${binary}) does not start: ${server.failure}`);
  }
}

function dynoxideBinary(): string {
  const given = process.env.DYNOXIDE_BIN;
  if (given !== undefined && given !== '') {
    if (existsSync(given)) return given;
    throw new Error(`DYNOXIDE_BIN names ${given}, which does not exist: correct or unset it`);
  }
  const packageName = `@dynoxide/${process.platform}-${process.arch}`;
  try {
    const directory = dirname(createRequire(import.meta.url).resolve(`${packageName}/package.json`));
    return join(directory, process.platform === 'win32' ? 'dynoxide.exe' : 'dynoxide');
  } catch (error) {
    throw new Error(
      `no DynamoDB server for ${process.platform}-${process.arch}. Either "npm install --no-save ${packageName}@${DYNOXIDE_VERSION}"; ` +
        'or install dynoxide by other means (macOS: "brew install nubo-db/tap/dynoxide") and name its binary in DYNOXIDE_BIN; ' +
        'or run DynamoDB Local and name its address in DYNAMODB_ENDPOINT',
      { cause: error },
    );
  }
}

/** After a kill the guard needs a moment to end its server; a server that lingers is ended here. */
async function endLeftover(pidFile: string, databaseFile: string): Promise<void> {
  if (!existsSync(pidFile)) return;
  const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10);
  const until = performance.now() + STOP_WITHIN_MS;
  while (Number.isInteger(pid) && isServing(pid, databaseFile)) {
    if (performance.now() > until)
      throw new Error(`process ${pid} of a former run still holds ${databaseFile}: end it and start again`);
    process.kill(pid, 'SIGKILL');
    await sleep(20);
  }
  rmSync(pidFile, { force: true });
}

/** The process id may have been given to somebody else since: only a process that names our file is ours. */
function isServing(pid: number, databaseFile: string): boolean {
  try {
    return execFileSync('ps', ['-p', String(pid), '-o', 'args='], { encoding: 'utf8' }).includes(databaseFile);
  } catch {
    return false; // no such process
  }
}

async function tryStart(binary: string, databaseFile: string, pidFile: string): Promise<DynamoDbServer | { failure: string }> {
  const port = await freePort();
  const command = [binary, 'serve', '--host', '127.0.0.1', '--port', String(port), '--db-path', databaseFile];
  const child = spawnGuarded(command, pidFile);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-OUTPUT_KEPT);
    });
  }
  let stopping = false;
  const ended = once(child, 'exit').then(() => output.trim());
  const unasked = ended.then((words) =>
    stopping ? new Promise<string>(() => {}) : `the DynamoDB server ended by itself: ${words}`,
  );
  const endpoint = `http://127.0.0.1:${port}`;

  async function stop(): Promise<void> {
    stopping = true;
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.stdin?.end(); // tells the guard; without one, the signal does
    if (process.platform === 'win32') child.kill();
    const inTime = await Promise.race([ended.then(() => true), sleep(STOP_WITHIN_MS, false, { ref: false })]);
    if (!inTime && child.pid !== undefined) process.kill(process.platform === 'win32' ? child.pid : -child.pid, 'SIGKILL');
  }

  const failed = ended.then((words) => words || 'it ended without a word');
  const until = performance.now() + READY_WITHIN_MS;
  while (performance.now() < until) {
    // Its own word too: whoever answers might be another process that took the port first.
    if (/listening on/i.test(output) && (await answers(endpoint))) return { endpoint, databaseFile, exited: unasked, stop };
    const failure = await Promise.race([failed, sleep(READY_POLL_MS, undefined)]);
    if (failure !== undefined) return { failure };
  }
  await stop();
  return { failure: `no answer within ${READY_WITHIN_MS} ms. ${output}` };
}

function spawnGuarded(command: readonly string[], pidFile: string): ChildProcess {
  const [binary = '', ...args] = command;
  if (process.platform === 'win32') {
    const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    process.once('exit', () => child.kill());
    return child;
  }
  // In its own session, so that Ctrl-C reaches us first and we stop the server after those who use it.
  return spawn('/bin/sh', ['-c', GUARD, 'dynoxide-guard', pidFile, binary, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('the system gave no port');
  return address.port;
}

function answers(endpoint: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = request(endpoint, { agent: false }, (response) => {
      response.resume();
      resolve(true);
    });
    probe.on('error', () => resolve(false));
    probe.end();
  });
}
