/**
 * What articles about connection tracking say of its settings, of /proc and of conntrack(8), each held against the commands. Where an article
 * is wrong, the row has what is so and says it. Packets and states: test/claims.test.ts.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type Outcome, run, shell, WEB } from '../support/command.js';

const NF = 'net.netfilter.nf_conntrack_';
const GIB = 2 ** 30;
const folder = mkdtempSync(join(tmpdir(), 'statewall-claims-'));
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

const host = fileOf('host.yaml', 'interfaces: [{name: eth0}]\n');
const sysctl = (...args: string[]): Outcome => run(['sysctl', ...args]);
const value = (name: string): string => sysctl('--host', host, '-n', name).out.trim();

describe('settings', () => {
  test.each([
    ['nf_conntrack_tcp_timeout_established is 432000 (five days)', `${NF}tcp_timeout_established`, '432000'],
    ['nf_conntrack_udp_timeout is 30', `${NF}udp_timeout`, '30'],
    ['the table holds 65536: no, 262144 on hosts with more than 4 GiB', `${NF}max`, '262144'],
    ['net.nf_conntrack_max is the same setting', 'net.nf_conntrack_max', '262144'],
    ['nf_conntrack_count is how full the table is', `${NF}count`, '0'],
    ['/proc/sys/net/netfilter/ has the names with slashes', 'net/netfilter/nf_conntrack_max', '262144'],
  ])('%s', (_claim, name, expected) => expect(value(name)).toBe(expected));

  test('65536 is right for hosts of 1 to 4 GiB, and was the number of buckets of large ones before Linux 5.15', async () => {
    const { defaultOf } = await import('../../src/tools/sysctl/defaults.js');
    const { findRow } = await import('../../src/tools/sysctl/settings.js');
    const of = (name: string, kernel: string, memoryBytes: number): unknown =>
      defaultOf(findRow(NF + name)!, { kernel, memoryBytes });
    expect(of('max', '6.18', 2 * GIB)).toBe(65536);
    expect(of('buckets', '5.14', 8 * GIB)).toBe(65536);
    expect(of('max', '5.14', 8 * GIB)).toBe(262144);
  });

  test('sysctl -a | grep net.netfilter.nf_conntrack_tcp_ shows the settings of TCP', () => {
    const { out } = shell(`$statewall sysctl --host '${host}' -a | grep net.netfilter.nf_conntrack_tcp_`);
    expect(out.trim().split('\n')).toHaveLength(14);
  });

  test('ls /proc/sys/net/netfilter/ | grep timeout shows the timeouts', () => {
    const { out } = shell(`$statewall sysctl --host '${host}' -N net.netfilter | grep timeout`);
    expect(out.trim().split('\n').length).toBeGreaterThan(25);
  });

  test.each([
    ['sysctl -w net.netfilter.nf_conntrack_max=524288', `${NF}max=524288`, ''],
    ['echo 65536 > .../nf_conntrack_max', 'net/netfilter/nf_conntrack_max=65536', ''],
    ['echo 262144 > .../nf_conntrack_max', `${NF}max=262144`, ''],
    [
      'with 32768 buckets there are 8 connections a bucket: that is the most before it is warned of',
      `${NF}buckets=32768`,
      '',
    ],
    ['echo 30 > .../nf_conntrack_udp_timeout', `${NF}udp_timeout=30`, ''],
    ['7200 seconds for open connections: less than keepalives need', `${NF}tcp_timeout_established=7200`, 'RFC 5382'],
    ['600 seconds "to set connections free sooner"', `${NF}tcp_timeout_established=600`, 'RFC 5382'],
  ])('%s', (_claim, word, warning) => {
    const { status, err } = sysctl('--host', host, '-w', word);
    expect(status).toBe(0);
    if (warning === '') expect(err).toBe('');
    else expect(err).toContain(warning);
  });

  test('a line in /etc/sysctl.conf is checked clean', () => {
    expect(sysctl('--check', fileOf('good.conf', `${NF}max = 65536\n`))).toEqual({ status: 0, out: '', err: '' });
  });

  test.each([
    ['net.ipv4_conntrack_max = 393216', 'no kernel has', `${NF}max`],
    ['net.ipv4.netfilter.ip_conntrack_max = 393216', 'is gone since Linux 4.9', `${NF}max`],
    ['net.ipv4.ip_conntrack_max = 393216', 'is gone since Linux 4.9', `${NF}max`],
    ['net.nf_contrack_max = 393216', 'no kernel has', 'net.nf_conntrack_max'],
    ['net.ipv4.netfilter.nf_conntrack_tcp_timeout_established = 300', 'no kernel has', `${NF}tcp_timeout_established`],
    ['net.ipv4.netfilter.nf_conntrack_tcp_timeout_time_out = 120', 'no kernel has', `${NF}tcp_timeout_time_wait`],
    ['net.ipv4.netfilter.nf_conntrack_tcp_timeout_close_wait = 60', 'no kernel has', `${NF}tcp_timeout_close_wait`],
    ['net.ipv4.netfilter.nf_conntrack_tcp_timeout_fin_wait = 120', 'no kernel has', `${NF}tcp_timeout_fin_wait`],
  ])('%s is advised, and has no effect: --check says what to write', (line, why, instead) => {
    const { status, out } = sysctl('--check', fileOf('advice.conf', `${line}\n`));
    expect(status).toBe(1);
    expect(out).toMatch(/advice\.conf:1:1: error: /);
    expect(out).toContain(why);
    expect(out).toContain(instead);
  });
});

describe('/proc/net/nf_conntrack', () => {
  const lines =
    'ipv4     2 tcp      6 299 ESTABLISHED src=192.168.10.252 dst=192.168.10.150 sport=59148 dport=22 src=192.168.10.150 ' +
    'dst=192.168.10.252 sport=22 dport=59148 [ASSURED] mark=0 secctx=system_u:object_r:unlabeled_t:s0 zone=0 use=2\n' +
    'ipv4     2 udp      17 9 src=0.0.0.0 dst=255.255.255.255 sport=68 dport=67 [UNREPLIED] src=255.255.255.255 dst=0.0.0.0 ' +
    'sport=67 dport=68 mark=0 secctx=system_u:object_r:unlabeled_t:s0 zone=0 use=2\n';
  const table = fileOf('table.txt', lines);
  const conntrack = (...args: string[]): Outcome => run(['conntrack', '--table', table, ...args]);

  test.each([
    ['conntrack -L shows the same', ['-L'], 2],
    ['conntrack -L -p tcp', ['-L', '-p', 'tcp'], 1],
    ['conntrack -L -s ADDRESS: the source of the first direction alone', ['-L', '-s', '192.168.10.252'], 1],
    ['not that of the answers', ['-L', '-s', '192.168.10.150'], 0],
    ['conntrack -D -s ADDRESS', ['-D', '-s', '192.168.10.252', '--dry-run'], 1],
    ['conntrack -D -p tcp --dport 22', ['-D', '-p', 'tcp', '--dport', '22', '--dry-run'], 1],
    ['conntrack -F', ['-F', '--dry-run'], 2],
  ])('%s', (_claim, args, count) => {
    const { status, out } = conntrack(...args);
    expect([status, out.split('\n').length - 1]).toEqual([0, count]);
  });

  test('wc -l is what conntrack -C says', () => expect(conntrack('-C').out).toBe('2\n'));

  test('a line that shows one direction only is an excerpt, and refused', () => {
    const short = fileOf(
      'short.txt',
      'tcp      6 431999 ESTABLISHED src=192.168.1.2 dst=1.1.1.1 sport=5432 dport=80\n',
    );
    const { status, err } = run(['conntrack', '--table', short, '-L']);
    expect(status).toBe(1);
    expect(err).toMatch(/short\.txt:1:\d+: /);
  });

  test('grep -o "ESTABLISHED|NEW|RELATED|INVALID" counts no NEW, RELATED, INVALID: the table has states of TCP, not of packets', () => {
    const saved = join(folder, 'saved.txt');
    const args = ['--summary', '--save-table', saved, '--table-format', 'proc'];
    expect(run(['replay', ...WEB, ...args]).status).toBe(0);
    expect(shell(`grep -cE 'udp|tcp' '${saved}'`).out.trim()).toMatch(/^[1-9]/);
    expect(shell(`grep -oE 'NEW|RELATED|INVALID' '${saved}' | sort | uniq -c`).out).toBe('');
    expect(shell(`grep -oE 'ESTABLISHED|NEW|RELATED|INVALID' '${table}' | sort | uniq -c`).out.trim()).toBe(
      '1 ESTABLISHED',
    );
  });
});
