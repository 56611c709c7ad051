import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RTN_UNICAST } from '../rules/context.js';
import { formatAddress, parseAddress } from '../wire/address.js';
import { AF_INET, AF_INET6, IPPROTO_UDP, Packet, T_DST, T_SRC } from '../wire/packet.js';
import { compileHost, type HostConfig, HostConfigError } from './config.js';
import { maskWord, PrefixTable } from './prefixes.js';
import { HOST_REASON_NAMES, HOST_REASON_TEXTS } from './reasons.js';
import { type Routing, WAY_DROP, WAY_ERROR, WAY_FORWARD, WAY_INPUT } from './routing.js';

const ROUTER: HostConfig = {
  interfaces: [
    { name: 'r0', mac: '02:00:00:00:01:01', addresses: ['10.1.0.1/24', 'fd00:1::1/64'] },
    { name: 'r1', mac: '02:00:00:00:02:01', addresses: ['10.2.0.1/24', 'fd00:2::1/64'] },
  ],
  routes: [
    { to: '10.22.0.0/16', via: '10.2.0.2', dev: 'r1' },
    { to: '10.50.0.0/16', type: 'unreachable' },
    { to: '10.51.0.0/16', type: 'prohibit' },
    { to: '10.52.0.0/16', type: 'blackhole' },
    { to: 'fd00:22::/32', via: 'fd00:2::2', dev: 'r1' },
    { to: 'fd50::/16', type: 'unreachable' },
    { to: 'fd51::/16', type: 'prohibit' },
    { to: 'fd52::/16', type: 'blackhole' },
  ],
  sysctl: { 'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1 },
};

function router(sysctl: Record<string, number> = {}, routes = ROUTER.routes!): Routing {
  return compileHost({ ...ROUTER, routes, sysctl: { ...ROUTER.sysctl, ...sysctl } }).routing;
}

function packet(source: string, destination: string): Packet {
  const p = new Packet();
  p.inInterface = 2;
  p.protocol = IPPROTO_UDP;
  p.family = parseAddress(source, p.tuple, T_SRC);
  parseAddress(destination, p.tuple, T_DST);
  return p;
}

/** What the router does with a packet that arrives on r0, in words. */
function way(routing: Routing, source: string, destination: string): string {
  const p = packet(source, destination);
  const got = routing.routeInput(p);
  const reason = HOST_REASON_NAMES[routing.reason - 100];
  if (got === WAY_INPUT) return 'INPUT';
  if (got === WAY_FORWARD) return `FORWARD ${routing.outInterface} ${formatAddress(p.family, routing.nextHop)}`;
  if (got === WAY_DROP) return `drop ${reason}`;
  if (got === WAY_ERROR) return `error ${routing.icmpType}/${routing.icmpCode}`;
  return 'nothing';
}

describe('an arrived packet, as a 6.18 kernel was seen to treat it', () => {
  it.each([
    ['own address', '10.1.0.2', '10.1.0.1', 'INPUT'],
    ['own address of another interface', '10.1.0.2', '10.2.0.1', 'INPUT'],
    ['connected', '10.1.0.2', '10.2.0.77', 'FORWARD 3 10.2.0.77'],
    ['back out of the interface it came from', '10.1.0.2', '10.1.0.3', 'FORWARD 2 10.1.0.3'],
    ['through a gateway', '10.1.0.2', '10.22.7.7', 'FORWARD 3 10.2.0.2'],
    ['all ones of a prefix', '10.1.0.2', '10.2.0.255', 'INPUT'],
    ['the network address is an ordinary one', '10.1.0.2', '10.2.0.0', 'FORWARD 3 10.2.0.0'],
    ['limited broadcast', '10.1.0.2', '255.255.255.255', 'INPUT'],
    ['all hosts', '10.1.0.2', '224.0.0.1', 'INPUT'],
    ['a group nobody joined', '10.1.0.2', '239.1.1.1', 'drop no-group'],
    ['to nowhere', '10.1.0.2', '0.0.0.0', 'drop martian-destination'],
    ['loopback from outside', '10.1.0.2', '127.0.0.1', 'drop martian-destination'],
    ['class E without a route', '10.1.0.2', '240.0.0.1', 'error 3/0'],
    ['no route', '10.1.0.2', '99.1.1.1', 'error 3/0'],
    ['unreachable route', '10.1.0.2', '10.50.0.1', 'error 3/1'],
    ['prohibit route', '10.1.0.2', '10.51.0.1', 'error 3/13'],
    ['blackhole route', '10.1.0.2', '10.52.0.1', 'drop route-refuses'],
    ["from the host's own address", '10.1.0.1', '10.2.0.2', 'drop martian-source'],
    ["from the host's own address to itself", '10.2.0.1', '10.1.0.1', 'drop martian-source'],
    ['from loopback', '127.0.0.1', '10.2.0.2', 'drop martian-source'],
    ['from a group', '224.0.0.1', '10.2.0.2', 'drop martian-source'],
    ['from everybody', '255.255.255.255', '10.1.0.1', 'drop martian-source'],
    ['from 0.0.0.0', '0.0.0.0', '10.2.0.2', 'drop martian-source'],
    ['from 0.0.0.0 to everybody', '0.0.0.0', '255.255.255.255', 'INPUT'],
    ['from 0.0.0.0 to all hosts', '0.0.0.0', '224.0.0.1', 'INPUT'],
    ['from the rest of 0/8', '0.1.1.1', '10.2.0.2', 'FORWARD 3 10.2.0.2'],
    ["from a subnet's broadcast address", '10.1.0.255', '10.2.0.2', 'FORWARD 3 10.2.0.2'],
    ['from class E', '240.0.0.1', '10.2.0.2', 'FORWARD 3 10.2.0.2'],
    ['from a blackholed source', '10.52.0.1', '10.2.0.2', 'FORWARD 3 10.2.0.2'],
    ['v6 own address', 'fd00:1::2', 'fd00:2::1', 'INPUT'],
    ['v6 subnet-router anycast', 'fd00:1::2', 'fd00:2::', 'INPUT'],
    ['v6 connected', 'fd00:1::2', 'fd00:2::77', 'FORWARD 3 fd00:2::77'],
    ['v6 through a gateway', 'fd00:1::2', 'fd00:22:1::9', 'FORWARD 3 fd00:2::2'],
    ['v6 unreachable route', 'fd00:1::2', 'fd50::1', 'error 1/0'],
    ['v6 prohibit route', 'fd00:1::2', 'fd51::1', 'error 1/1'],
    ['v6 blackhole route', 'fd00:1::2', 'fd52::1', 'drop route-refuses'],
    ['v6 no route', 'fd00:1::2', '2001::1', 'error 1/0'],
    ['v6 to nowhere', 'fd00:1::2', '::', 'error 1/0'],
    ['v6 link-local without a link-local prefix', 'fd00:1::2', 'fe80::1', 'error 1/0'],
    ['v6 all nodes', 'fd00:1::2', 'ff02::1', 'INPUT'],
    ['v6 all routers', 'fd00:1::2', 'ff02::2', 'INPUT'],
    ['v6 all routers of the site', 'fd00:1::2', 'ff05::2', 'drop no-group'],
    ['v6 solicited node', 'fd00:1::2', 'ff02::1:ff00:1', 'INPUT'],
    ['v6 solicited node of the anycast address', 'fd00:1::2', 'ff02::1:ff00:0', 'INPUT'],
    ['v6 solicited node of somebody else', 'fd00:1::2', 'ff02::1:ff00:9', 'drop no-group'],
    ['v6 a group nobody joined', 'fd00:1::2', 'ff0e::5', 'drop no-group'],
    ['v6 own source is no martian', 'fd00:1::1', 'fd00:2::2', 'FORWARD 3 fd00:2::2'],
  ])('%s: %s > %s: %s', (_claim, source, destination, result) => {
    expect(way(router(), source, destination)).toBe(result);
  });

  it.each([
    ['a default route elsewhere', { to: '::/0', dev: 'r1' }, 'error 1/0'],
    ['a default route on the link', { to: '::/0', dev: 'r0' }, 'FORWARD 2 fe80::9'],
  ])('v6 link-local with %s', (_claim, route, result) => {
    const config = {
      interfaces: [
        { name: 'r0', addresses: ['fd00:1::1/64'] },
        { name: 'r1', addresses: ['fd00:2::1/64'] },
      ],
      routes: [route],
      sysctl: { 'net.ipv6.conf.all.forwarding': 1 },
    };
    expect(way(compileHost(config).routing, 'fd00:1::2', 'fe80::9')).toBe(result);
  });

  it.each([
    ['v4 not for us', '10.1.0.2', '10.2.0.2', 'drop not-forwarding'],
    ['v4 unreachable route', '10.1.0.2', '10.50.0.1', 'drop not-forwarding'],
    ['v4 no route', '10.1.0.2', '99.1.1.1', 'drop not-forwarding'],
    ['v4 ours', '10.1.0.2', '10.1.0.1', 'INPUT'],
    ['v4 broadcast', '10.1.0.2', '10.2.0.255', 'INPUT'],
    ['v6 not for us', 'fd00:1::2', 'fd00:2::2', 'drop not-forwarding'],
    ['v6 unreachable route answers all the same', 'fd00:1::2', 'fd50::1', 'error 1/0'],
    ['v6 no route answers all the same', 'fd00:1::2', '2001::1', 'error 1/0'],
    ['v6 anycast is not ours then', 'fd00:1::2', 'fd00:2::', 'drop not-forwarding'],
    ['v6 all routers is not ours then', 'fd00:1::2', 'ff02::2', 'drop no-group'],
  ])('forwarding off, %s: %s > %s: %s', (_claim, source, destination, result) => {
    expect(way(router({ 'net.ipv4.ip_forward': 0, 'net.ipv6.conf.all.forwarding': 0 }), source, destination)).toBe(
      result,
    );
  });

  it.each([
    [1, '10.2.0.5', 'drop reverse-path'],
    [1, '10.1.0.5', 'FORWARD 3 10.2.0.2'],
    [1, '99.1.1.1', 'drop reverse-path'],
    [2, '10.2.0.5', 'FORWARD 3 10.2.0.2'],
    [2, '99.1.1.1', 'drop reverse-path'],
    [1, '10.1.0.255', 'drop martian-source'],
  ])('rp_filter %i, from %s: %s', (filter, source, result) => {
    expect(way(router({ 'net.ipv4.conf.all.rp_filter': filter }), source, '10.2.0.2')).toBe(result);
  });

  it('every reason has a text and a name', () => {
    expect(HOST_REASON_NAMES.length).toBe(HOST_REASON_TEXTS.length);
  });
});

const TYPE_NAMES = ['UNSPEC', 'UNICAST', 'LOCAL', 'BROADCAST', 'ANYCAST', 'MULTICAST', 'BLACKHOLE', 'UNREACHABLE'];

describe('address types of -m addrtype', () => {
  it.each([
    ['10.1.0.1', 0, 'LOCAL'],
    ['10.1.0.1', 3, 'UNICAST'],
    ['10.1.0.255', 0, 'BROADCAST'],
    ['10.1.0.0', 0, 'UNICAST'],
    ['127.9.9.9', 0, 'LOCAL'],
    ['127.255.255.255', 0, 'BROADCAST'],
    ['255.255.255.255', 0, 'BROADCAST'],
    ['0.0.0.0', 0, 'BROADCAST'],
    ['224.0.0.9', 0, 'MULTICAST'],
    ['10.52.0.1', 0, 'UNICAST'],
    ['10.50.0.1', 0, 'UNICAST'],
    ['99.1.1.1', 0, 'UNICAST'],
    ['fd00:1::1', 0, 'LOCAL'],
    ['::1', 0, 'LOCAL'],
    ['fd00:1::', 0, 'ANYCAST'],
    ['fd50::1', 0, 'UNREACHABLE'],
    ['fd52::1', 0, 'UNREACHABLE'],
    ['2001::1', 0, 'UNREACHABLE'],
    ['ff02::1', 0, 'MULTICAST'],
    ['::', 0, 'UNSPEC'],
    ['fd00:2::77', 0, 'UNICAST'],
  ])('%s on interface %i is %s', (text, dev, type) => {
    const words = new Int32Array(4);
    const family = parseAddress(text, words);
    expect(TYPE_NAMES[router().addressType(family, words, 0, dev)]).toBe(type);
  });
});

describe("the host's own packets", () => {
  it.each([
    ['10.1.0.9', 2, '10.1.0.1'],
    ['10.22.1.1', 3, '10.2.0.1'],
    ['10.2.0.1', 1, '10.2.0.1'],
    ['127.0.0.5', 1, '127.0.0.5'],
    ['fd00:2::9', 3, 'fd00:2::1'],
    ['fd00:22::9', 3, 'fd00:2::1'],
    ['fd00:1::1', 1, 'fd00:1::1'],
    ['10.77.1.1', 2, '10.2.0.1'],
  ])('to %s: interface %i, source %s', (text, dev, source) => {
    const words = new Int32Array(4);
    const from = new Int32Array(4);
    const family = parseAddress(text, words);
    const routing = router({}, [
      ...ROUTER.routes!,
      { to: '10.77.0.0/16', via: '10.1.0.9', dev: 'r0', src: '10.2.0.1' },
    ]);
    expect(routing.selectSource(family, words, 0, from, 0)).toBe(true);
    expect(formatAddress(family, from)).toBe(source);
    expect(routing.outInterface).toBe(dev);
  });
});

describe('longest prefix', () => {
  it('agrees with a look at every prefix', () => {
    const word = fc.constantFrom(0x0a010001, 0x0a010101, 0x0a000000, 0x0b000000, 0x0a018000, -1, 0);
    const prefix = fc.record({ word, length: fc.integer({ min: 0, max: 32 }), v6: fc.boolean() });
    fc.assert(
      fc.property(fc.array(prefix, { maxLength: 40 }), word, fc.boolean(), (prefixes, address, v6) => {
        const table = new PrefixTable();
        let best = -1;
        const kept: { length: number; net: number; v6: boolean }[] = [];
        for (const p of prefixes) {
          const net = p.word & maskWord(p.length, 0);
          const fresh = table.add(p.v6 ? AF_INET6 : AF_INET, Int32Array.of(p.word, 0, 0, 0), p.length, kept.length);
          expect(fresh).toBe(!kept.some((k) => k.length === p.length && k.net === net && k.v6 === p.v6));
          if (fresh) kept.push({ length: p.length, net, v6: p.v6 });
        }
        kept.forEach((k, i) => {
          if (k.v6 !== v6 || (address & maskWord(k.length, 0)) !== k.net) return;
          if (best < 0 || k.length > kept[best]!.length) best = i;
        });
        expect(table.find(v6 ? AF_INET6 : AF_INET, Int32Array.of(address, 0, 0, 0), 0)).toBe(best);
      }),
    );
  });

  it('the lower metric wins', () => {
    const words = Int32Array.of(0x63010101, 0, 0, 0);
    const routing = router({}, [
      { to: 'default', via: '10.2.0.2', dev: 'r1', metric: 20 },
      { to: 'default', via: '10.1.0.2', dev: 'r0', metric: 10 },
    ]);
    expect(routing.route(AF_INET, words, 0)).toBe(RTN_UNICAST);
    expect(routing.outInterface).toBe(2);
  });
});

describe('a host that cannot be taken', () => {
  it.each([
    [{ interfaces: [{ name: 'r0', addresses: ['10.1.0.300/24'] }] }, 'interfaces[0].addresses[0]'],
    [{ interfaces: [{ name: 'r0' }, { name: 'r0' }] }, 'interfaces[1].name'],
    [{ interfaces: [{ name: 'a name' }] }, 'interfaces[0].name'],
    [{ interfaces: [{ name: 'r0', mac: 'x' }] }, 'interfaces[0].mac'],
    [{ routes: [{ to: 'default', via: '10.1.0.1', dev: 'r9' }] }, 'routes[0].dev'],
    [{ routes: [{ to: 'default', via: '10.1.0.1' }] }, 'routes[0].dev'],
    [{ routes: [{ to: '10.0.0.0/40', dev: 'lo' }] }, 'routes[0].to'],
    [{ routes: [{ to: '10.0.0.0/8', via: 'fd00::1', dev: 'lo' }] }, 'routes[0].via'],
    [{ neighbours: [{ address: '10.1.0.1', mac: '02:00:00:00:01:02', dev: 'r9' }] }, 'neighbours[0].dev'],
  ])('%j is refused at %s', (config, path) => {
    let thrown: unknown;
    try {
      compileHost(config as HostConfig);
    } catch (e) {
      thrown = e;
    }
    expect(thrown).toBeInstanceOf(HostConfigError);
    expect((thrown as HostConfigError).path).toBe(path);
  });

  it('lo is there unasked, and other interfaces follow', () => {
    const network = compileHost({ interfaces: [{ name: 'eth0', addresses: ['192.0.2.1/24'] }] });
    expect(network.interfaces.map((i) => i?.name)).toEqual([undefined, 'lo', 'eth0']);
    expect(network.interfaces[2]).toMatchObject({ index: 2, mtu: 1500, group: 0, loopback: false });
  });
});
