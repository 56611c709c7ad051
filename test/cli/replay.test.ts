/** The command line as a user meets it: the built `dist/cli/main.js` as a child process. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { openCapture } from '../../src/replay/capture-source.js';
import { example, root, run, start, WEB } from '../support/command.js';

const folder = mkdtempSync(join(tmpdir(), 'statewall-cli-'));
const file = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

describe('usage', () => {
  test('--version is that of package.json', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(run(['--version'])).toEqual({ status: 0, out: `${version}\n`, err: '' });
  });
  test('--help explains every option of replay and has examples', () => {
    const { status, out } = run(['replay', '--help']);
    expect(status).toBe(0);
    for (const word of ['--rules6', '--load-table', '--save-capture', '--lenient', 'Examples:', 'Exit status:']) {
      expect(out).toContain(word);
    }
  });
  test('no command at all prints the help and is wrong usage', () => {
    const { status, out, err } = run([]);
    expect([status, out]).toEqual([2, '']);
    expect(err).toContain('Usage: statewall');
  });
  test.each([
    [['replya'], "unknown command 'replya'", 'replay'],
    [['replay', 'x', '--rulse', 'y'], "unknown option '--rulse'", '--rules'],
    [['replay'], "missing required argument 'capture'", ''],
    [['replay', 'x', '--sysctl', 'a'], 'Expected KEY=VALUE', ''],
    [['replay', 'x', '--local', '10.0.0.300'], '--local: "10.0.0.300" is not an address', ''],
    [['replay', '-', '--rules', '-', '--local', '10.0.0.1'], 'standard input (-) can be read only once', ''],
    [['replay', '-'], '--local ADDRESS or --host FILE', ''],
    [['replay', 'x', '--local', '10.0.0.1', '--host', 'y'], 'cannot be used with', ''],
  ])('%j: exit status 2 and a word why', (args, message, suggestion) => {
    const { status, out, err } = run(args);
    expect([status, out]).toEqual([2, '']);
    expect(err).toMatch(/^statewall: /);
    expect(err).toContain(message);
    expect(err).toContain(suggestion);
    expect(err).not.toContain('    at ');
  });
});

describe('what cannot be read or written: exit status 1, one line, no stack', () => {
  test.each([
    ['a capture that is not there', ['missing.pcap', '--local', '10.0.0.1'], 'cannot read missing.pcap: no such file'],
    ['rules that are not there', [WEB[0], '--rules', 'missing', '--local', '10.0.0.1'], 'cannot read missing: no such'],
    ['an output in no folder', [...WEB, '--save-table', 'no/such/table'], 'cannot write no/such/table: no such file'],
    ['a table of nonsense', [...WEB, '--load-table', example('rules.v4')], 'rules.v4:'],
    ['an interface that the host has not', [...WEB, '--in-interface', 'wlan7'], 'no interface "wlan7"'],
  ])('%s', (_, args, message) => {
    const { status, err } = run(['replay', ...args, '--summary']);
    expect(err).toContain(message);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
    expect(status).toBe(args.includes('wlan7') ? 2 : 1);
  });
  test('a host file names line and column', () => {
    writeFileSync(file('host.yaml'), 'interfaces:\n  - {name: r0, adresses: []}\n');
    const { status, err } = run(['replay', WEB[0], '--host', file('host.yaml')]);
    expect([status, err]).toEqual([
      1,
      `statewall: ${file('host.yaml')}:2:16: unknown key "adresses" (did you mean "addresses"?)\n`,
    ]);
  });
  test('what the host refuses of its file names line and column too', () => {
    writeFileSync(file('host.yaml'), 'interfaces:\n  - {name: r0, addresses: [10.0.0.1/24, nonsense]}\n');
    const { status, err } = run(['replay', WEB[0], '--host', file('host.yaml')]);
    expect(status).toBe(1);
    expect(err).toContain(`${file('host.yaml')}:2:41: `);
  });
  test('wrong rules name file, line and column', () => {
    writeFileSync(file('rules'), '*filter\n-A INPUT -p tcp --dprt 80 -j ACCEPT\nCOMMIT\n');
    const { status, err } = run(['replay', WEB[0], '--rules', file('rules'), '--local', '192.0.2.10']);
    expect(status).toBe(1);
    expect(err).toContain(`${file('rules')}:2:`);
    expect(err).not.toContain('    at ');
  });
  test.runIf(existsSync('/dev/full'))('a full disk', () => {
    const { status, err } = run(['replay', ...WEB, '--summary', '--save-table', '/dev/full']);
    expect([status, err]).toEqual([1, 'statewall: cannot write /dev/full: no space left on device\n']);
  });
});

describe('outputs', () => {
  test('a line a packet, then the summary; two runs print the same; no colours into a pipe', () => {
    const { status, out, err } = run(['replay', ...WEB]);
    expect([status, err]).toEqual([0, '']);
    const lines = out.split('\n');
    const end = lines.indexOf('');
    expect(lines.slice(0, end).every((l) => /^\d\d:\d\d:\d\d\.\d{6} \S+ > \S+ /.test(l))).toBe(true);
    expect(out).toMatch(new RegExp(`\nPackets +${end} `));
    expect(out).toContain(' DROP filter INPUT ');
    expect(out).toContain('(TCP flag combination 0x0 is not valid)');
    expect(out).not.toContain('\x1b');
    expect(run(['replay', ...WEB]).out).toBe(out);
  });
  test('--color colours what was dropped, NO_COLOR does not mind', () => {
    expect(run(['replay', ...WEB, '--color'], { env: { NO_COLOR: '1' } }).out).toContain('\x1b[31mDROP\x1b[0m');
  });
  test('--json has the promised properties in the promised order', () => {
    const { out } = run(['replay', ...WEB, '--json']);
    const packets = out
      .trimEnd()
      .split('\n')
      .map((l) => JSON.parse(l) as Record<string, unknown>);
    const names = [
      'n',
      'time',
      'in',
      'out',
      'hook',
      'verdict',
      'state',
      'dir',
      'status',
      'id',
      'rule',
      'log',
      'reason',
    ];
    for (const p of packets) expect(Object.keys(p)).toEqual(names);
    expect(packets[0].n).toBe(1);
    expect(out).toMatch(/^\{"n":1,"time":\d{10}\.\d{6},/);
    const dropped = packets.find((p) => p.verdict === 'DROP');
    expect(dropped?.rule).toMatchObject({ table: 'filter', chain: 'INPUT' });
    const invalid = packets.filter((p) => p.state === 'INVALID');
    expect(invalid.length).toBeGreaterThan(0);
    for (const p of invalid) expect(p.reason).toEqual(expect.any(String));
  });
  test('--summary --json is one object that agrees with the packets', () => {
    const summary = JSON.parse(run(['replay', ...WEB, '--summary', '--json']).out) as {
      packets: number;
      verdicts: Record<string, number>;
      rules: { packets: number }[];
    };
    const packets = run(['replay', ...WEB, '--json'])
      .out.trimEnd()
      .split('\n');
    expect(summary.packets).toBe(packets.length);
    expect(summary.verdicts.DROP).toBe(packets.filter((l) => l.includes('"verdict":"DROP"')).length);
    expect(Object.values(summary.verdicts).reduce((a, b) => a + b)).toBe(summary.packets);
  });
  test('the summary is the same whether packets go one by one or in batches', () => {
    const one = run(['replay', ...WEB, '--summary', '--save-log', file('log')]).out;
    expect(run(['replay', ...WEB, '--summary']).out).toBe(one);
  });
  test('every file is saved, and reads back', async () => {
    const names = ['rules', 'table', 'expectations', 'events', 'log', 'capture'];
    const { status } = run(['replay', ...WEB, '--summary', ...names.flatMap((n) => [`--save-${n}`, file(n)])]);
    expect(status).toBe(0);
    expect(readFileSync(file('rules'), 'utf8')).toMatch(/^\[\d+:\d+\] -A INPUT /m);
    const table = readFileSync(file('table'), 'utf8');
    expect(table).toMatch(/^ipv4 {5}2 tcp {6}6 \d+ /m);
    expect(readFileSync(file('events'), 'utf8')).toMatch(/^ {4}\[NEW\] tcp {6}6 120 SYN_SENT /m);
    const source = openCapture(file('capture'));
    let packets = 0;
    for (let b = await source.read(); b !== null; b = await source.read()) packets += b.count;
    source.close();
    expect([packets > 0, source.failure]).toEqual([true, null]);
    expect(source.interfaces.map((i) => i.name).sort()).toEqual(['eth0', 'local']);
    expect(readFileSync(file('capture')).includes('ACCEPT filter INPUT')).toBe(true);
    const again = run(['replay', ...WEB, '--summary', '--load-table', file('table')]);
    expect([again.status, again.err]).toEqual([0, '']);
  });
  test('a reader that goes away ends it quietly', async () => {
    const child = start(['replay', ...WEB, ...Array<string>(200).fill(WEB[0])]);
    let err = '';
    child.stderr?.on('data', (d) => {
      err += d;
    });
    child.stdout?.once('data', () => child.stdout?.destroy());
    const status = await new Promise((resolve) => {
      child.on('exit', resolve);
    });
    expect([status, err]).toEqual([0, '']);
  });
});

describe('captures', () => {
  const bytes = readFileSync(WEB[0]);
  const plain = (): string => run(['replay', ...WEB]).out;

  test('compressed, and from standard input, they give the same', () => {
    writeFileSync(file('capture.gz'), gzipSync(bytes));
    expect(run(['replay', file('capture.gz'), ...WEB.slice(1)]).out).toBe(plain());
    expect(run(['replay', '-', ...WEB.slice(1)], { input: bytes }).out).toBe(plain());
    expect(run(['replay', '-', ...WEB.slice(1)], { input: gzipSync(bytes) }).out).toBe(plain());
  });
  test('a damaged one is processed up to the damage, which is told with packet and byte; exit status 1', () => {
    writeFileSync(file('cut.pcapng'), bytes.subarray(0, bytes.length - 7));
    const { status, out, err } = run(['replay', file('cut.pcapng'), ...WEB.slice(1), '--save-table', file('table2')]);
    expect(status).toBe(1);
    expect(err).toMatch(/^statewall: .*cut\.pcapng: packet \d+ at byte \d+: expected .*\n$/);
    const n = Number(/packet (\d+)/.exec(err)?.[1]);
    expect(out).toMatch(new RegExp(`\nPackets +${n - 1} `));
    expect(readFileSync(file('table2'), 'utf8')).toContain('src=');
  });
  test('without --host and --local the host is found, and standard error says so', () => {
    const { status, err } = run(['replay', WEB[0], '--rules', example('rules.v4'), '--summary']);
    expect(status).toBe(0);
    expect(err).toMatch(
      /^statewall: the host is taken to be 192\.0\.2\.10, which takes part in \d+ of \d+ conversations/,
    );
  });
});
