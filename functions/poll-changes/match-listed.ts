import * as z from 'zod';
import type { CompiledSync } from '../../shared/config/compiled-sync.ts';
import { inTurns } from '../../shared/in-turns.ts';
import { hintMessages } from '../../shared/queue/envelopes.ts';
import type { FirstSync, ListedFacts, ListedObject, ListingPass, ReviewCase } from '../../shared/store/first-sync-store.ts';
import { refKey } from '../../shared/store/keys.ts';
import type { ChangeHint } from '../../shared/sync/change-hint.ts';
import type { UnsureCase } from '../../shared/sync/matching/assign.ts';
import { matchGroups, type ObjectKey } from '../../shared/sync/matching/key-groups.ts';
import type { PairScorer } from '../../shared/sync/matching/pair-score.ts';
import { type MatchObject, Population } from '../../shared/sync/matching/population.ts';
import { ScoredMatch } from '../../shared/sync/matching/scored-match.ts';
import type { FirstSyncPorts } from './first-sync.ts';
import { sideOf } from './poll-changes.ts';

const INDEX_PAGE = 1_000;
/** Of twins, the one in the system named first makes the record; the others find it made, instead of racing for it. */
const TWIN_DELAY_MS = 2_000;
/** Work between two looks at the clock; after it the progress is kept. */
const OBJECTS_PER_STEP = 2_000;
const CASES_PER_STEP = 200;
const WRITES_AT_ONCE = 8;
/** Fields that a reason names: enough to see why. */
const FIELDS_TOLD_MAX = 4;

/**
 * How far the matcher is. What the keys tie is found anew in each run: it takes seconds. What resembles each other, the
 * cases and the hints are each done from where the last run stopped; `at` counts objects or cases.
 */
const progressSchema = z.object({ step: z.enum(['score', 'cases', 'tell']), at: z.int().nonnegative() });
type Progress = z.infer<typeof progressSchema>;
const NOT_BEGUN: Progress = { step: 'score', at: 0 };

export interface Found {
  readonly matched: number; // groups
  readonly reviews: number;
}

/**
 * Matches what was listed: by key after key, then by several fields together. Then opens the cases, tells of every object
 * that is in none, and goes live. When time runs out, the next run goes on; two that run at once do the same, and one leaves.
 *
 * Holds all listed objects in memory: 1.3 KB each with eight fields that are compared, 260 MB for two systems of 100,000
 * (measured; 430 MB for the whole process). Beyond 2,097,152 objects it throws; leave some out with the filter `only`.
 */
export async function matchListed(sync: CompiledSync, pass: ListingPass, ports: FirstSyncPorts): Promise<Found> {
  const matching = new Matching(sync, pass, ports);
  await matching.load();
  const keyed = await matching.byKeys();
  const found = await matching.byScore();
  if (found === undefined) return { matched: 0, reviews: 0 };
  const cases = [...keyed, ...found];
  const result = { matched: matching.groupCount(), reviews: cases.length };
  if (!(await matching.openCases(cases)) || !(await matching.tell(cases))) return result;
  await matching.goLive();
  return result;
}

/** A case, with the objects that it holds and the key values that nobody may take meanwhile. */
interface OpenCase {
  readonly review: ReviewCase;
  readonly held: readonly number[];
  readonly key?: { readonly name: string; readonly value: string };
}

interface Tie {
  readonly rule: 'L2' | 'L4';
  /** Why two of the group are the same one. */
  readonly reasonOf: (one: number, other: number) => string;
}

class Matching {
  private readonly sync: CompiledSync;
  private readonly pass: ListingPass & Pick<NonNullable<FirstSync['join']>, 'newcomers'>;
  private readonly ports: FirstSyncPorts;
  private readonly population: Population;
  private readonly places = new Map<ObjectKey, number>();
  /** Objects that are the same one, each with itself; one that is alone is absent. */
  private readonly groups = new Map<number, readonly number[]>();
  /** How a group came to be; absent where a record ties it already. */
  private readonly ties = new Map<readonly number[], Tie>();
  /** Records that tie objects of this population already. */
  private readonly recorded = new Set<number>();
  /** Objects of a case that a key opened: they are nobody's twin. */
  private readonly closed = new Set<number>();
  private progress: Progress;
  private kept: Progress;
  private version: number;

  constructor(sync: CompiledSync, pass: ListingPass & { readonly newcomers?: readonly string[] }, ports: FirstSyncPorts) {
    this.sync = sync;
    this.pass = { ...pass, newcomers: pass.newcomers ?? Object.keys(sync.sides) };
    this.ports = ports;
    this.population = new Population(sync.scored?.fields ?? []);
    this.progress = progressSchema.safeParse(parsed(pass.matchedTo)).data ?? NOT_BEGUN;
    this.kept = this.progress;
    this.version = pass.version;
  }

  async load(): Promise<void> {
    const { firstSync } = this.ports;
    const pages = (after: string | undefined) =>
      firstSync.factsPage(this.sync.name, { after, limit: INDEX_PAGE, pass: this.pass.pass });
    for await (const page of paged<ListedFacts>(pages)) {
      for (const object of page) {
        if (this.sync.sides[object.system] === undefined) continue; // it was taken out of the config meanwhile
        const place = this.population.add(object, object.facts);
        this.places.set(this.population.keyOf(place), place);
      }
    }
    if (this.pass.pass !== 0) await this.loadRecords();
  }

  /** A later pass: what is one record already stays together. */
  private async loadRecords(): Promise<void> {
    const members = new Map<string, number[]>();
    for (let from = 0; from < this.population.size; from += INDEX_PAGE) {
      const refs = new Map<string, number>();
      for (let place = from; place < Math.min(from + INDEX_PAGE, this.population.size); place += 1) {
        const { system, objectId } = this.population.object(place);
        refs.set(refKey({ system, object: sideOf(this.sync, system).object, objectId }), place);
      }
      const objects = [...refs.values()].map((place) => {
        const { system, objectId } = this.population.object(place);
        return { system, object: sideOf(this.sync, system).object, objectId };
      });
      for (const [ref, recordId] of await this.ports.records.resolveMany(objects)) {
        const place = refs.get(ref);
        if (place === undefined) continue;
        members.set(recordId, [...(members.get(recordId) ?? []), place]);
      }
    }
    for (const group of members.values()) {
      for (const place of group) {
        this.recorded.add(place);
        if (group.length > 1) this.groups.set(place, group);
      }
    }
  }

  /** L2, L3: key by key, the strongest first. Whatever a key has settled takes no part in the next. */
  async byKeys(): Promise<OpenCase[]> {
    const cases: OpenCase[] = [];
    const settled = new Set<number>();
    const decided = { has: (key: ObjectKey) => settled.has(this.places.get(key) ?? -1) };
    for (const [keyIndex, key] of this.sync.matchKeys.entries()) {
      const pages = (after: string | undefined) =>
        this.ports.firstSync.page(this.sync.name, keyIndex, { after, limit: INDEX_PAGE, pass: this.pass.pass });
      for await (const group of matchGroups(each<ListedObject>(paged(pages)), decided)) {
        const found = group.objects.flatMap((object) => this.places.get(`${object.system}:${object.objectId}`) ?? []);
        const fresh = found.filter((place) => this.isFresh(place));
        const members = [...new Set(found.flatMap((place) => this.groupOf(place)))];
        if (fresh.length === 0 || members.length === 1) continue;
        for (const place of found) settled.add(place);
        if (this.systemsOf(members).size === members.length) {
          this.tie(members, { rule: 'L2', reasonOf: () => `${key.name} agrees` });
          continue;
        }
        for (const place of fresh) this.closed.add(place);
        const review = this.reviewOf(`first-sync:${key.name}`, found, {
          reason: 'several objects of one system have the same match key',
          keyName: key.name,
        });
        const value = group.objects[0]?.keyValue ?? '';
        // Where a record will have the key, it keeps the others from making one.
        const isFree = !group.isTaken && fresh.length === found.length;
        cases.push({ review, held: fresh, ...(isFree && { key: { name: key.name, value } }) });
      }
    }
    return cases;
  }

  /** L4, L5: undefined when time ran out, or another poller goes on. */
  async byScore(): Promise<OpenCase[] | undefined> {
    const { scored } = this.sync;
    const { population } = this;
    if (scored === undefined || population.size === 0) return [];
    const match = new ScoredMatch(population, scored);
    if (this.progress.step === 'score') {
      for (let from = this.progress.at; from < population.size; from += OBJECTS_PER_STEP) {
        if (!(await this.mayGoOn({ step: 'score', at: from }))) return undefined;
        await this.keepRivals(match, from, Math.min(from + OBJECTS_PER_STEP, population.size));
      }
      this.progress = { step: 'cases', at: 0 };
    }
    const pages = (after: string | undefined) =>
      this.ports.firstSync.rivalsPage(this.sync.name, { after, limit: INDEX_PAGE, pass: this.pass.pass });
    for await (const page of paged(pages)) {
      for (const { rivals, ...object } of page) {
        const place = this.placeOf(object);
        if (place === undefined) continue;
        const known = rivals.flatMap(({ bits, isForbidden, ...rival }) => {
          const at = this.placeOf(rival);
          return at === undefined ? [] : [{ place: at, bits, isForbidden }];
        });
        match.remember(place, known);
      }
    }
    const { links, reviews } = match.assignment({ groups: this.groups, closed: this.closed });
    for (const link of links) this.tie(link, { rule: 'L4', reasonOf: (one, other) => reasonOf(match.scorer, one, other) });
    return reviews.flatMap((unsure) => this.unsureCase(unsure, match) ?? []);
  }

  private async keepRivals(match: ScoredMatch, from: number, to: number): Promise<void> {
    const systems = new Set(Object.keys(this.sync.sides));
    const found = [];
    for (let place = from; place < to; place += 1) {
      const group = this.groupOf(place);
      if (this.closed.has(place) || this.systemsOf(group).size === systems.size) continue;
      const rivals = match.rivalsOf(place, group).filter((rival) => this.isFresh(place) || this.isFresh(rival.place));
      if (rivals.length === 0) continue;
      const named = rivals.map(({ place: at, bits, isForbidden }) => ({ ...this.population.object(at), bits, isForbidden }));
      found.push({ ...this.population.object(place), rivals: named });
    }
    await this.ports.firstSync.putRivals(this.sync.name, found, this.pass.pass);
  }

  private unsureCase({ held, pairs, reason }: UnsureCase, match: ScoredMatch): OpenCase | undefined {
    const fresh = held.filter((place) => this.isFresh(place));
    if (fresh.length === 0) return undefined;
    const shown = pairs.map(({ one, other, bits }) => ({
      one: this.population.object(one),
      other: this.population.object(other),
      bits: tenths(bits),
      fields: match.scorer.evidence(one, other).map((evidence) => ({ ...evidence, bits: tenths(evidence.bits) })),
    }));
    const all = [...new Set([...held, ...pairs.flatMap(({ one, other }) => [one, other])])];
    const review = { ...this.reviewOf('first-sync:scored', all, { reason, keyName: '' }), pairs: shown };
    return { review: { ...review, caseId: `first-sync:scored:${this.population.keyOf(fresh[0] ?? 0)}` }, held: fresh };
  }

  groupCount(): number {
    return this.ties.size;
  }

  /** L3: what is not sure waits for a person, and makes no record until then. */
  async openCases(cases: readonly OpenCase[]): Promise<boolean> {
    if (this.progress.step === 'tell') return true;
    const begun = this.progress.step === 'cases' ? this.progress.at : 0;
    for (let from = begun; from < cases.length; from += CASES_PER_STEP) {
      if (!(await this.mayGoOn({ step: 'cases', at: from }))) return false;
      await inTurns(cases.slice(from, from + CASES_PER_STEP), WRITES_AT_ONCE, async ({ review, held, key }) => {
        await this.ports.firstSync.putReview(review, { hold: held.map((place) => this.population.object(place)) });
        if (key === undefined) return;
        await this.ports.records.moveMatchKey(`review:${review.caseId}`, { to: { sync: this.sync.name, ...key } });
      });
    }
    this.progress = { step: 'tell', at: 0 };
    return true;
  }

  /** Hints at every object that is in no case, with its twins. */
  async tell(cases: readonly OpenCase[]): Promise<boolean> {
    const held = new Set(cases.flatMap((one) => one.held));
    for (let from = this.progress.at; from < this.population.size; from += OBJECTS_PER_STEP) {
      if (!(await this.mayGoOn({ step: 'tell', at: from }))) return false;
      const told: number[] = [];
      for (let place = from; place < Math.min(from + OBJECTS_PER_STEP, this.population.size); place += 1) {
        if (!held.has(place) && this.isFresh(place)) told.push(place);
      }
      await this.hint(told);
    }
    return true;
  }

  async goLive(): Promise<void> {
    await this.ports.firstSync.move(this.sync.name, { phase: 'live', version: this.version, pass: this.pass.pass });
  }

  /** Keeps the progress, if there is any. False when time ran out, or another poller was faster: then the next run goes on. */
  private async mayGoOn(progress: Progress): Promise<boolean> {
    this.progress = progress;
    const isInTime = this.ports.now() < this.ports.deadlineMs;
    const isKept = progress.step === this.kept.step && progress.at === this.kept.at;
    if (isKept || (isInTime && progress.at === 0)) return isInTime; // a small sync ends without a note
    const next = { phase: 'matching', matchedTo: JSON.stringify(progress), version: this.version, pass: this.pass.pass } as const;
    if ((await this.ports.firstSync.move(this.sync.name, next)) === 'conflict') return false;
    this.version += 1;
    this.kept = progress;
    return isInTime;
  }

  private async hint(told: readonly number[]): Promise<void> {
    const { tenant, changes, now, newId } = this.ports;
    const lanes = new Map<string, { readonly system: string; readonly delayMs: number; readonly hints: ChangeHint[] }>();
    for (const place of told) {
      const object = this.population.object(place);
      const twins = this.twinsOf(place);
      const delayMs = twins.some((twin) => this.rankOf(twin.system) < this.rankOf(object.system)) ? TWIN_DELAY_MS : 0;
      const lane = lanes.get(`${object.system} ${delayMs}`) ?? { system: object.system, delayMs, hints: [] };
      lane.hints.push({
        object: sideOf(this.sync, object.system).object,
        objectId: object.objectId,
        kind: 'changed',
        by: 'unknown',
        occurredAtMs: 0, // nothing is said of when it changed
        receivedAtMs: now(),
        fields: {},
        matched: twins,
        correlationId: `first-sync-${newId()}`,
      });
      lanes.set(`${object.system} ${delayMs}`, lane);
    }
    await Promise.all(
      [...lanes.values()].map(({ system, delayMs, hints }) => {
        const sender = changes.get(system);
        if (sender === undefined) throw new Error(`no changes queue for system ${system}: deploy the stack that knows it`);
        return sender.send(hintMessages({ tenant, system, sync: this.sync.name }, hints).map((body) => ({ body, delayMs })));
      }),
    );
  }

  private twinsOf(place: number): NonNullable<ChangeHint['matched']> {
    const group = this.groupOf(place);
    const tie = this.ties.get(group);
    // What a key ties to a record finds it by that key (L1), and decides on the record as it is by then.
    if (tie === undefined || (tie.rule === 'L2' && group.some((member) => this.recorded.has(member)))) return [];
    return group
      .filter((member) => member !== place)
      .map((member) => ({ ...this.population.object(member), rule: tie.rule, reason: tie.reasonOf(place, member) }));
  }

  private tie(members: readonly number[], tie: Tie): void {
    for (const place of members) {
      this.ties.delete(this.groupOf(place));
      this.groups.set(place, members);
    }
    this.ties.set(members, tie);
  }

  private groupOf(place: number): readonly number[] {
    return this.groups.get(place) ?? [place];
  }

  /** An object that this pass has to place: of a newcomer, and of no record yet. */
  private isFresh(place: number): boolean {
    return !this.recorded.has(place) && this.pass.newcomers.includes(this.population.object(place).system);
  }

  private systemsOf(members: readonly number[]): Set<string> {
    return new Set(members.map((place) => this.population.object(place).system));
  }

  private placeOf({ system, objectId }: MatchObject): number | undefined {
    return this.places.get(`${system}:${objectId}`);
  }

  private rankOf(system: string): number {
    return this.sync.rules.systems[system]?.rank ?? 0;
  }

  private reviewOf(
    prefix: string,
    members: readonly number[],
    { reason, keyName }: { readonly reason: string; readonly keyName: string },
  ): ReviewCase {
    const objects = members.map((place) => this.population.object(place));
    return {
      caseId: `${prefix}:${members.map((place) => this.population.keyOf(place)).join(',')}`.slice(0, 500),
      sync: this.sync.name,
      reason,
      keyName,
      objects,
      atMs: this.ports.now(),
    };
  }
}

async function* paged<Item>(
  pageAfter: (after: string | undefined) => Promise<{ readonly objects: readonly Item[]; readonly after?: string }>,
): AsyncGenerator<readonly Item[]> {
  let after: string | undefined;
  do {
    const page = await pageAfter(after);
    yield page.objects;
    after = page.after;
  } while (after !== undefined);
}

async function* each<Item>(pages: AsyncIterable<readonly Item[]>): AsyncGenerator<Item> {
  for await (const page of pages) yield* page;
}

/** `lastName agrees, dateOfBirth alike: 17.2 bits`: names of fields, never values. */
function reasonOf(scorer: PairScorer, one: number, other: number): string {
  const agreeing = scorer.evidence(one, other).filter(({ says }) => says !== 'differs');
  const named = agreeing.slice(0, FIELDS_TOLD_MAX).map(({ field, says }) => `${field} ${says}`);
  return `${named.join(', ')}: ${scorer.score(one, other).bits.toFixed(1)} bits`;
}

function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined; // of an older version: begin again
  }
}

function tenths(bits: number): number {
  return Math.round(bits * 10) / 10;
}
