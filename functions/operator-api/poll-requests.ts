import { type EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';

/** Asks the pollers of some systems to run now. They answer to the event that the schedule's rule stands beside. */
export function pollRequester(events: EventBridgeClient): (sync: string, systems: readonly string[]) => Promise<void> {
  return async (sync, systems) => {
    const { FailedEntryCount: failed = 0, Entries: entries = [] } = await events.send(
      new PutEventsCommand({
        Entries: [{ Source: 'concord', DetailType: 'PollRequested', Detail: JSON.stringify({ sync, systems }) }],
      }),
    );
    if (failed > 0) throw new Error(`EventBridge refused the request to poll (${entries[0]?.ErrorCode ?? 'no code'}); try again`);
  };
}
