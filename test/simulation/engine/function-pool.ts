import { type Habitat, Incarnation } from '../kernel/incarnation.ts';

/** A warm place in which one invocation after another runs: what a function keeps in memory lives as long as it does. */
export interface Container {
  /** The invocation that runs here now. */
  readonly current: () => Incarnation;
  /** By how much its clock is wrong, ms. */
  readonly skewMs: number;
}

export interface FunctionSpec<Event, Result> {
  readonly name: string;
  readonly timeoutMs: number;
  /** What a deployment makes once per container. */
  readonly start: (container: Container) => (event: Event) => Promise<Result>;
}

export interface PoolOptions {
  readonly habitat: Habitat;
  readonly concurrency: number;
  /** True where the next invocation starts cold, though a warm container waits. */
  readonly startsCold: () => boolean;
  readonly skewMs: () => number;
}

export type Invoked<Result> = { readonly ended: 'done'; readonly result: Result } | { readonly ended: 'failed' | 'died' };

interface Place<Event, Result> {
  readonly container: Container;
  readonly handle: (event: Event) => Promise<Result>;
  incarnation: Incarnation | undefined;
}

/** The containers of one function, as Lambda keeps them. */
export class FunctionPool<Event, Result> {
  private readonly spec: FunctionSpec<Event, Result>;
  private readonly options: PoolOptions;
  private readonly idle: Place<Event, Result>[] = [];
  private readonly running = new Map<Incarnation, (invoked: Invoked<Result>) => void>();
  private count = 0;

  constructor(spec: FunctionSpec<Event, Result>, options: PoolOptions) {
    this.spec = spec;
    this.options = options;
  }

  get hasRoom(): boolean {
    return this.running.size < this.options.concurrency;
  }

  get busy(): number {
    return this.running.size;
  }

  /** Invocations that wait for something that is no port of theirs: they can never end. */
  stuck(): Incarnation[] {
    return [...this.running.keys()].filter((incarnation) => incarnation.alive && incarnation.waiting === 0);
  }

  /** Starts an invocation; there must be room. @param done - told when it ended, failed or died. */
  invoke(event: Event, done: (invoked: Invoked<Result>) => void): void {
    const { habitat } = this.options;
    const { scheduler, story } = habitat;
    this.count += 1;
    const incarnation = new Incarnation(
      { scheduler, story, outlook: habitat.outlook, died: (dead) => this.finish(dead, { ended: 'died' }) },
      `${this.spec.name} #${this.count}`,
    );
    const place = this.place(incarnation);
    this.running.set(incarnation, done);
    scheduler.at(scheduler.now() + this.spec.timeoutMs, 'time is up', () => {
      if (this.running.has(incarnation)) incarnation.kill('its time is up');
    });
    place.handle(event).then(
      (result) => {
        this.idle.push(place);
        this.finish(incarnation, { ended: 'done', result });
      },
      (error: unknown) => {
        story.tell(
          scheduler.now(),
          incarnation.actor,
          () => `fails: ${error instanceof Error ? `${error.name}: ${error.message}` : typeof error}`,
        );
        this.idle.push(place);
        this.finish(incarnation, { ended: 'failed' });
      },
    );
  }

  private place(incarnation: Incarnation): Place<Event, Result> {
    const cold = this.options.startsCold();
    const warm = cold ? undefined : this.idle.pop();
    if (warm !== undefined) {
      warm.incarnation = incarnation;
      return warm;
    }
    const container: Container = {
      current: () => {
        const current = fresh.incarnation;
        if (current === undefined) throw new Error('a container reaches out though nothing runs in it');
        return current;
      },
      skewMs: this.options.skewMs(),
    };
    const fresh: Place<Event, Result> = { container, handle: this.spec.start(container), incarnation };
    return fresh;
  }

  private finish(incarnation: Incarnation, invoked: Invoked<Result>): void {
    const done = this.running.get(incarnation);
    if (done === undefined) return;
    this.running.delete(incarnation);
    incarnation.end();
    done(invoked);
  }
}
