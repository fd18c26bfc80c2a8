/** One entry of `errors[]`. */
export interface ErrorDetail {
  readonly message: string;
  readonly code?: string;
  readonly context?: Readonly<Record<string, readonly string[]>>;
}

/** What HubSpot says when it refuses, without the `status` and `correlationId` that every answer has. */
export interface RefusalBody {
  readonly message: string;
  readonly category?: string;
  readonly subCategory?: string;
  readonly errors?: readonly ErrorDetail[];
  readonly context?: Readonly<Record<string, readonly string[]>>;
  readonly errorType?: string;
  readonly policyName?: string;
  /** The OAuth endpoints put their reason here (BAD_REFRESH_TOKEN) instead of `error`. */
  readonly status?: string;
}

/** A call, or one row of a batch, that HubSpot refuses. Shapes: developers.hubspot.com/docs/api-reference/error-handling. */
export class ApiRefusal extends Error {
  override readonly name = 'ApiRefusal';
  readonly status: number;
  readonly body: RefusalBody;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, body: RefusalBody, headers: Readonly<Record<string, string>> = {}) {
    super(body.message);
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

/** A property whose value cannot be saved. */
export interface PropertyProblem {
  readonly property: string;
  readonly code: string;
  readonly message: string;
}

export function invalidProperties(problems: readonly PropertyProblem[]): ApiRefusal {
  const listed = problems.map(({ property, code, message }) => ({ isValid: false, message, error: code, name: property }));
  return new ApiRefusal(400, {
    message: `Property values were not valid: ${JSON.stringify(listed)}`,
    category: 'VALIDATION_ERROR',
    errors: problems.map(({ property, code, message }) => ({ message, code, context: { propertyName: [property] } })),
  });
}

export function invalidRequest(message: string, errors?: readonly ErrorDetail[]): ApiRefusal {
  return new ApiRefusal(400, { message, category: 'VALIDATION_ERROR', ...(errors ? { errors } : {}) });
}

export function notFound(): ApiRefusal {
  return new ApiRefusal(404, { message: 'resource not found' });
}

/** A unique value that another record already has; `existingId` is absent where that record is part of the same batch. */
export function alreadyExists(label: string, existingId?: string): ApiRefusal {
  const whose = existingId === undefined ? '' : `. Existing ID: ${existingId}`;
  return new ApiRefusal(409, { message: `${label} already exists${whose}`, category: 'CONFLICT' });
}

export function missingScopes(scopes: readonly string[]): ApiRefusal {
  return new ApiRefusal(403, {
    message: "This app hasn't been granted all required scopes to make this call.",
    category: 'MISSING_SCOPES',
    errors: [{ message: 'One or more of the following scopes are required.', context: { requiredGranularScopes: scopes } }],
  });
}
