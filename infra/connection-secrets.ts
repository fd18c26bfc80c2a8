import { RemovalPolicy, Validations } from 'aws-cdk-lib';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { Alarms } from './alarms.ts';
import { type BySystem, bySystem, idPrefix } from './systems.ts';

export interface ConnectionSecretsProps {
  readonly tenant: string;
  readonly dataProtection: 'retain' | 'destroy';
  readonly alarms: Alarms;
}

/**
 * One secret per connection, and the alarms that watch the connection. The stack makes it; the operator fills it in (docs/deploy.md), so no
 * credential passes through a template.
 */
export class ConnectionSecrets extends Construct {
  readonly secrets: BySystem<ISecret>;
  readonly names: BySystem<string>;

  constructor(scope: Construct, id: string, props: ConnectionSecretsProps) {
    super(scope, id);
    this.names = bySystem((system) => `concord/${props.tenant}/${system}`);
    this.secrets = bySystem((system) => {
      const secret = new Secret(this, idPrefix(system), {
        secretName: this.names[system],
        description: `Concord's connection to ${system}; docs/deploy.md names the JSON keys`,
        // A placeholder that no connector accepts: its schema then says which keys are missing.
        generateSecretString: { secretStringTemplate: '{}', generateStringKey: 'replaceThisByTheConnection' },
        // A first deployment that fails must not leave the name taken.
        removalPolicy: props.dataProtection === 'retain' ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
      });
      Validations.of(secret).acknowledge({
        id: 'AwsSolutions-SMG4',
        reason: 'The CRM issues these credentials: they are rotated there and stored here by the operator (docs/deploy.md).',
      });
      props.alarms.credentialsRejected(system);
      props.alarms.apiBudget(system);
      return secret;
    });
  }
}
