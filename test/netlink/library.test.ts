/** `statewall/conntrack` as it is built: the example runs against the kernel and ends; what is missing is one line. */
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const EXAMPLE = join(root, 'examples/live-table/live-table.js');
const NAMESPACE = `statewall-library-${process.pid}`;

const run = (program: string, ...args: string[]): SpawnSyncReturns<string> =>
  spawnSync(program, args, { encoding: 'utf8' });
const inside = (...words: string[]) => run('ip', 'netns', 'exec', NAMESPACE, ...words);

const isThere =
  process.getuid?.() === 0 &&
  ['conntrack', 'ip', 'setpriv'].every((program) => spawnSync(program, ['--version']).error === undefined);

describe('without what it needs', () => {
  it('koffi, it says so in one line', () => {
    // a copy of the package where no library can be found
    const folder = mkdtempSync(join(tmpdir(), 'statewall-library-'));
    try {
      cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
      cpSync(join(root, 'package.json'), join(folder, 'package.json'));
      const program =
        "import { openConntrack } from './dist/conntrack.js'; openConntrack().catch((e) => console.log(e.name, e.message));";
      writeFileSync(join(folder, 'try.js'), program);
      const result = run(process.execPath, join(folder, 'try.js'));
      expect(result.stdout).toBe(
        'NetlinkUnavailableError the live connection table needs the package koffi, which is not installed\n',
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe.skipIf(process.env.CI === undefined && !isThere)('the example', () => {
  beforeAll(() => {
    expect(run('ip', 'netns', 'add', NAMESPACE).status).toBe(0);
    inside('ip', 'link', 'set', 'lo', 'up');
    for (const port of ['80', '80', '443'])
      inside(
        'conntrack',
        '-I',
        '-p',
        'udp',
        '-s',
        '192.0.2.1',
        '-d',
        '192.0.2.2',
        '--sport',
        port,
        '--dport',
        '53',
        '-t',
        '99',
      );
  });
  afterAll(() => {
    run('ip', 'netns', 'del', NAMESPACE);
  });

  it('counts, sums up, and ends after its time', () => {
    const result = run(process.execPath, EXAMPLE, '0.1', `/var/run/netns/${NAMESPACE}`);
    expect(result.stderr).toBe('');
    expect(result.stdout).toMatch(/^2 connections of at most \d+\n2 to 192\.0\.2\.2 port 53\n$/);
    expect(result.status).toBe(0);
  });

  it('shows an event that comes while it looks', async () => {
    const child = spawn(process.execPath, [EXAMPLE, '30', `/var/run/netns/${NAMESPACE}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
    for (let n = 1; n < 2000 && !printed.includes('[NEW]'); n++) {
      inside(
        'conntrack',
        '-I',
        '-p',
        'udp',
        '-s',
        '192.0.2.9',
        '-d',
        '192.0.2.2',
        '--sport',
        String(n),
        '--dport',
        '5',
        '-t',
        '9',
      );
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    child.kill();
    expect(printed).toMatch(/^ {4}\[NEW\] udp {6}17 9 src=192\.0\.2\.9 .* dport=5 \[UNREPLIED\] /m);
  });

  it('without CAP_NET_ADMIN prints one line', () => {
    const without = ['--bounding-set=-net_admin', '--inh-caps=-net_admin', '--', process.execPath, EXAMPLE];
    const result = inside('setpriv', ...without);
    expect([result.status, result.stderr]).toEqual([
      1,
      'live-table: cannot count connections: Operation not permitted: this takes CAP_NET_ADMIN (root has it)\n',
    ]);
  });

  it('in a namespace that is not there prints one line', () => {
    const result = run(process.execPath, EXAMPLE, '1', '/var/run/netns/statewall-none');
    expect([result.status, result.stderr]).toEqual([
      1,
      'live-table: cannot open /var/run/netns/statewall-none: No such file or directory\n',
    ]);
  });
});
