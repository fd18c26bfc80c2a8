import { setTimeout as sleep } from 'node:timers/promises';
import type { EventBus } from '../aws/event-bus.ts';
import type { Sqs } from '../aws/sqs.ts';
import type { LocalFunction } from './functions.ts';
import type { HttpApi } from './http-api.ts';
import type { Schedule } from './schedules.ts';
import type { StreamEventSource } from './stream-event-source.ts';

/** So long nothing must have happened: a caller may be about to send what one function made another do. */
const QUIET_FOR_MS = 50;
const LOOK_MS = 10;

/** Everything in which work can be on its way. */
export interface Workplaces {
  readonly api: HttpApi;
  readonly functions: readonly LocalFunction[];
  readonly schedules: readonly Schedule[];
  readonly streams: readonly StreamEventSource[];
  readonly eventBus: EventBus;
  readonly sqs: Sqs;
  /** Names of the queues whose messages are worked off, so without those for dead letters. */
  readonly workQueues: readonly string[];
}

/** What is under way or waiting, in words; empty when the stack is quiet. */
export function workLeft({ api, functions, schedules, streams, eventBus, sqs, workQueues }: Workplaces): string[] {
  const left: string[] = [];
  if (api.underWay() > 0) left.push(`${api.underWay()} HTTP calls are under way`);
  for (const each of functions) if (each.running() > 0) left.push(`${each.spec.logicalId} runs`);
  for (const schedule of schedules) if (schedule.busy()) left.push(`${schedule.name} runs`);
  if (eventBus.pending() > 0) left.push(`${eventBus.pending()} events are on their way`);
  if (streams.some((stream) => !stream.drained())) left.push('a stream is not read to its end');
  for (const name of workQueues) {
    const { visible, inFlight, delayed } = sqs.counts(name);
    if (visible + inFlight + delayed > 0)
      left.push(`${name} holds ${visible} messages, ${inFlight} in flight, ${delayed} delayed`);
  }
  return left;
}

/** Grows with everything that happens: two equal numbers mean that nothing did in between. */
export const activity = ({ functions, eventBus }: Workplaces): number =>
  functions.reduce((sum, each) => sum + each.invoked(), eventBus.counts().received);

/** @throws Error naming what is left when it is not quiet in time. */
export async function waitUntilQuiet(places: Workplaces, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let since: { readonly atMs: number; readonly activity: number } | undefined;
  for (;;) {
    const left = workLeft(places);
    const now = performance.now();
    const done = activity(places);
    if (left.length > 0) since = undefined;
    else if (since?.activity !== done) since = { atMs: now, activity: done };
    else if (now - since.atMs >= QUIET_FOR_MS) return;
    if (now > deadline) throw new Error(`not quiet within ${timeoutMs} ms: ${left.join('; ') || 'something has just run'}`);
    await sleep(LOOK_MS);
  }
}
