/** Why Salesforce does not take a write, in the words of its API. */
export class RowRefusal extends Error {
  override readonly name = 'RowRefusal';
  readonly code: string;
  readonly fields: readonly string[];
  /** The HTTP status of a call about this one row. In collections it is always 200. */
  readonly status: number;
  /** Further members of the error object (`duplicateResult`). */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: string,
    message: string,
    fields: readonly string[] = [],
    status = 400,
    details: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
    this.code = code;
    this.fields = fields;
    this.status = status;
    this.details = details;
  }
}

export const entityIsDeleted = () => new RowRefusal('ENTITY_IS_DELETED', 'entity is deleted', [], 404);
export const resourceNotFound = () => new RowRefusal('NOT_FOUND', 'The requested resource does not exist', [], 404);
/** What a collection says of an id that names nothing, where a call about one row answers 404. */
export const invalidCrossReference = () => new RowRefusal('INVALID_CROSS_REFERENCE_KEY', 'invalid cross reference id');
export const unknownColumn = (field: string, object: string) =>
  new RowRefusal('INVALID_FIELD', `No such column '${field}' on sobject of type ${object}`);
