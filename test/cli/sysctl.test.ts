/** `statewall sysctl` as a process, on host files and files of sysctl.d. The live kernel: test/sysctl. */
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Outcome, run, shell, WEB } from '../support/command.js';

const NF = 'net.netfilter.nf_conntrack_';
const HOST = `# the web server
interfaces:
  - {name: eth0,   addresses: [192.0.2.10/24]}   # outside

sysctl:
  # what we changed
  ${NF}tcp_loose: 0   # strict
  net.ipv4.ip_forward: 1
`;

let folder = '';
let file = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'statewall-sysctl-'));
  file = join(folder, 'host.yaml');
  writeFileSync(file, HOST);
});
afterEach(() => rmSync(folder, { recursive: true }));

const sysctl = (...args: string[]): Outcome => run(['sysctl', ...args]);
const onHost = (...args: string[]): Outcome => sysctl('--host', file, ...args);
const text = (): string => readFileSync(file, 'utf8');

describe('--host', () => {
  test('lists all, as sysctl does', () => {
    const { status, out, err } = onHost();
    expect([status, err]).toEqual([0, '']);
    expect(out).toContain(`${NF}tcp_loose = 0\n${NF}tcp_max_retrans = 3\n`);
    expect(out).toContain('net.ipv4.conf.eth0.forwarding = 1\nnet.ipv4.conf.eth0.rp_filter = 0\n');
    expect(onHost('-a').out).toBe(out);
    expect(out.split('\n').length).toBeGreaterThan(70);
  });

  test('reads and sets like sysctl', () => {
    expect(onHost('-n', 'net/netfilter/nf_conntrack_max')).toEqual({ status: 0, out: '262144\n', err: '' });
    expect(onHost(`${NF}tcp_loose=1`, `${NF}udp_timeout=60`)).toEqual({
      status: 0,
      out: `${NF}tcp_loose = 1\n${NF}udp_timeout = 60\n`,
      err: '',
    });
    expect(text()).toBe(`${HOST.replace('tcp_loose: 0 ', 'tcp_loose: 1 ')}  ${NF}udp_timeout: 60\n`);
    expect(readdirSync(folder)).toEqual(['host.yaml']);
  });

  test('mode and link of the file stay', () => {
    chmodSync(file, 0o640);
    const link = join(folder, 'link.yaml');
    symlinkSync(file, link);
    expect(sysctl('--host', link, `${NF}acct=1`).status).toBe(0);
    expect(text()).toBe(`${HOST}  ${NF}acct: 1\n`);
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(readdirSync(folder).sort()).toEqual(['host.yaml', 'link.yaml']);
  });

  test.each<[string, string[], number, RegExp]>([
    [
      'what the kernel refuses',
      [`${NF}acct=2`],
      1,
      /^sysctl: setting key ".*acct": Invalid argument\nhint: expected .* 0 to 1, got "2"\n$/,
    ],
    ['a count', [`${NF}count=2`], 1, /hint: net.netfilter.nf_conntrack_count is read-only\n$/],
    [
      'a name that it does not have',
      ['net.nope=1'],
      1,
      /^sysctl: cannot stat \/proc\/sys\/net\/nope: No such file or directory\n$/,
    ],
    [
      'a name of before',
      ['net.ipv4.ip_conntrack_max=1'],
      1,
      /hint: .* is gone since Linux 4.9: use net.netfilter.nf_conntrack_max\n$/,
    ],
    ['a dry run', ['--dry-run', `${NF}acct=1`], 0, /^$/],
    ['a reading', [`${NF}acct`], 0, /^$/],
    ['an unknown option', ['--nosuch', `${NF}acct=1`], 2, /^statewall: sysctl: unrecognized option '--nosuch'\n$/],
    ['-w without a word', ['-w'], 1, /^sysctl: no variables specified\n/],
  ])('%s leaves the file alone', (_claim, args, status, err) => {
    const before = statSync(file).mtimeMs;
    const done = onHost(...args);
    expect([done.status, text()]).toEqual([status, HOST]);
    expect(done.err).toMatch(err);
    expect(statSync(file).mtimeMs).toBe(before);
  });

  test('what is right is set although something else is wrong, as by sysctl', () => {
    expect(onHost('nope=1', `${NF}acct=1`).status).toBe(1);
    expect(text()).toContain(`${NF}acct: 1\n`);
  });

  test('a harmful value is set, with a warning; one that nothing depends on, too', () => {
    expect(onHost('-q', `${NF}tcp_be_liberal=1`, 'net.ipv6.ip6frag_time=9')).toEqual({
      status: 0,
      out: '',
      err:
        `warning: ${NF}tcp_be_liberal = 1: segments with made-up sequence numbers pass as part of a connection: who guesses addresses ` +
        'and ports can inject\nwarning: nothing in a replay depends on net.ipv6.ip6frag_time\n',
    });
  });

  test('a file of sysctl.d is loaded into it', () => {
    const conf = join(folder, '10.conf');
    writeFileSync(conf, `# x\n${NF}max = 1000\n-net.core.somaxconn = 5\nnet.ipv4.conf.*.rp_filter = 2\n`);
    const { status, err } = onHost('-q', '-p', conf);
    expect([status, err]).toEqual([1, 'sysctl: cannot stat /proc/sys/net/core/somaxconn: No such file or directory\n']);
    expect(text()).toContain(`  ${NF}max: 1000\n`);
    expect(text()).toContain('  net.ipv4.conf.eth0.rp_filter: 2\n');
  });

  test.each([
    ['is not there', '', /^statewall: cannot read .*: no such file or directory\n$/],
    ['is no host file', 'interfaces: 5\n', /^statewall: .*host.yaml:1:13: interfaces: expected a list\n$/],
  ])('a file that %s', (_claim, content, err) => {
    if (content === '') rmSync(file);
    else writeFileSync(file, content);
    for (const args of [[], [`${NF}acct=1`], ['--check']]) {
      const done = onHost(...args);
      expect([done.status, done.out]).toEqual([1, '']);
      expect(done.err).toMatch(err);
    }
  });

  test('two writers cannot lose a change, and a lock that was left is told of', () => {
    const sets = [1, 2, 3, 4].map(
      (n) => `$statewall sysctl --host '${file}' -q net.ipv4.conf.eth0.rp_filter=${n % 3} ${NF}tcp_max_retrans=${n} &`,
    );
    expect(shell(`${sets.join(' ')} wait`).status).toBe(0);
    expect(text().match(/rp_filter/g)).toHaveLength(1);
    expect(text().match(/max_retrans/g)).toHaveLength(1);
    expect(text().startsWith(HOST)).toBe(true);
  });

  test('a replay takes what was written', () => {
    writeFileSync(file, readFileSync(WEB[4]!, 'utf8'));
    expect(onHost('-q', `${NF}udp_timeout=1`, `${NF}max=100000`).status).toBe(0);
    expect(run(['replay', ...WEB.slice(0, 4), file, '--summary'])).toMatchObject({ status: 0 });
  });
});

describe('showing', () => {
  test('--changed has what differs from the default', () => {
    expect(onHost('--changed')).toEqual({
      status: 0,
      out: `${['all', 'default', 'eth0', 'lo'].map((i) => `net.ipv4.conf.${i}.forwarding = 1\n`).join('')}net.ipv4.ip_forward = 1\n${NF}tcp_loose = 0\n`,
      err: '',
    });
    expect(onHost('--changed', '-N', 'net.netfilter').out).toBe(`${NF}tcp_loose\n`);
  });

  test('--json has an object a line', () => {
    const lines = onHost('--json').out.trim().split('\n');
    const objects = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(objects.find((o) => o.name === `${NF}tcp_loose`)).toMatchObject({ value: 0, default: 1, changed: true });
    expect(objects.length).toBeGreaterThan(70);
    expect(onHost('--json', '--changed', `${NF}max`).out).toBe('');
  });

  test('--explain of one, of a folder, of one that is gone, of none', () => {
    expect(onHost('--explain', `${NF}tcp_loose`).out).toMatch(
      /^net.*tcp_loose = 0\n {2}TCP connections .*\n(.*\n)* {2}Default: 1 \(on\)\.\n/,
    );
    expect(onHost('--explain', 'net/netfilter/nf_log').out.match(/^net\.netfilter\.nf_log\.\d+ = /gm)).toHaveLength(11);
    expect(onHost('--explain', `${NF}helper`)).toMatchObject({
      status: 0,
      out: expect.stringContaining('Gone since Linux 6.0'),
    });
    expect(onHost('--explain', `${NF}tcp_lose`)).toEqual({
      status: 1,
      out: '',
      err: `statewall: sysctl: nothing is known of ${NF}tcp_lose; did you mean ${NF}tcp_loose?\n`,
    });
    expect(onHost('--explain').out.match(/^\S/gm)!.length).toBeGreaterThan(70);
  });

  test('--kernel: as an older release has it', () => {
    expect(onHost('--kernel', '5.4', '-n', `${NF}events`).out).toBe('1\n');
    expect(onHost('--kernel', '4.4', '--explain', `${NF}helper`).out).toContain(`${NF}helper = 1\n`);
  });
});

describe('--write-d', () => {
  test('writes what differs, and reads it back', () => {
    const conf = join(folder, '90.conf');
    expect(onHost('--write-d', conf)).toEqual({ status: 0, out: '', err: '' });
    const settings = readFileSync(conf, 'utf8')
      .split('\n')
      .filter((line) => /^[^#]/.test(line));
    expect(settings).toContain(`${NF}tcp_loose = 0`);
    expect(settings).toHaveLength(5);
    const other = join(folder, 'other.yaml');
    writeFileSync(other, 'interfaces: [{name: eth0}]\n');
    expect(sysctl('--host', other, '-q', '-p', conf)).toEqual({ status: 0, out: '', err: '' });
    expect(sysctl('--host', other, '--changed').out).toBe(onHost('--changed').out);
    expect(sysctl('--check', conf)).toEqual({ status: 0, out: '', err: '' });
  });

  test('--all writes all, no count, and each setting under one name', () => {
    const { out } = onHost('--write-d', '-', '--all', 'net.netfilter', 'net.nf_conntrack_max');
    expect(out).toContain(`\n${NF}max = 262144\n`);
    expect(out).not.toContain(`\n${NF}count`);
    expect(out).not.toContain('\nnet.nf_conntrack_max');
  });

  test('a folder that is not there', () => {
    expect(onHost('--write-d', join(folder, 'no/90.conf'))).toMatchObject({
      status: 1,
      err: expect.stringMatching(/^statewall: cannot write/),
    });
  });
});

describe('--check', () => {
  test('says what is wrong, with file and line, and ends with 1', () => {
    const conf = join(folder, 'old.conf');
    writeFileSync(conf, `# old\nnet.ipv4.ip_conntrack_max = 65536\n${NF}acct = 3\n`);
    expect(sysctl('--check', conf)).toEqual({
      status: 1,
      out:
        `${conf}:2:1: error: net.ipv4.ip_conntrack_max is gone since Linux 4.9: use ${NF}max\n` +
        `${conf}:3:35: error: ${NF}acct: the kernel refuses this: expected a whole number from 0 to 1, got "3"\n`,
      err: '',
    });
    const [first] = sysctl('--check', '--json', conf).out.split('\n');
    expect(JSON.parse(first!)).toMatchObject({ file: conf, line: 2, column: 1, level: 'error' });
  });

  test('of a host file', () => {
    writeFileSync(file, `${HOST}  net.ipv4.netfilter.ip_conntrack_max: 5\n`);
    expect(onHost('--check')).toMatchObject({
      status: 1,
      out: `${file}:9:3: error: net.ipv4.netfilter.ip_conntrack_max is gone since Linux 4.9: use ${NF}max\n`,
    });
  });

  test('of a host file: what a replay has no use for', () => {
    writeFileSync(file, `sysctl:\n  net.ipv6.ip6frag_time: 5\n  net.nf_conntrack_max: 5\n  ${NF}helper: 1\n`);
    expect(onHost('--check', '--kernel', '5.4').out).toMatch(
      /^.*:2:3: warning: nothing in a replay depends on net.ipv6.ip6frag_time\n.*:4:\d+: warning: .*helper = 1: .*\n$/,
    );
  });

  test('of nothing, of standard input', () => {
    expect(sysctl('--check', join(folder, 'none'))).toMatchObject({
      status: 1,
      out: '',
      err: expect.stringContaining('No such file'),
    });
    expect(run(['sysctl', '--check', '-'], { input: Buffer.from('x\n') }).out).toMatch(/^-:1:1: error: expected/);
  });
});

test('a full disk is told of', () => {
  const { status, err } = shell(`$statewall sysctl --host '${file}' > /dev/full`);
  expect([status, err]).toEqual([1, 'statewall: cannot write standard output: no space left on device\n']);
});

test('what a file holds does not reach the terminal as it is', () => {
  const conf = join(folder, 'odd.conf');
  writeFileSync(conf, '\x1b[2Jodd\n');
  expect(sysctl('--check', conf).out).toBe(`${conf}:1:1: error: expected "name = value", got "\\x1b[2Jodd"\n`);
});

test('on another system than Linux there is one line, and host files work', () => {
  const preload = "data:text/javascript,Object.defineProperty(process,'platform',{value:'darwin'})";
  const env = { NODE_OPTIONS: `--import ${preload}` };
  expect(run(['sysctl'], { env })).toEqual({
    status: 1,
    out: '',
    err: "statewall: sysctl: the live settings are Linux's, and this is darwin: expected --host FILE\n",
  });
  expect(run(['sysctl', '--host', file, '-n', `${NF}tcp_loose`], { env }).out).toBe('0\n');
});

describe('help', () => {
  test('is printed by all three', () => {
    const { out, status } = sysctl('--help');
    expect(status).toBe(0);
    expect(out).toMatch(/^Usage: statewall sysctl/);
    expect(run(['help', 'sysctl']).out.trim()).toBe(out.trim());
    expect(run(['--help']).out).toMatch(/^ {2}sysctl .*connection tracking's kernel settings/m);
    expect(sysctl('-V').out).toMatch(/^sysctl from statewall \d/);
  });
});
