import * as z from 'zod';
import type { LocalFunction } from './functions.ts';
import type { LocalTemplate } from './template.ts';
import { TemplateError } from './template-error.ts';

/** The longest that an integration may take: docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html */
const INTEGRATION_MS_MAX = 30_000;

const routeSchema = z.object({
  RouteKey: z.string().regex(/^(\$default|[A-Z]+ \/\S*)$/),
  Target: z.string(),
  AuthorizationType: z.enum(['NONE', 'AWS_IAM']).default('NONE'),
});
const integrationSchema = z.object({
  IntegrationType: z.literal('AWS_PROXY'),
  IntegrationUri: z.string(),
  PayloadFormatVersion: z.literal('2.0'),
  TimeoutInMillis: z.coerce.number().int().min(50).max(INTEGRATION_MS_MAX).default(INTEGRATION_MS_MAX),
});
const stageSchema = z.object({
  StageName: z.literal('$default'),
  AutoDeploy: z.literal(true),
  DefaultRouteSettings: z
    .strictObject({
      ThrottlingBurstLimit: z.coerce.number().positive(),
      ThrottlingRateLimit: z.coerce.number().positive(),
      DetailedMetricsEnabled: z.boolean().optional(),
    })
    .optional(),
});

export interface Route {
  readonly key: string; // `POST /webhooks/{source}`
  readonly target: LocalFunction;
  readonly timeoutMs: number;
  /** The path parameters, decoded, if method and path are this route's. @param path - as sent, percent-encoded. */
  match(method: string, path: string): Readonly<Record<string, string>> | undefined;
}

export interface Throttling {
  readonly burst: number;
  readonly perSecond: number;
}

/** Routes of the template's HTTP API, the most specific first. */
export function httpRoutes(template: LocalTemplate, functionByArn: (arn: string) => LocalFunction | undefined): Route[] {
  const [api, ...more] = template.ofType('AWS::ApiGatewayV2::Api');
  if (more.length > 0) throw new TemplateError(`One HTTP API is run, and there are ${more.length + 1}: join their routes.`);
  if (api !== undefined && api.properties.ProtocolType !== 'HTTP')
    throw new TemplateError(`${api.logicalId} is an API of protocol ${api.properties.ProtocolType}; only HTTP is run here.`);
  const integrations = new Map(
    template
      .ofType('AWS::ApiGatewayV2::Integration')
      .map(({ logicalId, properties }) => [logicalId, read(integrationSchema, logicalId, properties)]),
  );
  return template
    .ofType('AWS::ApiGatewayV2::Route')
    .map(({ logicalId, properties }) => {
      const { RouteKey: key, Target } = read(routeSchema, logicalId, properties);
      const integration = integrations.get(Target.replace(/^integrations\//, ''));
      const target = integration === undefined ? undefined : functionByArn(integration.IntegrationUri);
      if (integration === undefined || target === undefined)
        throw new TemplateError(`The route ${key} (${logicalId}) leads to no function of the template.`);
      return { route: { key, target, timeoutMs: integration.TimeoutInMillis, match: matcherOf(key) }, rank: rankOf(key) };
    })
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .map(({ route }) => route);
}

/** What the default stage allows; undefined: anything. */
export function throttlingOf(template: LocalTemplate): Throttling | undefined {
  const [stage] = template.ofType('AWS::ApiGatewayV2::Stage');
  if (stage === undefined) return undefined;
  const { DefaultRouteSettings: settings } = read(stageSchema, stage.logicalId, stage.properties);
  return settings && { burst: settings.ThrottlingBurstLimit, perSecond: settings.ThrottlingRateLimit };
}

function read<T>(schema: z.ZodType<T>, logicalId: string, properties: unknown): T {
  const parsed = schema.safeParse(properties);
  if (parsed.success) return parsed.data;
  throw new TemplateError(`${logicalId} is not run here as it stands: ${z.prettifyError(parsed.error)}`);
}

/**
 * Sorts as API Gateway chooses: a literal segment before a parameter before a greedy one, a method before ANY, $default last.
 * docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
 */
function rankOf(key: string): string {
  const [method = '', path = ''] = key.split(' ');
  if (key === '$default') return '3';
  const segments = path.split('/').map((segment) => (segment.endsWith('+}') ? '2' : segment.startsWith('{') ? '1' : '0'));
  return `${segments.join('')}${method === 'ANY' ? '1' : '0'}`;
}

function matcherOf(key: string): Route['match'] {
  if (key === '$default') return () => ({});
  const [wantedMethod, pattern = ''] = key.split(' ');
  const wanted = pattern.split('/');
  return (method, path) => {
    if (wantedMethod !== 'ANY' && wantedMethod !== method) return undefined;
    const segments = path.split('/');
    const parameters: Record<string, string> = {};
    for (const [at, segment] of wanted.entries()) {
      const given = segments[at];
      const [, name, greedy] = /^\{([^+}]+)(\+?)\}$/.exec(segment) ?? [];
      if (name === undefined) {
        if (given !== segment) return undefined;
      } else if (given === undefined || given === '') {
        return undefined;
      } else if (greedy === '+') {
        parameters[name] = decoded(segments.slice(at).join('/'));
        return parameters;
      } else {
        parameters[name] = decoded(given);
      }
    }
    return segments.length === wanted.length ? parameters : undefined;
  };
}

/** As far as it can be decoded. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
