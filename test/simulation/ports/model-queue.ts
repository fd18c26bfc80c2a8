import type { OutgoingMessage } from '../../../shared/queue/message-sender.ts';

export interface ModelMessage {
  readonly id: string;
  readonly body: string;
  visibleFromMs: number;
  receives: number;
  /** Changes with every receive: an old one deletes nothing that is in other hands by now. */
  receipt: number;
}

export interface ModelQueueOptions {
  readonly now: () => number;
  readonly visibilityTimeoutMs: number;
  /** After so many receives a message moves to the dead letters. */
  readonly maxReceiveCount: number;
}

/** docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
const MESSAGE_BYTES_MAX = 1_048_576;
const DELAY_MS_MAX = 900_000;

/** A standard queue: at least once, in any order. A synchronous state machine. */
export class ModelQueue {
  readonly deadLetters: ModelMessage[] = [];
  private readonly messages = new Map<string, ModelMessage>();
  private readonly options: ModelQueueOptions;
  private count = 0;

  constructor(options: ModelQueueOptions) {
    this.options = options;
  }

  send({ body, delayMs = 0 }: OutgoingMessage): void {
    if (body === '' || Buffer.byteLength(body) > MESSAGE_BYTES_MAX) throw new RangeError('a message has 1 byte to 1 MiB');
    if (delayMs > DELAY_MS_MAX) throw new RangeError('a message is delayed by 15 minutes at most');
    this.count += 1;
    const id = `m${this.count}`;
    const visibleFromMs = this.options.now() + Math.ceil(delayMs / 1_000) * 1_000;
    this.messages.set(id, { id, body, visibleFromMs, receives: 0, receipt: 0 });
  }

  /** Takes up to `max` visible messages. What was received too often goes to the dead letters instead. */
  receive(max: number): { readonly id: string; readonly body: string; readonly receipt: number }[] {
    const nowMs = this.options.now();
    const taken: { id: string; body: string; receipt: number }[] = [];
    for (const message of this.messages.values()) {
      if (taken.length === max) break;
      if (message.visibleFromMs > nowMs) continue;
      if (message.receives >= this.options.maxReceiveCount) {
        this.messages.delete(message.id);
        this.deadLetters.push(message);
        continue;
      }
      message.receives += 1;
      message.receipt += 1;
      message.visibleFromMs = nowMs + this.options.visibilityTimeoutMs;
      taken.push({ id: message.id, body: message.body, receipt: message.receipt });
    }
    return taken;
  }

  /** Deletes a message that is still in the hands of whoever has this receipt. */
  delete(id: string, receipt: number): void {
    if (this.messages.get(id)?.receipt === receipt) this.messages.delete(id);
  }

  /** Makes a message visible again though somebody has it in hand: a standard queue may do so. */
  showAgain(choose: (n: number) => number): boolean {
    const hidden = [...this.messages.values()].filter((message) => message.receives > 0);
    const message = hidden[choose(Math.max(1, hidden.length))];
    if (message === undefined) return false;
    message.visibleFromMs = this.options.now();
    return true;
  }

  get length(): number {
    return this.messages.size;
  }

  /** When the next message becomes visible; undefined when there is none. */
  nextVisibleMs(): number | undefined {
    let next: number | undefined;
    for (const { visibleFromMs } of this.messages.values()) if (next === undefined || visibleFromMs < next) next = visibleFromMs;
    return next;
  }

  bodies(): string[] {
    return [...this.messages.values()].map(({ body }) => body);
  }
}
