/** What a user can get wrong, through the real command line: exit status, a message that helps, never a stack trace. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { enhanced, frame, iface, pcap, pcapng, record, text } from '../support/capture-files.js';
import { example, type Outcome, run, shell, WEB } from '../support/command.js';
import { ip4 } from '../support/wire-frames.js';

const folder = mkdtempSync(join(tmpdir(), 'statewall-mistakes-'));
const file = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));
const make = (name: string, content: string | Uint8Array): string => {
  writeFileSync(file(name), content);
  return name;
};
const here = { cwd: folder };
const LOCAL = ['--local', '192.0.2.10'];
const CAPTURE = [example('capture.pcapng'), ...LOCAL, '--summary'];

/** Never a stack, never more than can be read, always the program's name. */
function isMessage({ err }: Outcome): void {
  expect(err).toMatch(/^statewall: /);
  expect(err).not.toMatch(/\n {4}at |this is a bug/);
  expect(err.length).toBeLessThan(2000);
  expect(err).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
}

describe('the command line itself: exit status 2', () => {
  test.each([
    [
      'an unknown option, with a suggestion',
      ['replay', 'x', '--sumary'],
      "unknown option '--sumary'\n(Did you mean --summary?)",
    ],
    ['an unknown command, with a suggestion', ['repaly'], "unknown command 'repaly'\n(Did you mean replay?)"],
    ['an unknown option before the command', ['--rules', 'x'], "unknown option '--rules'"],
    ['an option without its value at the end', ['replay', 'x', '--rules'], "option '--rules <file>' argument missing"],
    ['a value for a switch', ['replay', 'x', '--json=1'], "unknown option '--json=1'"],
    ['a word that is none of the choices', ['replay', 'x', '--table-format', 'csv'], 'Allowed choices are extended'],
    ['no capture', ['replay', '--summary'], "missing required argument 'capture'"],
    ['an address that is none', ['replay', 'x', '--local', '10.0.0'], '--local: "10.0.0" is not an address'],
    ['a prefix length that is none', ['replay', 'x', '--local', '10.0.0.1/33'], '"10.0.0.1/33" is not an address'],
    ['an IPv6 prefix length that is none', ['replay', 'x', '--local', 'fd00::1/129'], 'is not an address'],
    [
      'an interface name that is none',
      ['replay', 'x', '--in-interface', 'Ethernet 2'],
      '"Ethernet 2" cannot be the name',
    ],
    [
      'a sysctl of no value',
      ['replay', 'x', '--sysctl', 'net.ipv4.ip_forward=on'],
      '--sysctl: net.ipv4.ip_forward: expected a',
    ],
    ['a sysctl without a value', ['replay', 'x', '--sysctl', 'net.ipv4.ip_forward'], 'Expected KEY=VALUE'],
    ['standard input twice', ['replay', '-', '-', ...LOCAL], 'standard input (-) can be read only once'],
  ])('%s', (_, args, message) => {
    const outcome = run(args, here);
    isMessage(outcome);
    expect(outcome.err).toContain(message);
    expect([outcome.status, outcome.out]).toEqual([2, '']);
  });
  test.each([
    ['no arguments: the help on standard error', [], 2],
    ['the help of a command that is not there: the help on standard error', ['help', 'nosuch'], 2],
    ['help', ['help'], 0],
    ['--help', ['--help'], 0],
    ['help of a command', ['help', 'replay'], 0],
  ])('%s', (_, args, status) => {
    const outcome = run(args);
    expect(outcome.status).toBe(status);
    expect(status === 0 ? outcome.out : outcome.err).toMatch(/^Usage: statewall /);
    expect(status === 0 ? outcome.err : outcome.out).toBe('');
  });
});

describe('captures that are none: exit status 1', () => {
  mkdirSync(file('folder'));
  make('empty', '');
  make('text', 'hello, this is no capture\n');
  make('packed', Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3));
  make('one-byte', 'x');
  test.each([
    ['one that is not there', 'missing', 'cannot read missing: no such file or directory'],
    ['a name that is empty', '', 'cannot read : no such file or directory'],
    ['a folder', 'folder', 'cannot read folder: is a directory'],
    ['a file as a folder', 'text/x', 'cannot read text/x: not a directory'],
    ['a name that is too long', 'x'.repeat(300), 'file name too long'],
    ['an empty file', 'empty', 'empty: packet 1 at byte 0: expected 4 bytes of a file header, got 0'],
    ['a file of one byte', 'one-byte', 'one-byte: packet 1 at byte 0: expected 4 bytes of a file header, got 1'],
    [
      'a text',
      'text',
      'text: packet 1 at byte 0: expected a pcap or pcapng file, got a file that begins with 0x68656c6c',
    ],
    ['damaged gzip data', 'packed', 'packed: packet 1 at byte 0: the compressed data is damaged'],
  ])('%s', (_, name, message) => {
    const outcome = run(['replay', name, ...LOCAL, '--summary'], here);
    isMessage(outcome);
    expect(outcome.err).toContain(message);
    expect(outcome.err.split('\n')).toHaveLength(2);
    expect(outcome.status).toBe(1);
  });
  test.each([
    ['it is said that a pipe cannot be looked at ahead', [], 'standard input cannot be looked at ahead'],
    ['unless it does not matter', ['--answers', 'no'], ''],
  ])('%s', (_, more, said) => {
    const capture = readFileSync(WEB[0]!);
    const outcome = run(['replay', '-', ...WEB.slice(1), '--summary', ...more], { input: capture });
    expect([outcome.status, outcome.err.slice(11, 11 + said.length)]).toEqual([0, said]);
    expect(outcome.err === '').toBe(said === '');
  });
  test('nothing at all on standard input', () => {
    const outcome = run(['replay', '-', ...LOCAL, '--summary']);
    expect(outcome.err).toContain('standard input: packet 1 at byte 0: expected 4 bytes of a file header, got 0');
    expect(outcome.status).toBe(1);
  });
  test.runIf(process.platform !== 'win32')('a folder on standard input', () => {
    const outcome = shell(`$statewall replay - --local 10.0.0.1 < ${folder}`);
    expect([outcome.status, outcome.err]).toEqual([1, 'statewall: cannot read standard input: is a directory\n']);
  });
  test.runIf(process.platform !== 'win32')('one that may not be read', () => {
    make('secret', '');
    chmodSync(file('secret'), 0);
    // root may read everything, unless it is without that capability
    const drop = process.getuid?.() === 0 ? 'setpriv --bounding-set=-dac_override,-dac_read_search ' : '';
    const outcome = shell(`${drop}$statewall replay secret ${LOCAL.join(' ')}`, here);
    expect([outcome.status, outcome.err]).toEqual([1, 'statewall: cannot read secret: permission denied\n']);
  });
  test('terminal sequences in the name of an interface are not obeyed', () => {
    const b = iface(pcapng('little'), (o) => o.option(2, text('\x1b[2Jr0')), 101);
    make('names.pcapng', enhanced(b, 0, 1n, frame(20)).file);
    const outcome = run(['replay', 'names.pcapng', '--host', make('r9.yaml', 'interfaces: [{name: r9}]\n')], here);
    isMessage(outcome);
    expect(outcome.err).toContain('the host has no interface "\\x1b[2Jr0" (it has lo, r9)');
    expect(outcome.status).toBe(1);
    const plain = run(['replay', 'names.pcapng', ...LOCAL], here);
    isMessage(plain);
    expect(plain.out).not.toContain('\x1b');
  });
});

describe('rules', () => {
  const web = readFileSync(example('rules.v4'), 'utf8');
  const plain = run(['replay', ...CAPTURE, '--rules', example('rules.v4')]);
  test.each([
    ['line ends of Windows', web.replaceAll('\n', '\r\n')],
    ['a byte order mark', `\ufeff${web}`],
    ['both', `\ufeff${web.replaceAll('\n', '\r\n')}`],
    ['no line end at the end', web.trimEnd()],
  ])('with %s say the same', (_, content) => {
    expect(run(['replay', ...CAPTURE, '--rules', make('rules', content)], here)).toEqual(plain);
  });
  test.each([
    ['a misspelt option', '*filter\n-A INPUT -p tcp --dprt 80 -j ACCEPT\nCOMMIT\n', 'rules:2:17: '],
    ['a chain that is not there', '*filter\n-A INPUT -j NOWHERE\nCOMMIT\n', 'rules:2:13: '],
    ['a number that is none', '*filter\n-A INPUT -p tcp --dport http8 -j ACCEPT\nCOMMIT\n', 'rules:2:25: '],
    ['no COMMIT', '*filter\n-A INPUT -j ACCEPT\n', 'rules:2:'],
    ['a table that is not there', '*filtre\nCOMMIT\n', 'rules:1:'],
    ['NUL bytes in a rule', '*filter\n-A INPUT -j ACC\0EPT\nCOMMIT\n', 'rules:2:13: '],
    ['NUL bytes behind the rules', `${web}\0\0\n`, 'rules:14:1: '],
    ['UTF-16', Buffer.from(`\ufeff${web}`, 'utf16le'), 'rules:1:1: '],
    ['a capture', readFileSync(example('capture.pcapng')), 'rules:3:6: '],
    ['a text of one word of 10 MB', 'x'.repeat(10_000_000), 'rules:1:1: '],
    ['a rule of 10 MB of "!"', `*filter\n-A INPUT ${'! '.repeat(5_000_000)}\nCOMMIT\n`, 'rules:2:12: '],
  ])('%s: exit status 1 and the place', (_, content, place) => {
    const outcome = run(['replay', ...CAPTURE, '--rules', make('rules', content)], here);
    isMessage(outcome);
    expect(outcome.err).toContain(`statewall: ${place}`);
    expect([outcome.status, outcome.out]).toEqual([1, '']);
  });
  test.each([
    ['a comment of 10 MB is cut to what the kernel keeps', `-m comment --comment "${'x'.repeat(10_000_000)}"`],
    [
      'a rule of 200,000 addresses makes as many rules',
      `-s ${Array.from({ length: 200_000 }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)}`,
    ],
  ])('%s', (_, match) => {
    const rules = make('rules', `*filter\n-A INPUT ${match} -j ACCEPT\nCOMMIT\n`);
    const outcome = run(['replay', ...CAPTURE, '--rules', rules, '--save-rules', 'after'], here);
    expect([outcome.status, outcome.err]).toEqual([0, '']);
    const after = readFileSync(file('after'), 'utf8').match(/^\[\d+:\d+\] -A INPUT .*$/gm) ?? [];
    expect(after).toHaveLength(match.startsWith('-s') ? 200_000 : 1);
    expect(after[0]!.length).toBeLessThan(400);
  });
  test('ones that are not there, and folders', () => {
    const missing = run(['replay', ...CAPTURE, '--rules', 'missing'], here);
    expect([missing.status, missing.err]).toEqual([1, 'statewall: cannot read missing: no such file or directory\n']);
    const directory = run(['replay', ...CAPTURE, '--rules6', 'folder'], here);
    expect([directory.status, directory.err]).toEqual([1, 'statewall: cannot read folder: is a directory\n']);
  });
});

describe('the host file', () => {
  const capture = [example('capture.pcapng'), '--summary'];
  const host = readFileSync(example('host.yaml'), 'utf8');
  test.each([
    ['line ends of Windows', host.replaceAll('\n', '\r\n')],
    ['a byte order mark', `\ufeff${host}`],
  ])('with %s says the same', (_, content) => {
    const plain = run(['replay', ...capture, '--host', example('host.yaml')]);
    expect(run(['replay', ...capture, '--host', make('host.yaml', content)], here)).toEqual(plain);
  });
  test.each([
    ['an open list', 'interfaces: [\n', ':2:1: '],
    ['no mapping', '42\n', ':1:1: the file: expected "name: value" pairs'],
    ['a number for a list', 'interfaces: 5\n', ':1:13: interfaces: expected a list'],
    ['a misspelt key', 'interface: []\n', ':1:1: unknown key "interface" (did you mean "interfaces"?)'],
    ['an alias of itself', 'interfaces: &a [*a]\n', ':1:17: '],
    ['NUL bytes', '\0\0', ':1:1: '],
    ['a capture', readFileSync(example('capture.pcapng')), ':2:1: '],
    ['an address that is none', 'interfaces:\n  - {name: r0, addresses: [10.1.0.256/24]}\n', ':2:28: '],
    [
      'an MTU that is a word',
      'interfaces: [{name: r0, mtu: big}]\n',
      ':1:30: interfaces[0].mtu: expected a whole number',
    ],
    ['a MAC address that is none', 'interfaces: [{name: r0, mac: "02:00"}]\n', ':1:30: '],
    [
      'a route over an interface that is not there',
      'interfaces: [{name: r0}]\nroutes: [{to: default, dev: r9}]\n',
      ':2:29: ',
    ],
    [
      'a sysctl of no value',
      'sysctl:\n  net.netfilter.nf_conntrack_max: many\n',
      ':2:35: expected a whole number from 0 to',
    ],
    ['a table of no size', 'sysctl: {net.netfilter.nf_conntrack_max: 2000000000}\n', ':1:42: a table of 2000000000'],
    ['a name that is too long', 'interfaces: [{name: abcdefghijklmnop}]\n', ':1:21: '],
  ])('%s: exit status 1 and the place', (_, content, message) => {
    const outcome = run(['replay', ...capture, '--host', make('host.yaml', content)], here);
    isMessage(outcome);
    expect(outcome.err).toContain(`statewall: host.yaml${message}`);
    expect([outcome.status, outcome.out]).toEqual([1, '']);
  });
});

describe('outputs', () => {
  const original = readFileSync(example('capture.pcapng'));
  make('in.pcapng', original);
  make('rules.v4', readFileSync(example('rules.v4')));
  make(
    'table',
    'ipv4     2 udp      17 10 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 mark=0 use=1\n',
  );
  const args = ['replay', 'in.pcapng', ...LOCAL, '--rules', 'rules.v4', '--summary'];
  test.each([
    [
      '--save-capture onto the capture',
      ['--save-capture', 'in.pcapng'],
      '--save-capture: in.pcapng is the capture, which',
    ],
    ['by another name', ['--save-capture', './folder/../in.pcapng'], 'is the capture, which it would destroy'],
    ['any other output', ['--save-log', 'in.pcapng'], '--save-log: in.pcapng is the capture, which it would destroy'],
    [
      'the rules',
      ['--save-rules', 'rules.v4'],
      '--save-rules: rules.v4 is the file of --rules, which it would destroy',
    ],
    [
      'the table',
      ['--load-table', 'table', '--save-table', 'table'],
      'is the file of --load-table, which it would destroy',
    ],
    ['two outputs', ['--save-log', 'new', '--save-events', 'new'], '--save-log: new is written by --save-events too'],
    ['two names', ['--save-log', 'new', '--save-events', './new'], 'is written by --save-events too'],
    [
      'a capture among text',
      ['--save-capture', '-', '--save-log', '-'],
      '--save-log: standard output is written by --save',
    ],
  ])('no file is destroyed or written twice: %s', (_, more, message) => {
    const before = [readFileSync(file('rules.v4')), readFileSync(file('table'))];
    const outcome = run([...args, ...more], here);
    isMessage(outcome);
    expect(outcome.err).toContain(message);
    expect([outcome.status, outcome.out]).toEqual([2, '']);
    expect(readFileSync(file('in.pcapng'))).toEqual(original);
    expect([readFileSync(file('rules.v4')), readFileSync(file('table'))]).toEqual(before);
    expect(existsSync(file('new'))).toBe(false);
  });
  test.runIf(process.platform !== 'win32').each([
    ['links', 'ln -sf in.pcapng link; ln -f in.pcapng hard; for f in link hard; do ARGS --save-capture $f; done'],
    ['standard input', '$statewall replay - --local 10.0.0.1 --save-capture in.pcapng < in.pcapng'],
  ])('a capture is found under its other names: %s', (_, line) => {
    const outcome = shell(line.replaceAll('ARGS', `$statewall ${args.join(' ')}`), here);
    expect(outcome.err.match(/which it would destroy/g)?.length).toBe(line.includes('link') ? 2 : 1);
    expect(readFileSync(file('in.pcapng'))).toEqual(original);
  });
  test.runIf(process.platform !== 'win32')('the file that standard output goes to', () => {
    const outcome = shell(`$statewall ${args.join(' ')} --save-log both > both`, here);
    expect([outcome.status, outcome.err]).toEqual([
      2,
      'statewall: --save-log: both is written by standard output too\n',
    ]);
  });
  test('/dev/null may be named as often as one likes', () => {
    const nul = process.platform === 'win32' ? '\\\\.\\NUL' : '/dev/null';
    const outcome = run([...args, '--save-log', nul, '--save-events', nul, '--save-capture', nul], here);
    expect([outcome.status, outcome.err]).toEqual([0, '']);
  });
  test.each([
    ['in a folder that is not there', 'no/such/file', 'cannot write no/such/file: no such file or directory'],
    ['a folder', 'folder', 'cannot write folder: is a directory'],
    ['an empty name', '', 'cannot write : no such file or directory'],
  ])('%s: exit status 1', (_, name, message) => {
    const outcome = run([...args, '--save-table', name], here);
    expect([outcome.status, outcome.err, outcome.out]).toEqual([1, `statewall: ${message}\n`, '']);
  });
  test('a mistake in the rules leaves what an earlier run has saved', () => {
    make('saved', 'of yesterday');
    const wrong = make('wrong', '*filter\n-A INPUT -j NOWHERE\nCOMMIT\n');
    expect(run(['replay', ...CAPTURE, '--rules', wrong, '--save-table', 'saved'], here).status).toBe(1);
    expect(readFileSync(file('saved'), 'utf8')).toBe('of yesterday');
  });
  test.runIf(existsSync('/dev/full'))('a full disk: exit status 1, and the other outputs are whole', () => {
    const saves = ['--save-table', '/dev/full', '--save-log', 'log', '--save-rules', 'rules'];
    const outcome = run([...args, ...saves], here);
    expect([outcome.status, outcome.err]).toEqual([1, 'statewall: cannot write /dev/full: no space left on device\n']);
    const fine = run([...args, '--save-log', 'log2', '--save-rules', 'rules2'], here);
    expect(outcome.out).toBe(fine.out);
    for (const name of ['log', 'rules']) expect(readFileSync(file(name))).toEqual(readFileSync(file(`${name}2`)));
  });
  test.runIf(existsSync('/dev/full')).each([
    ['the packets', '--json'],
    ['the summary', '--summary'],
  ])('standard output on a full disk, %s: exit status 1', (_, show) => {
    const outcome = shell(`$statewall replay in.pcapng --local 192.0.2.10 ${show} > /dev/full`, here);
    expect([outcome.status, outcome.err]).toEqual([
      1,
      'statewall: cannot write standard output: no space left on device\n',
    ]);
  });
  test('--save-capture - has standard output for itself, the summary goes to standard error', () => {
    const outcome = shell(`$statewall ${args.join(' ')} --save-capture - > out.pcapng`, here);
    expect(outcome.err).toMatch(/^Packets +77 /);
    expect(run([...args, '--save-capture', 'out2.pcapng'], here).status).toBe(0);
    expect(readFileSync(file('out.pcapng'))).toEqual(readFileSync(file('out2.pcapng')));
  });
  test.runIf(process.platform !== 'win32')('`| head -1` ends it quietly, and the files are whole', () => {
    const many = Array<string>(300).fill('in.pcapng').join(' ');
    const line = `{ $statewall replay ${many} ${LOCAL.join(' ')} --json; echo "status $?" >&2; } | head -1`;
    const outcome = shell(line, here);
    expect([outcome.err, outcome.out.split('\n').length]).toEqual(['status 0\n', 2]);
    expect(shell(line.replace('--json', '--json --save-events events'), here).err).toBe('status 0\n');
    expect(run(['replay', ...many.split(' '), ...LOCAL, '--summary', '--save-events', 'events2'], here).status).toBe(0);
    expect(readFileSync(file('events'))).toEqual(readFileSync(file('events2')));
  });
});

describe('terminals', () => {
  const ESC = '\x1b[';
  test.each([
    ['--color wins over NO_COLOR', ['--color'], { NO_COLOR: '1' }, true],
    ['--color wins over TERM=dumb', ['--color'], { TERM: 'dumb' }, true],
    ['--no-color wins over FORCE_COLOR', ['--no-color'], { FORCE_COLOR: '1' }, false],
    ['FORCE_COLOR', [], { FORCE_COLOR: '1' }, true],
    ['NO_COLOR wins over FORCE_COLOR', [], { FORCE_COLOR: '1', NO_COLOR: '1' }, false],
    ['none into a pipe', [], {}, false],
    ['none in JSON', ['--color', '--json'], {}, false],
  ])('colours: %s', (_, more, env: Record<string, string>, coloured) => {
    expect(run(['replay', ...WEB, ...more], { env }).out.includes(ESC)).toBe(coloured);
  });
  test.runIf(existsSync('/usr/bin/script')).each([
    ['colours on a terminal', {}, true],
    ['none with NO_COLOR', { NO_COLOR: '1' }, false],
    ['none on a dumb one', { TERM: 'dumb' }, false],
  ])('%s', (_, env: Record<string, string>, coloured) => {
    const line = `script -qec "$statewall replay ${CAPTURE.join(' ')}" /dev/null`;
    const { out } = shell(line, { env: { TERM: 'xterm', ...env } });
    expect(out).toContain('Packets ');
    expect(out.includes(ESC)).toBe(coloured);
  });
  test.runIf(existsSync('/usr/bin/script'))('progress is drawn on a terminal only, and not on a dumb one', () => {
    // in two pieces, because nothing is drawn in the first second
    const feed = `{ cat ${example('capture.pcapng')}; sleep 2; cat ${example('capture.pcapng')}; }`;
    const line = `script -qec "${feed} | $statewall replay - ${LOCAL.join(' ')} --summary" /dev/null`;
    expect(shell(line, { env: { TERM: 'xterm' } }).out).toMatch(/\r\d+ packets, \d+ a second \x1b\[K\r\x1b\[K/);
    expect(shell(line, { env: { TERM: 'dumb' } }).out).not.toContain('a second');
    expect(shell(`${feed} | $statewall replay - ${LOCAL.join(' ')} --summary`).err).toBe('');
  });
});

test.each([
  '\\Device\\NPF_{D2C4B9C5-3A0E-4A59-9E42-7A1C1B1D3F10}',
  'Ethernet 2',
  'a/b',
  'eth0:1',
  '..',
  'x'.repeat(16),
])('an interface that Linux could not name so is the first one of the host: %s', (name) => {
  const b = iface(pcapng('little'), (o) => o.option(2, text(name)), 101);
  make('names.pcapng', enhanced(b, 0, 1n, ip4(17, [0, 1, 0, 2, 0, 8, 0, 0])).file);
  const outcome = run(['replay', 'names.pcapng', ...LOCAL], here);
  expect(outcome.err).toBe(
    `statewall: names.pcapng: the packets of "${name}" are taken to arrive on eth0 (see --in-interface)\n`,
  );
  expect(outcome.out).toContain(' eth0 > - IP 10.1.0.2.1 > 10.2.0.3.2: UDP, length 0: ');
  expect(outcome.status).toBe(0);
  const named = run(['replay', 'names.pcapng', ...LOCAL, '--in-interface', 'wlan0'], here);
  expect([named.status, named.err]).toEqual([0, '']);
});

test('an interface that a capture names late is the first one of a host made for the capture', () => {
  const b = iface(pcapng('little'), (o) => o.option(2, text('r0')), 101);
  for (let i = 0; i < 1000; i++) enhanced(b, 0, BigInt(i), ip4(17, [0, 1, 0, 2, 0, 8, 0, 0]));
  iface(b, (o) => o.option(2, text('r1')), 101);
  make('late.pcapng', enhanced(b, 1, 2000n, ip4(17, [0, 1, 0, 2, 0, 8, 0, 0])).file);
  const outcome = run(['replay', 'late.pcapng', ...LOCAL, '--summary'], here);
  expect(outcome.err).toContain('the packets of "r1" are taken to arrive on r0');
  expect(outcome.out).toMatch(/^Packets +1001 /);
  expect(outcome.status).toBe(0);
});

test('a setting that nothing depends on is told of, in case it was misspelt', () => {
  const idle = ['--sysctl', 'net.netfilter.nf_conntrack_tcp_lose=1', '--sysctl', 'net.ipv4.ip_forward=1'];
  const outcome = run(['replay', ...CAPTURE, ...idle]);
  const line = 'statewall: nothing here depends on the setting net.netfilter.nf_conntrack_tcp_lose\n';
  expect([outcome.status, outcome.err]).toEqual([0, line]);
  make('all.yaml', 'sysctl: {a.b: x, a.c: x, a.d: x, a.e: x, net.ipv4.ip_forward: 1}\ninterfaces: [{name: eth0}]\n');
  const many = run(['replay', CAPTURE[0], '--summary', '--host', 'all.yaml'], here);
  expect(many.err).toBe('statewall: nothing here depends on the settings a.b, a.c, a.d and 1 more\n');
});

test('a capture with an unknown link type is told of, not fatal', () => {
  make('usb.pcap', record(pcap('little', 0xa1b2c3d4, 189), 1, 2, frame(40)).file);
  const outcome = run(['replay', 'usb.pcap', ...LOCAL], here);
  expect([outcome.status, outcome.err]).toEqual([0, '']);
  expect(outcome.out).toContain('passed over (unknown link type)');
});
