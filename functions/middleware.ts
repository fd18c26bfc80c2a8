import middy, { type MiddlewareObj } from '@middy/core';
import { errorFacts, log, metrics } from '../shared/telemetry/log.ts';

function publish(): void {
  if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
}

/** What every function has around it: the request id on each log line, metrics flushed, errors told once. */
function telemetry(): MiddlewareObj {
  return {
    before: ({ context }) => {
      log.addContext(context);
    },
    after: publish,
    onError: ({ error }) => {
      log.error('invocation failed', errorFacts(error));
      publish();
    },
  };
}

export const withTelemetry = <Event, Result>(handler: (event: Event) => Promise<Result>) =>
  middy<Event, Result>(handler).use(telemetry());
