import { WakeHeap } from './wake-heap.ts';

/** A message as its queue keeps it. */
export interface ModelMessage {
  readonly id: string;
  readonly body: string;
  readonly sentMs: number;
  visibleFromMs: number;
  /** How often it was received; it goes with the message into a dead-letter queue. */
  receives: number;
  firstReceivedMs: number | undefined;
  /** Of the newest receive; an older one deletes nothing that is in other hands by now. */
  receipt: number;
  /** Somebody has it in hand. */
  isTaken: boolean;
  isGone: boolean;
}

export interface ReceivedMessage {
  readonly id: string;
  readonly body: string;
  readonly receipt: number;
  readonly receives: number;
  readonly sentMs: number;
  readonly firstReceivedMs: number;
}

export interface ModelQueueOptions {
  /** Epoch ms. */
  readonly now: () => number;
  readonly visibilityTimeoutMs: number;
  /** After so many receives the next one moves a message to the dead letters; absent: never. */
  readonly maxReceiveCount?: number;
  /** Where dead letters go; made by the queue itself where it is absent. */
  readonly deadLetter?: ModelQueue;
  readonly retentionMs?: number;
  /** MaximumMessageSize, bytes; 262,144 where a queue was made with the older default. */
  readonly messageBytesMax?: number;
  /** Which of the `n` messages that are due longest comes next; 0, the longest due, where it is absent. */
  readonly order?: (n: number) => number;
}

/** SQS refuses a message that it will never take. */
export class MessageRefusedError extends RangeError {
  override readonly name = 'MessageRefusedError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
const MESSAGE_BYTES_MAX = 1_048_576;
const DELAY_MS_MAX = 900_000;
const VISIBILITY_MS_MAX = 43_200_000;
const RECEIVE_MAX = 10;
const RETENTION_MS = 14 * 24 * 3_600_000;
/** The characters that SendMessage admits: #x9, #xA, #xD, #x20-#xD7FF, #xE000-#xFFFD, #x10000-#x10FFFF. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the very characters that SQS refuses
const FORBIDDEN_CHARACTER = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]|\p{Surrogate}/u;
/** A standard queue mixes what is due; nothing waits behind more than so many. */
const ORDER_WINDOW = 100;
/** So many deleted messages may come back. */
const DELETED_KEPT_MAX = 16;

/** A standard queue: at least once, in any order. A synchronous state machine that takes the time from `now`. */
export class ModelQueue {
  readonly deadLetterQueue: ModelQueue | undefined;
  private readonly options: ModelQueueOptions;
  private readonly due = new Set<ModelMessage>();
  private readonly hidden = new Set<ModelMessage>();
  private readonly waiting = new WakeHeap<ModelMessage>();
  private readonly byReceipt = new Map<number, ModelMessage>();
  private readonly deleted: ModelMessage[] = [];
  private sent = 0;
  private receipts = 0;

  constructor(options: ModelQueueOptions) {
    this.options = options;
    const { now, visibilityTimeoutMs, maxReceiveCount, deadLetter } = options;
    this.deadLetterQueue =
      deadLetter ?? (maxReceiveCount === undefined ? undefined : new ModelQueue({ now, visibilityTimeoutMs }));
  }

  /** @returns the message's id. @throws MessageRefusedError when SQS would never take it. */
  send({ body, delayMs = 0 }: { readonly body: string; readonly delayMs?: number | undefined }): string {
    const { messageBytesMax = MESSAGE_BYTES_MAX, now } = this.options;
    if (body === '') throw new MessageRefusedError('MissingParameter', 'The request must contain the parameter MessageBody.');
    if (FORBIDDEN_CHARACTER.test(body)) throw new MessageRefusedError('InvalidMessageContents', 'Invalid characters found.');
    if (body.length * 3 > messageBytesMax && Buffer.byteLength(body) > messageBytesMax) {
      throw new MessageRefusedError(
        'InvalidParameterValue',
        `One or more parameters are invalid. Reason: Message must be shorter than ${messageBytesMax} bytes.`,
      );
    }
    if (!(delayMs >= 0 && delayMs <= DELAY_MS_MAX)) {
      throw new MessageRefusedError(
        'InvalidParameterValue',
        `Value ${delayMs / 1_000} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= ${DELAY_MS_MAX / 1_000}.`,
      );
    }
    this.sent += 1;
    const sentMs = now();
    const message: ModelMessage = {
      id: `m${this.sent}`,
      body,
      sentMs,
      visibleFromMs: sentMs + Math.ceil(delayMs / 1_000) * 1_000, // SQS counts in seconds
      receives: 0,
      firstReceivedMs: undefined,
      receipt: 0,
      isTaken: false,
      isGone: false,
    };
    this.place(message);
    return message.id;
  }

  /** Takes up to `max` due messages, 1 to 10. What was received too often goes to the dead letters instead. */
  receive(max: number): ReceivedMessage[] {
    if (!(max >= 1 && max <= RECEIVE_MAX))
      throw new MessageRefusedError(
        'InvalidParameterValue',
        `Value ${max} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10.`,
      );
    this.ripen();
    const nowMs = this.options.now();
    const { retentionMs = RETENTION_MS, maxReceiveCount = Number.POSITIVE_INFINITY } = this.options;
    const taken: ReceivedMessage[] = [];
    while (taken.length < max) {
      const message = this.next();
      if (message === undefined) break;
      if (message.sentMs + retentionMs <= nowMs) {
        this.drop(message);
      } else if (message.receives >= maxReceiveCount) {
        this.drop(message);
        this.deadLetterQueue?.bury(message);
      } else {
        taken.push(this.hand(message, nowMs));
      }
    }
    return taken;
  }

  /** Deletes a message that is still in the hands of whoever has this receipt; of an older receipt it does nothing, and succeeds. */
  delete(id: string, receipt: number): void {
    const message = this.byReceipt.get(receipt);
    if (message === undefined || message.id !== id) return;
    this.drop(message);
    this.deleted.push(message);
    if (this.deleted.length > DELETED_KEPT_MAX) this.deleted.shift();
  }

  /** @param timeoutMs - from now; 0 makes it visible at once. @returns false when it is not in the hands of this receipt. */
  changeVisibility(id: string, receipt: number, timeoutMs: number): boolean {
    if (!(timeoutMs >= 0 && timeoutMs <= VISIBILITY_MS_MAX)) {
      throw new MessageRefusedError(
        'InvalidParameterValue',
        `Value ${timeoutMs / 1_000} for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and ${VISIBILITY_MS_MAX / 1_000}.`,
      );
    }
    this.ripen();
    const message = this.byReceipt.get(receipt);
    if (message === undefined || message.id !== id || !this.hidden.has(message)) return false;
    this.hidden.delete(message);
    message.visibleFromMs = this.options.now() + timeoutMs;
    this.place(message);
    return true;
  }

  /** Shows a message that somebody has in hand to somebody else too: a standard queue may do so. @returns false when none is in hand. */
  showAgain(choose: (n: number) => number): boolean {
    this.ripen();
    const inHand = [...this.hidden].filter(({ isTaken }) => isTaken);
    const message = inHand[inHand.length === 0 ? 0 : choose(inHand.length)];
    if (message === undefined) return false;
    this.hidden.delete(message);
    message.visibleFromMs = this.options.now();
    this.place(message);
    return true;
  }

  /** Puts a second copy of a message beside it: one receive may then bring both. @returns false when the queue is empty. */
  duplicate(choose: (n: number) => number): boolean {
    this.ripen();
    const all = [...this.due, ...this.hidden];
    const message = all[all.length === 0 ? 0 : choose(all.length)];
    if (message === undefined) return false;
    this.place({ ...message, visibleFromMs: this.options.now(), receipt: 0, isTaken: false });
    return true;
  }

  /** A deleted message comes back, as it may when the server that held a copy was away. @returns false when none was deleted. */
  bringBack(choose: (n: number) => number): boolean {
    const message = this.deleted[this.deleted.length === 0 ? 0 : choose(this.deleted.length)];
    if (message === undefined) return false;
    this.deleted.splice(this.deleted.indexOf(message), 1);
    this.place({ ...message, visibleFromMs: this.options.now(), receipt: 0, isTaken: false, isGone: false });
    return true;
  }

  /** Messages that are due, delayed or in hand. */
  get length(): number {
    return this.due.size + this.hidden.size;
  }

  counts(): { readonly visible: number; readonly inFlight: number; readonly delayed: number } {
    this.ripen();
    let inFlight = 0;
    for (const { isTaken } of this.hidden) if (isTaken) inFlight += 1;
    return { visible: this.due.size, inFlight, delayed: this.hidden.size - inFlight };
  }

  get deadLetters(): readonly ModelMessage[] {
    return this.deadLetterQueue === undefined ? [] : this.deadLetterQueue.messages();
  }

  messages(): ModelMessage[] {
    return [...this.due, ...this.hidden];
  }

  bodies(): string[] {
    return this.messages().map(({ body }) => body);
  }

  /** When the next message is due, now at the earliest it was; undefined when there is none. */
  nextVisibleMs(): number | undefined {
    this.ripen();
    const [first] = this.due;
    return first?.visibleFromMs ?? this.waiting.nextMs();
  }

  /** Takes in a dead letter: its time of sending and its count of receives stay. */
  private bury(message: ModelMessage): void {
    this.place({ ...message, visibleFromMs: this.options.now(), receipt: 0, isTaken: false, isGone: false });
  }

  private place(message: ModelMessage): void {
    if (message.visibleFromMs <= this.options.now()) {
      message.isTaken = false;
      this.due.add(message);
    } else {
      this.hidden.add(message);
      this.waiting.add(message);
    }
  }

  /** Moves what became visible among the due. */
  private ripen(): void {
    const nowMs = this.options.now();
    for (let message = this.waiting.takeDue(nowMs); message !== undefined; message = this.waiting.takeDue(nowMs)) {
      // One that was deleted, or moved to another time, left its old place in the heap.
      if (message.isGone || message.visibleFromMs > nowMs || !this.hidden.delete(message)) continue;
      message.isTaken = false;
      this.due.add(message);
    }
  }

  private next(): ModelMessage | undefined {
    const { order } = this.options;
    let skipped = order === undefined || this.due.size < 2 ? 0 : order(Math.min(this.due.size, ORDER_WINDOW));
    for (const message of this.due) {
      if (skipped === 0) return message;
      skipped -= 1;
    }
    return undefined;
  }

  private hand(message: ModelMessage, nowMs: number): ReceivedMessage {
    this.due.delete(message);
    this.byReceipt.delete(message.receipt);
    this.receipts += 1;
    message.receipt = this.receipts;
    message.receives += 1;
    message.firstReceivedMs ??= nowMs;
    message.visibleFromMs = nowMs + this.options.visibilityTimeoutMs;
    message.isTaken = true;
    this.byReceipt.set(message.receipt, message);
    this.hidden.add(message);
    this.waiting.add(message);
    const { id, body, receipt, receives, sentMs, firstReceivedMs } = message;
    return { id, body, receipt, receives, sentMs, firstReceivedMs };
  }

  private drop(message: ModelMessage): void {
    message.isGone = true;
    this.due.delete(message);
    this.hidden.delete(message);
    this.byReceipt.delete(message.receipt);
  }
}
