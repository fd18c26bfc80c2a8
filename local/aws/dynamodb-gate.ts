import * as z from 'zod';
import type { DynamoDb } from './dynamodb.ts';
import type { WireAnswer } from './dynamodb-wire.ts';
import { readStatement } from './partiql.ts';
import { type ConsumedUnits, consumedUnits } from './usage.ts';

/** Operations that can say what they consumed, and whether they read or write. PartiQL depends on the statement. */
const CAPACITY: Readonly<Record<string, 'read' | 'write' | 'by statement'>> = {
  GetItem: 'read',
  BatchGetItem: 'read',
  Query: 'read',
  Scan: 'read',
  TransactGetItems: 'read',
  PutItem: 'write',
  UpdateItem: 'write',
  DeleteItem: 'write',
  BatchWriteItem: 'write',
  TransactWriteItems: 'write',
  ExecuteStatement: 'by statement',
  BatchExecuteStatement: 'by statement',
  ExecuteTransaction: 'by statement',
};

const statementPart = z.looseObject({ Statement: z.string() });
const requestSchema = z.looseObject({
  ReturnConsumedCapacity: z.string().optional(),
  Statement: z.string().optional(),
  Statements: z.array(statementPart).optional(),
  TransactStatements: z.array(statementPart).optional(),
});
type Request = z.infer<typeof requestSchema>;

export interface PreparedCall {
  readonly body: Buffer | string;
  /** What its units count as; undefined for calls that consume none. */
  readonly kind: 'read' | 'write' | undefined;
}

/**
 * Makes a request ready for the server: PartiQL in the server's form, and the consumed capacity asked for.
 * All else passes as the caller wrote it, and mostly the very same bytes.
 */
export function prepareCall(operation: string, parsed: unknown, raw: Buffer): PreparedCall {
  const capacity = CAPACITY[operation];
  if (capacity === undefined) return { body: raw, kind: undefined };
  if (capacity !== 'by statement') {
    const asked =
      typeof parsed === 'object' && parsed !== null && 'ReturnConsumedCapacity' in parsed
        ? parsed.ReturnConsumedCapacity
        : undefined;
    return {
      body: asked === undefined ? withCapacity(raw) : asked === 'NONE' ? rewritten(requestSchema.parse(parsed)) : raw,
      kind: capacity,
    };
  }
  const request = requestSchema.parse(parsed);
  const statements = [
    ...(request.Statements ?? request.TransactStatements ?? []),
    ...(request.Statement === undefined ? [] : [{ Statement: request.Statement }]),
  ];
  const shapes = statements.map(({ Statement }) => readStatement(Statement));
  // A batch or transaction of PartiQL either only reads or only writes.
  const kind = shapes.every((shape) => shape.verb === 'Select') ? 'read' : 'write';
  const asWritten = shapes.every((shape, at) => shape.forServer === statements[at]?.Statement);
  return { body: asWritten && request.ReturnConsumedCapacity === undefined ? withCapacity(raw) : rewritten(request), kind };
}

/** Put in front of the other members, so that the body need not be written anew. */
function withCapacity(raw: Buffer): Buffer {
  const opening = raw.indexOf(0x7b); // {
  return Buffer.concat([Buffer.from('{"ReturnConsumedCapacity":"INDEXES",'), raw.subarray(opening + 1)]);
}

function rewritten(request: Request): string {
  const asked = request.ReturnConsumedCapacity;
  const forServer = (part: z.infer<typeof statementPart>) => ({ ...part, Statement: readStatement(part.Statement).forServer });
  return JSON.stringify({
    ...request,
    ReturnConsumedCapacity: asked === undefined || asked === 'NONE' ? 'INDEXES' : asked,
    ...(request.Statement === undefined ? {} : { Statement: readStatement(request.Statement).forServer }),
    ...(request.Statements === undefined ? {} : { Statements: request.Statements.map(forServer) }),
    ...(request.TransactStatements === undefined ? {} : { TransactStatements: request.TransactStatements.map(forServer) }),
  });
}

/** Passes a call to the server, tells the streams of written tables, and reads what was consumed. */
export async function callDynamoDb(
  dynamodb: DynamoDb,
  target: string,
  { body, kind }: PreparedCall,
): Promise<{ answer: WireAnswer; units: ConsumedUnits | undefined }> {
  const answer = await dynamodb.forward(target, body);
  if (kind === undefined || answer.status !== 200) return { answer, units: undefined };
  const units = consumedUnits(JSON.parse(answer.body.toString('utf8')), kind);
  if (kind === 'write') for (const resource of units.byResource.keys()) if (!resource.includes('/')) dynamodb.noteWrite(resource);
  return { answer, units };
}
