import type { Connection } from './connection.ts';
import type { ApiBudget, SystemTraits } from './connector.ts';
import type { CorrelatedConnector } from './correlated-connector.ts';
import { hubspotConnector } from './hubspot/hubspot-connector.ts';
import { salesforceConnector } from './salesforce/salesforce-connector.ts';
import type { Fetch } from './transport.ts';

export interface ConnectorOptions {
  /** The system's name in the syncs; the connection's kind where there is only one of it. */
  readonly system?: string;
  readonly clock?: () => number;
  readonly fetch?: Fetch;
  readonly traits?: Partial<SystemTraits>;
  /** For one call, ms; 20,000 by default. */
  readonly callTimeoutMs?: number;
  /** How long a call may wait for its share of the budget, ms; 5,000 by default. */
  readonly budgetWaitMs?: number;
}

/** The connector for a connection, whatever its kind. */
export function connectorFor(connection: Connection, budget: ApiBudget, options: ConnectorOptions = {}): CorrelatedConnector {
  switch (connection.kind) {
    case 'salesforce':
      return salesforceConnector({ ...options, connection, budget });
    case 'hubspot':
      return hubspotConnector({ ...options, connection, budget });
  }
}
