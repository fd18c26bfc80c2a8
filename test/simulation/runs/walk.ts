import { compileSync } from '../../../shared/config/compile-sync.ts';
import { replayingChooser } from '../kernel/choice-tape.ts';
import type { CallOutlook } from '../kernel/incarnation.ts';
import { nativeName, type PlainField, plainConfig } from './plain/draw-config.ts';
import type { LoggedChange } from './plain/plain-crm.ts';
import { KIND, PlainWorld } from './plain/plain-world.ts';
import type { Violation } from './run-report.ts';
import type { Scenario, Stage } from './scenario.ts';
import { SCENARIOS } from './scenarios/scenarios.ts';
import { MINUTE_MS, Simulation, START_MS } from './simulation.ts';
import { CALM } from './weather.ts';
import type { WalkReport } from './worker-messages.ts';

/** When the first sync is done and quiet. */
const CURTAIN_MS = START_MS + 4 * MINUTE_MS + 20_000;
/** Deaths are tried in the calls that leave within this time. */
const WALKED_MS = 4 * MINUTE_MS;
const LASTS_MS = 8 * MINUTE_MS;
const ADA = 'ada@example.test';
const TRAVEL_MS = { table: 4, queue: 6, crm: 60 } as const;

/** Where a death strikes: at which call, before or after it took effect. */
export interface Death {
  readonly call: number;
  readonly when: 'kill-before' | 'kill-after';
}

export interface Played {
  readonly violations: readonly Violation[];
  /** Ports called while deaths are tried, in order. */
  readonly calls: readonly string[];
  readonly story: string;
}

interface Meeting {
  readonly prefix: string;
  readonly fromMs: number;
  readonly outlook?: Partial<CallOutlook>;
  readonly act?: () => void;
}

/** Plays a scenario, with a death in it or undisturbed. */
export async function playScenario(scenario: Scenario, death?: Death, storyLines = 0): Promise<Played> {
  const config = plainConfig(scenario.kinds, scenario.readLagMs ?? 0, {
    ...(scenario.strategy !== undefined && { title: scenario.strategy, unit: scenario.strategy }),
  });
  const setup = {
    config,
    syncs: new Map([['contacts', compileSync(config, 'contacts')]]),
    kinds: new Map(scenario.kinds),
    readLagMs: scenario.readLagMs ?? 0,
  };
  const calls: string[] = [];
  const meetings: Meeting[] = [];
  const fromMs = scenario.walksFirstSync === true ? START_MS : CURTAIN_MS;
  let count = 0;
  const run = new Simulation({
    chooser: replayingChooser({ tracks: {} }),
    storyLines,
    setup,
    world: (ports) => new PlainWorld(setup, { edits: 0, hot: 0, pace: 0 }, KIND, ports),
    platform: () => CALM.platform,
    outlook(port, incarnation) {
      const nowMs = run.scheduler.now();
      if (nowMs >= fromMs && nowMs < fromMs + WALKED_MS) {
        count += 1;
        calls.push(`${incarnation.actor}: ${port}`);
        if (death?.call === count) return { fate: death.when, travelMs: travelOf(port) };
      }
      const met = meetings.findIndex((one) => port.startsWith(one.prefix) && nowMs >= one.fromMs);
      const [meeting] = met < 0 ? [] : meetings.splice(met, 1);
      meeting?.act?.();
      return { fate: 'proceed', travelMs: travelOf(port), ...meeting?.outlook };
    },
  });
  const { world, scheduler, deployment } = run;
  const stage = stageOf(scenario, run, meetings);
  try {
    world.script.stores = scenario.stores;
    if (scenario.before === undefined) for (const [system] of scenario.kinds) world.createPerson(system, ADA);
    else scenario.before(world);
    deployment.start();
    await run.runUntil(CURTAIN_MS);
    scenario.play(stage);
    await run.runUntil(CURTAIN_MS + LASTS_MS);
    deployment.redrive();
    await run.untilQuiet(6 * MINUTE_MS);
    await run.judge(4 * MINUTE_MS);
    judgeEnd(scenario, run);
  } catch (error) {
    run.crashed(error);
  }
  run.end();
  return { violations: run.violations, calls, story: run.story.isTold ? run.story.text(START_MS) : '' };

  function travelOf(port: string): number {
    if (port.startsWith('table')) return TRAVEL_MS.table;
    return port.startsWith('queue') ? TRAVEL_MS.queue : TRAVEL_MS.crm;
  }

  function stageOf(one: Scenario, { scheduler: clock }: { readonly scheduler: typeof scheduler }, met: Meeting[]): Stage {
    const kindOf = (system: string) => one.kinds.find(([name]) => name === system)?.[1] ?? 'hubspot';
    const objectOf = (system: string, email = ADA): string => {
      const crm = world.crm(system);
      const mail = nativeName(kindOf(system), 'email');
      return crm.ids().find((id) => crm.lastValuesOf(id)?.[mail] === email) ?? '';
    };
    const at = (ms: number, act: () => void): void => clock.at(CURTAIN_MS + ms, 'scenario', act);
    return {
      world,
      objectOf,
      at,
      edit(atMs, system, field, value) {
        // Within an event it counts from then; on the stage, from its beginning.
        const act = () => world.edit(system, objectOf(system), { [nativeName(kindOf(system), field)]: value });
        clock.at(clock.now() + atMs, 'scenario', act);
      },
      meets: (prefix, outlook, fromMs = 0) => met.push({ prefix, outlook, fromMs: CURTAIN_MS + fromMs }),
      before: (prefix, act, fromMs = 0) => met.push({ prefix, act, fromMs: CURTAIN_MS + fromMs }),
      lags(system, lagMs, fromMs, untilMs) {
        const isThen = () => clock.now() >= CURTAIN_MS + fromMs && clock.now() < CURTAIN_MS + untilMs;
        world.script.readLagMs = (asked) => (asked === system && isThen() ? lagMs : 0);
      },
      loses(is: (change: LoggedChange) => boolean) {
        world.script.loses = is;
      },
      delays(by) {
        world.script.delays = by;
      },
    };
  }
}

function judgeEnd(scenario: Scenario, run: Simulation<PlainWorld>): void {
  const { world } = run;
  for (const [system, kind] of scenario.kinds) {
    const crm = world.crm(system);
    const live = crm.liveIds();
    const expected = scenario.objects ?? 1;
    if (expected >= 0 && live.length !== expected)
      run.say('I4', `${system} holds ${live.length} objects at the end, not ${expected}`);
    for (const [field, value] of Object.entries(scenario.ends ?? {}) as [PlainField, string | null][]) {
      for (const id of live) {
        const shown = crm.valuesOf(id)?.[nativeName(kind, field)] ?? null;
        if (shown !== value)
          run.say('I1', `${system} ${id} holds ${JSON.stringify(shown)} in ${field}, not ${JSON.stringify(value)}`);
      }
    }
  }
}

/** Walks one part of a scenario's deaths; the first part also plays it undisturbed. */
export async function walkScenario(name: string, part: number, parts: number): Promise<WalkReport> {
  const scenario = SCENARIOS.find((one) => one.name === name);
  if (scenario === undefined) throw new Error(`there is no scenario ${name}`);
  const undisturbed = await playScenario(scenario);
  const violations: { killed: string; invariant: string; message: string }[] = [];
  if (part === 0)
    for (const { invariant, message } of undisturbed.violations) violations.push({ killed: 'nobody', invariant, message });
  let walked = 0;
  for (let call = 1 + part; call <= undisturbed.calls.length; call += parts) {
    for (const when of ['kill-before', 'kill-after'] as const) {
      walked += 1;
      const played = await playScenario(scenario, { call, when });
      const killed = `${when} of call ${call}, ${undisturbed.calls[call - 1]}`;
      for (const { invariant, message } of played.violations) violations.push({ killed, invariant, message });
    }
  }
  return { scenario: name, walked, violations };
}
