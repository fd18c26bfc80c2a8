import type { OurAccount } from '../../../functions/process-changes/hint-message.ts';
import type { Connection } from '../../../shared/connectors/connection.ts';
import type { Connector } from '../../../shared/connectors/connector.ts';

/** Calls a port: `Incarnation.call`, of whatever runs in a container at the time. */
export type PortCall = <Result>(port: string, effect: () => Result) => Promise<Result>;

/** What the engine needs of the systems it is connected to. */
export interface WorldFace {
  connector(system: string, call: PortCall): Connector;
  /** What the connection's secret says; only asked of systems that call our webhook. */
  connection(system: string): Connection;
  /** Who we are there, as far as its events tell. */
  ours(system: string): OurAccount;
}
