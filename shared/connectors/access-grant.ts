import { AuthRejectedError } from '../errors.ts';

/** What a token endpoint gave us. */
export interface AccessGrant {
  readonly token: string;
  /** Origin to call with it, and no other. */
  readonly baseUrl: string;
  /** Epoch ms by our clock; absent where the system does not say. */
  readonly expiresAtMs?: number;
  /** Ids of the user and the account we work as, where the system says so. */
  readonly userId?: string;
  readonly accountId?: string;
}

export interface AccessGrants {
  /** The grant in hand, or a new one. Callers at the same moment share one request. */
  current(): Promise<AccessGrant>;
  /** A grant newer than `rejected`. @throws AuthRejectedError where the credential is a fixed token. */
  renew(rejected: AccessGrant): Promise<AccessGrant>;
}

/** A grant is replaced this long before it expires, so that no call is sent with a dying token. */
const RENEW_EARLY_MS = 60_000;

export function accessGrants(fetchGrant: () => Promise<AccessGrant>, clock: () => number): AccessGrants {
  let held: AccessGrant | undefined;
  let pending: Promise<AccessGrant> | undefined;

  function fetchOnce(): Promise<AccessGrant> {
    pending ??= fetchGrant()
      .then((grant) => {
        held = grant;
        return grant;
      })
      .finally(() => {
        pending = undefined;
      });
    return pending;
  }

  return {
    current() {
      const usable = held !== undefined && (held.expiresAtMs === undefined || held.expiresAtMs - RENEW_EARLY_MS > clock());
      return usable && held !== undefined ? Promise.resolve(held) : fetchOnce();
    },
    renew(rejected) {
      // Another call may have renewed it while this one was under way.
      return held !== undefined && held.token !== rejected.token ? Promise.resolve(held) : fetchOnce();
    },
  };
}

/** A token that never changes (HubSpot private app, service key). */
export function fixedGrant(system: string, grant: AccessGrant): AccessGrants {
  return {
    current: () => Promise.resolve(grant),
    renew: () =>
      Promise.reject(new AuthRejectedError(system, 'the access token is refused; store a new one in the connection secret')),
  };
}
