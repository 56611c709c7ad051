import { expect, test } from 'vitest';
import { HostFileError, parseHostFile } from './host-file.js';
import { nearest } from './nearest.js';

test('the example of the documentation is read', () => {
  const { config } = parseHostFile(
    `interfaces: [{name: r0, mac: "02:00:00:00:01:01", addresses: [10.1.0.1/24, "fd00:1::1/64"]}]
routes: [{to: default, via: 10.2.0.2, dev: r1}, {to: 10.9.0.0/16, dev: r1}]
neighbours: [{address: 10.1.0.2, mac: "02:00:00:00:01:02", dev: r0}]
sysctl: {net.ipv4.ip_forward: 1, net.netfilter.nf_conntrack_tcp_loose: 1}
modules: [nf_conntrack_ftp, nf_nat_ftp]
sets: {blocked: {type: "hash:net", entries: [203.0.113.0/24]}}
timeouts: {short-web: {protocol: tcp, established: 100, close: 10}, 6: {protocol: udp, family: inet6, replied: 5}}
`,
    'host.yaml',
  );
  expect(config).toEqual({
    interfaces: [{ name: 'r0', mac: '02:00:00:00:01:01', addresses: ['10.1.0.1/24', 'fd00:1::1/64'] }],
    routes: [
      { to: 'default', via: '10.2.0.2', dev: 'r1' },
      { to: '10.9.0.0/16', dev: 'r1' },
    ],
    neighbours: [{ address: '10.1.0.2', mac: '02:00:00:00:01:02', dev: 'r0' }],
    sysctl: { 'net.ipv4.ip_forward': 1, 'net.netfilter.nf_conntrack_tcp_loose': 1 },
    modules: ['nf_conntrack_ftp', 'nf_nat_ftp'],
    sets: { blocked: { type: 'hash:net', entries: ['203.0.113.0/24'] } },
    timeouts: {
      'short-web': { protocol: 'tcp', established: 100, close: 10 },
      6: { protocol: 'udp', family: 'inet6', replied: 5 },
    },
  });
});

test('what rules ask of the host is read', () => {
  const { config } = parseHostFile(
    `interfaces: [{name: r0, cpu: 2}]
routes: [{to: 10.9.0.0/16, dev: r0, realm: 5}, {to: 10.8.0.0/16, dev: r0, realm: "1/2"}]
sockets:
  - {protocol: tcp, local: "10.0.0.1:80", remote: "10.0.0.9:4711", uid: 33, gid: adm, groups: [4, tty], cgroup: /a,
     classid: 0x100001, transparent: true, mark: 0x10}
  - {protocol: 6, classid: 10:1}
  - {}
labels: {web: 3}
nfacct: {all:, some: {quota: 10, unit: packets}}
cpu: 1
`,
    'host.yaml',
  );
  expect(config).toEqual({
    interfaces: [{ name: 'r0', cpu: 2 }],
    routes: [
      { to: '10.9.0.0/16', dev: 'r0', realm: 5 },
      { to: '10.8.0.0/16', dev: 'r0', realm: '1/2' },
    ],
    sockets: [
      {
        protocol: 'tcp',
        local: '10.0.0.1:80',
        remote: '10.0.0.9:4711',
        uid: 33,
        gid: 'adm',
        groups: [4, 'tty'],
        cgroup: '/a',
        classid: 0x100001,
        transparent: true,
        mark: 16,
      },
      { protocol: '6', classid: '10:1' },
      {},
    ],
    labels: { web: 3 },
    nfacct: { all: null, some: { quota: 10, unit: 'packets' } },
    cpu: 1,
  });
});

test.each([
  ['an empty file', ''],
  ['only a comment', '# nothing\n'],
  ['empty sections', 'interfaces:\nroutes:\n'],
])('%s is a host with nothing in it', (_, text) => {
  expect(parseHostFile(text, 'h').config).toEqual({});
});

test('what looks like a number stays a word where a word is wanted', () => {
  const { config } = parseHostFile('interfaces: [{name: 07, addresses: [::1/128, fd00:1::1/64]}]\nmodules: [1e3]', 'h');
  expect(config.interfaces).toEqual([{ name: '07', addresses: ['::1/128', 'fd00:1::1/64'] }]);
  expect(config.modules).toEqual(['1e3']);
});

test.each([
  ['interfaces: [{name: a}]\nruotes: []', '2:1', 'unknown key "ruotes" (did you mean "routes"?)'],
  ['interfaces:\n  - {name: a, adresses: []}', '2:15', 'unknown key "adresses" (did you mean "addresses"?)'],
  ['colours: 1', '1:1', 'unknown key "colours" (known: interfaces'],
  ['interfaces: {name: a}', '1:13', 'interfaces: expected a list'],
  ['interfaces: [a]', '1:14', 'interfaces[0]: expected "name: value" pairs'],
  ['interfaces: [{mac: "02:00:00:00:01:01"}]', '1:14', 'an interface needs a name'],
  ['interfaces: [{name: a, mtu: big}]', '1:29', 'interfaces[0].mtu: expected a whole number'],
  ['routes:\n- {via: 10.0.0.1}', '2:3', 'a route needs "to"'],
  ['neighbours:\n- {address: 10.0.0.1, dev: a}', '2:3', 'a neighbour needs "mac"'],
  ['sysctl: {a: [1]}', '1:13', 'sysctl.a: expected a number or a word'],
  ['sets: {x: {entries: []}}', '1:11', 'set "x" needs a type'],
  ['timeouts:\n  a: {protocol: tcp, establishd: 1}', '2:22', 'unknown key "establishd" (did you mean "established"?)'],
  ['timeouts: {a: {protocol: udp, x: 1}}', '1:31', 'unknown key "x" (known: family, protocol, unreplied, replied)'],
  ['timeouts: {a: {established: 1}}', '1:15', 'timeout policy "a" needs a protocol'],
  ['timeouts: {a: {protocol: udp, replied: 1.5}}', '1:40', 'timeouts.a.replied: expected a whole number'],
  ['timeouts: {a: 3}', '1:15', 'timeouts.a: expected "name: value" pairs'],
  ['timeouts: [a]', '1:11', 'timeouts: expected "name: value" pairs'],
  ['sockets: [{protcol: tcp}]', '1:12', 'unknown key "protcol" (did you mean "protocol"?)'],
  ['sockets: [{transparent: 1}]', '1:25', 'sockets[0].transparent: expected true or false'],
  ['sockets: [{uid: [1]}]', '1:17', 'sockets[0].uid: expected a number or a word'],
  ['sockets: {uid: 1}', '1:10', 'sockets: expected a list'],
  ['labels: {web: x}', '1:15', 'labels.web: expected a whole number'],
  ['labels: [web]', '1:9', 'labels: expected "name: value" pairs'],
  ['nfacct: {a: {bytes: 1}}', '1:14', 'unknown key "bytes" (known: quota, unit)'],
  ['nfacct: {a: {quota: x}}', '1:21', 'nfacct.a.quota: expected a whole number'],
  ['cpu: one', '1:6', 'cpu: expected a whole number'],
  ['modules: [{a: 1}]', '1:11', 'modules[0]: expected a word'],
  ['interfaces: [', '1:14', 'Flow sequence'],
  ['sysctl: {a: 1, a: 2}', '1:16', 'Map keys must be unique'],
  ['- 1', '1:1', 'the file: expected'],
])('%j is refused at %s', (text, place, message) => {
  let error: unknown;
  try {
    parseHostFile(text, 'host.yaml');
  } catch (e) {
    error = e;
  }
  expect(error).toBeInstanceOf(HostFileError);
  expect((error as Error).message).toContain(`host.yaml:${place}: `);
  expect((error as Error).message).toContain(message);
});

test('a path that the host complains about is found in the file', () => {
  const file = parseHostFile('interfaces:\n  - name: a\n    addresses: [10.0.0.1/24, 10.0.0.300/24]\n', 'h.yaml');
  expect(file.at('interfaces[0].addresses[1]', 'bad').message).toBe('h.yaml:3:30: bad');
  expect(file.at('interfaces[0].mac', 'bad').message).toBe('h.yaml:2:5: interfaces[0].mac: bad');
  expect(file.at('routes[3]', 'bad').message).toBe('h.yaml:1:1: routes[3]: bad');
});

test.each([
  ['--rule', ['--rules', '--host'], '--rules'],
  ['--hots', ['--rules', '--host'], '--host'],
  ['xyzzy', ['--rules', '--host'], null],
])('nearest to %s among %j is %s', (word, candidates, value) => {
  expect(nearest(word, candidates)).toBe(value);
});
