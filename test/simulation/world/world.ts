import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import type { OurAccount } from '../../../functions/process-changes/hint-message.ts';
import type { Connection } from '../../../shared/connectors/connection.ts';
import type { Connector } from '../../../shared/connectors/connector.ts';
import type { PortCall, WorldFace } from '../engine/world-face.ts';
import type { Chooser } from '../kernel/choice-tape.ts';
import type { Scheduler } from '../kernel/scheduler.ts';
import type { Story } from '../kernel/story.ts';
import type { FaultCount } from '../runs/run-report.ts';
import { ORGANISATION, OUR_USER } from './change-events.ts';
import { connectorOf } from './crm-connector.ts';
import { type CrmChange, CrmLog } from './crm-log.ts';
import type { SystemSetup, WorldSetup } from './draw-setup.ts';
import { FaultBook, type FaultStrengths } from './faults.ts';
import { ModelCrm } from './model-crm.ts';
import { Notifications } from './notifications.ts';
import { People, type PeopleOptions } from './people.ts';
import { FreshValues } from './values.ts';
import { hubspotConnection } from './webhooks.ts';

/** What a world reaches of the run it is in. */
export interface WorldPorts {
  readonly scheduler: Pick<Scheduler, 'now' | 'at'>;
  readonly chooser: Chooser;
  readonly story: Pick<Story, 'tell'>;
  readonly webhook: (system: string, event: APIGatewayProxyEventV2, answered: (status: number | undefined) => void) => void;
  readonly bus: (system: string, body: string) => void;
}

export interface WorldOptions {
  readonly setup: WorldSetup;
  readonly faults?: FaultStrengths;
  readonly people: PeopleOptions;
}

/** How often the rarer faults of a whole system are thought of. */
const MISHAP_EVERY_MS = 10 * 60_000;
const LOCKED_OUT_MS = [60_000, 300_000, 600_000] as const;
const HIDDEN_MS = [90_000, 400_000, 1_200_000] as const;
const BACKSTEP_MS = [2_000, 30_000] as const;

export function createWorld(options: WorldOptions, ports: WorldPorts): World {
  return new World(options, ports);
}

/** The systems of a run, the people who work in them, and what Concord hears of it. */
export class World implements WorldFace {
  readonly setup: WorldSetup;
  readonly systems: ReadonlyMap<string, ModelCrm>;
  readonly log = new CrmLog();
  readonly people: People;
  readonly notifications: Notifications;
  readonly faults: FaultBook;
  /** Writes of Concord that changed something in a system. */
  outboundWrites = 0;
  private readonly ports: WorldPorts;
  private readonly lockedOutUntilMs = new Map<string, number>();
  private readonly backstepMs = new Map<string, number>();
  private readonly backups = new Map<string, () => void>();
  private connections = 0;
  private calls = 0;
  private calmed = false;

  constructor({ setup, faults = {}, people }: WorldOptions, ports: WorldPorts) {
    const { scheduler, chooser, story } = ports;
    const now = () => scheduler.now();
    const tell = (actor: string, event: () => string): void => story.tell(now(), actor, event);
    this.setup = setup;
    this.ports = ports;
    this.faults = new FaultBook(chooser, faults);
    this.systems = new Map(setup.systems.map((one) => [one.system, this.crmOf(one)]));
    this.notifications = new Notifications(
      { chooser, now, at: (ms, label, act) => scheduler.at(ms, label, act), webhook: ports.webhook, bus: ports.bus, tell },
      this.faults,
    );
    this.people = new People(people, {
      systems: setup.systems,
      crm: (system) => this.crm(system),
      values: new FreshValues(chooser),
      chooser,
      faults: this.faults,
      now,
      at: (ms, label, act) => scheduler.at(ms, label, act),
      tell,
    });
    for (const one of setup.systems) {
      if (one.fields.some((field) => (field.normalisers ?? []).length > 0)) this.faults.fired('F25');
      if (one.skewMs !== 0) this.faults.happened('F10');
    }
    if (setup.systems.length > 2) this.faults.happened('F26');
  }

  // ---- what the engine reaches ----

  connector(system: string, call: PortCall): Connector {
    const setup = this.setupOf(system);
    this.connections += 1;
    return connectorOf(this.crm(system), call, {
      connection: this.connections,
      traits: {
        stampResolutionMs: setup.stampResolutionMs,
        readLagMs: setup.readLagMs,
        listLagMs: setup.listLagMs,
        readBatchSizeMax: setup.family === 'hubspot' ? 100 : 2_000,
        writeBatchSizeMax: setup.family === 'hubspot' ? 100 : 200,
      },
      faults: this.faults,
      isLockedOut: () => (this.lockedOutUntilMs.get(system) ?? 0) > this.ports.scheduler.now(),
      nextCall: () => {
        this.calls += 1;
        return this.calls;
      },
    });
  }

  connection(system: string): Connection {
    return hubspotConnection(system);
  }

  ours(system: string): OurAccount {
    return this.setupOf(system).family === 'salesforce' ? { organizationId: ORGANISATION, userId: OUR_USER } : {};
  }

  // ---- what a run reaches ----

  crm(system: string): ModelCrm {
    const crm = this.systems.get(system);
    if (crm === undefined) throw new Error(`there is no system ${system}`);
    return crm;
  }

  setupOf(system: string): SystemSetup {
    const setup = this.setup.systems.find((one) => one.system === system);
    if (setup === undefined) throw new Error(`there is no system ${system}`);
    return setup;
  }

  /** People begin to act, up to `untilMs`. */
  start(untilMs: number): void {
    this.people.start(untilMs);
    this.mishaps(untilMs);
  }

  /** Faults end; what the systems are like (normalisers, rules, automations) stays. */
  calm(): void {
    this.calmed = true;
    this.faults.calm();
    this.lockedOutUntilMs.clear();
    for (const crm of this.systems.values()) {
      for (const { fields } of this.setup.systems) for (const { name } of fields) crm.retire(name, false);
      for (const objectId of crm.hiddenIds) this.unhide(crm, objectId);
    }
  }

  /** Notifications that are still on their way. */
  get underway(): number {
    return this.notifications.underway;
  }

  get notificationsDue(): number {
    return this.underway;
  }

  /** What people did that changed something. */
  get edits(): number {
    return this.people.acts;
  }

  get coverage(): ReadonlyMap<string, FaultCount> {
    return this.faults.coverage;
  }

  isPoison(body: string): boolean {
    return this.notifications.isPoison(body);
  }

  /** A full pass: every object is read once more. Where only polls tell of changes, every stamp moves. */
  tellAll(): void {
    for (const setup of this.setup.systems) {
      const crm = this.crm(setup.system);
      for (const objectId of crm.liveIds(setup.object)) {
        if (setup.notifies) this.notifications.remind(crm, setup.object, objectId);
        else crm.touch(objectId, { by: 'automation' });
      }
    }
  }

  // ---- within ----

  private crmOf(setup: SystemSetup): ModelCrm {
    const { scheduler } = this.ports;
    return new ModelCrm({
      system: setup.system,
      family: setup.family,
      types: [
        {
          name: setup.object,
          keyPrefix: '003',
          externalIdField: setup.externalIdField,
          fields: setup.fields,
          automations: setup.automations,
        },
      ],
      stampResolutionMs: setup.stampResolutionMs,
      mergeMintsNewId: setup.mergeMintsNewId,
      mergedIdsTakeWrites: setup.mergedIdsTakeWrites,
      log: this.log,
      now: () => scheduler.now(),
      skewMs: () => setup.skewMs - (this.backstepMs.get(setup.system) ?? 0),
      listLagMs: () => {
        if (setup.listLagMs === 0 || !this.faults.strikes('F09')) return 0;
        this.faults.took('F09');
        return this.faults.upTo(setup.listLagMs, 'F09');
      },
      changed: (change) => this.changed(change),
      later: (afterMs, act) => scheduler.at(scheduler.now() + afterMs, `automation ${setup.system}`, act),
    });
  }

  private changed(change: CrmChange): void {
    const { author } = change;
    if (author.by === 'concord') {
      const changesNothing = change.kind === 'update' && Object.keys(change.fields).length === 0;
      if (!changesNothing) this.outboundWrites += 1;
      if (Object.values(change.fields).some(({ sent }) => sent !== undefined)) this.faults.took('F25');
    }
    if (author.by === 'automation' && change.kind === 'update') this.faults.happened('F29');
    if (author.by !== 'person')
      this.ports.story.tell(
        change.atMs,
        `${author.by} in ${change.system}`,
        () =>
          `${change.kind} ${change.objectId}: ${JSON.stringify(change.fields)}${author.by === 'concord' && author.late ? ' (late)' : ''}`,
      );
    if (this.setupOf(change.system).notifies) this.notifications.announce(this.crm(change.system), change);
  }

  /** Now and then something befalls a whole system. */
  private mishaps(untilMs: number): void {
    const { scheduler } = this.ports;
    const next = (atMs: number): void => {
      if (atMs > untilMs) return;
      scheduler.at(atMs, 'mishap', () => {
        if (this.calmed) return;
        for (const setup of this.setup.systems) this.mishap(setup);
        next(atMs + MISHAP_EVERY_MS);
      });
    };
    next(scheduler.now() + MISHAP_EVERY_MS);
  }

  /** Sharing rules are put right: the row is saved once more. */
  private unhide(crm: ModelCrm, objectId: string): void {
    if (!crm.hiddenIds.includes(objectId)) return;
    crm.hide(objectId, false);
    crm.touch(objectId, { by: 'automation' });
  }

  private mishap({ system, object, family, fields }: SystemSetup): void {
    const { scheduler, story } = this.ports;
    const crm = this.crm(system);
    const tell = (event: string): void => story.tell(scheduler.now(), system, () => event);
    if (this.faults.strikes('F24')) {
      this.lockedOutUntilMs.set(system, scheduler.now() + this.faults.pick(LOCKED_OUT_MS, 'F24'));
      tell('rejects the access token for a while');
    }
    if (this.faults.strikes('F12')) {
      const live = crm.liveIds(object);
      const objectId = live[this.faults.upTo(Math.max(0, live.length - 1), 'F12')];
      if (objectId !== undefined) {
        crm.hide(objectId, true);
        tell(`takes ${objectId} out of our sight`);
        scheduler.at(scheduler.now() + this.faults.pick(HIDDEN_MS, 'F12'), `unhide ${system}`, () => this.unhide(crm, objectId));
      }
    }
    if (this.faults.strikes('F13')) {
      this.faults.took('F13');
      tell('touches everything');
      for (const objectId of crm.liveIds(object)) crm.touch(objectId, { by: 'automation' });
    }
    if (this.faults.strikes('F10')) {
      this.faults.took('F10');
      const backMs = this.faults.pick(BACKSTEP_MS, 'F10');
      this.backstepMs.set(system, (this.backstepMs.get(system) ?? 0) + backMs);
      tell(`sets its clock back by ${backMs} ms`);
    }
    if (this.faults.strikes('F57')) {
      const field = this.faults.pick(['title', 'unit'], 'F57') === 'title' ? 3 : 4;
      const name = fields[field]?.name;
      if (name === undefined) return;
      crm.retire(name, !crm.isRetired(name));
      tell(`${crm.isRetired(name) ? 'loses' : 'has again'} the field ${name}`);
    }
    if (this.faults.strikes('F15')) {
      const backup = this.backups.get(system);
      if (backup === undefined) this.backups.set(system, crm.backup());
      else {
        this.faults.took('F15');
        tell(`is restored from a backup (${family})`);
        backup();
        this.backups.delete(system);
      }
    }
  }
}
