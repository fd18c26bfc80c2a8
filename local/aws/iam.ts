import * as z from 'zod';

export type Verdict = 'Allowed' | 'ExplicitlyDenied' | 'ImplicitlyDenied';

export interface AccessRequest {
  readonly action: string; // dynamodb:PutItem
  readonly resource: string; // ARN, or * where the action has none
  /** The values of a condition key in this request; undefined when the request has no such key. */
  readonly conditionValues?: (key: string) => readonly string[] | undefined;
}

/** The identity policies of one role, ready to be asked. */
export interface CompiledRole {
  decide(request: AccessRequest): Verdict;
}

/** Services whose calls reach the gateway. Statements about others are never asked, so they may say what they like. */
const EMULATED_SERVICES = ['dynamodb', 'sqs', 'events', 'secretsmanager'];
/** Read from each request. */
const REQUEST_KEYS = new Set(['dynamodb:LeadingKeys', 'dynamodb:EnclosingOperation']);
/** SDKs speak TLS to AWS; loopback stands in for that, so the deny of unencrypted calls that CDK emits does not strike. */
const CONSTANT_KEYS: Readonly<Record<string, readonly string[]>> = { 'aws:SecureTransport': ['true'] };

const oneOrMore = z.union([z.string().transform((one) => [one]), z.array(z.string())]);
const conditionValue = z.union([z.string(), z.boolean(), z.number()]).transform(String);
const conditionValues = z.union([conditionValue.transform((one) => [one]), z.array(conditionValue)]);
const statementSchema = z.strictObject({
  Sid: z.string().optional(),
  Effect: z.enum(['Allow', 'Deny']),
  Action: oneOrMore.optional(),
  NotAction: oneOrMore.optional(),
  Resource: oneOrMore.optional(),
  NotResource: oneOrMore.optional(),
  Condition: z.record(z.string(), z.record(z.string(), conditionValues)).optional(),
});
type StatementDocument = z.infer<typeof statementSchema>;
const documentSchema = z.object({
  Statement: z.union([statementSchema.transform((one) => [one]), z.array(statementSchema)]),
});

type Test = (text: string) => boolean;
/** Asked with the values of one key; undefined: the request has no such key. */
type ConditionTest = (values: readonly string[] | undefined) => boolean;

interface Condition {
  readonly key: string;
  readonly test: ConditionTest;
}

interface Statement {
  readonly effect: 'Allow' | 'Deny';
  readonly matchesAction: Test;
  readonly matchesResource: Test;
  readonly requestConditions: readonly Condition[];
}

/** Decisions kept per role. Resources come from requests, so the number has a bound; past it all are decided anew. */
const DECISIONS_MAX = 10_000;

/**
 * Reads a role's policy documents, with all intrinsics resolved. The rules are IAM's: an explicit deny wins, then any allow.
 * docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 *
 * Policies on resources (queues, secrets, buses) are not judged: all callers are roles of one account, which need only their own
 * policies, and what the template denies there (calls without TLS, other accounts) cannot happen on loopback.
 *
 * @throws Error on a condition operator or key that is not emulated: it would silently allow or deny the wrong things.
 */
export function compileRole(documents: readonly unknown[]): CompiledRole {
  const statements = documents
    .flatMap((document) => documentSchema.parse(document).Statement)
    .filter(concernsEmulatedService)
    .map(compileStatement)
    .filter((statement) => statement !== undefined);
  /** By action and resource: the verdict, or the statements whose conditions look at the request itself. */
  const decisions = new Map<string, Verdict | readonly Statement[]>();

  function candidates({ action, resource }: AccessRequest): Verdict | readonly Statement[] {
    const key = `${action} ${resource}`;
    const known = decisions.get(key);
    if (known !== undefined) return known;
    const matching = statements.filter((statement) => statement.matchesAction(action) && statement.matchesResource(resource));
    const decision = matching.every((statement) => statement.requestConditions.length === 0) ? verdictOf(matching) : matching;
    if (decisions.size >= DECISIONS_MAX) decisions.clear();
    decisions.set(key, decision);
    return decision;
  }

  return {
    decide(request) {
      const decision = candidates(request);
      if (typeof decision === 'string') return decision;
      const valuesOf = (key: string) => request.conditionValues?.(key);
      return verdictOf(decision.filter((statement) => statement.requestConditions.every(({ key, test }) => test(valuesOf(key)))));
    },
  };
}

function verdictOf(applying: readonly Statement[]): Verdict {
  if (applying.some((statement) => statement.effect === 'Deny')) return 'ExplicitlyDenied';
  return applying.length > 0 ? 'Allowed' : 'ImplicitlyDenied';
}

function concernsEmulatedService({ Action, NotAction }: StatementDocument): boolean {
  if (NotAction !== undefined || Action === undefined) return true;
  return Action.some((action) => {
    const [service = ''] = action.toLowerCase().split(':');
    return service.includes('*') || EMULATED_SERVICES.includes(service);
  });
}

/** Undefined when a condition that never changes keeps the statement from ever applying. */
function compileStatement(document: StatementDocument): Statement | undefined {
  const { Effect, Action, NotAction, Resource, NotResource, Condition = {} } = document;
  const name = document.Sid ?? `${Effect} ${(Action ?? NotAction ?? []).join(', ')}`;
  if ((Action === undefined) === (NotAction === undefined)) {
    throw new Error(`policy statement "${name}" needs Action or NotAction, and not both`);
  }
  if ((Resource === undefined) === (NotResource === undefined)) {
    throw new Error(`policy statement "${name}" needs Resource or NotResource, and not both`);
  }
  const requestConditions: Condition[] = [];
  for (const [operator, keys] of Object.entries(Condition)) {
    for (const [key, values] of Object.entries(keys)) {
      const test = compileCondition(operator, values, name);
      const constant = CONSTANT_KEYS[key];
      if (constant !== undefined) {
        if (!test(constant)) return undefined;
      } else if (REQUEST_KEYS.has(key)) {
        requestConditions.push({ key, test });
      } else {
        throw new Error(
          `policy statement "${name}" has a condition on ${key}, which the embedded AWS cannot judge: teach local/aws/iam.ts`,
        );
      }
    }
  }
  return {
    effect: Effect,
    matchesAction: Action === undefined ? not(anyOf(NotAction ?? [], 'ignore case')) : anyOf(Action, 'ignore case'),
    matchesResource: Resource === undefined ? not(anyOf(NotResource ?? [], 'exact case')) : anyOf(Resource, 'exact case'),
    requestConditions,
  };
}

/** docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html */
function compileCondition(operator: string, values: readonly string[], statement: string): ConditionTest {
  const [, quantifier, base, ifExists] =
    /^(?:(ForAllValues|ForAnyValue):)?(StringEquals|StringNotEquals|StringEqualsIgnoreCase|StringLike|StringNotLike|ArnEquals|ArnLike|ArnNotLike|Bool)(IfExists)?$/.exec(
      operator,
    ) ?? [];
  if (base === undefined) {
    throw new Error(
      `policy statement "${statement}" has the condition operator ${operator}, which the embedded AWS does not know: teach local/aws/iam.ts`,
    );
  }
  if (values.some((value) => value.includes('${'))) {
    throw new Error(
      `policy statement "${statement}" has a policy variable, which the embedded AWS does not know: teach local/aws/iam.ts`,
    );
  }
  const wanted =
    base === 'StringEquals' || base === 'StringNotEquals'
      ? (value: string) => values.includes(value)
      : anyOf(values, base === 'Bool' || base === 'StringEqualsIgnoreCase' ? 'ignore case' : 'exact case');
  const test = base.includes('Not') ? not(wanted) : wanted;
  return (present) => {
    if (present === undefined) return ifExists !== undefined || quantifier === 'ForAllValues' || base.includes('Not');
    if (quantifier === 'ForAllValues') return present.every(test);
    if (quantifier === 'ForAnyValue') return present.some(test);
    const [only] = present;
    return only !== undefined && test(only);
  };
}

const not =
  (test: Test): Test =>
  (text) =>
    !test(text);

function anyOf(patterns: readonly string[], caseRule: 'ignore case' | 'exact case'): Test {
  const expressions = patterns.map((pattern) => {
    const source = pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replace(/\*/g, '.*')
      .replace(/\?/g, '.');
    return new RegExp(`^${source}$`, caseRule === 'ignore case' ? 'is' : 's');
  });
  return (text) => expressions.some((expression) => expression.test(text));
}
