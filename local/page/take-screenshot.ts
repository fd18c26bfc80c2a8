import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium, type Page } from 'playwright-core';
import { concordClient } from '../concord-client.ts';
import { startControlApi } from '../control-api.ts';
import { type Environment, startEnvironment } from '../environment.ts';
import { pageFiles } from '../page-files.ts';
import { PERSONS } from './fields.ts';
import { CHROMIUM_FLAGS, findChromium } from './find-chromium.ts';
import { samplePeople } from './sample-people.ts';
import { smallPng } from './small-png.ts';

/** Takes the README's picture: the page as it runs, after a few edits. Usage: `node local/page/take-screenshot.ts` */

const TARGET = path.join(import.meta.dirname, '..', '..', 'docs', 'images', 'page.png');
const VIEWPORT = { width: 1440, height: 900 };
const SHARPNESS = 2;
const ARRIVAL_MS = 20_000;
/** The first moment of an arrival is brighter than the rest. */
const FLASH_MS = 900;

async function main(): Promise<void> {
  const chromiumPath = findChromium();
  if (chromiumPath === undefined) throw new Error('no Chromium found: install it, or set CHROMIUM_PATH to where it is');
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'concord-picture-'));
  const environment = await startEnvironment({ dataDir });
  try {
    await populate(environment);
    const control = await startControlApi(environment, pageFiles(), 0);
    const browser = await chromium.launch({ executablePath: chromiumPath, args: CHROMIUM_FLAGS });
    try {
      const page = await browser.newPage({ viewport: VIEWPORT, deviceScaleFactor: SHARPNESS, colorScheme: 'light' });
      await page.goto(control.url);
      await play(page, environment);
      const png = smallPng(await page.screenshot({ animations: 'allow' }));
      mkdirSync(path.dirname(TARGET), { recursive: true });
      writeFileSync(TARGET, png);
      process.stdout.write(`${TARGET}: ${Math.round(png.length / 1024)} KiB\n`);
    } finally {
      await browser.close();
      await control.close();
    }
  } finally {
    await environment.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Loads the people, runs the first sync, and warms the functions up: the picture shows what users mostly see. */
async function populate(environment: Environment): Promise<void> {
  const { crms } = environment;
  if (crms === undefined) throw new Error('the picture is taken on the bundled simulators');
  const [id = ''] = await crms.salesforce.load('Contact', samplePeople('salesforce'));
  const [twin = ''] = await crms.hubspot.load('contacts', samplePeople('hubspot'));
  const concord = concordClient(environment);
  await concord.untilLive();
  for (const [warm, final] of [
    ['Carlton', 'Fitzroy'],
    ['Richmond', 'Melbourne'],
  ] as const) {
    await crms.salesforce.edit('Contact', id, { MailingCity: warm });
    await concord.untilQuiet();
    await crms.hubspot.edit('contacts', twin, { city: final });
    await concord.untilQuiet();
  }
}

async function play(page: Page, environment: Environment): Promise<void> {
  await page.getByRole('region', { name: 'HubSpot' }).getByRole('button', { name: 'City of Noah Okafor' }).waitFor();
  await conflict(environment);
  await page.locator('.loser').waitFor({ timeout: ARRIVAL_MS });
  await page.getByText('In agreement').waitFor({ timeout: ARRIVAL_MS });
  await edit(page, 'Salesforce', 'Job title of Hannah Fischer', 'Sales Lead');
  await edit(page, 'HubSpot', 'Job title of Amelia Hughes', 'VP Growth');
  await page.getByText('In agreement').waitFor({ timeout: ARRIVAL_MS });
  await page.locator(':focus').blur();
  await page.mouse.move(0, 0);
  await sleep(FLASH_MS);
}

/** Ada and Grace save the same field at the same moment. */
async function conflict({ crms }: Environment): Promise<void> {
  const salesforce = (await crms?.salesforce.objects('Contact'))?.find(({ values }) => values.LastName === 'Okafor');
  const hubspot = (await crms?.hubspot.objects('contacts'))?.find(({ values }) => values.lastname === 'Okafor');
  if (salesforce === undefined || hubspot === undefined) throw new Error('Noah Okafor is not among the sample people');
  await Promise.all([
    crms?.salesforce.edit('Contact', salesforce.objectId, { MailingCity: 'Parramatta' }, PERSONS.salesforce),
    crms?.hubspot.edit('contacts', hubspot.objectId, { city: 'Bondi' }, PERSONS.hubspot),
  ]);
}

async function open(page: Page, crm: string, label: string, value: string): Promise<void> {
  await page.getByRole('region', { name: crm }).getByRole('button', { name: label }).click();
  await page.getByRole('textbox', { name: label }).fill(value);
}

/** Edits one value in one pane, and waits until it has arrived in the other. */
async function edit(page: Page, crm: string, label: string, value: string): Promise<void> {
  await open(page, crm, label, value);
  await page.keyboard.press('Enter');
  const other = crm === 'Salesforce' ? 'HubSpot' : 'Salesforce';
  await page
    .getByRole('region', { name: other })
    .getByRole('button', { name: `${label} in ${other}: ${value}` })
    .waitFor({ timeout: ARRIVAL_MS });
}

await main();
