/** The table of settings against the kernel of this machine: names, defaults, limits, and who may write. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { describe, expect, test } from 'vitest';
import { liveHost } from '../../src/cli/sysctl-proc.js';
import { defaultOf, type SysctlHost } from '../../src/tools/sysctl/defaults.js';
import { compareVersions, isIn, SECONDS, type SysctlRow } from '../../src/tools/sysctl/model.js';
import { findRow, SYSCTLS, toName, toPath } from '../../src/tools/sysctl/settings.js';
import { canAsk, probe } from './namespace.js';

const ROOT = '/proc/sys/';
const kernel = release();
/** Written, it stays on for the whole machine. */
const FOR_EVER = 'net.netfilter.nf_hooks_lwtunnel';
/** One for the whole machine, and raised on many, as by a benchmark that runs beside this. */
const TUNED = ['net.netfilter.nf_conntrack_max', 'net.nf_conntrack_max'];
const INT_MAX = 0x7fffffff;

/**
 * The default, and what may stand for it: another release's (changes come to older stable kernels, too), and for the interfaces of IPv4 what
 * the first namespace has, of which new ones are copies (net.core.devconf_inherit_init_net).
 */
function fairDefaults(row: SysctlRow, host: SysctlHost): string[] {
  const fair = [String(defaultOf(row, host))];
  if (defaultOf(row, host) === null) return [...fair, '0'];
  if (row.changes.some((change) => change.before !== undefined)) fair.push(String(row.initial));
  if (/^net\.ipv4\.(conf|ip_forward)/.test(row.name)) {
    fair.push(readFileSync(ROOT + toPath(nameOf(row)), 'utf8').trim());
    fair.push(readFileSync(`${ROOT}net/ipv4/ip_forward`, 'utf8').trim());
  }
  return fair;
}

function filesBelow(folder: string): string[] {
  return readdirSync(ROOT + folder).flatMap((name) => {
    const path = `${folder}/${name}`;
    return statSync(ROOT + path).isDirectory() ? filesBelow(path) : [path];
  });
}

/** A name that every namespace has for a row with a place for an interface or a number. */
function nameOf(row: SysctlRow): string {
  return row.name.replace('*', 'default').replace(/\.N$/, '.2');
}

const here = canAsk(false);
const rows = SYSCTLS.filter((row) => isIn(row, kernel));
const numbers = rows.filter((row) => row.limit !== null && !row.name.endsWith('_thresh'));

describe.skipIf(!here)('the table of settings and this kernel (needs root)', () => {
  test('the kernel has none below net.netfilter that the table lacks', async () => {
    const lacking = filesBelow('net/netfilter').filter((path) => findRow(toName(path)) === null);
    expect(lacking).toEqual([]);
    expect(filesBelow('net/netfilter').length).toBeGreaterThan(40);
  });

  test('the kernel has each one of the table, but for what it was built without', async () => {
    const probed = await probe(rows.map((row) => [toPath(nameOf(row)), []]));
    const missing = rows.filter((row) => probed[toPath(nameOf(row))] === null && row.needs === '');
    // settings of the whole host may be hidden from the namespaces
    expect(missing.filter((row) => row.access !== 'host').map((row) => row.name)).toEqual([]);
    for (const row of missing) expect(statSync(ROOT + toPath(row.name)).isFile()).toBe(true);
  });

  test('what is gone is not there', async () => {
    const gone = SYSCTLS.filter((row) => row.gone !== null && compareVersions(kernel, row.gone) >= 0);
    const probed = await probe(gone.map((row) => [toPath(row.name), []]));
    expect(Object.entries(probed).filter(([, p]) => p !== null)).toEqual([]);
    expect(gone.length).toBeGreaterThan(10);
  });

  test('defaults, in a new namespace', async () => {
    const host = liveHost(kernel, readFileSync('/proc/meminfo', 'utf8'));
    const probed = await probe(rows.map((row) => [toPath(nameOf(row)), []]));
    const differ = numbers
      .filter((row) => row.name !== FOR_EVER && !TUNED.includes(row.name))
      .flatMap((row) => {
        const value = probed[toPath(nameOf(row))]?.value;
        if (value === undefined || fairDefaults(row, host).includes(value)) return [];
        return [[row.name, value, defaultOf(row, host)]];
      });
    expect(differ).toEqual([]);
  });

  test('who may write: settings of the host and counts are read-only in a namespace, all others are not', async () => {
    const probed = await probe(rows.map((row) => [toPath(nameOf(row)), []]));
    const modes = rows.flatMap((row) => {
      const mode = probed[toPath(nameOf(row))]?.mode;
      return mode === undefined ? [] : [[row.name, mode === 0o644]];
    });
    expect(modes).toEqual(
      rows.filter((row) => probed[toPath(nameOf(row))] !== null).map((row) => [row.name, row.access === 'namespace']),
    );
  });

  test('limits: the least and the most are taken, what is beyond is refused', async () => {
    const ticks = await ticksPerSecond();
    const tried = numbers
      .filter((row) => row.access === 'namespace' && row.name !== FOR_EVER)
      .map((row) => {
        const most = row.limit!.isTicks ? Math.floor(INT_MAX / ticks) : row.limit!.most;
        const least = row.limit!.isTicks ? -most : row.limit!.least;
        return { path: toPath(nameOf(row)), values: [least, most, least - 1, most + 1].map(String) };
      });
    const probed = await probe(tried.map(({ path, values }) => [path, values]));
    const answers = tried.flatMap(({ path }) =>
      probed[path] === null ? [] : [[path, probed[path]!.answers.map(verdict)]],
    );
    const expected = tried
      .filter(({ path }) => probed[path] !== null)
      .map(({ path }) => [path, ['taken', 'taken', 'EINVAL', 'EINVAL']]);
    expect(answers).toEqual(expected);
    expect(answers.length).toBeGreaterThan(40);
  });

  test('the thresholds of reassembly bound each other, and go from 0 to the end of a long', async () => {
    for (const base of ['net/netfilter/nf_conntrack_frag6', 'net/ipv4/ipfrag', 'net/ipv6/ip6frag']) {
      const [high, low] = [`${base}_high_thresh`, `${base}_low_thresh`];
      const probed = await probe([
        [high, ['3145728', '3145727', '9223372036854775807', '-1']],
        [low, ['4194304', '4194305', '0', '-1']],
      ]);
      expect(probed[high]!.answers).toEqual(['3145728', 'EINVAL', '9223372036854775807', 'EINVAL']);
      expect(probed[low]!.answers).toEqual(['4194304', 'EINVAL', '0', 'EINVAL']);
    }
  });

  test('settings of the host refuse what the table says, in the first namespace', async () => {
    // what is refused changes nothing
    const refused = rows.filter(
      (row) => row.access === 'host' && row.limit?.least !== undefined && row.limit.least >= 0,
    );
    expect(refused.map((row) => row.name)).toContain('net.netfilter.nf_conntrack_max');
    for (const row of refused) {
      const before = readFileSync(ROOT + toPath(row.name), 'utf8');
      expect([row.name, writeHere(row.name, row.limit!.least - 1)]).toEqual([row.name, 'EINVAL']);
      expect([row.name, writeHere(row.name, row.limit!.most + 1)]).toEqual([row.name, 'EINVAL']);
      expect(readFileSync(ROOT + toPath(row.name), 'utf8')).toBe(before);
    }
  });
});

/** What is read back may be rounded to the ticks of the clock. */
function verdict(answer: string): string {
  return answer === 'EINVAL' ? answer : 'taken';
}

/** The kernel's ticks a second, from the longest timeout that it takes. */
async function ticksPerSecond(): Promise<number> {
  const path = 'net/netfilter/nf_conntrack_udp_timeout';
  const known = [100, 250, 300, 1000];
  const probed = await probe([[path, known.map((hz) => String(Math.floor(INT_MAX / hz)))]]);
  const { answers } = probed[path]!;
  const hz = known.find((_, i) => answers[i] !== 'EINVAL');
  expect(SECONDS.most).toBe(Math.floor(INT_MAX / 100));
  return hz!;
}

function writeHere(name: string, value: number): string {
  try {
    writeFileSync(ROOT + toPath(name), String(value));
    return 'taken';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? '';
  }
}
