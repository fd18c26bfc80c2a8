import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { pointsTo, type SynthesisedTemplate, salesforceEventSource, synthesised } from './synthesised.ts';

const consume = [
  'sqs:ChangeMessageVisibility',
  'sqs:DeleteMessage',
  'sqs:GetQueueAttributes',
  'sqs:GetQueueUrl',
  'sqs:ReceiveMessage',
];
const send = ['sqs:SendMessage'];
const depth = ['sqs:GetQueueAttributes'];
const readSecret = ['secretsmanager:GetSecretValue'];
const poll = [
  'dynamodb:BatchGetItem',
  'dynamodb:BatchWriteItem',
  'dynamodb:GetItem',
  'dynamodb:PutItem',
  'dynamodb:Query',
  'dynamodb:UpdateItem',
];
const process = [
  'dynamodb:BatchGetItem',
  'dynamodb:BatchWriteItem',
  'dynamodb:DeleteItem',
  'dynamodb:GetItem',
  'dynamodb:PartiQLUpdate',
  'dynamodb:PutItem',
  'dynamodb:Query',
  'dynamodb:UpdateItem',
];
/** Its verify reads are judged and decided on like any other. */
const deliver = process;
const probe = ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Query', 'dynamodb:UpdateItem'];

/** Everything that each function may do beside writing its own log. A right that is not here must not be granted. */
const allowed: Record<string, Record<string, string[]>> = {
  ReceiveHubspotWebhook: { HubspotProcessingChanges: send, ConnectionsHubspot: readSecret },
  ReceiveSalesforceMessage: { SalesforceProcessingChanges: send, ConnectionsSalesforce: readSecret },
  PollSalesforce: {
    RecordsTable: poll,
    ConnectionsSalesforce: readSecret,
    SalesforceProcessingChanges: send,
    HubspotProcessingChanges: send,
  },
  PollHubspot: {
    RecordsTable: poll,
    ConnectionsHubspot: readSecret,
    SalesforceProcessingChanges: send,
    HubspotProcessingChanges: send,
  },
  ProcessSalesforce: {
    RecordsTable: process,
    ConnectionsSalesforce: readSecret,
    SalesforceProcessingChanges: [...consume, ...send],
  },
  ProcessHubspot: { RecordsTable: process, ConnectionsHubspot: readSecret, HubspotProcessingChanges: [...consume, ...send] },
  ProbeSalesforce: {
    RecordsTable: probe,
    'RecordsTable/index/attention': ['dynamodb:Query'],
    ConnectionsSalesforce: readSecret,
  },
  ProbeHubspot: {
    RecordsTable: probe,
    'RecordsTable/index/attention': ['dynamodb:Query'],
    ConnectionsHubspot: readSecret,
  },
  DeliverToSalesforce: {
    RecordsTable: deliver,
    ConnectionsSalesforce: readSecret,
    DeliverySalesforceDeliveries: [...consume, ...send],
    SalesforceProcessingChanges: send,
  },
  DeliverToHubspot: {
    RecordsTable: deliver,
    ConnectionsHubspot: readSecret,
    DeliveryHubspotDeliveries: [...consume, ...send],
    HubspotProcessingChanges: send,
  },
  Dispatch: {
    'RecordsTable stream': [
      'dynamodb:DescribeStream',
      'dynamodb:GetRecords',
      'dynamodb:GetShardIterator',
      'dynamodb:ListStreams',
    ],
    RecordsTable: ['dynamodb:BatchWriteItem', 'dynamodb:DeleteItem', 'dynamodb:Query'],
    DeliverySalesforceDeliveries: send,
    DeliveryHubspotDeliveries: send,
    SalesforceProcessingChanges: send,
    HubspotProcessingChanges: send,
    DeliveryStreamFailures: ['sqs:GetQueueAttributes', 'sqs:GetQueueUrl', 'sqs:SendMessage'],
  },
  Sweep: {
    RecordsTable: [
      'dynamodb:BatchGetItem',
      'dynamodb:BatchWriteItem',
      'dynamodb:DeleteItem',
      'dynamodb:PartiQLUpdate',
      'dynamodb:PutItem',
      'dynamodb:Query',
    ],
    'RecordsTable/index/dirty': ['dynamodb:Query'],
    DeliverySalesforceDeliveries: send,
    DeliveryHubspotDeliveries: send,
    SalesforceProcessingChanges: send,
    HubspotProcessingChanges: send,
  },
  OperatorApi: {
    RecordsTable: [
      'dynamodb:BatchGetItem',
      'dynamodb:DeleteItem',
      'dynamodb:GetItem',
      'dynamodb:PartiQLUpdate',
      'dynamodb:PutItem',
      'dynamodb:Query',
      'dynamodb:UpdateItem',
    ],
    'RecordsTable/index/attention': ['dynamodb:Query'],
    'RecordsTable/index/dirty': ['dynamodb:Query'],
    'arn:<AWS::Partition>:events:<AWS::Region>:<AWS::AccountId>:event-bus/default': ['events:PutEvents'],
    SalesforceProcessingChanges: [...depth, ...send],
    SalesforceProcessingChangesDeadLetters: depth,
    HubspotProcessingChanges: [...depth, ...send],
    HubspotProcessingChangesDeadLetters: depth,
    DeliverySalesforceDeliveries: depth,
    DeliverySalesforceDeliveriesDeadLetters: depth,
    DeliveryHubspotDeliveries: depth,
    DeliveryHubspotDeliveriesDeadLetters: depth,
    DeliveryStreamFailures: depth,
    SalesforceEventsUndeliverable: depth,
  },
};

const oneOrMany = <T extends z.ZodType>(schema: T) => z.union([z.array(schema), schema.transform((one) => [one])]);
const policySchema = z.object({
  PolicyDocument: z.object({
    Statement: z.array(
      z.object({
        Effect: z.literal('Allow'),
        Action: oneOrMany(z.string()),
        Resource: oneOrMany(z.json()),
        Condition: z.json().optional(),
      }),
    ),
  }),
  Roles: z.tuple([z.json()]),
});

let template: SynthesisedTemplate;
beforeAll(() => {
  template = synthesised({ salesforceEventSource });
});

function policies() {
  return template.all('AWS::IAM::Policy').map(({ Properties }) => policySchema.parse(Properties));
}

/** Actions by resource, of the policy attached to a function's role. */
function grantsOf(name: string): Record<string, string[]> {
  const { Role } = z.object({ Role: z.json() }).parse(template.one('AWS::Lambda::Function', name).Properties);
  const role = pointsTo(Role);
  const grants = new Map<string, Set<string>>();
  for (const policy of policies().filter(({ Roles: [attached] }) => pointsTo(attached) === role)) {
    for (const { Action, Resource } of policy.PolicyDocument.Statement) {
      for (const resource of Resource) {
        const key = resourceName(resource);
        grants.set(key, new Set([...(grants.get(key) ?? []), ...Action]));
      }
    }
  }
  return Object.fromEntries([...grants].map(([resource, actions]) => [resource, [...actions].sort()]));
}

function resourceName(resource: unknown): string {
  const name = pointsTo(resource);
  return JSON.stringify(resource).includes('"StreamArn"') ? `${name} stream` : name;
}

describe('the rights of each function', () => {
  it.each(Object.keys(allowed))('%s may do what the table says and nothing else', (name) => {
    const { [ownLog(name)]: log, ...grants } = grantsOf(name);
    const expected = Object.entries(allowed[name] ?? {}).map(([resource, actions]) => [resource, [...actions].sort()]);
    expect(grants).toEqual(Object.fromEntries(expected));
    expect(log).toEqual(['logs:CreateLogStream', 'logs:PutLogEvents']);
  });

  it('leaves no function out of the table', () => {
    const names = template
      .all('AWS::Lambda::Function')
      .map(({ id }) => Object.keys(allowed).find((name) => id.slice(0, -8).endsWith(name)));
    expect(new Set(names)).toEqual(new Set(Object.keys(allowed)));
    expect(names).toHaveLength(Object.keys(allowed).length);
  });

  it('comes from a role of its own', () => {
    const roles = template.all('AWS::Lambda::Function').map(({ Properties }) => pointsTo(Properties.Role));
    expect(new Set(roles).size).toBe(roles.length);
  });

  it('has no wildcard, in actions or in resources, and no managed policy', () => {
    for (const { PolicyDocument } of policies()) {
      for (const { Action, Resource } of PolicyDocument.Statement) {
        expect(JSON.stringify([Action, Resource])).not.toContain('*');
      }
    }
    for (const { Properties } of template.all('AWS::IAM::Role')) expect(Properties).not.toHaveProperty('ManagedPolicyArns');
  });

  it('reaches items of its own tenant only, whatever it does with the table', () => {
    const onItems = policies().flatMap(({ PolicyDocument }) =>
      PolicyDocument.Statement.filter(({ Resource }) =>
        Resource.some((resource) => /^RecordsTable(\/|$)/.test(resourceName(resource))),
      ),
    );
    expect(onItems.length).toBeGreaterThan(0);
    for (const { Condition } of onItems) {
      expect(Condition).toEqual({ 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['main#*'] } });
    }
  });

  it('lets only the functions that speak to a CRM read its credentials, and only those of their own system', () => {
    for (const name of Object.keys(allowed)) {
      const secrets = Object.keys(grantsOf(name)).filter((resource) => resource.startsWith('Connections'));
      const { CONCORD_SYSTEM: system } = environmentOf(name);
      const own = system === 'salesforce' ? ['ConnectionsSalesforce'] : ['ConnectionsHubspot'];
      expect(secrets, name).toEqual(system === undefined ? [] : own);
    }
  });
});

function ownLog(name: string): string {
  return Object.keys(grantsOf(name)).find((resource) => resource.endsWith(`${name}Log`)) ?? `${name}Log`;
}

function environmentOf(name: string): Record<string, unknown> {
  const { Environment } = z
    .object({ Environment: z.object({ Variables: z.record(z.string(), z.json()) }) })
    .parse(template.one('AWS::Lambda::Function', name).Properties);
  return Environment.Variables;
}
