import { RemovalPolicy, Validations } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import { HttpApi, type HttpMethod, HttpStage, LogGroupLogDestination } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpIamAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';

/** A route and who may call it. What is not added here answers 404. */
export interface Route {
  readonly method: HttpMethod;
  readonly path: string;
  /** `iam`: signed by an AWS identity that may call it. `caller-proves-itself`: the function checks, or there is nothing to guard. */
  readonly access: 'iam' | { readonly open: string };
}

/** The one way in from the internet: routes, throttling and the access log. */
export class FrontDoor extends Construct {
  readonly url: string;
  readonly #api: HttpApi;
  readonly #iam = new HttpIamAuthorizer();

  constructor(scope: Construct, id: string, props: { readonly logRetention: RetentionDays }) {
    super(scope, id);
    this.#api = new HttpApi(this, 'Api', {
      description: 'Concord: webhooks of the CRMs and the operator API',
      createDefaultStage: false, // ours has limits and a log
    });
    const accessLog = new LogGroup(this, 'AccessLog', { retention: props.logRetention, removalPolicy: RemovalPolicy.DESTROY });
    new HttpStage(this, 'Stage', {
      httpApi: this.#api,
      stageName: '$default', // its URLs have no prefix
      autoDeploy: true,
      // HubSpot sends 10 calls at once by default with up to 100 events each; a refused call is sent again by both CRMs.
      throttle: { rateLimit: 100, burstLimit: 200 },
      accessLogSettings: {
        destination: new LogGroupLogDestination(accessLog),
        // The route, never the path: the path of an outbound message holds its secret token.
        format: AccessLogFormat.custom(
          JSON.stringify({
            requestId: '$context.requestId',
            time: '$context.requestTime',
            ip: '$context.identity.sourceIp',
            caller: '$context.identity.caller',
            route: '$context.routeKey',
            status: '$context.status',
            responseMs: '$context.responseLatency',
            bytes: '$context.responseLength',
            error: '$context.error.message',
            integrationError: '$context.integrationErrorMessage',
          }),
        ),
      },
    });
    this.url = this.#api.apiEndpoint;
  }

  add(id: string, fn: IFunction, routes: readonly Route[]): void {
    const integration = new HttpLambdaIntegration(`${id}Integration`, fn);
    for (const { method, path, access } of routes) {
      const [route] = this.#api.addRoutes({
        path,
        methods: [method],
        integration,
        ...(access === 'iam' && { authorizer: this.#iam }),
      });
      if (route !== undefined && access !== 'iam')
        Validations.of(route).acknowledge({ id: 'AwsSolutions-APIG4', reason: access.open });
    }
  }
}
