import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { assemble } from '../../../infra/assemble.ts';
import { LOCAL_ACCOUNT } from '../../../local/aws/local-account.ts';
import { checkSupport } from '../../../local/runtime/resource-support.ts';
import { loadTemplate } from '../../../local/runtime/template.ts';
import { TemplateError } from '../../../local/runtime/template-error.ts';
import { contacts, salesforceEventSource, stubFunctions } from '../../infra/synthesised.ts';
import { type ResourceText, type WrittenAssembly, writeAssembly } from './assembly.ts';

const AROUND = { account: LOCAL_ACCOUNT, gatewayUrl: 'http://127.0.0.1:2', apiUrl: 'http://127.0.0.1:1' };
const written: WrittenAssembly[] = [];
afterEach(() => {
  for (const assembly of written.splice(0)) assembly.remove();
});

function check(resources: Record<string, ResourceText>) {
  const assembly = writeAssembly(resources);
  written.push(assembly);
  return checkSupport(loadTemplate({ ...assembly, ...AROUND }));
}

describe('A template on the embedded AWS', () => {
  it('is refused for a resource type that it does not know, naming the resource and what to do', () => {
    const unknown = { Machine: { Type: 'AWS::StepFunctions::StateMachine' } };
    expect(() => check(unknown)).toThrow(TemplateError);
    expect(() => check(unknown)).toThrow(
      /Machine is of type AWS::StepFunctions::StateMachine.*\nTeach local\/runtime\/resource-support\.ts .* or take them out/,
    );
  });

  it('is refused for a property that would be passed over in silence', () => {
    const ordered = { Queue: { Type: 'AWS::SQS::Queue', Properties: { FifoQueue: true } } };
    expect(() => check(ordered)).toThrow(/Queue \(AWS::SQS::Queue\) has FifoQueue/);
  });

  it('is told all its faults at once', () => {
    const faulty = {
      Machine: { Type: 'AWS::StepFunctions::StateMachine' },
      Layered: { Type: 'AWS::Lambda::Function', Properties: { Layers: [], VpcConfig: {} } },
    };
    expect(() => check(faulty)).toThrow(/Machine[\s\S]*Layers[\s\S]*VpcConfig/);
  });

  it('is reported with what runs, and with the reason for what does not', () => {
    const report = check({
      Queue: { Type: 'AWS::SQS::Queue', Properties: { SqsManagedSseEnabled: true } },
      Other: { Type: 'AWS::SQS::Queue' },
      Alarm: { Type: 'AWS::CloudWatch::Alarm', Properties: { Threshold: 1 } },
    });
    expect(report.run).toEqual([{ type: 'AWS::SQS::Queue', count: 2 }]);
    expect(report.skipped).toEqual([
      { type: 'AWS::CloudWatch::Alarm', count: 1, reason: expect.stringContaining('no CloudWatch') },
    ]);
    expect(report.ignored).toEqual([
      { type: 'AWS::SQS::Queue', property: 'SqsManagedSseEnabled', reason: expect.stringMatching(/./) },
    ]);
  });

  it("is Concord's own, as synthesised", () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'support-'));
    try {
      const { assemblyDir, stackName } = assemble(
        { tenant: 'main', syncs: [contacts] },
        {
          outdir: path.join(folder, 'cdk.out'),
          functionsDir: stubFunctions(folder),
          context: { dataProtection: 'destroy', salesforceEventSource },
        },
      );
      const report = checkSupport(loadTemplate({ assemblyDir, stackName, ...AROUND }));
      const types = report.run.map(({ type }) => type);
      expect(types).toContain('AWS::Lambda::Function');
      expect(types).toContain('AWS::Events::EventBus');
      for (const { reason } of report.skipped) expect(reason).toMatch(/\w/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
