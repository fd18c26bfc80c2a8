import type { NativeValue, NativeValues } from '../../../shared/sync/change-hint.ts';
import type { Chooser } from '../kernel/choice-tape.ts';
import { nativeName, type SystemSetup, type WorldField } from './draw-setup.ts';
import type { FaultBook } from './faults.ts';
import { comparable, type ModelCrm } from './model-crm.ts';
import type { FreshValues } from './values.ts';

/** What people do, and how often, as weights. */
export const ACTIONS = {
  edit: 30,
  'edit several fields': 8,
  'edit twins': 10,
  'agree on twins': 5,
  revert: 5,
  clear: 5,
  burst: 6,
  'retype in another form': 3,
  'odd value': 4,
  'unwelcome value': 3,
  create: 5,
  'create in two systems': 4,
  'create a duplicate': 1,
  delete: 3,
  'delete what another edits': 2,
  restore: 2,
  recreate: 2,
  merge: 2,
  'swap keys': 2,
  'slow edit': 4,
} as const;

export type Action = keyof typeof ACTIONS;

export interface PeopleOptions {
  readonly edits: number;
  /** Persons whom most edits meet. */
  readonly hot: number;
  /** Persons who are there from the start. */
  readonly seeded: number;
  /** What people do in this run; all of it where absent. */
  readonly actions?: readonly Action[];
}

export interface PeoplePorts {
  readonly systems: readonly SystemSetup[];
  readonly crm: (system: string) => ModelCrm;
  readonly values: FreshValues;
  readonly chooser: Chooser;
  readonly faults: FaultBook;
  readonly now: () => number;
  readonly at: (ms: number, label: string, act: () => void) => void;
  readonly tell: (actor: string, event: () => string) => void;
}

const PERSON = { by: 'person' } as const;
const GAP_MS = [400, 3_000, 20_000, 70_000, 240_000] as const;
const TEXTS: readonly WorldField[] = ['title', 'unit', 'name', 'phone'];
const ALL: readonly WorldField[] = ['title', 'unit', 'name', 'first', 'phone', 'score', 'tags', 'born', 'optOut', 'email'];
/** F09: a transaction that takes so long has its stamp from its beginning. */
const SLOW_MS = [2_000, 30_000, 240_000] as const;

interface Place {
  readonly setup: SystemSetup;
  readonly crm: ModelCrm;
  readonly objectId: string;
}

/** The people who work in the systems: what they do is drawn, and each value they save is new unless equality is the point. */
export class People {
  /** Acts that changed something. */
  acts = 0;
  private readonly options: PeopleOptions;
  private readonly ports: PeoplePorts;
  private readonly menu: readonly { readonly action: Action; readonly weight: number }[];

  constructor(options: PeopleOptions, ports: PeoplePorts) {
    this.options = options;
    this.ports = ports;
    const names = options.actions ?? Object.keys(ACTIONS).filter(isAction);
    this.menu = names.map((action) => ({ action, weight: ACTIONS[action] }));
  }

  /** Who was there before the sync, and everything that will be done up to `untilMs`. */
  start(untilMs: number): void {
    const { chooser } = this.ports;
    for (let person = 0; person < this.options.seeded; person += 1) this.seed();
    let atMs = this.ports.now() + 60_000;
    for (let act = 0; act < this.options.edits; act += 1) {
      atMs += GAP_MS[chooser.choose(GAP_MS.length, 'people')] ?? 0;
      if (atMs > untilMs) break;
      this.ports.at(atMs, 'people', () => this.act());
    }
  }

  act(): void {
    const total = this.menu.reduce((sum, { weight }) => sum + weight, 0);
    let roll = this.choose(Math.max(1, total));
    const chosen = this.menu.find(({ weight }) => {
      roll -= weight;
      return roll < 0;
    });
    const place = this.anyPlace();
    if (place === undefined) {
      this.createPerson(this.anySystem());
      return;
    }
    this.perform(chosen?.action ?? 'edit', place);
  }

  // ---- single acts, for scenarios too ----

  /** Saves native values in one object, as far as the system takes them. */
  save(system: string, objectId: string, values: NativeValues, stampMs?: number): boolean {
    const crm = this.ports.crm(system);
    const before = crm.valuesOf(objectId);
    if (before === undefined) return false;
    const changed = Object.fromEntries(Object.entries(values).filter(([name, value]) => (before[name] ?? null) !== value));
    if (Object.keys(changed).length === 0) return false;
    this.ports.tell(`person in ${system}`, () => `edits ${objectId}: ${JSON.stringify(changed)}`);
    const saved = crm.update(objectId, changed, PERSON, stampMs === undefined ? {} : { stampMs });
    if (saved.outcome !== 'written') {
      this.ports.tell(`person in ${system}`, () => `is refused: ${JSON.stringify(saved)}`);
      return false;
    }
    this.acts += 1;
    return true;
  }

  create(system: string, values: NativeValues): string | undefined {
    const setup = this.setupOf(system);
    const made = this.ports.crm(system).create(setup.object, values, PERSON);
    this.ports.tell(`person in ${system}`, () => `creates ${JSON.stringify(made)}: ${JSON.stringify(values)}`);
    if (made.outcome !== 'written') return undefined;
    this.acts += 1;
    return made.objectId;
  }

  remove(system: string, objectId: string): void {
    this.ports.tell(`person in ${system}`, () => `deletes ${objectId}`);
    if (this.ports.crm(system).remove(objectId, PERSON)) this.acts += 1;
  }

  restore(system: string, objectId: string): void {
    this.ports.tell(`person in ${system}`, () => `restores ${objectId}`);
    if (this.ports.crm(system).restore(objectId, PERSON).outcome === 'written') this.acts += 1;
  }

  merge(system: string, primaryId: string, absorbedId: string): void {
    const survivor = this.ports.crm(system).merge(primaryId, absorbedId, PERSON);
    this.ports.tell(`person in ${system}`, () => `merges ${absorbedId} into ${primaryId}: ${survivor ?? 'refused'}`);
    if (survivor !== undefined) this.acts += 1;
  }

  // ---- drawn acts ----

  private perform(action: Action, place: Place): void {
    const { system } = place.setup;
    const { faults } = this.ports;
    const field = this.anyField();
    const native = nativeName(place.setup.family, field);
    switch (action) {
      case 'edit':
        this.save(system, place.objectId, { [native]: this.fresh(field) });
        return;
      case 'edit several fields': {
        const fields = [...new Set([field, this.anyField(), this.anyField()])];
        this.save(
          system,
          place.objectId,
          Object.fromEntries(fields.map((one) => [nativeName(place.setup.family, one), this.fresh(one)])),
        );
        return;
      }
      case 'edit twins':
        faults.happened('F50');
        for (const twin of this.twinsOf(place)) this.soon(5_000, () => this.saveIn(twin, field, this.fresh(field)));
        return;
      case 'agree on twins': {
        faults.happened('F50');
        const value = this.fresh(field);
        for (const twin of this.twinsOf(place)) this.soon(8_000, () => this.saveIn(twin, field, value));
        return;
      }
      case 'revert': {
        const former = place.crm.formerValues(place.objectId, native);
        this.save(system, place.objectId, { [native]: former[this.choose(former.length)] ?? null });
        return;
      }
      case 'clear':
        this.save(system, place.objectId, { [native]: null });
        return;
      case 'burst':
        faults.happened('F27');
        for (let quick = 2 + this.choose(4); quick > 0; quick -= 1)
          this.soon(3_000, () => this.saveIn(place, field, this.fresh(field)));
        return;
      case 'retype in another form':
        this.retype(place, field, native);
        return;
      case 'odd value':
        faults.happened('F59');
        this.save(system, place.objectId, { [native]: this.ports.values.odd(field) });
        return;
      case 'unwelcome value': {
        const named = this.pick(['title', 'unit', 'score'] as const) ?? 'title';
        this.save(system, place.objectId, { [nativeName(place.setup.family, named)]: this.ports.values.unwelcome(named) });
        return;
      }
      case 'create':
        this.createPerson(this.anySystem());
        return;
      case 'create in two systems': {
        const email = this.fresh('email');
        this.createPerson(system, email);
        const other = this.anySystem();
        if (other !== system) this.soon(4_000, () => this.createPerson(other, email));
        return;
      }
      case 'create a duplicate': {
        const email = place.crm.valuesOf(place.objectId)?.[nativeName(place.setup.family, 'email')] ?? null;
        if (email !== null && this.createPerson(system, email) !== undefined) faults.happened('F55');
        return;
      }
      case 'delete':
        this.remove(system, place.objectId);
        return;
      case 'delete what another edits': {
        faults.happened('F51');
        const [other] = this.twinsOf(place).filter((twin) => twin.setup.system !== system);
        this.soon(6_000, () => this.remove(system, place.objectId));
        if (other !== undefined) this.soon(6_000, () => this.saveIn(other, field, this.fresh(field)));
        return;
      }
      case 'restore': {
        const setup = this.setupOf(system);
        const deleted = place.crm.ids(setup.object).filter((id) => place.crm.isDeleted(id));
        const objectId = this.pick(deleted);
        if (objectId === undefined) return;
        faults.happened('F52');
        this.restore(system, objectId);
        return;
      }
      case 'recreate': {
        const email = place.crm.valuesOf(place.objectId)?.[nativeName(place.setup.family, 'email')] ?? null;
        if (email === null) return;
        faults.happened('F52');
        this.remove(system, place.objectId);
        this.soon(this.pick([1_000, 90_000, 400_000]) ?? 0, () => this.createPerson(system, email));
        return;
      }
      case 'merge': {
        const other = this.anyIn(system, place.objectId);
        if (other === undefined) return;
        faults.happened('F53');
        this.merge(system, place.objectId, other);
        return;
      }
      case 'swap keys':
        this.swapKeys(place);
        return;
      case 'slow edit': {
        const stampMs = place.crm.clock();
        const slowMs = faults.strength('F09') > 0 && place.setup.family === 'salesforce' ? (this.pick(SLOW_MS) ?? 0) : 0;
        if (slowMs > 0) faults.happened('F09');
        const value = this.fresh(field);
        this.ports.at(this.ports.now() + slowMs, 'people', () => this.save(system, place.objectId, { [native]: value }, stampMs));
      }
    }
  }

  /** Other letters or spaces, and the same value by the field's canon. */
  private retype(place: Place, field: WorldField, native: string): void {
    const value = place.crm.valuesOf(place.objectId)?.[native];
    if (typeof value !== 'string') return;
    const form =
      field === 'email' ? value.toUpperCase() : field === 'phone' ? value.replace(/^(\+\d\d)(\d\d)/, '$1 $2 ') : `${value} `;
    this.save(place.setup.system, place.objectId, { [native]: form });
  }

  /** Two objects of one system exchange their addresses; where they are unique, by way of an empty one. */
  private swapKeys(place: Place): void {
    const { system, family } = place.setup;
    const other = this.anyIn(system, place.objectId);
    if (other === undefined) return;
    const native = nativeName(family, 'email');
    const mine = place.crm.valuesOf(place.objectId)?.[native] ?? null;
    const theirs = place.crm.valuesOf(other)?.[native] ?? null;
    if (mine === theirs) return;
    this.ports.faults.happened('F54');
    this.save(system, place.objectId, { [native]: null });
    this.soon(2_000, () => {
      this.save(system, other, { [native]: mine });
      this.save(system, place.objectId, { [native]: theirs });
    });
  }

  private seed(): void {
    const email = this.fresh('email');
    const made = this.ports.systems.filter(() => this.ports.chooser.chance(650, 'people'));
    const homes = made.length > 0 ? made : this.ports.systems.slice(0, 1);
    for (const { system } of homes) this.createPerson(system, email);
    const [home] = homes;
    const doubles = this.menu.some(({ action }) => action === 'create a duplicate') && this.ports.chooser.chance(100, 'people');
    if (doubles && home !== undefined && this.createPerson(home.system, email) !== undefined) this.ports.faults.happened('F55');
  }

  private createPerson(system: string, email: NativeValue = this.fresh('email')): string | undefined {
    const { family } = this.setupOf(system);
    const fields: WorldField[] = [
      'name',
      ...ALL.filter((field) => field !== 'name' && field !== 'email' && this.ports.chooser.chance(400, 'people')),
    ];
    const values = Object.fromEntries(fields.map((field) => [nativeName(family, field), this.fresh(field)]));
    return this.create(system, { ...values, [nativeName(family, 'email')]: email });
  }

  private saveIn(place: Place, field: WorldField, value: NativeValue): void {
    this.save(place.setup.system, place.objectId, { [nativeName(place.setup.family, field)]: value });
  }

  /** The same person in each system, as far as anybody can see it: by the record's id, or by the address. */
  private twinsOf(place: Place): Place[] {
    const values = place.crm.valuesOf(place.objectId) ?? {};
    const recordId = values[place.setup.externalIdField] ?? null;
    const email = values[nativeName(place.setup.family, 'email')] ?? null;
    return this.ports.systems.flatMap((setup): Place[] => {
      if (setup.system === place.setup.system) return [place];
      const crm = this.ports.crm(setup.system);
      const twin = crm.liveIds(setup.object).find((id) => {
        const theirs = crm.valuesOf(id) ?? {};
        if (recordId !== null && theirs[setup.externalIdField] === recordId) return true;
        const address = theirs[nativeName(setup.family, 'email')] ?? null;
        return email !== null && address !== null && comparable(address) === comparable(email);
      });
      return twin === undefined ? [] : [{ setup, crm, objectId: twin }];
    });
  }

  /** Mostly one of the persons who are busy. */
  private anyPlace(): Place | undefined {
    const setup = this.setupOf(this.anySystem());
    const crm = this.ports.crm(setup.system);
    const live = crm.liveIds(setup.object);
    const isHot = this.choose(10) < 8;
    const objectId = live[this.choose(isHot ? Math.min(live.length, this.options.hot) : live.length)];
    return objectId === undefined ? undefined : { setup, crm, objectId };
  }

  private anyIn(system: string, but: string): string | undefined {
    const setup = this.setupOf(system);
    const others = this.ports
      .crm(system)
      .liveIds(setup.object)
      .filter((id) => id !== but);
    return others[this.choose(Math.min(others.length, this.options.hot))];
  }

  private anySystem(): string {
    return this.ports.systems[this.choose(this.ports.systems.length)]?.system ?? '';
  }

  private anyField(): WorldField {
    const fields = this.choose(10) < 7 ? TEXTS : ALL;
    return fields[this.choose(fields.length)] ?? 'title';
  }

  private setupOf(system: string): SystemSetup {
    const setup = this.ports.systems.find((one) => one.system === system);
    if (setup === undefined) throw new Error(`there is no system ${system}`);
    return setup;
  }

  private fresh(field: WorldField): NativeValue {
    return this.ports.values.of(field);
  }

  private soon(withinMs: number, act: () => void): void {
    this.ports.at(this.ports.now() + this.choose(withinMs + 1), 'people', act);
  }

  private pick<Value>(values: readonly Value[]): Value | undefined {
    return values[this.choose(values.length)];
  }

  private choose(n: number): number {
    return this.ports.chooser.choose(n, 'people');
  }
}

function isAction(name: string): name is Action {
  return Object.hasOwn(ACTIONS, name);
}
