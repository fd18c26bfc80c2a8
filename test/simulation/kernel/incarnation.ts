import type { Scheduler } from './scheduler.ts';
import type { Story } from './story.ts';

/**
 * What becomes of one call of a port.
 *
 * `fail`: it never arrives. `lose`: it takes effect, the answer gets lost. `repeat`: the client did not hear the first answer and
 * sent the call again; the caller sees the second answer. `late`: it hangs, its caller gives up, and it takes effect after that.
 * `kill-before`, `kill-after`: the caller dies before the call leaves, or when it has taken effect.
 */
export type CallFate = 'proceed' | 'fail' | 'lose' | 'repeat' | 'late' | 'kill-before' | 'kill-after';

/** What a call meets, and how long it takes. */
export interface CallOutlook {
  readonly fate: CallFate;
  /** Until the call takes effect, ms. */
  readonly travelMs: number;
  /** Until its caller gives up, ms; only of `fail`, `lose` and `late`. */
  readonly giveUpMs?: number;
}

/** The call did not come through, as far as its caller can tell: it may or may not have taken effect. */
export class CallFailedError extends Error {
  override readonly name = 'TimeoutError'; // as the clients of AWS name it
  readonly port: string;
  /** True when the caller can be sure that nothing happened. */
  readonly refused: boolean;

  constructor(port: string, refused: boolean) {
    super(refused ? `the call of ${port} was refused` : `the call of ${port} was not answered in time`);
    this.port = port;
    this.refused = refused;
  }
}

/** What incarnations live in. */
export interface Habitat {
  readonly scheduler: Scheduler;
  readonly story: Story;
  outlook(port: string, incarnation: Incarnation): CallOutlook;
  /** Told once, when one of them dies. */
  died?(incarnation: Incarnation): void;
}

const NEVER = new Promise<never>(() => undefined);

/**
 * One invocation of a function. It reaches the world through {@link call} and {@link sleep} only. Once killed, none of its
 * promises settles and none of its calls leaves; what was on its way takes effect all the same.
 */
export class Incarnation {
  readonly actor: string;
  private readonly habitat: Habitat;
  private living = true;
  private open = 0;

  constructor(habitat: Habitat, actor: string) {
    this.habitat = habitat;
    this.actor = actor;
  }

  get alive(): boolean {
    return this.living;
  }

  /** Calls and sleeps that have not come back. An incarnation that has none, and is not done, waits for something real. */
  get waiting(): number {
    return this.open;
  }

  now = (): number => this.habitat.scheduler.now();

  kill(why: string): void {
    if (!this.living) return;
    this.living = false;
    this.habitat.story.tell(this.now(), this.actor, () => `dies: ${why}`);
    this.habitat.died?.(this);
  }

  /** Its work is done: whatever it left running is frozen with it. */
  end(): void {
    this.living = false;
  }

  /**
   * Applies `effect` to a model when the call arrives there.
   *
   * @param port - a kind, then a name: `table get`, `crm salesforce update`.
   * @throws whatever the effect throws, or CallFailedError.
   */
  call = <Result>(port: string, effect: () => Result): Promise<Result> => {
    if (!this.living) return NEVER;
    const { scheduler, story } = this.habitat;
    const { fate, travelMs, giveUpMs = travelMs } = this.habitat.outlook(port, this);
    if (!this.living) return NEVER; // whoever foresees may also kill
    if (fate !== 'proceed') story.tell(this.now(), this.actor, () => `${port}: ${fate}`);
    if (fate === 'kill-before') {
      this.kill(`before ${port}`);
      return NEVER;
    }
    this.open += 1;
    return new Promise<Result>((resolve, reject) => {
      const answer = (give: () => void): void => {
        this.open -= 1;
        if (this.living) give();
      };
      const giveUp = (refused: boolean): void =>
        scheduler.at(this.now() + giveUpMs, `${port} unanswered`, () => answer(() => reject(new CallFailedError(port, refused))));
      const apply = (): { value: Result } | { error: unknown } => {
        try {
          return { value: effect() };
        } catch (error) {
          return { error };
        }
      };
      if (fate === 'fail') {
        giveUp(true);
        return;
      }
      if (fate === 'late' || fate === 'lose') giveUp(false);
      scheduler.at(this.now() + travelMs, port, () => {
        let result = apply();
        if (fate === 'lose' || fate === 'late') return;
        if (fate === 'repeat') result = apply();
        if (fate === 'kill-after') {
          this.open -= 1;
          this.kill(`after ${port}`);
          return;
        }
        answer(() => ('error' in result ? reject(result.error) : resolve(result.value)));
      });
    });
  };

  sleep = (ms: number): Promise<void> => {
    if (!this.living) return NEVER;
    this.open += 1;
    return new Promise((resolve) => {
      this.habitat.scheduler.at(this.now() + ms, 'sleep', () => {
        this.open -= 1;
        if (this.living) resolve();
      });
    });
  };
}
