import { beforeAll, describe, expect, it } from 'vitest';
import { type SynthesisedTemplate, synthesised } from './synthesised.ts';

let template: SynthesisedTemplate;
beforeAll(() => {
  template = synthesised();
});

const table = () => template.one('AWS::DynamoDB::GlobalTable', 'RecordsTable');
const key = (partition: string, sort: string) => [
  { AttributeName: partition, KeyType: 'HASH' },
  { AttributeName: sort, KeyType: 'RANGE' },
];

describe('the record table', () => {
  it('can be restored to any second, and is deleted by no mistake', () => {
    expect(table().Properties.Replicas).toMatchObject([
      { DeletionProtectionEnabled: true, PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } },
    ]);
    expect(table().DeletionPolicy).toBe('Retain');
  });

  it('tells its stream what an item now is', () => {
    expect(table().Properties.StreamSpecification).toEqual({ StreamViewType: 'NEW_IMAGE' });
  });

  it('pays per request and forgets what has expired', () => {
    expect(table().Properties).toMatchObject({
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: key('pk', 'sk'),
      TimeToLiveSpecification: { AttributeName: 'ttl', Enabled: true },
    });
  });

  it('finds dirty records and those that wait for a person, by keys alone', () => {
    expect(table().Properties.GlobalSecondaryIndexes).toMatchObject([
      { IndexName: 'dirty', KeySchema: key('dk', 'ds'), Projection: { ProjectionType: 'KEYS_ONLY' } },
      { IndexName: 'attention', KeySchema: key('ak', 'as'), Projection: { ProjectionType: 'KEYS_ONLY' } },
    ]);
    expect(table().Properties.AttributeDefinitions).toContainEqual({ AttributeName: 'ds', AttributeType: 'N' });
  });

  it('goes with a trial stack only when the operator chose so', () => {
    const trial = synthesised({ dataProtection: 'destroy' });
    const { Properties, DeletionPolicy } = trial.one('AWS::DynamoDB::GlobalTable', 'RecordsTable');
    expect(DeletionPolicy).toBe('Delete');
    expect(Properties.Replicas).toMatchObject([{ DeletionProtectionEnabled: false }]);
  });
});
