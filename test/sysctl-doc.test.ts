/** docs/sysctl.md has what scripts/sysctl-table.js makes of the table, and names every option. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SYSCTL_HELP } from '../src/cli/sysctl-options.js';
import * as defaults from '../src/tools/sysctl/defaults.js';
import * as settings from '../src/tools/sysctl/settings.js';

interface Script {
  TABLES_BEGIN: string;
  sysctlTables(modules: object): string;
}

const page = readFileSync(new URL('../docs/sysctl.md', import.meta.url), 'utf8');

test('docs/sysctl.md has a row for each setting and is up to date (node scripts/sysctl-table.js)', async () => {
  const script = (await import(new URL('../scripts/sysctl-table.js', import.meta.url).href)) as Script;
  expect(page.slice(page.indexOf(script.TABLES_BEGIN))).toBe(script.sysctlTables({ ...settings, ...defaults }));
  for (const row of settings.SYSCTLS) {
    for (const name of [row.name, ...row.wasNamed]) expect(page).toContain(`| \`${name}\``);
  }
});

test('docs/sysctl.md names every option of the help, and the help every one of the page', () => {
  const options = (text: string): string[] => [...new Set(text.match(/(?<![\w-])--[a-z][a-z-]+/g))].sort();
  // without what commands print
  const head = page.slice(0, page.indexOf('## The settings')).replace(/^```.*?^```/gms, '');
  expect(options(head).filter((option) => !options(SYSCTL_HELP).includes(option))).toEqual([
    '--deprecated',
    '--help',
    '--version',
  ]);
  expect(options(SYSCTL_HELP).filter((option) => !options(head).includes(option))).toEqual([]);
});
