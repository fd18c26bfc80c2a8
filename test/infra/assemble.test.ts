import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { bundleFunctions, functionNames } from '../../infra/function-bundle.ts';
import { contacts, salesforceEventSource, stubFunctions, synthesised } from './synthesised.ts';

const folders: string[] = [];
function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'concord-bundle-'));
  folders.push(made);
  return made;
}
afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true });
});

describe('the stack', () => {
  it.each([
    { name: 'with change events', context: { salesforceEventSource } },
    { name: 'without', context: {} },
  ])('passes the rules of CloudFormation, AwsSolutions and Serverless ($name)', ({ context }) => {
    expect(() => synthesised(context, { validate: true })).not.toThrow();
  });

  it('can stand twice in an account, a tenant each', () => {
    const other = synthesised({ stackName: 'ConcordAcme' }, { tenant: 'acme' });
    expect(other.assembly.stackName).toBe('ConcordAcme');
    expect(other.outputs.HubspotSecretName).toBe('concord/acme/hubspot');
  });

  it('takes numbers as the command line gives them, as text', () => {
    const slow = synthesised({ changesConcurrency: '5', deliveriesConcurrency: '3' });
    const concurrencies = slow.all('AWS::Lambda::EventSourceMapping').flatMap(({ Properties }) => Properties.ScalingConfig ?? []);
    expect(concurrencies).toEqual([5, 5, 3, 3].map((MaximumConcurrency) => ({ MaximumConcurrency })));
  });

  it('refuses a setting that cannot be, and says what it should be', () => {
    expect(() => synthesised({ changesConcurrency: 1, salesforceEventSource: 'my-bus' })).toThrow(
      /-c salesforceEventSource=[\s\S]*aws\.partner\/salesforce\.com[\s\S]*-c changesConcurrency=/,
    );
  });

  it('refuses syncs that leave a system out', () => {
    const { hubspot: _, ...withoutHubspot } = contacts.sides;
    expect(() => synthesised({}, { syncs: [{ ...contacts, sides: withoutHubspot }] })).toThrow(/give one sync a hubspot side/);
  });
});

describe('the bundles', () => {
  it('hold one ES module per function, and know their sizes', async () => {
    const made = folder();
    const { directory, sizesInBytes } = bundleFunctions(stubFunctions(made), path.join(made, 'bundles'));
    for (const name of functionNames) {
      const { handler } = await import(path.join(directory, name, 'index.mjs'));
      expect(await handler()).toBe(name);
      expect(sizesInBytes.get(name)).toBeGreaterThan(0);
    }
  });

  it('name every entry that is missing', () => {
    const made = folder();
    const functionsDir = stubFunctions(made);
    rmSync(path.join(functionsDir, 'poll-changes'), { recursive: true });
    rmSync(path.join(functionsDir, 'operator-api', 'handler.ts'));
    expect(() => bundleFunctions(functionsDir, path.join(made, 'bundles'))).toThrow(
      /poll-changes\/handler\.ts[\s\S]*operator-api\/handler\.ts[\s\S]*must export `handler`/,
    );
  });
});
