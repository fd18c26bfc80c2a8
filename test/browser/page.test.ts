import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { concordClient } from '../../local/concord-client.ts';
import { startControlApi } from '../../local/control-api.ts';
import { type Environment, startEnvironment } from '../../local/environment.ts';
import { CHROMIUM_FLAGS, findChromium } from '../../local/page/find-chromium.ts';
import { pageFiles } from '../../local/page-files.ts';

const ARRIVAL_MS = 15_000;
const PEOPLE = [
  { first: 'Amelia', last: 'Hughes', email: 'amelia@example.com', title: 'Head of Growth', number: '1001' },
  { first: 'Noah', last: 'Okafor', email: 'noah@example.com', title: 'Buyer', number: '1002' },
];

const chromiumPath = findChromium();
const mustRun = process.env.CI !== undefined && process.env.CI !== '';
if (chromiumPath === undefined && !mustRun) {
  console.warn('The page is not tested: no Chromium on this machine. Install it, or set CHROMIUM_PATH to where it is.');
}

describe.skipIf(chromiumPath === undefined && !mustRun)('the page', () => {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'concord-page-'));
  const dialogs: string[] = [];
  const problems: string[] = [];
  let environment: Environment;
  let control: Awaited<ReturnType<typeof startControlApi>>;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    if (chromiumPath === undefined) throw new Error('no Chromium found: install it, or set CHROMIUM_PATH to where it is');
    [environment, browser] = await Promise.all([
      startEnvironment({ dataDir }),
      chromium.launch({ executablePath: chromiumPath, args: CHROMIUM_FLAGS }),
    ]);
    await environment.crms?.salesforce.load(
      'Contact',
      PEOPLE.map(({ first, last, email, title, number }) => ({
        FirstName: first,
        LastName: last,
        Email: email,
        Title: title,
        Person_Number__c: number,
      })),
    );
    // The other way round: the page has to find out who is who.
    await environment.crms?.hubspot.load(
      'contacts',
      PEOPLE.toReversed().map(({ first, last, email, title, number }) => ({
        firstname: first,
        lastname: last,
        email,
        jobtitle: title,
        person_number: number,
      })),
    );
    await concordClient(environment).untilLive();
    control = await startControlApi(environment, pageFiles(), 0);
  }, 90_000);

  afterAll(async () => {
    await browser?.close();
    await control?.close();
    await environment?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  beforeEach(async () => {
    dialogs.length = 0;
    problems.length = 0;
    page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    page.setDefaultTimeout(ARRIVAL_MS);
    page.on('dialog', (dialog) => {
      dialogs.push(dialog.message());
      void dialog.dismiss();
    });
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      if (/content security policy/i.test(message.text())) problems.push(message.text());
    });
    await page.goto(control.url);
    await cell('Salesforce', 'First name of Amelia Hughes').waitFor();
  });

  afterEach(() => page.close());

  const pane = (crm: string) => page.getByRole('region', { name: crm });
  const cell = (crm: string, label: string) => pane(crm).getByRole('button', { name: `${label} in ${crm}` });
  const trailRow = (text: string) => page.getByRole('region', { name: 'Trail' }).getByRole('listitem').filter({ hasText: text });
  const edit = async (crm: string, label: string, value: string, key = 'Enter') => {
    await cell(crm, label).click();
    await page.getByRole('textbox', { name: `${label} in ${crm}` }).fill(value);
    await page.keyboard.press(key);
  };
  const arrived = (crm: string, label: string, value: string) =>
    pane(crm)
      .getByRole('button', { name: `${label} in ${crm}: ${value}. Edit`, exact: true })
      .waitFor();

  it('shows each person at the same height on both sides', async () => {
    for (const { first, last } of PEOPLE) {
      const [left, right] = await Promise.all(
        ['Salesforce', 'HubSpot'].map((crm) => cell(crm, `First name of ${first} ${last}`).boundingBox()),
      );
      expect(left?.y).toBeGreaterThan(0);
      expect(left?.y).toBe(right?.y);
    }
  });

  it('carries an edit from HubSpot to Salesforce, and shows its way and how long it took', async () => {
    await edit('HubSpot', 'Job title of Amelia Hughes', 'Director of Sales');
    await arrived('Salesforce', 'Job title of Amelia Hughes', 'Director of Sales');
    await pane('Salesforce')
      .getByText(/^\d+ ms$|^\d+\.\d s$/)
      .waitFor();

    const row = trailRow('Grace changed job title');
    for (const step of ['Saved in HubSpot', 'Received by webhook', 'Merged', 'O6', 'Delivered to Salesforce']) {
      await row.getByText(step).waitFor();
    }
    await row
      .locator('.total')
      .getByText(/ ms| s/)
      .waitFor();
    await page.getByRole('status').filter({ hasText: 'In agreement' }).waitFor();
    expect(problems).toEqual([]);
  });

  it('shows markup in values as the text that it is', async () => {
    const markup = '<img src=x onerror=alert(1)>';
    await edit('HubSpot', 'City of Amelia Hughes', markup);
    await arrived('Salesforce', 'City of Amelia Hughes', markup);
    await page.getByRole('region', { name: 'Trail' }).getByText('Delivered to Salesforce').first().waitFor();
    await page.reload();
    await arrived('Salesforce', 'City of Amelia Hughes', markup);

    expect(await page.locator('main img').count()).toBe(0);
    expect(dialogs).toEqual([]);
    expect(problems).toEqual([]);
  });

  it('saves nothing when an edit is given up', async () => {
    await edit('Salesforce', 'Job title of Noah Okafor', 'not to be saved', 'Escape');
    await arrived('Salesforce', 'Job title of Noah Okafor', 'Buyer');
    await concordClient(environment).untilQuiet();
    const contacts = await environment.crms?.salesforce.objects('Contact');
    expect(contacts?.map((contact) => contact.values.Title)).toContain('Buyer');
  });

  it('says why a CRM refuses an edit, and keeps what was typed', async () => {
    await edit('Salesforce', 'Last name of Noah Okafor', '');
    await pane('Salesforce').getByRole('alert').filter({ hasText: 'LastName' }).waitFor();
    expect(await page.getByRole('textbox', { name: 'Last name of Noah Okafor in Salesforce' }).inputValue()).toBe('');
    await page.keyboard.press('Escape');
    await arrived('Salesforce', 'Last name of Noah Okafor', 'Okafor');
  });

  it('creates a contact on both sides, shows its ledger, and deletes it on both', async () => {
    await pane('HubSpot').getByRole('button', { name: 'New contact' }).click();
    await page.getByRole('textbox', { name: 'First name' }).fill('Ingrid');
    await page.getByRole('textbox', { name: 'Last name' }).fill('Solberg');
    await page.keyboard.press('Enter');
    await arrived('Salesforce', 'First name of Ingrid Solberg', 'Ingrid');
    await trailRow('Created in Salesforce').waitFor();

    await pane('HubSpot').getByRole('button', { name: 'Ledger of Ingrid Solberg' }).click();
    const drawer = page.getByRole('dialog', { name: 'Ledger of Ingrid Solberg' });
    await drawer.getByText('Version 1').waitFor();
    await page.keyboard.press('Escape');
    await drawer.waitFor({ state: 'detached' });

    const remove = pane('Salesforce').getByRole('button', { name: 'Delete Ingrid Solberg' });
    await remove.click();
    await remove.click();
    await trailRow('Deleted in HubSpot').waitFor();
    await cell('HubSpot', 'First name of Ingrid Solberg').waitFor({ state: 'detached' });
  });

  it('finds people by any value', async () => {
    await page.keyboard.press('/');
    await page.keyboard.type('noah@');
    await cell('HubSpot', 'First name of Amelia Hughes').waitFor({ state: 'detached' });
    await cell('HubSpot', 'First name of Noah Okafor').waitFor();
  });

  it('says that the connection is lost, and goes on when it is back', async () => {
    const other = await browser.newPage();
    await other.route('**/control/events', (route) => route.abort());
    await other.goto(control.url);
    await other.getByText('Connection lost, retrying').waitFor({ timeout: ARRIVAL_MS });
    await other.unroute('**/control/events');
    await other.getByText('Running').waitFor({ timeout: ARRIVAL_MS });
    await other.close();
  });

  it('fits a desk and a telephone without scrolling sideways', async () => {
    const overflow = () =>
      page.evaluate('[document.documentElement.scrollWidth - innerWidth, document.documentElement.scrollHeight - innerHeight]');
    expect(await overflow()).toEqual([0, 0]);
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await overflow()).toEqual([0, expect.any(Number)]);
    await page.getByRole('button', { name: 'HubSpot', exact: true }).click();
    await cell('HubSpot', 'First name of Amelia Hughes').waitFor();
  });
});
