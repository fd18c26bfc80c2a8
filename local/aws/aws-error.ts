/** A refusal as AWS words it: the SDK turns `code` into the exception's name. */
export class AwsError extends Error {
  override readonly name = 'AwsError';
  readonly code: string;
  readonly status: number;
  /** The code of the older query protocol, which SQS still sends beside the new one. */
  readonly queryCode: string;

  constructor(code: string, message: string, options: ErrorOptions & { status?: number; queryCode?: string } = {}) {
    super(message, options);
    this.code = code;
    this.status = options.status ?? 400;
    this.queryCode = options.queryCode ?? code;
  }
}
