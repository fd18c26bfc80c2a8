import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { packTape, recordingChooser, replayingChooser, type Tape, unpackTape } from './kernel/choice-tape.ts';
import { CallFailedError, type CallFate, type CallOutlook, Incarnation } from './kernel/incarnation.ts';
import { Scheduler } from './kernel/scheduler.ts';
import { shrink } from './kernel/shrink.ts';
import { Story } from './kernel/story.ts';
import { installTraps, TrapError } from './kernel/traps.ts';

const draws = (chooser: { choose(n: number, label: string): number }, label: string, count = 50) =>
  Array.from({ length: count }, () => chooser.choose(100, label));

describe('the choice tape', () => {
  it('draws the same from the same seed, and something else from another', () => {
    expect(draws(recordingChooser(7), 'people')).toEqual(draws(recordingChooser(7), 'people'));
    expect(draws(recordingChooser(8), 'people')).not.toEqual(draws(recordingChooser(7), 'people'));
  });

  it('leaves what is drawn on one track alone when another draws more', () => {
    const quiet = recordingChooser(7);
    const busy = recordingChooser(7);
    draws(busy, 'faults', 33);
    expect(draws(busy, 'people')).toEqual(draws(quiet, 'people'));
  });

  it('replays what it recorded, through a file and back', () => {
    const recorded = recordingChooser(3);
    const chances = () => Array.from({ length: 200 }, () => recorded.chance(20, 'faults'));
    const first = [draws(recorded, 'people'), chances()];
    const replayed = replayingChooser(unpackTape(JSON.parse(JSON.stringify(packTape(recorded.tape())))));
    expect([draws(replayed, 'people'), Array.from({ length: 200 }, () => replayed.chance(20, 'faults'))]).toEqual(first);
  });

  it('draws the smallest beyond its end, and never more than is possible', () => {
    const chooser = replayingChooser({ tracks: { people: [9] } });
    expect([chooser.choose(4, 'people'), chooser.choose(4, 'people'), chooser.chance(500, 'faults')]).toEqual([3, 0, false]);
  });

  it('draws a chance about as often as it says', () => {
    const chooser = recordingChooser(11);
    const hits = Array.from({ length: 20_000 }, () => chooser.chance(100, 'faults')).filter(Boolean).length;
    expect(hits).toBeGreaterThan(1_800);
    expect(hits).toBeLessThan(2_200);
  });
});

describe('the scheduler', () => {
  it('runs events in the order of their time, whatever order they were planned in', async () => {
    const scheduler = new Scheduler(recordingChooser(1), 1_000);
    const ran: number[] = [];
    for (const ms of [1_050, 1_010, 1_030, 900, 1_020, 1_040]) scheduler.at(ms, 'event', () => ran.push(scheduler.now()));
    await scheduler.runUntil(1_045);
    expect(ran).toEqual([1_000, 1_010, 1_020, 1_030, 1_040]);
    expect(scheduler.now()).toBe(1_045);
  });

  it('follows up every settled promise before the next event, however long the chain', async () => {
    const scheduler = new Scheduler(replayingChooser({ tracks: {} }), 0);
    const told: string[] = [];
    scheduler.at(1, 'first', () => {
      void (async () => {
        for (let step = 0; step < 100; step += 1) await Promise.resolve();
        told.push('followed up');
      })();
    });
    scheduler.at(1, 'second', () => told.push('second'));
    await scheduler.runUntil(10);
    expect(told).toEqual(['followed up', 'second']);
  });

  it('keeps the order of planning within an instant on a tape of zeros, and meets other orders on others', async () => {
    const orderOf = async (seed: number | undefined) => {
      const scheduler = new Scheduler(seed === undefined ? replayingChooser({ tracks: {} }) : recordingChooser(seed), 0);
      const ran: number[] = [];
      for (let event = 0; event < 6; event += 1) scheduler.at(5, 'event', () => ran.push(event));
      await scheduler.runUntil(5);
      return ran.join('');
    };
    expect(await orderOf(undefined)).toBe('012345');
    const met = new Set(await Promise.all([1, 2, 3, 4, 5].map(orderOf)));
    expect(met.size).toBeGreaterThan(1);
  });

  it('gives the same hash for the same events only', async () => {
    const hashOf = async (label: string) => {
      const scheduler = new Scheduler(replayingChooser({ tracks: {} }), 0);
      scheduler.at(5, label, () => undefined);
      await scheduler.runUntil(9);
      return scheduler.trace.text();
    };
    expect(await hashOf('read')).toBe(await hashOf('read'));
    expect(await hashOf('read')).not.toBe(await hashOf('write'));
  });

  it('stops a run that gets out of hand', async () => {
    const scheduler = new Scheduler(replayingChooser({ tracks: {} }), 0);
    const again = () => scheduler.at(scheduler.now(), 'again', again);
    again();
    await expect(scheduler.runUntil(1, 100)).rejects.toThrow('more than 100 events');
  });
});

describe('an incarnation', () => {
  function inhabit(fates: readonly CallFate[]) {
    const scheduler = new Scheduler(replayingChooser({ tracks: {} }), 0);
    const left = [...fates];
    const outlook = (): CallOutlook => ({ fate: left.shift() ?? 'proceed', travelMs: 10, giveUpMs: 5 });
    const incarnation = new Incarnation({ scheduler, story: new Story(0), outlook }, 'deliver #1');
    const applied: number[] = [];
    const told: string[] = [];
    void (async () => {
      for (let step = 0; step < 3; step += 1) {
        await incarnation
          .call('table put', () => applied.push(step))
          .catch((error: unknown) => told.push(error instanceof CallFailedError && error.refused ? 'refused' : 'unanswered'));
        told.push(`step ${step}`);
      }
    })();
    return { scheduler, incarnation, applied, told };
  }

  it.each<{ fate: CallFate; applied: number[]; told: string[] }>([
    { fate: 'proceed', applied: [0, 1, 2], told: ['step 0', 'step 1', 'step 2'] },
    { fate: 'fail', applied: [1, 2], told: ['refused', 'step 0', 'step 1', 'step 2'] },
    { fate: 'lose', applied: [0, 1, 2], told: ['unanswered', 'step 0', 'step 1', 'step 2'] },
    { fate: 'late', applied: [0, 1, 2], told: ['unanswered', 'step 0', 'step 1', 'step 2'] },
    { fate: 'repeat', applied: [0, 0, 1, 2], told: ['step 0', 'step 1', 'step 2'] },
    { fate: 'kill-before', applied: [], told: [] },
    { fate: 'kill-after', applied: [0], told: [] },
  ])('whose first call meets $fate', async ({ fate, applied, told }) => {
    const run = inhabit([fate]);
    await run.scheduler.runUntil(1_000);
    expect(run.applied).toEqual(applied);
    expect(run.told).toEqual(told);
    expect(run.incarnation.alive).toBe(!fate.startsWith('kill'));
    expect(run.incarnation.waiting).toBe(0);
  });

  it('hears of a failed effect what the model threw', async () => {
    const { scheduler, incarnation } = inhabit(['proceed']);
    const failing = incarnation.call('crm read', () => {
      throw new RangeError('no such object');
    });
    const heard = expect(failing).rejects.toThrow(RangeError);
    await scheduler.runUntil(1_000);
    await heard;
  });

  it('leaves what was on its way when it died to take effect, and hears no more of it', async () => {
    const { scheduler, incarnation, applied, told } = inhabit([]);
    await scheduler.runUntil(5);
    incarnation.kill('time is up');
    await scheduler.runUntil(1_000);
    expect(applied).toEqual([0]);
    expect(told).toEqual([]);
  });
});

describe('the traps', () => {
  const traps = installTraps();
  afterEach(() => traps.disarm());

  it('refuse the clock, the dice, the timers and the network during a run', () => {
    traps.arm(() => 'id-1');
    const reaching = [
      () => Date.now(),
      () => new Date(),
      () => Math.random(),
      () => setTimeout(() => undefined, 1),
      () => setInterval(() => undefined, 1),
      () => setImmediate(() => undefined),
      () => fetch('http://127.0.0.1/'),
      () => performance.now(),
    ];
    for (const reach of reaching) expect(reach).toThrow(TrapError);
    const id = randomUUID();
    traps.disarm();
    expect(id).toBe('id-1');
    expect([...traps.sprung.keys()]).toContain('Math.random');
  });

  it('let a date be read from a text or a number', () => {
    traps.arm(() => 'id-1');
    const read = [new Date('2026-01-05T00:00:00Z').getTime(), new Date(5).getTime(), Date.parse('1970-01-01T00:00:01Z')];
    traps.disarm();
    expect(read).toEqual([Date.UTC(2026, 0, 5), 5, 1_000]);
    expect(new Date(0)).toBeInstanceOf(Date);
  });

  it('let everything pass again afterwards', () => {
    expect(Date.now()).toBeGreaterThan(0);
    expect(Math.random()).toBeLessThan(1);
  });
});

describe('shrinking', () => {
  const tape: Tape = {
    tracks: { people: Array.from({ length: 64 }, (_, index) => index % 10), faults: [0, 0, 1, 0, 1, 1], order: [3, 2, 1] },
  };

  it('leaves what the violation needs and nothing else', async () => {
    const needs = ({ tracks }: Tape) => (tracks.faults ?? []).includes(1) && (tracks.people ?? []).some((value) => value >= 7);
    const shrunk = await shrink(tape, { fails: async (candidate) => needs(candidate), trialsMax: 5_000 });
    expect(shrunk.isMinimal).toBe(true);
    expect(shrunk.tape.tracks).toEqual({ people: [7], faults: [1] });
  });

  it('stops after as many trials as it may have, with the best so far', async () => {
    const shrunk = await shrink(tape, { fails: async ({ tracks }) => (tracks.people?.length ?? 0) >= 10, trialsMax: 6 });
    expect(shrunk.trials).toBe(6);
    expect(shrunk.isMinimal).toBe(false);
    expect(shrunk.tape.tracks.people?.length).toBeLessThanOrEqual(64);
  });
});

describe('a story', () => {
  it('is told in lines of time, actor and event, and makes nothing when nobody listens', () => {
    const story = new Story(10);
    story.tell(61_002, 'Ann', () => 'edits a title');
    expect(story.text(1_000)).toBe('00:01:00.002  Ann  edits a title');
    new Story(0).tell(0, 'Ann', () => {
      throw new Error('nobody listens');
    });
  });
});
