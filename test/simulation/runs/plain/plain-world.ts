import type { OurAccount } from '../../../../functions/process-changes/hint-message.ts';
import type { CompiledSync } from '../../../../shared/config/compiled-sync.ts';
import type { Connection } from '../../../../shared/connectors/connection.ts';
import type { Connector } from '../../../../shared/connectors/connector.ts';
import type { NativeValue, NativeValues } from '../../../../shared/sync/change-hint.ts';
import type { PortCall } from '../../engine/world-face.ts';
import type { ModelTable } from '../../ports/model-table.ts';
import { historiesOf } from '../lively-world.ts';
import type { FaultCount, Violation } from '../run-report.ts';
import type { RunWorld, WorldPorts } from '../run-world.ts';
import { nativeName, PLAIN_FIELDS, type PlainField, type PlainSetup } from './draw-config.ts';
import { plainConnector } from './plain-connector.ts';
import { type LoggedChange, PlainCrm } from './plain-crm.ts';
import { busEvent, hubspotConnection, ORGANISATION, OUR_USER, signedDelivery, webhookEvents } from './plain-notices.ts';
import { PlainOracle } from './plain-oracle.ts';

/** How unkind the systems are, in per mille and ms. */
export interface PlainFaults {
  readonly drop: number; // F03
  readonly duplicate: number; // F01
  readonly late: number; // F02, F04
  readonly readLag: number; // F36
  readonly listLagMs: number; // F09
}

export const KIND: PlainFaults = { drop: 0, duplicate: 0, late: 0, readLag: 0, listLagMs: 0 };

export interface PlainPeople {
  readonly edits: number;
  /** Objects that most edits meet. */
  readonly hot: number;
  /** The pauses between edits: 0 for short ones only, 3 for long ones too. */
  readonly pace: number;
}

/** One edit by a person, and what the hint about it came to. */
export interface PersonEdit {
  readonly atMs: number;
  readonly system: string;
  readonly objectId: string;
  readonly field: string; // native
  readonly value: NativeValue;
  told: boolean;
}

/** What a scenario lays down instead of leaving it to chance. */
export interface PlainScript {
  readLagMs?: (system: string) => number;
  loses?: (change: LoggedChange) => boolean;
  /** How long the notification about a change takes, ms; undefined: as ever. */
  delays?: (change: LoggedChange) => number | undefined;
  stores?: ((system: string, field: string, value: string) => string) | undefined;
}

const DELIVERY_MS = [150, 600, 2_000, 9_000];
const LATE_MS = [30_000, 180_000, 700_000];
const GAPS_MS = [400, 3_000, 20_000, 70_000, 240_000, 600_000];
const WEBHOOK_TRIES = 10;
const WEBHOOK_RETRY_MS = 60_000;
const EDITABLE: readonly PlainField[] = ['title', 'unit', 'name', 'score', 'email'];

/** Systems of plain rows, the people who work in them, and their notifications. */
export class PlainWorld implements RunWorld {
  readonly crms: ReadonlyMap<string, PlainCrm>;
  readonly personEdits: PersonEdit[] = [];
  readonly coverage = new Map<string, FaultCount>();
  readonly script: PlainScript = {};
  underway = 0;
  outboundWrites = 0;
  private readonly setup: PlainSetup;
  private readonly people: PlainPeople;
  private readonly ports: WorldPorts;
  private readonly oracle: PlainOracle;
  private faults: PlainFaults;
  private count = 0;

  constructor(setup: PlainSetup, people: PlainPeople, faults: PlainFaults, ports: WorldPorts) {
    this.setup = setup;
    this.people = people;
    this.faults = faults;
    this.ports = ports;
    this.crms = new Map(
      [...setup.kinds].map(([system, kind]) => [
        system,
        new PlainCrm({
          system,
          kind,
          externalIdField: kind === 'salesforce' ? 'Concord_Id__c' : 'concord_id',
          fields: PLAIN_FIELDS.map((field) => nativeName(kind, field)),
          now: () => ports.scheduler.now(),
          changed: (change) => this.changed(change),
          stores: (field, value) => this.script.stores?.(system, field, value) ?? value,
        }),
      ]),
    );
    this.oracle = new PlainOracle(this);
  }

  get edits(): number {
    return this.personEdits.length;
  }

  get syncedSystems(): readonly string[] {
    return [...this.setup.kinds.keys()];
  }

  connector(system: string, call: PortCall): Connector {
    const { chooser } = this.ports;
    return plainConnector(
      this.crm(system),
      call,
      {
        readLagMs: () => this.script.readLagMs?.(system) ?? this.drawnLagMs(),
        listLagMs: () => chooser.choose(this.faults.listLagMs + 1, 'list lag'),
      },
      () => this.ports.scheduler.now(),
    );
  }

  connection(): Connection {
    return hubspotConnection();
  }

  ours(system: string): OurAccount {
    return this.setup.kinds.get(system) === 'salesforce' ? { organizationId: ORGANISATION, userId: OUR_USER } : {};
  }

  crm(system: string): PlainCrm {
    const crm = this.crms.get(system);
    if (crm === undefined) throw new Error(`there is no system ${system}`);
    return crm;
  }

  start(): number {
    const { chooser, scheduler } = this.ports;
    // Some people were there before the sync: some in one system, some in several.
    for (let person = chooser.choose(this.people.hot, 'people'); person >= 0; person -= 1) {
      const email = this.newEmail();
      for (const system of this.syncedSystems) if (!chooser.chance(400, 'people')) this.createPerson(system, email);
    }
    let atMs = scheduler.now() + 60_000;
    const gaps = GAPS_MS.slice(0, 3 + this.people.pace);
    for (let edit = 0; edit < this.people.edits; edit += 1) {
      atMs += gaps[chooser.choose(gaps.length, 'gaps')] ?? 0;
      scheduler.at(atMs, 'people', () => this.act());
    }
    return atMs;
  }

  calm(): void {
    this.faults = KIND;
  }

  fullPass(table: ModelTable): void {
    this.oracle.beforePass(table);
    for (const crm of this.crms.values()) {
      for (const objectId of crm.liveIds()) {
        const values = crm.valuesOf(objectId) ?? {};
        // A poll-only system is looked at by its poll; the others say of a field that it may have changed.
        const [name = ''] = Object.keys(values);
        const change: LoggedChange = {
          atMs: crm.stampOf(objectId),
          system: crm.system,
          objectId,
          by: 'person',
          kind: 'update',
          fields: { [name]: { before: null, after: values[name] ?? null } },
        };
        this.deliver(change, 0);
      }
    }
  }

  isPoison(): boolean {
    return false;
  }

  judgePass(): readonly Violation[] {
    return this.oracle.judgePass(this.ports.scheduler.now());
  }

  histories(table: ModelTable): readonly string[] {
    return historiesOf(table);
  }

  judgeNow(): readonly Violation[] {
    return [];
  }

  judgeQuiet(table: ModelTable, syncs: ReadonlyMap<string, CompiledSync>): readonly Violation[] {
    return this.oracle.judgeQuiet(table, syncs, this.ports.scheduler.now());
  }

  /** A person edits an object, as far as it is there. */
  edit(system: string, objectId: string, values: NativeValues): void {
    const crm = this.crm(system);
    const before = crm.valuesOf(objectId);
    if (before === undefined) return;
    const changed = Object.entries(values).filter(([name, value]) => (before[name] ?? null) !== value);
    this.ports.story.tell(
      this.ports.scheduler.now(),
      `person in ${system}`,
      () => `edits ${objectId}: ${JSON.stringify(values)}`,
    );
    for (const [field, value] of changed)
      this.personEdits.push({ atMs: this.ports.scheduler.now(), system, objectId, field, value, told: true });
    crm.update(objectId, values, 'person');
  }

  createPerson(system: string, email: string, more: NativeValues = {}): string {
    const kind = this.setup.kinds.get(system) ?? 'hubspot';
    const values = {
      [nativeName(kind, 'email')]: email,
      [nativeName(kind, 'name')]: this.unique('Name'),
      [nativeName(kind, 'title')]: this.unique('Title'),
      ...more,
    };
    const objectId = this.crm(system).create(values, 'person');
    this.ports.story.tell(
      this.ports.scheduler.now(),
      `person in ${system}`,
      () => `creates ${objectId}: ${JSON.stringify(values)}`,
    );
    for (const [field, value] of Object.entries(values))
      this.personEdits.push({ atMs: this.ports.scheduler.now(), system, objectId, field, value, told: true });
    return objectId;
  }

  newEmail(): string {
    this.count += 1;
    return `p${this.count}@example.test`;
  }

  private unique(word: string): string {
    this.count += 1;
    return `${word} ${this.count}`;
  }

  private newValue(field: PlainField): NativeValue {
    this.count += 1;
    if (field === 'score') return this.count;
    return field === 'email' ? `p${this.count}@example.test` : `${field} ${this.count}`;
  }

  private act(): void {
    const { chooser, scheduler } = this.ports;
    const system = this.syncedSystems[chooser.choose(this.syncedSystems.length, 'people')] ?? '';
    const crm = this.crm(system);
    const kind = crm.kind;
    const live = crm.liveIds();
    const objectId = live[chooser.choose(Math.min(live.length, this.people.hot), 'people')];
    const roll = chooser.choose(100, 'people');
    const field = EDITABLE[chooser.choose(roll < 70 ? 3 : EDITABLE.length, 'people')] ?? 'title';
    const native = nativeName(kind, field);
    if (objectId === undefined || roll >= 94) {
      const email = this.newEmail();
      this.createPerson(system, email);
      // The same person is made elsewhere too, at about the same time.
      if (chooser.chance(250, 'people')) {
        const other = this.syncedSystems[chooser.choose(this.syncedSystems.length, 'people')] ?? system;
        if (other !== system)
          scheduler.at(scheduler.now() + chooser.choose(4_000, 'people'), 'people', () => this.createPerson(other, email));
      }
      return;
    }
    if (roll < 60) this.edit(system, objectId, { [native]: this.newValue(field) });
    else if (roll < 68)
      this.edit(system, objectId, {
        [nativeName(kind, 'title')]: this.newValue('title'),
        [nativeName(kind, 'unit')]: this.newValue('unit'),
      });
    else if (roll < 73) this.edit(system, objectId, { [native]: null });
    else if (roll < 78) this.revert(crm, objectId, native);
    else if (roll < 85) {
      for (let quick = chooser.choose(4, 'people'); quick >= 0; quick -= 1)
        scheduler.at(scheduler.now() + chooser.choose(3_000, 'people'), 'people', () =>
          this.edit(system, objectId, { [native]: this.newValue(field) }),
        );
    } else if (roll < 91) this.editTwins(system, objectId, field);
    else {
      this.ports.story.tell(scheduler.now(), `person in ${system}`, () => `deletes ${objectId}`);
      crm.remove(objectId, 'person');
    }
  }

  /** Back to a value that was there before. */
  private revert(crm: PlainCrm, objectId: string, native: string): void {
    const earlier = crm.log.findLast((change) => change.objectId === objectId && change.fields[native] !== undefined);
    const value = earlier?.fields[native]?.before;
    if (value !== undefined) this.edit(crm.system, objectId, { [native]: value });
  }

  /** The same field of the same person in several systems, each to a value of its own. */
  private editTwins(system: string, objectId: string, field: PlainField): void {
    const { chooser, scheduler } = this.ports;
    const mine = this.crm(system);
    const recordId = mine.valuesOf(objectId)?.[mine.externalIdField];
    const email = mine.valuesOf(objectId)?.[nativeName(mine.kind, 'email')];
    for (const crm of this.crms.values()) {
      const twin = crm.liveIds().find((id) => {
        const values = crm.valuesOf(id) ?? {};
        const same = recordId !== undefined && recordId !== null && values[crm.externalIdField] === recordId;
        return same || (email !== null && values[nativeName(crm.kind, 'email')] === email);
      });
      if (twin === undefined) continue;
      const value = this.newValue(field);
      scheduler.at(scheduler.now() + chooser.choose(5_000, 'people'), 'people', () =>
        this.edit(crm.system, twin, { [nativeName(crm.kind, field)]: value }),
      );
    }
  }

  private drawnLagMs(): number {
    const lags = this.setup.readLagMs > 0 && this.fires('F36 read lag', this.faults.readLag);
    return lags ? this.ports.chooser.choose(this.setup.readLagMs + 1, 'read lag') : 0;
  }

  private changed(change: LoggedChange): void {
    if (change.by === 'concord') {
      if (Object.keys(change.fields).length > 0 || change.kind !== 'update') this.outboundWrites += 1;
      this.ports.story.tell(
        change.atMs,
        `concord in ${change.system}`,
        () => `${change.kind} ${change.objectId}: ${JSON.stringify(change.fields)}`,
      );
    }
    if (change.kind === 'update' && Object.keys(change.fields).length === 0) return;
    const { chooser } = this.ports;
    if (this.script.loses?.(change) === true || this.fires('F03 dropped', this.faults.drop)) {
      for (const edit of this.personEdits)
        if (edit.atMs === change.atMs && edit.objectId === change.objectId && edit.system === change.system) edit.told = false;
      this.ports.story.tell(change.atMs, change.system, () => `the notification about ${change.objectId} gets lost`);
      return;
    }
    const copies = this.fires('F01 duplicate', this.faults.duplicate) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      const times = this.fires('F02 late', this.faults.late) ? LATE_MS : DELIVERY_MS;
      const drawnMs = times[chooser.choose(times.length, 'notification')] ?? 0;
      this.deliver(change, this.script.delays?.(change) ?? drawnMs);
    }
  }

  private deliver(change: LoggedChange, delayMs: number): void {
    const { scheduler, bus } = this.ports;
    const { kind } = this.crm(change.system);
    if (kind === 'poll-only') return;
    this.underway += 1;
    scheduler.at(scheduler.now() + delayMs, `notify ${change.system}`, () => {
      if (kind === 'salesforce') {
        this.underway -= 1;
        bus(change.system, busEvent(change));
      } else this.callWebhook(change, 1);
    });
  }

  private callWebhook(change: LoggedChange, attempt: number): void {
    const { scheduler, webhook } = this.ports;
    webhook(change.system, signedDelivery(webhookEvents(change), scheduler.now()), (status) => {
      if ((status !== undefined && status < 300) || attempt >= WEBHOOK_TRIES) this.underway -= 1;
      else
        scheduler.at(scheduler.now() + WEBHOOK_RETRY_MS, `notify ${change.system} again`, () =>
          this.callWebhook(change, attempt + 1),
        );
    });
  }

  private fires(fault: string, perMille: number): boolean {
    const fired = this.ports.chooser.chance(perMille, fault);
    if (fired) {
      const known = this.coverage.get(fault) ?? { fired: 0, effective: 0 };
      this.coverage.set(fault, { fired: known.fired + 1, effective: known.effective + 1 });
    }
    return fired;
  }
}
