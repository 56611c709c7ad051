/** docs/extensions.md is what scripts/extension-table.js makes of the registry. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as registry from '../src/rules/registry.js';

interface Script {
  extensionPage(from: typeof registry): string;
}

test('docs/extensions.md has a row for each extension and is up to date (node scripts/extension-table.js)', async () => {
  const script = (await import(new URL('../scripts/extension-table.js', import.meta.url).href)) as Script;
  const page = readFileSync(new URL('../docs/extensions.md', import.meta.url), 'utf8');
  expect(page).toBe(script.extensionPage(registry));
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  expect(rows).toHaveLength(registry.MATCHES.length + registry.TARGETS.length);
  // only the last cell may be empty
  expect(rows.filter((row) => row.split(' | ').slice(0, -1).includes(''))).toEqual([]);
});
