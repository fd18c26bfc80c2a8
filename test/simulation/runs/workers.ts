import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Answer, Task } from './worker-messages.ts';

const WORKER = fileURLToPath(new URL('./seed-worker.ts', import.meta.url));
const HOOKS = new URL('../engine/module-hooks.ts', import.meta.url).href;

/** Two cores are enough for everybody, and somebody else may need the others. */
export const WORKERS = Math.min(2, availableParallelism());

/** Processes that simulate, each one task at a time. */
export class Workers {
  private readonly processes: ChildProcess[];

  /** @param plan - what is planted in each of them, and in which world they simulate. */
  constructor(
    count = WORKERS,
    { mutant, world }: { readonly mutant?: string | undefined; readonly world?: string | undefined } = {},
  ) {
    this.processes = Array.from({ length: count }, () =>
      fork(WORKER, {
        execArgv: ['--import', HOOKS],
        env: {
          ...process.env,
          ...(mutant !== undefined && { CONCORD_MUTANT: mutant }),
          ...(world !== undefined && { CONCORD_WORLD: world }),
        },
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
        serialization: 'advanced',
      }),
    );
  }

  /**
   * Hands out tasks until there is none left or `take` returns false; which worker does which is chance, what it finds is not.
   *
   * @param tasks - asked for one at a time.
   */
  async run(tasks: Iterator<Task>, take: (answer: Answer) => boolean): Promise<void> {
    let going = true;
    await Promise.all(
      this.processes.map(async (worker) => {
        while (going) {
          const next = tasks.next();
          if (next.done === true) return;
          const answer = await ask(worker, next.value);
          if (going && !take(answer)) going = false;
        }
      }),
    );
  }

  async one(task: Task): Promise<Answer> {
    const [worker] = this.processes;
    if (worker === undefined) throw new Error('there is no worker');
    return ask(worker, task);
  }

  close(): void {
    for (const worker of this.processes) worker.kill();
  }
}

function ask(worker: ChildProcess, task: Task): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let said = '';
    const listen = (text: Buffer): void => {
      said = `${said}${text.toString()}`.slice(-4_000);
    };
    const done = (): void => {
      worker.off('message', answered);
      worker.off('exit', ended);
      worker.stderr?.off('data', listen);
    };
    const answered = (answer: Answer): void => {
      done();
      resolve(answer);
    };
    const ended = (code: number | null): void => {
      done();
      reject(new Error(`a worker ended with ${code}: ${said}`));
    };
    worker.stderr?.on('data', listen);
    worker.on('message', answered);
    worker.on('exit', ended);
    worker.send(task);
  });
}
