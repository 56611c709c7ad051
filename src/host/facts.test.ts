/**
 * Routes, copies, CPUs, labels, accounting: what rules answer for packets of a host as its description has it. The rows were counted on Linux 6.18
 * (`test/kernel/cases/facts-*` has whole recordings).
 */
import { describe, expect, it, test } from 'vitest';
import {
  arrives,
  CONFIG,
  counts,
  hostWith,
  INTERFACES,
  load,
  SYN,
  sends,
  tcp,
  udp,
} from '../../test/support/router.js';
import { type Bytes, ip6, u16 } from '../../test/support/wire-frames.js';
import { Host } from './host.js';

describe('-j TEE', () => {
  function copies(rules: string[], packet: Bytes, send = false): string[] {
    const host = hostWith({}, 'mangle', rules);
    const left: string[] = [];
    host.onEmit = (bytes, start, _end, dev, _kind, made) =>
      left.push(
        `${host.interfaceName(dev)} ttl ${bytes[start + 8]} df ${bytes[start + 6]! >> 6}${made ? ' copy' : ''}`,
      );
    if (send) sends(host, packet);
    else arrives(host, packet);
    return left;
  }
  const packet = udp('10.1.0.2:99', '10.2.0.2:53');
  test.each([
    [
      'PREROUTING: a hop less, do not fragment',
      'PREROUTING -j TEE --gateway 10.1.0.9',
      packet,
      ['r0 ttl 63 df 1 copy', 'r1 ttl 63 df 0'],
    ],
    [
      'FORWARD: the hop is counted already',
      'FORWARD -j TEE --gateway 10.1.0.9',
      packet,
      ['r0 ttl 63 df 1 copy', 'r1 ttl 63 df 0'],
    ],
    [
      'by an interface, wherever the gateway is',
      'PREROUTING -j TEE --gateway 10.9.9.9 --oif r1',
      packet,
      ['r1 ttl 63 df 1 copy', 'r1 ttl 63 df 0'],
    ],
    ['no route to the gateway: no copy', 'PREROUTING -j TEE --gateway 10.9.9.9', packet, ['r1 ttl 63 df 0']],
    [
      'a copy is not copied again',
      'POSTROUTING -j TEE --gateway 10.1.0.9',
      packet,
      ['r0 ttl 63 df 1 copy', 'r1 ttl 63 df 0'],
    ],
  ])('%s', (_, rule, bytes, expected) => {
    expect(copies([rule], bytes)).toEqual(expected);
  });

  it('copies are untracked, pass OUTPUT, and change nothing of the packet', () => {
    const rules = [
      'PREROUTING -j TEE --gateway 10.1.0.9',
      'FORWARD -m conntrack --ctstate NEW',
      'OUTPUT -o r0 -m conntrack --ctstate UNTRACKED',
      'POSTROUTING -m conntrack --ctstate UNTRACKED',
    ];
    const host = hostWith({}, 'mangle', rules);
    arrives(host, packet);
    expect(counts(host)).toEqual([1, 1, 1, 1]);
    expect([...host.flows()]).toHaveLength(1);
  });

  it('a dropped copy does not drop the packet', () => {
    const host = hostWith({}, 'mangle', ['PREROUTING -j TEE --gateway 10.1.0.9', 'OUTPUT -j DROP', 'FORWARD']);
    arrives(host, packet);
    expect(counts(host)).toEqual([1, 1, 1]);
    expect(host.result.rule).toBe(-1);
  });
});

describe('routes', () => {
  const routes = [
    { to: '10.9.0.0/16', via: '10.2.0.2', dev: 'r1', realm: 5 },
    { to: '10.55.0.0/16', via: '10.1.0.2', dev: 'r0', realm: '3' },
    { to: '10.66.0.0/16', via: '10.2.0.2', dev: 'r1', realm: '8/9' },
    { to: '10.77.0.0/16', type: 'blackhole' as const },
  ];
  const sourceOf = (source: string) => udp(`${source}:99`, '10.2.0.2:53');
  const RPFILTER = ['', '--loose', '--accept-local', '--loose --accept-local'];

  test.each([
    ['it is on the link', '10.1.0.2', [1, 1, 1, 1]],
    ['its route leads back', '10.55.0.1', [1, 1, 1, 1]],
    ['its route leads elsewhere', '10.9.0.1', [0, 1, 0, 1]],
    ['there is no route', '203.0.113.1', [0, 0, 0, 0]],
    ['its route is no way', '10.77.0.1', [0, 0, 0, 0]],
    ["the interface's own address", '10.1.0.1', [0, 0, 1, 1]],
    ['an own address of another interface', '10.2.0.1', [0, 0, 0, 1]],
    ['no address yet', '0.0.0.0', [0, 0, 0, 0]],
  ])('-m rpfilter, source %s', (_what, source, expected) => {
    const rules = RPFILTER.flatMap((options) => [
      `PREROUTING -m rpfilter ${options}`,
      `PREROUTING -m rpfilter ${options} --invert`,
    ]);
    const host = hostWith({ routes }, 'raw', rules);
    arrives(host, sourceOf(source));
    expect(counts(host)).toEqual(expected.flatMap((n) => [n, 1 - n]));
  });

  it('-m rpfilter lets DHCP requests pass, and what arrives on lo', () => {
    const host = hostWith({ routes }, 'raw', ['PREROUTING -m rpfilter']);
    arrives(host, udp('0.0.0.0:68', '255.255.255.255:67'));
    arrives(host, sourceOf('203.0.113.1'), 'lo');
    expect(counts(host)).toEqual([2]);
  });

  test.each([
    ['fd00:1::2', [1, 1, 1]],
    ['fd00:2::2', [0, 1, 0]],
    ['fd00:1::1', [0, 0, 1]],
    ['fd00:9::1', [0, 0, 0]],
    ['fe80::2', [1, 1, 1]],
    ['::', [1, 1, 1]],
  ])('-m rpfilter of IPv6, source %s', (source, expected) => {
    const host = new Host({ ...CONFIG, routes });
    const rules = ['', '--loose', '--accept-local'].map((options) => `-A PREROUTING -m rpfilter ${options}\n`).join('');
    load(host, `*raw\n:PREROUTING ACCEPT [0:0]\n${rules}COMMIT\n`, 10);
    arrives(host, ip6(17, [...u16(1), ...u16(2), ...u16(8), 0, 0], { source, destination: 'fd00:2::2' }));
    expect(counts(host)).toEqual(expected);
  });

  test.each([
    ['the realm of its route', '10.1.0.2', '10.9.0.1', '5', 1],
    ['with that of its source above it', '10.55.0.1', '10.9.0.1', '0x30005', 1],
    ['of which a mask takes one', '10.55.0.1', '10.9.0.1', '0x5/0xffff', 1],
    ['a route with both', '10.55.0.1', '10.66.0.1', '0x80009', 1],
    ['none', '10.1.0.2', '10.2.0.2', 'cosmos', 1],
    ['not another one', '10.1.0.2', '10.9.0.1', '3', 0],
  ])('-m realm of what is forwarded: %s', (_, source, destination, realm, expected) => {
    const host = hostWith({ routes }, 'mangle', [
      `FORWARD -m realm --realm ${realm}`,
      `FORWARD -m realm ! --realm ${realm}`,
    ]);
    arrives(host, udp(`${source}:99`, `${destination}:53`));
    expect(counts(host)).toEqual([expected, 1 - expected]);
  });

  it('-m realm of what is delivered is that of the source, of what is sent that of the route', () => {
    const host = hostWith({ routes }, 'filter', ['INPUT -m realm --realm 0x30000', 'OUTPUT -m realm --realm 0x5']);
    arrives(host, udp('10.55.0.1:99', '10.1.0.1:53'));
    sends(host, udp('10.2.0.1:99', '10.9.0.1:53'));
    expect(counts(host)).toEqual([1, 1]);
  });
});

describe('routes for a mark', () => {
  const routes = [
    { to: 'default', via: '10.1.0.9', dev: 'r0', mark: 1 },
    { to: '10.9.0.0/16', type: 'unreachable' as const, mark: '0x2/0x2' },
  ];
  const wayOf = (rule: string, packet: Bytes, send = false): string => {
    const host = hostWith({ routes }, 'mangle', [rule]);
    const left: string[] = [];
    host.onEmit = (_bytes, _start, _end, dev, _kind, own) => {
      if (!own) left.push(host.interfaceName(dev));
    };
    if (send) sends(host, packet);
    else arrives(host, packet);
    return left.join() || host.reasonName(host.result.reason);
  };
  const through = udp('10.1.0.2:99', '10.2.0.2:53');
  test.each([
    ['a packet with the mark takes it', 'PREROUTING -j MARK --set-mark 1', through, 'r0'],
    ['one with another mark takes the main table', 'PREROUTING -j MARK --set-mark 4', through, 'r1'],
    [
      'bits outside of the mask do not count',
      'PREROUTING -j MARK --set-mark 6',
      udp('10.1.0.2:99', '10.9.0.1:53'),
      'route-refuses',
    ],
    ['a table without a route for it leaves it to the main one', 'PREROUTING -j MARK --set-mark 2', through, 'r1'],
    ['without a mark there is none', 'PREROUTING', udp('10.1.0.2:99', '10.9.0.1:53'), 'no-route'],
  ])('%s', (_, rule, packet, expected) => {
    expect(wayOf(rule, packet)).toBe(expected);
  });

  it("the host's own addresses come first", () => {
    expect(wayOf('PREROUTING -j MARK --set-mark 1', udp('10.1.0.2:99', '10.1.0.1:53'))).toBe('');
  });

  it('a mark that OUTPUT sets routes what the host makes anew', () => {
    expect(wayOf('OUTPUT -j MARK --set-mark 1', udp('10.2.0.1:99', '10.2.0.2:53'), true)).toBe('r0');
    expect(wayOf('OUTPUT', udp('10.2.0.1:99', '10.2.0.2:53'), true)).toBe('r1');
  });

  it('-m rpfilter asks them with --validmark alone', () => {
    const rules = ['PREROUTING -j MARK --set-mark 1', 'PREROUTING -m rpfilter --validmark', 'PREROUTING -m rpfilter'];
    const host = hostWith({ routes }, 'mangle', rules);
    arrives(host, udp('203.0.113.1:99', '10.2.0.2:53'));
    expect(counts(host)).toEqual([1, 1, 0]);
  });
});

describe('what a host has none of', () => {
  test.each([
    ['-m physdev --physdev-in eth0', 0],
    ['-m physdev ! --physdev-in eth0', 1],
    ['-m physdev ! --physdev-in eth0 --physdev-is-bridged', 0],
    ['-m physdev ! --physdev-in eth0 ! --physdev-is-bridged ! --physdev-is-out', 1],
    ['-m ipvs --ipvs', 0],
    ['-m ipvs ! --ipvs', 1],
    ['-m ipvs ! --vport 80', 0],
    ['-m cpu --cpu 0', 1],
    ['-m cpu --cpu 1', 0],
  ])('%s', (rule, expected) => {
    const host = hostWith({}, 'mangle', [`FORWARD ${rule}`]);
    arrives(host, udp('10.1.0.2:99', '10.2.0.2:53'));
    expect(counts(host)).toEqual([expected]);
  });

  it('-m cpu: the one of the interface, else of the host', () => {
    const interfaces = [{ ...INTERFACES[0]!, cpu: 3 }, INTERFACES[1]!];
    const rules = ['INPUT -m cpu --cpu 3', 'INPUT -m cpu --cpu 2', 'OUTPUT -m cpu --cpu 2', 'OUTPUT -m cpu --cpu 3'];
    const host = hostWith({ interfaces, cpu: 2 }, 'filter', [...rules, 'INPUT -p udp -j REJECT']);
    arrives(host, tcp('10.1.0.2:1', '10.1.0.1:2', SYN));
    arrives(host, tcp('10.2.0.2:1', '10.2.0.1:2', SYN), 'r1');
    sends(host, tcp('10.2.0.1:1', '10.2.0.2:2', SYN));
    // REJECT answers on the CPU of what it answers
    arrives(host, udp('10.1.0.2:1', '10.1.0.1:2'));
    expect(counts(host)).toEqual([2, 1, 1, 1, 1]);
  });
});

describe('-m connlabel', () => {
  const packet = udp('10.1.0.2:99', '10.2.0.2:53');
  it('a label that is set stays with the connection, in both directions', () => {
    const rules = [
      'FORWARD -m connlabel --label 40',
      'FORWARD -m connlabel ! --label 40',
      'FORWARD -p udp --dport 53 -m connlabel --label 40 --set',
      'FORWARD -m connlabel --label 40',
      'FORWARD -m connlabel --label 8',
    ];
    const host = hostWith({}, 'mangle', rules);
    arrives(host, packet);
    expect(counts(host)).toEqual([0, 1, 1, 1, 0]);
    arrives(host, udp('10.2.0.2:53', '10.1.0.2:99'), 'r1');
    expect(counts(host)).toEqual([1, 1, 1, 2, 0]);
    arrives(host, udp('10.1.0.2:98', '10.2.0.2:54'));
    expect(counts(host)).toEqual([1, 2, 1, 2, 0]);
  });

  it('a packet without a connection has none', () => {
    const rules = ['PREROUTING -m connlabel --label 1 --set', 'PREROUTING -m connlabel ! --label 1'];
    const host = hostWith({}, 'raw', rules);
    arrives(host, packet);
    expect(counts(host)).toEqual([0, 1]);
  });

  it('names are those of the host file', () => {
    const rules = ['FORWARD -m connlabel --label web --set', 'FORWARD -m connlabel --label 40'];
    const host = hostWith({ labels: { web: 40 } }, 'mangle', rules);
    arrives(host, packet);
    expect(counts(host)).toEqual([1, 1]);
    expect(() => hostWith({ labels: { mail: 1 } }, 'mangle', rules)).toThrow(
      "label 'web' not found or invalid value\nthe host has mail",
    );
  });

  it('a connection that ends takes its labels along', () => {
    const host = hostWith({}, 'mangle', [
      'FORWARD -p tcp -m connlabel --label 1 --set',
      'FORWARD -m connlabel --label 1',
    ]);
    arrives(host, tcp('10.1.0.2:99', '10.2.0.2:53', SYN));
    expect(counts(host)).toEqual([1, 1]);
    host.advance(1_000_000 + 1_000_000);
    arrives(host, udp('10.1.0.2:99', '10.2.0.2:53'));
    expect(counts(host)).toEqual([1, 1]);
  });
});

describe('-m nfacct', () => {
  it.each([
    ['no quota: always', {}, [1, 2, 3, 4, 5]],
    ['3 packets: from the fourth on', { quota: 3, unit: 'packets' as const }, [0, 0, 0, 1, 2]],
    ['100 bytes: once more are counted', { quota: 100 }, [0, 0, 0, 1, 2]],
    ['none at all', { quota: 0 }, [1, 2, 3, 4, 5]],
  ])('%s', (_, object, expected) => {
    const host = hostWith({ nfacct: { a: object } }, 'mangle', ['FORWARD -m nfacct --nfacct-name a']);
    const seen = expected.map(() => {
      arrives(host, udp('10.1.0.2:99', '10.2.0.2:9'));
      return counts(host)[0];
    });
    expect(seen).toEqual(expected);
  });

  it('rules that name an object count together; without `nfacct` in the description every name is one', () => {
    const host = hostWith({ nfacct: { a: { quota: 3, unit: 'packets' } } }, 'mangle', [
      'FORWARD -m nfacct --nfacct-name a',
      'FORWARD -m nfacct --nfacct-name a',
    ]);
    for (let i = 0; i < 2; i++) arrives(host, udp('10.1.0.2:99', '10.2.0.2:9'));
    expect(counts(host)).toEqual([0, 1]);
    expect(() => hostWith({ nfacct: { a: null } }, 'mangle', ['FORWARD -m nfacct --nfacct-name b'])).toThrow(
      'No chain/target/match by that name.\nthere is no accounting object "b"; the host has a',
    );
    expect(() => hostWith({}, 'mangle', ['FORWARD -m nfacct --nfacct-name b'])).not.toThrow();
  });
});
