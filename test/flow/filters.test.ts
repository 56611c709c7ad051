/** Filters against what conntrack(8) 1.4.7 finds on a table of the running kernel; src/flow/filter.test.ts has the recorded one. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { matches } from '../../src/flow/filter.js';
import { parseTable } from '../../src/flow/table.js';
import { filterFromOptions } from './options.js';

const isThere = existsSync('/usr/sbin/conntrack') && existsSync('/usr/sbin/iptables-legacy');

// where all has to be checked, a missing program is a failure
test.skipIf(process.env.CI === undefined && !(process.getuid?.() === 0 && isThere))(
  'every filter finds what the program finds (needs root and conntrack)',
  { timeout: 400_000 },
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'statewall-filters-'));
    try {
      const script = fileURLToPath(new URL('filters.sh', import.meta.url));
      execFileSync('unshare', ['-n', '-m', 'bash', script, folder], { env: { ...process.env, TZ: 'UTC' } });
      const table = parseTable(readFileSync(join(folder, 'filter-table.txt'), 'utf8'), 'filter-table');
      // texts do not tell of FIXED_TIMEOUT
      for (const r of table) if (r.original.ports?.source === 1010) r.status |= 1 << 10;
      const rows = readFileSync(join(folder, 'filter-found.txt'), 'utf8').split('\n').slice(0, -1);
      expect(table.length).toBeGreaterThan(35);
      expect(rows.length).toBeGreaterThan(170);
      const ours = rows.map((row) => {
        const [options] = row.split(' =>');
        const f = filterFromOptions(options);
        const ids = table.filter((r) => matches(f, r)).map((r) => r.id ?? 0);
        return `${options} => ${ids.sort((a, b) => a - b).join(' ')}`.trimEnd();
      });
      expect(ours).toEqual(rows);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
