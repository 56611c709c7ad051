import { describe, expect, test } from 'vitest';
import { HostFileError } from '../replay/host-file.js';
import { SysctlFailure } from '../tools/sysctl/store.js';
import { HostStore } from './sysctl-host.js';

const CT = 'net/netfilter/nf_conntrack_';
const FILE = `interfaces:
  - {name: eth0.5, addresses: [192.0.2.1/24]}
sysctl:
  net.netfilter.nf_conntrack_tcp_loose: 0
  net.nf_conntrack_max: 1000
  net.ipv4.ip_forward: 1
  net/ipv4/conf/eth0.5/rp_filter: 2
  net.core.somaxconn: 128
`;

const store = (): HostStore => new HostStore(FILE, 'host.yaml');
const code = (done: unknown): string | null => (done instanceof SysctlFailure ? done.code : null);

describe('a host file as /proc/sys', () => {
  test.each([
    ['the file', `${CT}tcp_loose`, '0\n'],
    ["the kernel's default", `${CT}tcp_timeout_established`, '432000\n'],
    ['the default of a large host', `${CT}buckets`, '262144\n'],
    ['the other name of a setting', `${CT}max`, '1000\n'],
    ['the other name of forwarding', 'net/ipv4/conf/all/forwarding', '1\n'],
    ['all interfaces, of forwarding', 'net/ipv4/conf/eth0.5/forwarding', '1\n'],
    ['its own, of rp_filter', 'net/ipv4/conf/eth0.5/rp_filter', '2\n'],
    ['of another interface', 'net/ipv4/conf/lo/rp_filter', '0\n'],
    ['IPv6 does not follow IPv4', 'net/ipv6/conf/eth0.5/forwarding', '0\n'],
    ['what the table does not know', 'net/core/somaxconn', '128\n'],
    ['a count', `${CT}count`, '0\n'],
  ])('%s: %s', (_claim, path, text) => expect(store().read(path)).toBe(text));

  test.each([
    ['net/netfilter', true],
    ['', true],
    ['net/ipv4/conf/eth0.5', true],
    [`${CT}max`, false],
    [`/${CT}max`, false],
  ])('%s is a folder: %s', (path, isFolder) =>
    expect(store().stat(path)).toMatchObject({ isFolder, isReadable: true }),
  );

  test.each([
    ['net/nope', 'ENOENT'],
    ['net/ipv4/conf/eth1/rp_filter', 'ENOENT'],
    [`${CT}max/x`, 'ENOTDIR'],
    [`${CT}max/`, 'ENOTDIR'],
    [`${CT}helper`, 'ENOENT'],
  ])('%s is not there: %s', (path, error) => expect(code(store().stat(path))).toBe(error));

  test('a count cannot be written, a setting of the host can', () => {
    expect(store().stat(`${CT}count`)).toMatchObject({ isWritable: false });
    expect(store().stat(`${CT}max`)).toMatchObject({ isWritable: true });
  });

  test('a folder has the names below it', () => {
    expect(store().list('net/ipv4/conf')).toEqual(expect.arrayContaining(['all', 'default', 'eth0.5', 'lo']));
    expect(store().list('net/nope')).toEqual([]);
  });

  test.each([
    ['what the kernel refuses', `${CT}acct`, '2'],
    ['what a replay would not load', `${CT}udp_timeout`, '-1'],
    ['thresholds the wrong way round', `${CT}frag6_high_thresh`, '5'],
    ['no number', `${CT}max`, 'many'],
  ])('%s is refused, and the file is as it was', (_claim, path, value) => {
    const s = store();
    expect(code(s.write(path, value))).toBe('EINVAL');
    expect(s.text).toBe(FILE);
  });

  test('a value is written under the name that the file has', () => {
    const s = store();
    expect(s.write(`${CT}max`, '2000')).toBeNull();
    expect(s.write(`${CT}acct`, '1')).toBeNull();
    expect(s.write('net/ipv4/conf/all/forwarding', '0')).toBeNull();
    expect(s.text).toBe(
      `${FILE.replace('1000', '2000').replace('ip_forward: 1', 'ip_forward: 0')}  net.netfilter.nf_conntrack_acct: 1\n`,
    );
    expect([s.read(`${CT}max`), s.read('net/nf_conntrack_max')]).toEqual(['2000\n', '2000\n']);
    expect([...s.idle]).toEqual([]);
  });

  test.each([
    ['0x10', '16'],
    ['010', '8'],
    ['5 6', '5'],
    ['7', '7'],
  ])('%s is %s, as the kernel reads it', (written, read) => {
    const s = store();
    expect(s.write(`${CT}tcp_max_retrans`, written)).toBeNull();
    expect(s.read(`${CT}tcp_max_retrans`)).toBe(`${read}\n`);
    expect(s.text).toBe(`${FILE}  net.netfilter.nf_conntrack_tcp_max_retrans: ${read}\n`);
  });

  test('what nothing depends on is remembered', () => {
    const s = store();
    expect(s.write('net/ipv6/ip6frag_time', '5')).toBeNull();
    expect([...s.idle]).toEqual(['net.ipv6.ip6frag_time']);
  });

  test('of another release: its settings and defaults', () => {
    const old = new HostStore('', 'host.yaml', { kernel: '4.6', memoryBytes: 8 * 2 ** 30 });
    expect([old.read(`${CT}helper`), old.read(`${CT}events`)]).toEqual(['1\n', '1\n']);
  });

  test('no host file is refused with its place', () => {
    expect(() => new HostStore('interfaces: 5\n', 'h.yaml')).toThrow(HostFileError);
    expect(() => new HostStore('sysctl: {a: [1]}\n', 'h.yaml')).toThrow('h.yaml:1:13: sysctl.a');
  });
});
