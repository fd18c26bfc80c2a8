import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import type { CompiledSync } from '../../../shared/config/compiled-sync.ts';
import type { WorldFace } from '../engine/world-face.ts';
import type { Chooser } from '../kernel/choice-tape.ts';
import type { Scheduler } from '../kernel/scheduler.ts';
import type { Story } from '../kernel/story.ts';
import type { ModelTable } from '../ports/model-table.ts';
import type { FaultCount, Violation } from './run-report.ts';

/** What a world reaches of the run it is in. */
export interface WorldPorts {
  readonly scheduler: Scheduler;
  readonly chooser: Chooser;
  readonly story: Story;
  /** Calls our webhook. */
  readonly webhook: (system: string, event: APIGatewayProxyEventV2, answered: (status: number | undefined) => void) => void;
  /** Puts an event of the bus onto the changes queue. */
  readonly bus: (system: string, body: string) => void;
}

/** The systems and people of a run, and whoever judges what became of their edits. */
export interface RunWorld extends WorldFace {
  /** People begin to act. @returns when the last of them does, epoch ms. */
  start(): number;
  /** Faults end. */
  calm(): void;
  /** Notifications that are still on their way. */
  readonly underway: number;
  readonly edits: number;
  /** Tells every object of every system once more: a full pass, which must find nothing to do. */
  fullPass(table: ModelTable): void;
  /** What is wrong after it. */
  judgePass(table: ModelTable): readonly Violation[];
  /** A message that nobody could handle: it belongs among the dead letters. */
  isPoison(body: string): boolean;
  /** Records and their histories, for a story. */
  histories(table: ModelTable): readonly string[];
  /** What is wrong at any time. */
  judgeNow(table: ModelTable): readonly Violation[];
  /** What is wrong once all is quiet. */
  judgeQuiet(table: ModelTable, syncs: ReadonlyMap<string, CompiledSync>): readonly Violation[];
  readonly coverage: ReadonlyMap<string, FaultCount>;
}
