import { RateLimitedError, SystemUnavailableError } from '../shared/errors.ts';
import type { ConnectedSystem } from './connected-system.ts';

/**
 * Waits for a turn at the API before a batch is gathered. A turn that would come too late is found out again by the call itself,
 * which puts the batch back.
 *
 * @returns whether it had to wait, so that a backlog has gathered.
 */
export async function turnAt(system: ConnectedSystem, calls: number): Promise<boolean> {
  try {
    return await system.awaitTurn(calls);
  } catch (error) {
    if (error instanceof RateLimitedError || error instanceof SystemUnavailableError) return true;
    throw error;
  }
}
