import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { pointsTo, type SynthesisedTemplate, synthesised } from './synthesised.ts';

/** Every route and who may call it. A route that is not here must not exist. */
const routes = {
  'POST /webhooks/hubspot': 'NONE', // signed by HubSpot; the function checks
  'POST /webhooks/salesforce/outbound-messages/{token}': 'NONE', // the secret token; the function checks
  'GET /health': 'NONE',
  'GET /stats': 'AWS_IAM',
  'POST /syncs/{sync}/trigger': 'AWS_IAM',
  'GET /records/{id}': 'AWS_IAM',
  'GET /conflicts': 'AWS_IAM',
  'GET /guards': 'AWS_IAM',
  'POST /guards/{stopId}/approve': 'AWS_IAM',
  'POST /guards/{stopId}/resume': 'AWS_IAM',
  'POST /guards/{stopId}/keep': 'AWS_IAM',
  'POST /syncs/{sync}/pause': 'AWS_IAM',
  'POST /syncs/{sync}/resume': 'AWS_IAM',
  'POST /records/{id}/unfreeze': 'AWS_IAM',
  'GET /quarantine': 'AWS_IAM',
  'GET /quarantine/{system}/{objectId}': 'AWS_IAM',
  'POST /quarantine/{system}/{objectId}/release': 'AWS_IAM',
  'POST /quarantine/{system}/{objectId}/discard': 'AWS_IAM',
  'GET /schema': 'AWS_IAM',
  'POST /schema/{sync}/{system}/accept': 'AWS_IAM',
};

let template: SynthesisedTemplate;
beforeAll(() => {
  template = synthesised();
});

describe('the front door', () => {
  it('has the routes of the table, with their access, and no other', () => {
    const routeSchema = z.object({ RouteKey: z.string(), AuthorizationType: z.string() });
    const found = template.all('AWS::ApiGatewayV2::Route').map(({ Properties }) => routeSchema.parse(Properties));
    expect(Object.fromEntries(found.map(({ RouteKey, AuthorizationType }) => [RouteKey, AuthorizationType]))).toEqual(routes);
  });

  it('is throttled', () => {
    const [stage] = template.all('AWS::ApiGatewayV2::Stage');
    expect(stage?.Properties.DefaultRouteSettings).toEqual({ ThrottlingRateLimit: 100, ThrottlingBurstLimit: 200 });
  });

  it('logs every call by its route, never by its path, which may hold the secret token', () => {
    const [stage] = template.all('AWS::ApiGatewayV2::Stage');
    const { Format } = z.object({ Format: z.string() }).parse(stage?.Properties.AccessLogSettings);
    expect(Format).toContain('$context.routeKey');
    expect(Format).not.toMatch(/\$context\.(path|http|.*[pP]ath)/);
  });

  it('hands webhooks to receivers that cannot reach the table', () => {
    for (const name of ['ReceiveHubspotWebhook', 'ReceiveSalesforceMessage']) {
      expect(JSON.stringify(template.one('AWS::Lambda::Function', name).Properties)).not.toContain('RecordsTable');
    }
  });

  it('tells the operator the URLs to register and the secrets to fill in', () => {
    const { outputs } = template;
    expect(pointsTo(outputs.HubspotWebhookUrl)).toBe('FrontDoorApi/webhooks/hubspot');
    expect(pointsTo(outputs.SalesforceOutboundMessageUrl)).toBe('FrontDoorApi/webhooks/salesforce/outbound-messages/{token}');
    expect(outputs).toMatchObject({ SalesforceSecretName: 'concord/main/salesforce', HubspotSecretName: 'concord/main/hubspot' });
  });
});
