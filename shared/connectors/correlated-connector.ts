import type { Connector } from './connector.ts';

/** A connector whose calls can name the changes they are made for (`X-Concord-Correlation-Id`). */
export interface CorrelatedConnector extends Connector {
  /** The same connection; its calls carry the first of `ids` and how many there are. */
  withCorrelation(ids: readonly string[]): Connector;
}
