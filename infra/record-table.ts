import { RemovalPolicy } from 'aws-cdk-lib';
import {
  type Attribute,
  AttributeType,
  Billing,
  ProjectionType,
  StreamViewType,
  TableEncryptionV2,
  TableV2,
} from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { TABLE } from '../shared/store/table.ts';
import type { FunctionName } from './function-bundle.ts';
import { tableRights } from './table-rights.ts';

/** The one table: records with their links, identities, ledger, cursors, budgets and claims. */
export class RecordTable extends Construct {
  readonly table: TableV2;
  readonly #tenant: string;

  constructor(scope: Construct, id: string, props: { readonly tenant: string; readonly dataProtection: 'retain' | 'destroy' }) {
    super(scope, id);
    this.#tenant = props.tenant;
    const keep = props.dataProtection === 'retain';
    this.table = new TableV2(this, 'Table', {
      partitionKey: string(TABLE.partitionKey),
      sortKey: string(TABLE.sortKey),
      billing: Billing.onDemand(), // bursts of imports, idle nights
      encryption: TableEncryptionV2.dynamoOwnedKey(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      timeToLiveAttribute: TABLE.timeToLive,
      dynamoStream: StreamViewType.NEW_IMAGE, // an item says itself what it asks for; what it was does not matter
      deletionProtection: keep,
      removalPolicy: keep ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
      globalSecondaryIndexes: [
        // Both are sparse: only a dirty record, or one that waits for a person, pays for its entry.
        {
          indexName: TABLE.dirtyIndex.name,
          partitionKey: string(TABLE.dirtyIndex.partitionKey),
          sortKey: { name: TABLE.dirtyIndex.sortKey, type: AttributeType.NUMBER },
          projectionType: ProjectionType.KEYS_ONLY,
        },
        {
          indexName: TABLE.attentionIndex.name,
          partitionKey: string(TABLE.attentionIndex.partitionKey),
          sortKey: string(TABLE.attentionIndex.sortKey),
          projectionType: ProjectionType.KEYS_ONLY,
        },
      ],
    });
  }
  /** Gives `fn` what tableRights says of it, on items of this tenant only: every key begins with the tenant's name. */
  grant(fn: LambdaFunction, name: FunctionName): void {
    const { table, dirtyIndex = [], attentionIndex = [] } = tableRights[name] ?? { table: [] };
    const arn = this.table.tableArn;
    this.#allow(fn, table, arn);
    this.#allow(fn, dirtyIndex, `${arn}/index/${TABLE.dirtyIndex.name}`);
    this.#allow(fn, attentionIndex, `${arn}/index/${TABLE.attentionIndex.name}`);
  }

  #allow(fn: LambdaFunction, actions: readonly string[], resource: string): void {
    if (actions.length === 0) return;
    const ofThisTenant = { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [`${this.#tenant}#*`] } };
    fn.addToRolePolicy(new PolicyStatement({ actions: [...actions], resources: [resource], conditions: ofThisTenant }));
  }
}

function string(name: string): Attribute {
  return { name, type: AttributeType.STRING };
}
