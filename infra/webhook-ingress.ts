import { Duration } from 'aws-cdk-lib';
import { HttpMethod } from 'aws-cdk-lib/aws-apigatewayv2';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { allow, concordFunction, type FunctionGround } from './concord-function.ts';
import type { FrontDoor } from './front-door.ts';
import type { FunctionName } from './function-bundle.ts';
import type { BySystem, SystemName } from './systems.ts';

export interface WebhookIngressProps {
  readonly ground: FunctionGround;
  readonly frontDoor: FrontDoor;
  readonly secrets: BySystem<ISecret>;
  readonly changes: BySystem<IQueue>;
}

/** Receivers check the sender, turn the call into hints, store them in the system's queue and answer: no call to a CRM, no table. */
export class WebhookIngress extends Construct {
  readonly hubspotUrl: string;
  readonly salesforceUrl: string;
  readonly #props: WebhookIngressProps;

  constructor(scope: Construct, id: string, props: WebhookIngressProps) {
    super(scope, id);
    this.#props = props;
    this.hubspotUrl = this.#receiver('ReceiveHubspotWebhook', {
      name: 'receive-hubspot-webhook',
      system: 'hubspot',
      path: '/webhooks/hubspot',
      timeout: Duration.seconds(5), // HubSpot waits no longer
      proof: 'HubSpot signs each call; the function checks the signature over the raw body before it parses anything.',
    });
    this.salesforceUrl = this.#receiver('ReceiveSalesforceMessage', {
      name: 'receive-salesforce-message',
      system: 'salesforce',
      path: '/webhooks/salesforce/outbound-messages/{token}',
      timeout: Duration.seconds(15), // Salesforce waits 60 s, but a healthy receiver needs far less
      proof: 'Outbound messages carry no signature; the function compares the secret token of the path and the organization id.',
    });
  }

  #receiver(
    id: string,
    receiver: {
      readonly name: FunctionName;
      readonly system: SystemName;
      readonly path: string;
      readonly timeout: Duration;
      readonly proof: string;
    },
  ): string {
    const { ground, frontDoor, secrets, changes } = this.#props;
    const { name, system, path, timeout, proof } = receiver;
    const fn = concordFunction(this, id, ground, {
      name,
      description: `Stores what ${system} says has changed`,
      timeout,
      memoryMb: 512, // little work, but a cold start must fit in the sender's patience
      environment: {
        CONCORD_SYSTEM: system,
        CHANGES_QUEUE_URL: changes[system].queueUrl,
        CONNECTION_SECRET_ARN: secrets[system].secretArn,
      },
    });
    allow(fn, ['secretsmanager:GetSecretValue'], [secrets[system].secretArn]);
    allow(fn, ['sqs:SendMessage'], [changes[system].queueArn]);
    frontDoor.add(id, fn, [{ method: HttpMethod.POST, path, access: { open: proof } }]);
    return `${frontDoor.url}${path}`;
  }
}
