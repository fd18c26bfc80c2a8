import middy, { type MiddlewareObj } from '@middy/core';
import { errorFacts, log, metrics } from '../shared/telemetry/log.ts';

/** What every function has around it: the request id on each log line, metrics flushed, errors told once. */
function telemetry(): MiddlewareObj {
  return {
    before: ({ context }) => {
      log.addContext(context);
    },
    after: () => {
      metrics.publishStoredMetrics();
    },
    onError: ({ error }) => {
      log.error('invocation failed', errorFacts(error));
      metrics.publishStoredMetrics();
    },
  };
}

export const withTelemetry = <Event, Result>(handler: (event: Event) => Promise<Result>) =>
  middy<Event, Result>(handler).use(telemetry());
