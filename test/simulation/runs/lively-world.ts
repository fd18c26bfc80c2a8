import type { OurAccount } from '../../../functions/process-changes/hint-message.ts';
import type { Connection } from '../../../shared/connectors/connection.ts';
import type { Connector } from '../../../shared/connectors/connector.ts';
import { isLedgerItem } from '../../../shared/store/keys.ts';
import { ledgerEntryOf } from '../../../shared/store/ledger-store.ts';
import { recordOf } from '../../../shared/store/record-item.ts';
import type { LedgerEntry } from '../../../shared/sync/ledger.ts';
import type { PortCall } from '../engine/world-face.ts';
import { RecordHistory } from '../oracle/history.ts';
import { checkFinal, checkFixpoint, checkSafety } from '../oracle/oracle.ts';
import type { ModelTable } from '../ports/model-table.ts';
import { createWorld, type World, type WorldOptions } from '../world/world.ts';
import type { FaultCount, Violation } from './run-report.ts';
import type { RunWorld, WorldPorts } from './run-world.ts';

/** Runs end some time; people who act by then have acted. */
const DAY_MS = 24 * 3_600_000;

/** The model systems and their people, with the oracle that judges them. */
export class LivelyWorld implements RunWorld {
  readonly world: World;
  private readonly ports: WorldPorts;
  private readonly history = new RecordHistory();
  private lastActMs = 0;
  private passFromSeq = 0;

  constructor(options: WorldOptions, ports: WorldPorts) {
    this.ports = ports;
    const { scheduler } = ports;
    this.world = createWorld(options, {
      ...ports,
      scheduler: {
        now: () => scheduler.now(),
        at: (ms, label, act) => {
          if (label === 'people') this.lastActMs = Math.max(this.lastActMs, ms);
          scheduler.at(ms, label, act);
        },
      },
    });
  }

  get underway(): number {
    return this.world.underway;
  }

  get edits(): number {
    return this.world.edits;
  }

  get coverage(): ReadonlyMap<string, FaultCount> {
    return this.world.coverage;
  }

  connector(system: string, call: PortCall): Connector {
    return this.world.connector(system, call);
  }

  connection(system: string): Connection {
    return this.world.connection(system);
  }

  ours(system: string): OurAccount {
    return this.world.ours(system);
  }

  start(): number {
    this.lastActMs = this.ports.scheduler.now();
    this.world.start(this.lastActMs + DAY_MS);
    return this.lastActMs;
  }

  calm(): void {
    this.world.calm();
  }

  isPoison(body: string): boolean {
    return this.world.isPoison(body);
  }

  fullPass(): void {
    this.passFromSeq = this.world.log.changes.length;
    this.world.tellAll();
  }

  judgePass(table: ModelTable): readonly Violation[] {
    return checkFixpoint(this.world, table, this.passFromSeq);
  }

  judgeNow(table: ModelTable): readonly Violation[] {
    return checkSafety(this.world, table, this.history);
  }

  judgeQuiet(table: ModelTable): readonly Violation[] {
    return checkFinal(this.world, table);
  }

  histories(table: ModelTable): readonly string[] {
    return historiesOf(table);
  }
}

/** Each record with its ledger, oldest entry first. */
export function historiesOf(table: ModelTable): string[] {
  const records: string[] = [];
  const entries = new Map<string, LedgerEntry[]>();
  const found = [];
  for (const item of table.everything()) {
    if (item.pk?.S?.split('#')[1] !== 'R') continue;
    if (isLedgerItem(item)) {
      const entry = ledgerEntryOf(item);
      entries.set(entry.recordId, [...(entries.get(entry.recordId) ?? []), entry]);
    } else found.push(recordOf(item));
  }
  for (const record of found) {
    const lines = (entries.get(record.recordId) ?? []).sort((a, b) => a.version - b.version);
    records.push([JSON.stringify(record), ...lines.map((entry) => `    ${entry.version} ${JSON.stringify(entry)}`)].join('\n'));
  }
  return records;
}
