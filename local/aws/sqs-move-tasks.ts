import { randomUUID } from 'node:crypto';
import { AwsError } from './aws-error.ts';
import type { Clock } from './clock.ts';
import { queueNameOf } from './local-account.ts';
import type { MoveTask, SqsStore, StoredMessage } from './sqs-store.ts';

/** docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html */
const PER_SECOND_MAX = 500;
/** Without a rate, so many messages are moved before others get their turn. */
const CHUNK = 100;

export interface MoveTasks {
  start(sourceArn: string, destinationArn: string | undefined, perSecondMax: number | undefined, toMove: number): Promise<string>;
  list(sourceArn: string): MoveTask[];
  stop(): void;
}

/** Moves dead letters back, a chunk at a time, and goes on after a restart. */
export function startMoveTasks(shell: {
  readonly store: SqsStore;
  readonly clock: Clock;
  readonly queueId: (arn: string) => number | undefined;
  readonly arrived: (queueId: number) => void;
}): MoveTasks {
  const { store, clock } = shell;
  const timers = new Set<NodeJS.Timeout>();
  let stopped = false;
  // Queues are registered right after: the first chunk waits its turn.
  for (const task of store.moveTasks()) if (task.status === 'RUNNING') later(task, 0);

  function later(task: MoveTask, afterMs: number): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      if (!stopped) void run(task);
    }, afterMs);
    timers.add(timer);
  }

  async function run(task: MoveTask): Promise<void> {
    const next = await store.commit.write(() => {
      const moved = moveChunk(task);
      store.saveMoveTask(moved);
      return moved;
    });
    if (next.status === 'RUNNING' && !stopped) later(next, next.per_second_max === null ? 0 : 1_000);
  }

  function moveChunk(task: MoveTask): MoveTask {
    const source = shell.queueId(task.source);
    if (source === undefined) return { ...task, status: 'FAILED', failure: 'AWS.SimpleQueueService.NonExistentQueue' };
    const limit = Math.min(task.per_second_max ?? CHUNK, task.to_move - task.moved);
    const messages = limit > 0 ? store.due(source, clock.now(), limit) : [];
    let { moved } = task;
    for (const message of messages) {
      const destination = destinationOf(task, message);
      if (destination === undefined) return { ...task, moved, status: 'FAILED', failure: 'CouldNotDetermineMessageSource' };
      store.redrive(message.seq, source, destination, clock.now());
      shell.arrived(destination);
      moved++;
    }
    return { ...task, moved, status: messages.length === 0 || moved >= task.to_move ? 'COMPLETED' : 'RUNNING' };
  }

  function destinationOf(task: MoveTask, message: StoredMessage): number | undefined {
    const arn = task.destination ?? message.source_arn;
    return arn === null ? undefined : shell.queueId(arn);
  }

  return {
    async start(sourceArn, destinationArn, perSecondMax, toMove) {
      if (perSecondMax !== undefined && !(perSecondMax >= 1 && perSecondMax <= PER_SECOND_MAX)) {
        throw new AwsError(
          'InvalidParameterValue',
          `Value for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: Must be between 1 and ${PER_SECOND_MAX}.`,
        );
      }
      if (destinationArn === sourceArn) {
        throw new AwsError('InvalidParameterValue', 'Source queue arn and destination queue arn cannot be the same.');
      }
      if (store.moveTasks().some((task) => task.source === sourceArn && task.status === 'RUNNING')) {
        throw new AwsError(
          'InvalidParameterValue',
          `There is already a task running on ${queueNameOf(sourceArn)}. Only one active task is allowed for a source queue.`,
        );
      }
      const task: MoveTask = {
        handle: randomUUID(),
        source: sourceArn,
        destination: destinationArn ?? null,
        per_second_max: perSecondMax ?? null,
        status: 'RUNNING',
        moved: 0,
        to_move: toMove,
        started_at: clock.now(),
        failure: null,
      };
      await store.commit.write(() => store.saveMoveTask(task));
      later(task, 0);
      return task.handle;
    },
    list: (sourceArn) => store.moveTasks().filter((task) => task.source === sourceArn),
    stop() {
      stopped = true;
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
