import type { Connection } from '../shared/connectors/connection.ts';
import type { ApiBudget } from '../shared/connectors/connector.ts';
import type { CorrelatedConnector } from '../shared/connectors/correlated-connector.ts';
import { connectorFor } from '../shared/connectors/registry.ts';
import type { SalesforceConnector } from '../shared/connectors/salesforce/salesforce-connector.ts';
import { apiBudget } from '../shared/store/api-budget.ts';
import type { StoreContext } from '../shared/store/table.ts';
import { countFor, MetricUnit } from '../shared/telemetry/log.ts';
import { connectionSecret } from './connection.ts';
import { type PrepaidBudget, prepaidBudget } from './prepaid-budget.ts';

/** Salesforce counts a day's calls, not a burst's; this only keeps a runaway loop from spending the day in an hour. */
const SALESFORCE_RATE = { limit: 1_000, intervalMs: 10_000 };
/** HubSpot: 5 search requests per second and account. developers.hubspot.com/docs/api-reference/search/guide */
const HUBSPOT_SEARCH_RATE = { limit: 5, intervalMs: 1_000 };
const TELL_EVERY_MS = 60_000;

/** The system that a function speaks to: its connector, on the budget that all functions of the connection share. */
export interface ConnectedSystem {
  /** @throws ConnectionError naming what is wrong with the secret. */
  connector(): Promise<CorrelatedConnector>;
  /**
   * Waits until `calls` may be sent, and keeps them for the calls that follow. Called before a batch is gathered, so that a tight
   * budget makes batches larger instead of making small ones wait.
   *
   * @returns whether it had to wait.
   * @throws RateLimitedError when the turn would come too late.
   */
  awaitTurn(calls: number): Promise<boolean>;
  /** Which account and user we are there: tells our own change events from others'. */
  ourAccount(): Promise<{ readonly organizationId?: string; readonly userId?: string }>;
}

export function connectedSystem(system: string, secretArn: string, context: StoreContext): ConnectedSystem {
  const secret = connectionSecret(secretArn);
  let made: { readonly of: Connection; readonly connector: CorrelatedConnector; readonly budget: PrepaidBudget } | undefined;
  async function connector(): Promise<CorrelatedConnector> {
    const connection = await secret();
    if (made?.of !== connection) {
      const shared = apiBudget(context, { connection: system, system, limits: limitsOf(connection) });
      const budget = prepaidBudget(reportingBudget(system, shared));
      made = { of: connection, connector: connectorFor(connection, budget, { system }), budget };
    }
    return made.connector;
  }
  return {
    connector,
    async awaitTurn(calls) {
      await connector();
      return (await made?.budget.prepay(calls)) ?? false;
    },
    async ourAccount() {
      const connection = await secret();
      if (connection.kind !== 'salesforce') return {};
      const { organizationId, integrationUserId } = connection;
      const userId = integrationUserId ?? (await identityOf(await connector())).userId;
      return { ...(organizationId !== undefined && { organizationId }), ...(userId !== undefined && { userId }) };
    },
  };
}

/** Only Salesforce's connector knows its user; it learnt it with its token, so asking costs no call. */
async function identityOf(connector: CorrelatedConnector | SalesforceConnector): Promise<{ userId?: string }> {
  return 'identity' in connector ? connector.identity() : {};
}

/** The day's share of calls that is used up, told now and then: its alarm rings well before the system refuses. */
function reportingBudget(system: string, budget: ApiBudget): ApiBudget {
  let toldAtMs = 0;
  return {
    ...budget,
    observe(lane, headers) {
      budget.observe(lane, headers);
      const { dailyLimit, dailyRemaining } = headers;
      if (dailyLimit === undefined || dailyRemaining === undefined || dailyLimit <= 0 || Date.now() - toldAtMs < TELL_EVERY_MS)
        return;
      toldAtMs = Date.now();
      countFor(system, 'ApiBudgetUsedPercent', MetricUnit.Percent, 100 * (1 - dailyRemaining / dailyLimit));
    },
  };
}

function limitsOf(connection: Connection) {
  if (connection.kind === 'salesforce') return { general: SALESFORCE_RATE, search: SALESFORCE_RATE };
  const { calls, intervalMs } = connection.rateLimit;
  return { general: { limit: calls, intervalMs }, search: HUBSPOT_SEARCH_RATE };
}
