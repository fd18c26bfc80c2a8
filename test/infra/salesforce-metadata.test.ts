import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import config from '../../concord.config.ts';

const project = path.resolve(import.meta.dirname, '../../deploy/salesforce');
const files = readdirSync(project, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('-meta.xml'));

function metadata(fullName: string, folder = ''): string {
  const file = files.find((one) => path.basename(one).startsWith(`${fullName}.`) && one.includes(folder));
  if (file === undefined) throw new Error(`no metadata file of ${fullName}`);
  return readFileSync(path.join(project, file), 'utf8');
}

/** The texts of all elements of a name. */
const texts = (xml: string, element: string) =>
  [...xml.matchAll(new RegExp(`<${element}>([^<]*)</${element}>`, 'g'))].map(([, text]) => text);

describe('the Salesforce metadata', () => {
  it.each(files)('%s is closed element by element', (file) => {
    const open: string[] = [];
    for (const [, slash, name] of readFileSync(path.join(project, file), 'utf8').matchAll(/<(\/?)([A-Za-z]+)[^>?]*>/g)) {
      if (slash === '') open.push(name ?? '');
      else expect(open.pop()).toBe(name);
    }
    expect(open).toEqual([]);
  });

  it.each(['Account', 'Contact', 'Opportunity'])('makes the id of the record a unique external id of %s', (object) => {
    const field = metadata('Concord_Id__c', object);
    for (const element of ['externalId', 'unique', 'caseSensitive']) expect(texts(field, element), element).toEqual(['true']);
    expect(texts(field, 'length')).toEqual(['36']);
  });

  it('lets the integration user read and write each field it adds', () => {
    const permissions = metadata('Concord_Integration');
    expect(texts(permissions, 'field')).toEqual(
      expect.arrayContaining(['Account', 'Contact', 'Opportunity'].map((object) => `${object}.Concord_Id__c`)),
    );
    expect(new Set([...texts(permissions, 'editable'), ...texts(permissions, 'readable')])).toEqual(new Set(['true']));
  });

  it('lets the integration user see and change every row of the synced objects, and of no other', () => {
    const blocks = [...metadata('Concord_Integration').matchAll(/<objectPermissions>([\s\S]*?)<\/objectPermissions>/g)].map(
      ([block]) => block,
    );
    const rights = Object.fromEntries(blocks.map((block) => [texts(block, 'object')[0], block]));
    const synced = config.syncs.map((sync) => sync.objects.salesforce?.type);
    expect(Object.keys(rights).sort()).toEqual(synced.sort());
    for (const object of Object.keys(rights)) {
      for (const right of ['viewAllRecords', 'allowCreate', 'allowEdit', 'allowDelete']) {
        expect(texts(rights[object] ?? '', right), `${object} ${right}`).toEqual(['true']);
      }
    }
  });

  it('relays the change events of the synced objects, each with the id of its record, over one channel', () => {
    expect(texts(metadata('Concord__chn'), 'channelType')).toEqual(['data']);
    for (const object of ['Account', 'Contact', 'Opportunity']) {
      const member = metadata(`Concord_chn_${object}ChangeEvent`);
      expect(texts(member, 'eventChannel')).toEqual(['Concord__chn']);
      expect(texts(member, 'selectedEntity')).toEqual([`${object}ChangeEvent`]);
      expect(texts(member, 'name')).toEqual(['Concord_Id__c']);
    }
    const [relay = ''] = files
      .filter((file) => file.endsWith('.eventRelay-meta.xml'))
      .map((file) => readFileSync(path.join(project, file), 'utf8'));
    expect(texts(relay, 'eventChannel')).toEqual(['Concord__chn']);
    expect(texts(relay, 'destinationResourceName')).toEqual(['callout:Concord_AWS']);
    expect(texts(relay, 'relayOption')).toEqual(['{"ReplayRecovery":"EARLIEST"}']); // missed events come late rather than never
    expect(texts(relay, 'state')).toEqual(['STOP']); // the only state that Salesforce takes for a new relay
  });

  it('has every placeholder filled in from the environment', () => {
    const projectSchema = z.object({
      packageDirectories: z.array(z.object({ path: z.string() })),
      replacements: z.array(z.object({ filename: z.string(), stringToReplace: z.string(), replaceWithEnv: z.string() })),
    });
    const { packageDirectories, replacements } = projectSchema.parse(
      JSON.parse(readFileSync(path.join(project, 'sfdx-project.json'), 'utf8')),
    );
    const placeholders = files.flatMap((file) => {
      const found = readFileSync(path.join(project, file), 'utf8').match(/__[A-Z_]{4,}__/g) ?? [];
      return found.map((placeholder) => `${file} ${placeholder}`);
    });
    expect(replacements.map(({ filename, stringToReplace }) => `${filename} ${stringToReplace}`).sort()).toEqual(
      placeholders.sort(),
    );
    const folders = new Set(files.map((file) => file.split(path.sep)[0]));
    expect(new Set(packageDirectories.map((directory) => directory.path))).toEqual(folders);
  });
});
