/** An expected failure. `retryable` says whether the same call may succeed later without anybody acting. */
export abstract class SyncError extends Error {
  abstract readonly retryable: boolean;
}

/** The system asks us to slow down. */
export class RateLimitedError extends SyncError {
  override readonly name = 'RateLimitedError';
  readonly retryable = true;
  readonly system: string;
  readonly retryAfterMs: number;
  readonly policy: 'burst' | 'search' | 'daily' | 'concurrent';

  constructor(system: string, retryAfterMs: number, policy: 'burst' | 'search' | 'daily' | 'concurrent', options?: ErrorOptions) {
    super(`${system} is rate limiting (${policy}); retry in ${retryAfterMs} ms`, options);
    this.system = system;
    this.retryAfterMs = retryAfterMs;
    this.policy = policy;
  }
}

/** The grant is gone or lacks a permission; retrying cannot help until somebody renews it. */
export class AuthRejectedError extends SyncError {
  override readonly name = 'AuthRejectedError';
  readonly retryable = false;
  readonly system: string;

  constructor(system: string, detail: string, options?: ErrorOptions) {
    super(`${system} refuses our credentials: ${detail}`, options);
    this.system = system;
  }
}

/** The system is down, slow, or answers with something that is not its API. A write may or may not have happened. */
export class SystemUnavailableError extends SyncError {
  override readonly name = 'SystemUnavailableError';
  readonly retryable = true;
  readonly system: string;
  /** Wait at least this long, in ms, before the next try. */
  readonly retryAfterMs: number;

  constructor(system: string, detail: string, retryAfterMs: number, options?: ErrorOptions) {
    super(`${system} is unavailable: ${detail}; retry in ${retryAfterMs} ms`, options);
    this.system = system;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The system refuses the request as a whole: a bug or a wrong mapping, never cured by retrying. */
export class RequestRefusedError extends SyncError {
  override readonly name = 'RequestRefusedError';
  readonly retryable = false;
  readonly system: string;
  readonly code: string;

  constructor(system: string, code: string, message: string, options?: ErrorOptions) {
    super(`${system} refused the request (${code}): ${message}`, options);
    this.system = system;
    this.code = code;
  }
}

/** Somebody else committed first: read the record and the object again, in that order, and decide again. */
export class VersionConflictError extends SyncError {
  override readonly name = 'VersionConflictError';
  readonly retryable = true;
  readonly recordId: string;
  readonly expectedVersion: number;

  constructor(recordId: string, expectedVersion: number, options?: ErrorOptions) {
    super(`record ${recordId} is no longer at version ${expectedVersion}`, options);
    this.recordId = recordId;
    this.expectedVersion = expectedVersion;
  }
}
