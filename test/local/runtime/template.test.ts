// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Fn::Sub writes its variables so
import { afterEach, describe, expect, it } from 'vitest';
import { LOCAL_ACCOUNT } from '../../../local/aws/local-account.ts';
import { type LocalTemplate, loadTemplate, tableOfStream } from '../../../local/runtime/template.ts';
import { TemplateError } from '../../../local/runtime/template-error.ts';
import { type ResourceText, type WrittenAssembly, writeAssembly } from './assembly.ts';

// docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html

const written: WrittenAssembly[] = [];
afterEach(() => {
  for (const assembly of written.splice(0)) assembly.remove();
});

function load(resources: Record<string, ResourceText>, more: object = {}): LocalTemplate {
  const assembly = writeAssembly(resources, {}, more);
  written.push(assembly);
  return loadTemplate({
    ...assembly,
    account: LOCAL_ACCOUNT,
    gatewayUrl: 'http://127.0.0.1:4002',
    apiUrl: 'http://127.0.0.1:4001',
  });
}

/** What a value comes to, standing as a property beside a queue, a table, a secret and the like. */
function resolved(value: unknown, more: object = {}): unknown {
  const template = load(
    {
      Queue: { Type: 'AWS::SQS::Queue' },
      Table: { Type: 'AWS::DynamoDB::GlobalTable', Properties: { TableName: 'records' } },
      Secret: { Type: 'AWS::SecretsManager::Secret', Properties: { Name: 'main/token' } },
      Api: { Type: 'AWS::ApiGatewayV2::Api' },
      Subject: { Type: 'Any::Thing', Properties: { Value: value } },
    },
    more,
  );
  return template.ofType('Any::Thing')[0]?.properties.Value;
}

describe('Values of a template', () => {
  it.each([
    ['the URL of a queue, at the gateway', { Ref: 'Queue' }, 'http://127.0.0.1:4002/000000000000/Small-Queue'],
    ['the ARN of a queue', { 'Fn::GetAtt': ['Queue', 'Arn'] }, 'arn:aws:sqs:eu-west-1:000000000000:Small-Queue'],
    ['an attribute written with a dot', { 'Fn::GetAtt': 'Queue.QueueName' }, 'Small-Queue'],
    ['a name that the template chose', { Ref: 'Table' }, 'records'],
    [
      "a table's stream",
      { 'Fn::GetAtt': ['Table', 'StreamArn'] },
      'arn:aws:dynamodb:eu-west-1:000000000000:table/records/stream/local',
    ],
    ['the address of the API', { 'Fn::GetAtt': ['Api', 'ApiEndpoint'] }, 'http://127.0.0.1:4001'],
    ['pseudo parameters', [{ Ref: 'AWS::Region' }, { Ref: 'AWS::StackName' }], ['eu-west-1', 'Small']],
    ['a join', { 'Fn::Join': ['/', ['a', { Ref: 'Table' }, 3]] }, 'a/records/3'],
    ['a join of a split list', { 'Fn::Join': ['+', { 'Fn::Split': ['-', { 'Fn::GetAtt': 'Queue.QueueName' }] }] }, 'Small+Queue'],
    ['a selection', { 'Fn::Select': ['1', ['a', { Ref: 'Table' }]] }, 'records'],
    [
      'a substitution with attributes, own variables and an escaped one',
      { 'Fn::Sub': ['${Queue.Arn}|${AWS::Partition}|${own}|${!Literal}', { own: { Ref: 'Table' } }] },
      'arn:aws:sqs:eu-west-1:000000000000:Small-Queue|aws|records|${Literal}',
    ],
    ['nested lists and objects', { a: [{ b: { Ref: 'Table' } }] }, { a: [{ b: 'records' }] }],
  ])('gives %s', (_, value, expected) => {
    expect(resolved(value)).toEqual(expected);
  });

  it('leaves out what comes to AWS::NoValue, in objects and in lists', () => {
    expect(resolved({ kept: 1, gone: { Ref: 'AWS::NoValue' }, list: [1, { Ref: 'AWS::NoValue' }] })).toEqual({
      kept: 1,
      list: [1],
    });
  });

  it('gives the default of a parameter', () => {
    expect(resolved({ Ref: 'Stage' }, { Parameters: { Stage: { Type: 'String', Default: 'test' } } })).toBe('test');
  });

  it('resolves outputs', () => {
    const template = load(
      { Queue: { Type: 'AWS::SQS::Queue' } },
      { Outputs: { Name: { Value: { 'Fn::GetAtt': ['Queue', 'QueueName'] } } } },
    );
    expect(template.outputs).toEqual({ Name: 'Small-Queue' });
  });

  it('shortens a long name so that it stays unique, and the same at every start', () => {
    const id = `${'Long'.repeat(20)}0A1B2C3D`;
    const other = `${'Long'.repeat(20)}4E5F6A7B`;
    const template = load({ [id]: { Type: 'AWS::Lambda::Function' }, [other]: { Type: 'AWS::Lambda::Function' } });
    expect(template.nameOf(id)).toHaveLength(64);
    expect(template.nameOf(id)).toMatch(/^Small-Long.*0A1B2C3D$/);
    expect(template.nameOf(other)).not.toBe(template.nameOf(id));
  });

  it('knows the table of a stream, and that a queue has none', () => {
    expect(tableOfStream('arn:aws:dynamodb:eu-west-1:000000000000:table/records/stream/local', LOCAL_ACCOUNT)).toBe('records');
    expect(tableOfStream('arn:aws:sqs:eu-west-1:000000000000:Small-Queue', LOCAL_ACCOUNT)).toBeUndefined();
  });
});

describe('What cannot be resolved', () => {
  it.each([
    [
      'an unknown function',
      { 'Fn::ImportValue': 'x' },
      /^Resources\.Subject\.Properties\.Value\.Fn::ImportValue: .*does not evaluate Fn::ImportValue/,
    ],
    ['a condition inside a value', { a: [{ 'Fn::If': ['c', 1, 2] }] }, /Resources\.Subject\.Properties\.Value\.a\[0\]\.Fn::If/],
    [
      'an unknown attribute',
      { 'Fn::GetAtt': ['Queue', 'Colour'] },
      /Resources\.Subject\.Properties\.Value\.Fn::GetAtt: .*attribute Colour of Queue \(AWS::SQS::Queue\)/,
    ],
    ['a resource that is not there', { Ref: 'Nobody' }, /Resources\.Subject\.Properties\.Value\.Ref names Nobody/],
    ['an unknown pseudo parameter', { 'Fn::Sub': '${AWS::Moon}' }, /Value\.Fn::Sub: .*AWS::Moon/],
    ['a badly formed join', { 'Fn::Join': 'x' }, /Value\.Fn::Join is not formed as CloudFormation wants it/],
    ['a selection past the end', { 'Fn::Select': [2, ['a']] }, /there is no value 2 in a list of 1/],
    ['a dynamic reference', 'x{{resolve:secretsmanager:token}}', /Resources\.Subject\.Properties\.Value is a dynamic reference/],
  ])('is refused, with its place: %s', (_, value, message) => {
    expect(() => resolved(value)).toThrow(TemplateError);
    expect(() => resolved(value)).toThrow(message);
  });

  it('refuses references that go in a circle', () => {
    const circle = { Queue: { Type: 'AWS::SQS::Queue', Properties: { QueueName: { 'Fn::GetAtt': ['Queue', 'QueueName'] } } } };
    expect(() => load(circle)).toThrow(/Resources\.Queue\.Properties\.QueueName.*circle/);
  });

  it('refuses a parameter without a default, and one that lies in Parameter Store', () => {
    expect(() => resolved({ Ref: 'Stage' }, { Parameters: { Stage: { Type: 'String' } } })).toThrow(
      /parameter Stage, which has no Default/,
    );
    const stored = { Parameters: { Stage: { Type: 'AWS::SSM::Parameter::Value<String>', Default: '/stage' } } };
    expect(() => resolved({ Ref: 'Stage' }, stored)).toThrow(/Parameter Store/);
  });

  it('refuses conditions and transforms, which only CloudFormation carries out', () => {
    const conditional = { Queue: { Type: 'AWS::SQS::Queue', Condition: 'IsLive' } };
    expect(() => load(conditional)).toThrow(/Queue \(AWS::SQS::Queue\) has the Condition IsLive.*decide in code/);
    expect(() => load({}, { Conditions: { IsLive: {} } })).toThrow(/Conditions \(IsLive\)/);
    expect(() => load({}, { Transform: 'AWS::Serverless-2016-10-31' })).toThrow(/Transform/);
  });

  it('says what to do when there is no template', () => {
    const options = { assemblyDir: '/nowhere', stackName: 'Small', account: LOCAL_ACCOUNT, gatewayUrl: '', apiUrl: '' };
    expect(() => loadTemplate(options)).toThrow(/no template \/nowhere\/Small\.template\.json: synthesise first/);
  });
});
