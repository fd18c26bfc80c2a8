import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { pointsTo, type SynthesisedTemplate, synthesised } from './synthesised.ts';

const everywhere = {
  POWERTOOLS_SERVICE_NAME: 'concord-main',
  POWERTOOLS_METRICS_NAMESPACE: 'Concord',
  NODE_OPTIONS: '--enable-source-maps',
};
const changesQueueUrls = '{"salesforce":"SalesforceProcessingChanges","hubspot":"HubspotProcessingChanges"}';
const deliveryQueueUrls = '{"salesforce":"DeliverySalesforceDeliveries","hubspot":"DeliveryHubspotDeliveries"}';

/** What each function finds in its environment; references by the name of what they point to. */
const environments: Record<string, Record<string, string>> = {
  ReceiveHubspotWebhook: {
    CONCORD_SYSTEM: 'hubspot',
    CHANGES_QUEUE_URL: 'HubspotProcessingChanges',
    CONNECTION_SECRET_ARN: 'ConnectionsHubspot',
  },
  ReceiveSalesforceMessage: {
    CONCORD_SYSTEM: 'salesforce',
    CHANGES_QUEUE_URL: 'SalesforceProcessingChanges',
    CONNECTION_SECRET_ARN: 'ConnectionsSalesforce',
  },
  PollSalesforce: {
    CONCORD_SYSTEM: 'salesforce',
    CONCORD_TABLE: 'RecordsTable',
    CHANGES_QUEUE_URLS: changesQueueUrls,
    CONNECTION_SECRET_ARN: 'ConnectionsSalesforce',
  },
  PollHubspot: {
    CONCORD_SYSTEM: 'hubspot',
    CONCORD_TABLE: 'RecordsTable',
    CHANGES_QUEUE_URLS: changesQueueUrls,
    CONNECTION_SECRET_ARN: 'ConnectionsHubspot',
  },
  ProcessSalesforce: {
    CONCORD_SYSTEM: 'salesforce',
    CONCORD_TABLE: 'RecordsTable',
    CHANGES_QUEUE_URL: 'SalesforceProcessingChanges',
    CONNECTION_SECRET_ARN: 'ConnectionsSalesforce',
  },
  ProcessHubspot: {
    CONCORD_SYSTEM: 'hubspot',
    CONCORD_TABLE: 'RecordsTable',
    CHANGES_QUEUE_URL: 'HubspotProcessingChanges',
    CONNECTION_SECRET_ARN: 'ConnectionsHubspot',
  },
  ProbeSalesforce: {
    CONCORD_SYSTEM: 'salesforce',
    CONCORD_TABLE: 'RecordsTable',
    CONNECTION_SECRET_ARN: 'ConnectionsSalesforce',
  },
  ProbeHubspot: {
    CONCORD_SYSTEM: 'hubspot',
    CONCORD_TABLE: 'RecordsTable',
    CONNECTION_SECRET_ARN: 'ConnectionsHubspot',
  },
  DeliverToSalesforce: {
    CONCORD_SYSTEM: 'salesforce',
    CONCORD_TABLE: 'RecordsTable',
    CHANGES_QUEUE_URL: 'SalesforceProcessingChanges',
    DELIVERY_QUEUE_URL: 'DeliverySalesforceDeliveries',
    CONNECTION_SECRET_ARN: 'ConnectionsSalesforce',
  },
  DeliverToHubspot: {
    CONCORD_SYSTEM: 'hubspot',
    CONCORD_TABLE: 'RecordsTable',
    CHANGES_QUEUE_URL: 'HubspotProcessingChanges',
    DELIVERY_QUEUE_URL: 'DeliveryHubspotDeliveries',
    CONNECTION_SECRET_ARN: 'ConnectionsHubspot',
  },
  Dispatch: { CONCORD_TABLE: 'RecordsTable', CHANGES_QUEUE_URLS: changesQueueUrls, DELIVERY_QUEUE_URLS: deliveryQueueUrls },
  Sweep: { CONCORD_TABLE: 'RecordsTable', CHANGES_QUEUE_URLS: changesQueueUrls, DELIVERY_QUEUE_URLS: deliveryQueueUrls },
  OperatorApi: {
    CONCORD_TABLE: 'RecordsTable',
    QUEUE_URLS: JSON.stringify({
      'salesforce-changes': 'SalesforceProcessingChanges',
      'salesforce-changes-dead-letters': 'SalesforceProcessingChangesDeadLetters',
      'hubspot-changes': 'HubspotProcessingChanges',
      'hubspot-changes-dead-letters': 'HubspotProcessingChangesDeadLetters',
      'salesforce-deliveries': 'DeliverySalesforceDeliveries',
      'salesforce-deliveries-dead-letters': 'DeliverySalesforceDeliveriesDeadLetters',
      'hubspot-deliveries': 'DeliveryHubspotDeliveries',
      'hubspot-deliveries-dead-letters': 'DeliveryHubspotDeliveriesDeadLetters',
      'stream-failures': 'DeliveryStreamFailures',
    }),
  },
};

const functionSchema = z.object({
  Runtime: z.string(),
  Architectures: z.array(z.string()),
  Timeout: z.number(),
  Environment: z.object({ Variables: z.record(z.string(), z.json()) }),
  LoggingConfig: z.object({ LogGroup: z.json() }),
});

let template: SynthesisedTemplate;
beforeAll(() => {
  template = synthesised();
});

const fn = (name: string) => functionSchema.parse(template.one('AWS::Lambda::Function', name).Properties);

describe.each(Object.keys(environments))('%s', (name) => {
  it('finds in its environment all that it needs, and nothing else', () => {
    const variables = Object.entries(fn(name).Environment.Variables).map(([key, value]) => [key, pointsTo(value)]);
    expect(Object.fromEntries(variables)).toEqual({ ...environments[name], ...everywhere });
  });

  it('runs on Node.js 24 on arm64 and keeps its own log for 30 days', () => {
    const { Runtime, Architectures, LoggingConfig } = fn(name);
    expect({ Runtime, Architectures }).toEqual({ Runtime: 'nodejs24.x', Architectures: ['arm64'] });
    expect(pointsTo(LoggingConfig.LogGroup)).toMatch(new RegExp(`${name}Log$`));
    expect(template.one('AWS::Logs::LogGroup', `${name}Log`).Properties).toEqual({ RetentionInDays: 30 });
  });
});

it('no function is forgotten', () => {
  expect(template.all('AWS::Lambda::Function')).toHaveLength(Object.keys(environments).length);
});

it('a receiver answers while its sender still waits', () => {
  expect(fn('ReceiveHubspotWebhook').Timeout).toBeLessThanOrEqual(5);
  expect(fn('ReceiveSalesforceMessage').Timeout).toBeLessThanOrEqual(60);
});

it('no secret value stands in the environment or in the template: the stack makes the secret, a person fills it in', () => {
  for (const { Properties } of template.all('AWS::SecretsManager::Secret')) {
    expect(Properties).not.toHaveProperty('SecretString');
    expect(Properties.GenerateSecretString).toEqual({
      SecretStringTemplate: '{}',
      GenerateStringKey: 'replaceThisByTheConnection',
    });
  }
});
