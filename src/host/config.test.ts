/** What the host's description says for rules: taken, or refused with its place. */
import { describe, expect, test } from 'vitest';
import { compileHost, type HostConfig, HostConfigError } from './config.js';
import type { SocketConfig } from './socket-config.js';

function placeOf(config: HostConfig): string {
  try {
    compileHost(config);
  } catch (error) {
    expect(error).toBeInstanceOf(HostConfigError);
    return (error as HostConfigError).path;
  }
  return 'nothing is wrong';
}

const socketOf = (item: SocketConfig) => compileHost({ sockets: [item] }).sockets![0]!;
const words = (...first: number[]) => Int32Array.of(...first, ...[0, 0, 0, 0].slice(first.length));

describe('sockets', () => {
  test('nothing but their absence is unknown', () => {
    expect(compileHost({}).sockets).toBeNull();
    expect(compileHost({ sockets: [] }).sockets).toEqual([]);
  });

  test('what is left out fits everything, or is that of the kernel', () => {
    const any = { family: 0, address: null, port: -1 };
    expect(socketOf({})).toEqual({
      protocol: -1,
      local: any,
      remote: null,
      uid: -1,
      gid: -1,
      groups: [],
      cgroup: [],
      classid: 0,
      transparent: false,
      mark: 0,
    });
  });

  test.each([
    ['10.0.0.1:80', 2, words(0x0a000001), 80],
    ['10.0.0.1', 2, words(0x0a000001), -1],
    ['*:80', 0, null, 80],
    [':80', 0, null, 80],
    ['*', 0, null, -1],
    ['0.0.0.0:80', 2, null, 80],
    ['[fd00::1]:80', 10, words(0xfd000000 | 0, 0, 0, 1), 80],
    ['[fd00::1]', 10, words(0xfd000000 | 0, 0, 0, 1), -1],
    ['fd00::1', 10, words(0xfd000000 | 0, 0, 0, 1), -1],
    ['[::]:80', 0, null, 80],
    ['::', 0, null, -1],
  ])('%s', (text, family, address, port) => {
    expect(socketOf({ local: text }).local).toEqual({ family, address, port });
    expect(socketOf({ remote: text }).remote).toEqual({ family, address, port });
  });

  test.each([
    [{ uid: 'www-data' }, { uid: 33, gid: 33 }],
    [
      { uid: 5, gid: 'adm', groups: ['tty', 7] },
      { uid: 5, gid: 4, groups: [5, 7] },
    ],
    [{ protocol: 'tcp' }, { protocol: 6 }],
    [{ protocol: 'ICMPv6' }, { protocol: 58 }],
    [{ protocol: '253' }, { protocol: 253 }],
    [{ cgroup: 'system.slice//a.service/' }, { cgroup: ['system.slice', 'a.service'] }],
    [{ classid: 0x100001 }, { classid: 0x100001 }],
    [{ classid: 'ffff:1' }, { classid: -65535 }],
    [{ mark: 0xffffffff }, { mark: -1 }],
    [{ transparent: true }, { transparent: true }],
  ])('%j', (item, expected) => {
    expect(socketOf(item)).toMatchObject(expected);
  });

  test.each([
    [{ protocol: 'tpc' }, 'protocol'],
    [{ protocol: '256' }, 'protocol'],
    [{ local: '10.0.0.300:80' }, 'local'],
    [{ local: '10.0.0.1:65536' }, 'local'],
    [{ local: 'fd00::1]:80' }, 'local'],
    [{ remote: 'web' }, 'remote'],
    [{ local: '10.0.0.1:80', remote: '[fd00::1]:80' }, 'remote'],
    [{ uid: 'nosuch' }, 'uid'],
    [{ uid: -1 }, 'uid'],
    [{ uid: 0xffffffff }, 'uid'],
    [{ gid: 4 }, 'gid'],
    [{ uid: 1, gid: 'www' }, 'gid'],
    [{ uid: 1, groups: [1, 'x'] }, 'groups[1]'],
    [{ classid: '10:x' }, 'classid'],
    [{ classid: -1 }, 'classid'],
    [{ mark: 2 ** 32 }, 'mark'],
  ])('%j is refused', (item, key) => {
    expect(placeOf({ sockets: [{}, item] })).toBe(`sockets[1].${key}`);
  });
});

describe('other keys', () => {
  test('labels, accounting objects, CPUs, realms', () => {
    const host = compileHost({
      interfaces: [{ name: 'a', cpu: 3 }, { name: 'b' }],
      labels: { web: 127 },
      nfacct: { all: null, some: { quota: 5 }, few: { quota: 1, unit: 'packets' } },
      cpu: 1,
    });
    expect([...host.cpus]).toEqual([1, 1, 3, 1]);
    expect(host.labels.get('web')).toBe(127);
    expect([...host.accounting!]).toEqual([
      ['all', null],
      ['some', { limit: 5, packets: false }],
      ['few', { limit: 1, packets: true }],
    ]);
    expect(compileHost({}).accounting).toBeNull();
  });

  test.each([
    [{ labels: { web: 128 } }, 'labels.web'],
    [{ labels: { web: 1.5 } }, 'labels.web'],
    [{ nfacct: { '': null } }, 'nfacct.'],
    [{ nfacct: { a: { quota: -1 } } }, 'nfacct.a.quota'],
    [{ nfacct: { a: { unit: 'packets' as const } } }, 'nfacct.a.unit'],
    [{ nfacct: { a: { quota: 1, unit: 'bits' as 'bytes' } } }, 'nfacct.a.unit'],
    [{ osf: 'x' }, 'osf'],
    [{ cpu: -1 }, 'cpu'],
    [{ interfaces: [{ name: 'a', cpu: 0.5 }] }, 'interfaces[0].cpu'],
    [{ routes: [{ to: '10.0.0.0/8', type: 'blackhole' as const, realm: 'x' }] }, 'routes[0].realm'],
    [{ routes: [{ to: '10.0.0.0/8', type: 'blackhole' as const, realm: 65536 }] }, 'routes[0].realm'],
    [{ routes: [{ to: '10.0.0.0/8', type: 'blackhole' as const, realm: '1/2/3' }] }, 'routes[0].realm'],
    [{ routes: [{ to: 'fd00::/8', type: 'blackhole' as const, realm: 1 }] }, 'routes[0].realm'],
    [{ routes: [{ to: '10.0.0.0/8', type: 'blackhole' as const, mark: 0 }] }, 'routes[0].mark'],
    [{ routes: [{ to: '10.0.0.0/8', type: 'blackhole' as const, mark: '1/0' }] }, 'routes[0].mark'],
    [{ routes: [{ to: '10.0.0.0/8', type: 'blackhole' as const, mark: 'x' }] }, 'routes[0].mark'],
    [{ routes: [{ to: '10.0.0.0/8', type: 'local' as const, dev: 'lo' }] }, 'routes[0].mark'],
    [{ routes: [{ to: '10.0.0.0/8', type: 'local' as const, mark: 1 }] }, 'routes[0].dev'],
  ])('%j is refused', (config, path) => {
    expect(placeOf(config)).toBe(path);
  });
});
