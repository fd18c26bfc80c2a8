import { SyncError } from '../errors.ts';

/** An incoming notification that cannot be taken: unreadable, or from an account this connection is not for. */
export class NotificationRefusedError extends SyncError {
  override readonly name = 'NotificationRefusedError';
  readonly retryable = false;
  readonly reason: 'unreadable' | 'foreign-account';

  constructor(reason: 'unreadable' | 'foreign-account', detail: string, options?: ErrorOptions) {
    super(`notification refused (${reason}): ${detail}`, options);
    this.reason = reason;
  }
}
