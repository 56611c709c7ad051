/**
 * The command against the real sysctl: the same lines, each program in a new namespace, must print the same and end with the same status.
 * Lines of ours that begin with `hint:` or `warning:` are beyond it. What differs on purpose is a row of DIFFERS.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { mainFile } from '../support/command.js';
import { canAsk, type Done, drive, type Line, REAL } from './namespace.js';

const NF = 'net.netfilter.nf_conntrack_';
const FILES: Record<string, string> = {
  'good.conf': `# a comment\n; another\n${NF}udp_timeout = 33\n\n   ${NF}tcp_loose=0\nnet/netfilter/nf_conntrack_acct   =   1\n`,
  'bad.conf': `${NF}udp_timeout = 34\ngarbage\n${NF}nosuch = 1\n${NF}tcp_loose = 7\n=3\n${NF}acct =\n${NF}acct\n  ${NF}acct 1\n`,
  'may.conf': `-${NF}tcp_loose = 1\n-net.no.such = 1\n- net.no.such = 1\n-${NF}acct = 9\n`,
  'glob.conf': `${NF}icmp* = 31\nnet.netfilter.*_timeout_cl[ao]se=11\n${NF}udp_timeou? = 35\nnet.*loose = 0\n${NF}none* = 1\n`,
  'over.conf': `${NF}tcp_loose = 1\n${NF}tcp_l*=0\n-${NF}tcp_be_liberal\n${NF}tcp_be_*=1\n`,
  'crlf.conf': `${NF}udp_timeout = 36\r\n`,
  'twice.conf': `${NF}acct = 0\n${NF}acct = 1\n`,
  'comment.conf': `${NF}tcp_loose = 1   # no comment\n${NF}acct = 1;\n`,
};

/** Words by blanks; `{}` stands for nothing. */
const READING: readonly (string | Line)[] = [
  `${NF}max`,
  'net/netfilter/nf_conntrack_max',
  `${NF}acct ${NF}timestamp ${NF}events`,
  'net.netfilter',
  'net/netfilter',
  'net.netfilter.nf_log',
  'net.ipv4.conf.lo',
  'net.ipv4.route',
  'net.ipv4.route.flush',
  'net.ipv4.conf.eth0/100.rp_filter',
  'net/ipv4/conf/eth0.100/rp_filter',
  'net.ipv4.conf.eth0.100.rp_filter',
  'net.ipv4.ping_group_range net.ipv4.tcp_rmem kernel.ostype',
  'net.nf_conntrack_max',
  'nope',
  'nope.x nope/y a.b.c',
  `nope ${NF}acct nope2`,
  `-e nope ${NF}acct`,
  '-e nope',
  `-n ${NF}max`,
  `--values ${NF}max ${NF}acct`,
  `-N ${NF}max`,
  `--names ${NF}max nope`,
  '-N net.netfilter',
  `-nN ${NF}max`,
  `-b ${NF}max ${NF}acct`,
  '--binary nope',
  `-q ${NF}acct`,
  `-ne nope ${NF}acct`,
  `-o ${NF}acct`,
  `-x ${NF}acct`,
  `--deprecated ${NF}acct`,
  `--val ${NF}acct`,
  `${NF}acct -n`,
  '-r loose net.netfilter',
  '--pattern=tcp_timeout_.*c net.netfilter',
  '--pattern tcp_loose|acct net.netfilter',
  '--pat loose net.netfilter',
  '-n -r icmp net.netfilter',
  '-N -r icmp net.netfilter',
  `-r loose ${NF}acct ${NF}tcp_loose`,
  '-r ^net.netfilter.nf_conntrack_a.*$ -N net.netfilter',
  '/net/netfilter/nf_conntrack_acct',
  `.${NF}acct`,
  'net.netfilter/nf_conntrack_acct',
  'net/netfilter.nf_conntrack_acct',
  '/proc/sys/net/netfilter/nf_conntrack_acct',
  `${NF}acct.`,
  `${NF}acct.foo`,
  'net..nope',
  '../../etc/passwd',
  '.',
  '/',
  `. ${NF}acct`,
  '. . nope',
  'nope .',
  { args: [''] },
  { args: ['', 'nope'] },
  { args: ['-e', ''] },
  '-- -a',
  `-- ${NF}acct`,
  'net.ipv4.conf.*.rp_filter',
  'net.netfilter.*icmp*',
];

/** In their order: each finds what those before it have set. */
const SETTING: readonly (string | Line)[] = [
  `${NF}udp_timeout=31`,
  `${NF}udp_timeout`,
  `-w ${NF}udp_timeout=32`,
  `--write ${NF}udp_timeout=32 ${NF}acct=1`,
  'net/netfilter/nf_conntrack_udp_timeout=30',
  { args: [`${NF}udp_timeout = 29`] },
  { args: [`  ${NF}udp_timeout  =  28  `] },
  { args: [`${NF}udp_timeout=30 31`] },
  `${NF}udp_timeout`,
  `-n ${NF}udp_timeout=27`,
  `-N ${NF}udp_timeout=26`,
  `-b ${NF}udp_timeout=25`,
  `-q ${NF}udp_timeout=24`,
  `-q -n ${NF}udp_timeout=24 ${NF}udp_timeout`,
  `${NF}udp_timeout=0x1e ${NF}udp_timeout`,
  `${NF}udp_timeout=036 ${NF}udp_timeout`,
  `${NF}udp_timeout=-1 ${NF}udp_timeout`,
  `${NF}udp_timeout=99999999999`,
  `${NF}udp_timeout=1.5`,
  `${NF}udp_timeout=x`,
  `${NF}udp_timeout=`,
  `${NF}udp_timeout=+5`,
  `${NF}acct=2`,
  `${NF}acct=-1`,
  `${NF}acct=1=2`,
  `${NF}events=2 ${NF}events=3`,
  `${NF}log_invalid=255 ${NF}log_invalid=256 ${NF}log_invalid`,
  `${NF}tcp_max_retrans=255 ${NF}tcp_max_retrans=256`,
  `${NF}frag6_high_thresh=1`,
  `${NF}frag6_low_thresh=0 ${NF}frag6_high_thresh=0 ${NF}frag6_high_thresh=4194304`,
  `${NF}frag6_low_thresh=4194305`,
  'net.ipv4.ip_default_ttl=0',
  'net.ipv4.ip_default_ttl=255 net.ipv4.ip_default_ttl=64',
  'net.ipv4.conf.all.forwarding=1 net.ipv4.ip_forward net.ipv4.conf.lo.forwarding',
  'net.ipv4.ip_forward=0',
  'net.ipv4.conf.eth0/100.rp_filter=2 net/ipv4/conf/eth0.100/rp_filter',
  'net.netfilter.nf_log.2=NONE net.netfilter.nf_log.2',
  'net.netfilter.nf_log.2=nosuch',
  'nope=1',
  'nope=1 nope2=2',
  `nope1 nope2 ${NF}acct=7`,
  `${NF}acct=7 nope1 ${NF}acct=7 nope2`,
  `nope1 ${NF}acct=1 ${NF}acct nope=2`,
  `${NF}acct= nope`,
  '-e nope=1 nope',
  `-e ${NF}acct=7`,
  `-w ${NF}acct`,
  `-w nope ${NF}acct`,
  '-e -w x',
  '=',
  '=1',
  '-e =1',
  `${NF}acct = 1`,
  'nope1 nope2 =',
  `-r loose ${NF}acct=1 ${NF}tcp_loose=1`,
  `${NF}tcp_l*=1`,
  '-- -net.foo.bar=3',
  `-- -${NF}acct=1`,
  `--dry-run ${NF}acct=77`,
  `--dry-run -n ${NF}acct=77 ${NF}acct`,
  '--dry-run nope=77',
  `-w ${NF}acct=0 -n`,
];

const LOADING: readonly (string | Line)[] = [
  '-p good.conf',
  '-pgood.conf',
  '--load=good.conf',
  '--load good.conf',
  '-f good.conf',
  '-q -p good.conf',
  '-n -p good.conf',
  '-N -p good.conf',
  '-b -p good.conf',
  '-p bad.conf',
  '-e -p bad.conf',
  '-p may.conf',
  '-p glob.conf',
  '-p over.conf',
  '-p crlf.conf',
  '-p twice.conf',
  '-p comment.conf',
  '-p nosuch.conf',
  '-e -p nosuch.conf',
  '-p good.conf nosuch.conf bad.conf',
  '-r loose -p bad.conf',
  '-r nomatch -p good.conf',
  '--dry-run -p good.conf',
  '-w -p good.conf',
  `-p good.conf ${NF}acct=3`,
  '--dry-run --system',
  '-r loose --dry-run --system',
  { args: ['-p', '-'], input: `${NF}udp_timeout=41\nbad\n` },
  { args: ['-p', 'good.conf', '-'], input: `${NF}udp_timeout=42\n` },
  `${NF}udp_timeout ${NF}tcp_loose ${NF}acct`,
];

const OTHERS: readonly (string | Line)[] = [
  // without rights
  { args: [`${NF}acct`], as: 'nobody' },
  { args: [`${NF}acct=0`], as: 'nobody' },
  { args: ['-e', `${NF}acct=0`, `${NF}acct`], as: 'nobody' },
  { args: ['-q', `${NF}acct=0`, 'nope'], as: 'nobody' },
  { args: ['-p', '-'], as: 'nobody', input: `-${NF}acct = 0\n` },
  { args: ['-p', '-'], as: 'nobody', input: `${NF}acct = 0\n` },
  { args: ['net.ipv4.tcp_fastopen_key'], as: 'nobody' },
  // differing on purpose
  `${NF}max=3`,
  `${NF}count=3`,
  'net.netfilter=1',
  '-z',
  '--nosuch',
  '--all=3',
  '--pattern',
  '-r ( net.netfilter',
];

/** Lines on which the two differ, and why. */
const DIFFERS: Readonly<Record<string, string>> = {
  [`${NF}max=3`]: 'a setting that is read-only is a failure here',
  [`${NF}count=3`]: 'a setting that is read-only is a failure here',
  'net.netfilter=1': 'a folder is a failure here',
  '-z': 'an unknown option ends with 2 and one line, not with 0 and the help',
  '--nosuch': 'an unknown option ends with 2 and one line, not with 0 and the help',
  '--all=3': 'an unknown option ends with 2 and one line, not with 0 and the help',
  '--pattern': 'an unknown option ends with 2 and one line, not with 0 and the help',
  '-r ( net.netfilter': 'a pattern that is none is refused',
};

const folder = mkdtempSync(join(tmpdir(), 'statewall-sysctl-'));
afterAll(() => rmSync(folder, { recursive: true }));
for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);

function lineOf(line: string | Line): Line {
  return typeof line === 'string' ? { args: line.split(' ') } : line;
}

/** Without what is ours beyond sysctl's. */
function plain(done: Done): Done {
  return { ...done, err: done.err.replace(/^(?:hint|warning): .*\n/gm, '') };
}

describe.skipIf(!canAsk(true))('statewall sysctl and sysctl(8) (needs root and procps)', { timeout: 300_000 }, () => {
  const ours = [process.execPath, mainFile, 'sysctl'];

  test('print the same and end the same', async () => {
    const parts = [READING, SETTING, LOADING, OTHERS].map((part) => part.map(lineOf));
    const real = Promise.all(parts.map((part) => drive(REAL, part, folder)));
    const mine = Promise.all(parts.map((part) => drive(ours, part, folder)));
    const [theirs, own] = [(await real).flat(), (await mine).flat()];
    const lines = parts.flat();
    const differ: Record<string, { real: Done; ours: Done }> = {};
    lines.forEach(({ args }, i) => {
      const done = plain(own[i]!);
      if (JSON.stringify(done) !== JSON.stringify(theirs[i])) differ[args.join(' ')] = { real: theirs[i]!, ours: done };
    });
    const unknown = Object.entries(differ).filter(([line]) => DIFFERS[line] === undefined);
    expect(unknown).toEqual([]);
    expect(Object.keys(DIFFERS).filter((line) => differ[line] === undefined)).toEqual([]);
    expect(lines.length).toBeGreaterThan(150);
  });

  test('-a lists what sysctl -a lists, of the settings that connection tracking depends on, in its order', async () => {
    const [all] = await drive(REAL, [{ args: ['-a'] }], folder);
    const [mine, names, none] = await drive(ours, [{ args: ['-a'] }, { args: ['-aN'] }, { args: [] }], folder);
    const wanted = new Set(names!.out.split('\n'));
    const real = all!.out.split('\n').filter((line) => wanted.has(line.split(' = ')[0]!));
    expect(mine!.out.split('\n')).toEqual(real);
    expect(none!.out).toBe(mine!.out);
    const below = all!.out.split('\n').filter((line) => line.startsWith('net.netfilter.'));
    expect(below.length).toBeGreaterThan(40);
    expect(real).toEqual(expect.arrayContaining(below));
  });

  test('the live settings are explained, compared with their defaults, and written to a file that is read back', async () => {
    const set = [`${NF}udp_timeout=77`, `${NF}tcp_loose=0`];
    const [, changed, json, explained, written, loaded] = await drive(
      ours,
      [
        { args: ['-q', ...set] },
        { args: ['--changed', '-r', 'udp|loose'] },
        { args: ['--json', `${NF}udp_timeout`] },
        { args: ['--explain', `${NF}udp_timeout`, 'net.nf_conntrack_max'] },
        { args: ['--write-d', 'live.conf', '-r', 'udp|loose'] },
        { args: ['-p', 'live.conf'] },
      ],
      folder,
    );
    expect(changed).toEqual({ status: 0, out: `${NF}tcp_loose = 0\n${NF}udp_timeout = 77\n`, err: '' });
    expect(JSON.parse(json!.out)).toMatchObject({ value: 77, default: 30, changed: true, access: 'namespace' });
    expect(explained!.out).toContain(`${NF}udp_timeout = 77\n`);
    // not there in a child namespace, and explained all the same
    expect(explained!.out).toMatch(/^net\.nf_conntrack_max\n/m);
    expect(written).toEqual({ status: 0, out: '', err: '' });
    expect(loaded).toEqual({ status: 0, out: `${NF}tcp_loose = 0\n${NF}udp_timeout = 77\n`, err: '' });
  });

  test('where connection tracking is not loaded there is one line', async () => {
    const shell = `mount -t tmpfs none /proc/sys/net/netfilter; exec '${process.execPath}' '${mainFile}' sysctl "$@"`;
    const without = ['unshare', '-m', 'sh', '-c', shell, 'sh'];
    const [all, one] = await drive(without, [{ args: [] }, { args: [`${NF}acct`] }], folder);
    expect(all).toMatchObject({
      status: 1,
      out: expect.stringContaining('net.ipv4.ip_forward = 0\n'),
      err: 'statewall: sysctl: connection tracking is not loaded, or this kernel has none: modprobe nf_conntrack\n',
    });
    expect(one!.err.split('\n')[0]).toBe(
      'sysctl: cannot stat /proc/sys/net/netfilter/nf_conntrack_acct: No such file or directory',
    );
  });
});
