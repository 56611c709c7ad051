/** A fixed number of made-up sequences against the real iptables; compare.mjs says how to run more of them. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const folder = fileURLToPath(new URL('.', import.meta.url));
const modules = resolve(process.env.STATEWALL_BUILD ?? `${folder}/../../build`);
const isRoot = process.getuid?.() === 0;
const isThere = existsSync('/usr/sbin/xtables-legacy-multi');

// where all has to be checked, a missing program is a failure
test.skipIf(process.env.CI === undefined && !(isRoot && isThere))(
  'commands answer, fail and change rules as iptables-legacy does (needs root and iptables-legacy)',
  { timeout: 240_000 },
  () => {
    const args = [`${folder}/compare.mjs`, '--seed', '20', '--count', '400', '--modules', modules];
    const r = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(r.stderr).toBe('');
    const [last] = r.stdout.trim().split('\n').slice(-1);
    expect(r.stdout.slice(0, 6000)).not.toMatch(/\n {4}real: /);
    expect(last).toMatch(/^400 sequences, 2\d\d\d commands, 0 differ$/);
    expect(r.status).toBe(0);
  },
);
