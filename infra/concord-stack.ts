import { Annotations, CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { Alarms } from './alarms.ts';
import { CanaryProbing } from './canary-probing.ts';
import { ChangePolling } from './change-polling.ts';
import { ChangeProcessing } from './change-processing.ts';
import type { FunctionGround } from './concord-function.ts';
import { ConnectionSecrets } from './connection-secrets.ts';
import { Delivery } from './delivery.ts';
import { FrontDoor } from './front-door.ts';
import { serviceName } from './metrics.ts';
import { OperatorApi } from './operator-api.ts';
import { RecordTable } from './record-table.ts';
import { SalesforceEvents } from './salesforce-events.ts';
import type { Settings } from './settings.ts';
import { type BySystem, bySystem, idPrefix, systemNames } from './systems.ts';
import type { SystemTopology } from './topology.ts';
import { WebhookIngress } from './webhook-ingress.ts';

export interface ConcordStackProps extends StackProps {
  readonly settings: Settings;
  readonly tenant: string;
  readonly topology: BySystem<SystemTopology>;
  readonly bundleDirectory: string;
}

/**
 * The whole system; each capability owns its parts, this only joins them:
 *
 *     webhooks ─┐
 *     events ───┼─▶ changes ─▶ processing ─▶ records ─▶ delivery ─▶ the other CRM
 *     polling ──┘
 */
export class ConcordStack extends Stack {
  constructor(scope: Construct, id: string, props: ConcordStackProps) {
    super(scope, id, props);
    const { settings, tenant, topology } = props;
    const { dataProtection, logRetentionDays, salesforceEventSource } = settings;
    const service = serviceName(tenant);

    const alarms = new Alarms(this, 'Alarms', { service, email: settings.alarmEmail });
    const ground: FunctionGround = { bundleDirectory: props.bundleDirectory, service, logRetention: logRetentionDays, alarms };
    const records = new RecordTable(this, 'Records', { tenant, dataProtection });
    const connections = new ConnectionSecrets(this, 'Connections', { tenant, dataProtection, alarms });
    const { secrets } = connections;
    const frontDoor = new FrontDoor(this, 'FrontDoor', { logRetention: logRetentionDays });

    const processing = bySystem(
      (system) =>
        new ChangeProcessing(this, `${idPrefix(system)}Processing`, {
          ground,
          system,
          records,
          secret: secrets[system],
          concurrency: settings.changesConcurrency,
        }),
    );
    const changes = bySystem((system) => processing[system].queue);
    bySystem(
      (system) =>
        new ChangePolling(this, `${idPrefix(system)}Polling`, {
          ground,
          system,
          everyMinutes: topology[system].pollEveryMinutes,
          records,
          secret: secrets[system],
          changes,
        }),
    );
    bySystem(
      (system) => new CanaryProbing(this, `${idPrefix(system)}Canaries`, { ground, system, records, secret: secrets[system] }),
    );
    alarms.recordsFrozen();
    const delivery = new Delivery(this, 'Delivery', {
      ground,
      records,
      secrets,
      changes,
      concurrency: settings.deliveriesConcurrency,
    });
    const ingress = new WebhookIngress(this, 'WebhookIngress', { ground, frontDoor, secrets, changes });
    const events = this.#salesforceEvents(salesforceEventSource, topology.salesforce.objects, changes.salesforce, alarms);

    const queues: Record<string, IQueue> = {
      ...processing.salesforce.queuesByName,
      ...processing.hubspot.queuesByName,
      ...delivery.queuesByName,
      ...events?.queuesByName,
    };
    new OperatorApi(this, 'OperatorApi', { ground, frontDoor, records, queues });

    this.#output('ApiUrl', frontDoor.url, 'The operator API');
    this.#output('HubspotWebhookUrl', ingress.hubspotUrl, 'Target URL of the HubSpot app');
    this.#output(
      'SalesforceOutboundMessageUrl',
      ingress.salesforceUrl,
      'Endpoint URL of outbound messages; {token} is outboundMessageToken of the secret',
    );
    for (const system of systemNames) {
      this.#output(`${idPrefix(system)}SecretName`, connections.names[system], `Fill in the connection to ${system} here`);
    }
    for (const [name, queue] of Object.entries(queues))
      this.#output(queueOutput(name), queue.queueName, `Queue shown as ${name}`);
    this.#output('TableName', records.table.tableName, 'Records, links, ledger');
    this.#output('AlarmTopicArn', alarms.topic.topicArn, 'Subscribe here to hear the alarms');
  }

  #salesforceEvents(
    eventSourceName: string | undefined,
    objects: readonly string[],
    queue: IQueue,
    alarms: Alarms,
  ): SalesforceEvents | undefined {
    if (eventSourceName !== undefined)
      return new SalesforceEvents(this, 'SalesforceEvents', { eventSourceName, objects, changes: queue, alarms });
    Annotations.of(this).addInfo(
      'No salesforceEventSource is given: changes in Salesforce are found by polling alone. docs/deploy.md tells how to relay its change events.',
    );
    return undefined;
  }

  #output(name: string, value: string, description: string): void {
    new CfnOutput(this, name, { value, description });
  }
}

/** `salesforce-changes` becomes QueueSalesforceChanges: outputs take letters and digits only. */
function queueOutput(name: string): string {
  const words = name.split('-').map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`);
  return `Queue${words.join('')}`;
}
