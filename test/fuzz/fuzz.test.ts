/** Short runs of the fuzzers; CONTRIBUTING.md says how to run the long ones. */
import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const folder = fileURLToPath(new URL('.', import.meta.url));
const modules = resolve(process.env.STATEWALL_BUILD ?? join(folder, '../../build'));

test.each([
  ['frames.mjs', 200_000, /^200000 frames, \d{5} with a transport header, no finding/],
  ['captures.mjs', 10_000, /^10000 files, \d{4} ended with an error, no finding/],
  ['flow.mjs', 100_000, /^100000 texts, 1\d{4} read, \d+ refused, \d+ tables, no finding/],
  ['netlink.mjs', 100_000, /^100000 messages, 5\d{4} refused, .* no finding/],
  ['host.mjs', 40_000, /^400\d\d frames, 3\d{4} of them IP packets, .* no finding/],
])('%s finds nothing in %i', (script, count, words) => {
  const r = spawnSync(process.execPath, [join(folder, script), String(count), '99', modules], { encoding: 'utf8' });
  expect(r.stderr.slice(0, 4000)).toBe('');
  expect(r.stdout).toMatch(words);
  expect(r.status).toBe(0);
});
