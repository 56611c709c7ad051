/** What is taken and refused, and the timeouts that follow: as `nfct`, iptables and `conntrack -L` of Linux 6.18 say. */
import { describe, expect, test } from 'vitest';
import { type Odd, packet, ports, type Segment, tcpSegment } from '../../test/support/track-bench.js';
import { u16 } from '../../test/support/wire-frames.js';
import { describeError } from '../iptables/errors.js';
import { loadRules } from '../iptables/restore.js';
import { RuleError } from '../rules/context.js';
import { LINKTYPE_RAW } from '../wire/parse.js';
import { HostConfigError } from './config.js';
import { Host } from './host.js';
import type { TimeoutConfig } from './timeouts.js';

const CT = 'net.netfilter.nf_conntrack_';

function host(timeouts: Record<string, TimeoutConfig>, sysctl: Record<string, number> = {}): Host {
  const h = new Host({
    interfaces: [
      { name: 'r0', addresses: ['10.1.0.1/24', 'fd01::1/64'] },
      { name: 'r1', addresses: ['10.2.0.1/24', 'fd02::1/64'] },
    ],
    sysctl: { 'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1, ...sysctl },
    timeouts,
  });
  h.advance(1_760_000_000_000);
  return h;
}

function rule(h: Host, text: string, family: 2 | 10 = 2): void {
  h.load(loadRules(`*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING ${text}\nCOMMIT\n`, 'rules', family));
}

/** A packet of `a` arrives on r0, one of `b` on r1; the seconds that the only connection has then. */
function left(h: Host, bytes: Uint8Array, side: 'a' | 'b'): number | null {
  h.receive(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW, h.interfaceIndex(side === 'a' ? 'r0' : 'r1'));
  const flows = [...h.flows()];
  expect(flows.length).toBe(1);
  return flows[0]!.timeout;
}

describe('a policy', () => {
  test.each<[string, TimeoutConfig, Record<string, number>, number, number, number[]]>([
    [
      'tcp: the states that it does not name have the sysctl values',
      { protocol: 'tcp', established: 100, close: 10 },
      { tcp_timeout_syn_recv: 41 },
      2,
      6,
      [120, 120, 41, 100, 120, 60, 30, 120, 10, 120, 300, 300],
    ],
    [
      'tcp: every state has its place',
      {
        protocol: 'tcp',
        syn_sent: 1,
        syn_recv: 2,
        established: 3,
        fin_wait: 4,
        close_wait: 5,
        last_ack: 6,
        time_wait: 7,
        close: 8,
        syn_sent2: 9,
        retrans: 10,
        unacknowledged: 11,
      },
      {},
      2,
      6,
      [1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    ],
    ['udp', { protocol: 'udp', unreplied: 7 }, { udp_timeout_stream: 9 }, 2, 17, [7, 9]],
    ['udplite takes what UDP has', { protocol: 'udplite', replied: 5 }, { udp_timeout: 17 }, 2, 136, [17, 5]],
    ['gre', { protocol: 'gre', unreplied: 4 }, {}, 2, 47, [4, 180]],
    [
      'sctp',
      { protocol: 'sctp', closed: 1, cookie_wait: 2, cookie_echoed: 5, shutdown_sent: 6, shutdown_recd: 7 },
      { sctp_timeout_established: 44, sctp_timeout_heartbeat_sent: 31 },
      2,
      132,
      [1, 1, 2, 5, 44, 6, 7, 3, 31],
    ],
    [
      'sctp: its other states',
      { protocol: 'sctp', established: 8, shutdown_ack_sent: 9 },
      {},
      2,
      132,
      [10, 10, 3, 3, 8, 3, 3, 9, 30],
    ],
    ['icmp', { protocol: 'icmp', timeout: 11 }, {}, 2, 1, [11]],
    ['icmpv6', { protocol: 'icmpv6', family: 'inet6', timeout: 12 }, {}, 10, 58, [12]],
    ['generic; 0 is a timeout too', { protocol: 'generic', timeout: 0 }, {}, 2, 255, [0]],
  ])('%s', (_claim, config, sysctl, family, protocol, seconds) => {
    const settings = Object.fromEntries(Object.entries(sysctl).map(([name, value]) => [CT + name, value]));
    const policy = host({ x: config }, settings).tracker.timeoutPolicies.get('x')!;
    expect([policy.family, policy.protocol]).toEqual([family, protocol]);
    expect([...policy.timeouts].map((ms) => ms / 1000)).toEqual(seconds);
  });

  test('the settings of the host are as they were', () => {
    const { settings } = host({ x: { protocol: 'tcp', syn_sent: 1 } }).tracker;
    expect(settings.tcp[1]).toBe(120_000);
  });

  test.each<[string, unknown, string]>([
    [
      'x',
      { protocol: 'tcp', establishd: 1 },
      'timeouts.x.establishd: tcp has no such state (known: syn_sent, syn_recv,',
    ],
    ['x', { protocol: 'udp', timeout: 1 }, 'timeouts.x.timeout: udp has no such state (known: unreplied, replied)'],
    ['x', { protocol: 'udp', constructor: 1 }, 'timeouts.x.constructor: udp has no such state'],
    ['x', { protocol: 'sctp', heartbeat_sent: 1 }, 'timeouts.x.heartbeat_sent: sctp has no such state'],
    ['x', { protocol: 'dccp', respond: 1 }, 'timeouts.x.protocol: expected tcp, udp, udplite, sctp, gre, icmp,'],
    ['x', { replied: 1 }, 'timeouts.x.protocol: expected tcp,'],
    ['x', { protocol: 'udp', family: 'ipv4', replied: 1 }, 'timeouts.x.family: expected inet or inet6, got "ipv4"'],
    ['x', { protocol: 'udp', replied: -1 }, 'timeouts.x.replied: expected whole seconds from 0 to 21474836, got -1'],
    ['x', { protocol: 'udp', replied: 1.5 }, 'timeouts.x.replied: expected whole seconds'],
    ['x', { protocol: 'udp', replied: 21474837 }, 'timeouts.x.replied: expected whole seconds'],
    ['x', { protocol: 'udp', replied: '5' }, 'timeouts.x.replied: expected whole seconds'],
    ['x', { protocol: 'udp' }, 'timeouts.x: names no state of udp (known: unreplied, replied)'],
    ['', { protocol: 'udp', replied: 1 }, 'timeouts.: expected a name of 1 to 31 characters'],
    ['x'.repeat(32), { protocol: 'udp', replied: 1 }, 'expected a name of 1 to 31 characters'],
  ])('%s: %j is refused', (name, config, message) => {
    expect(() => host({ [name]: config as TimeoutConfig })).toThrow(HostConfigError);
    expect(() => host({ [name]: config as TimeoutConfig })).toThrow(message);
  });
});

const POLICIES: Record<string, TimeoutConfig> = {
  web: { protocol: 'tcp', established: 100 },
  u: { protocol: 'udp', replied: 9 },
  u6: { protocol: 'udp', family: 'inet6', replied: 9 },
  lite: { protocol: 'udplite', replied: 9 },
  g: { protocol: 'generic', timeout: 33 },
  g6: { protocol: 'generic', family: 'inet6', timeout: 33 },
  ic: { protocol: 'icmp', timeout: 3 },
  'ic-in-6': { protocol: 'icmp', family: 'inet6', timeout: 3 },
  [`${'long'.repeat(7)}123`]: { protocol: 'tcp', established: 5 },
};

const NONE = 'No chain/target/match by that name.\n  No such timeout policy';
const INVALID = "Invalid argument. Run `dmesg' for more information.\n  ";

describe('a rule', () => {
  test.each<[2 | 10, string]>([
    [2, '-p tcp -j CT --timeout web'],
    [2, '-p udplite -j CT --timeout lite'],
    [2, '-p 89 -j CT --timeout g'],
    [2, '-p dccp -j CT --timeout g'],
    [2, '-p 255 -j CT --timeout g'],
    [2, '-p icmp -j CT --timeout ic'],
    [10, '-p udp -j CT --timeout u6'],
    [10, '-p icmp -j CT --timeout ic-in-6'],
    [2, '-p tcp -j CT --timeout web --zone 3'],
    [2, '-p tcp -j CT --notrack --timeout nosuch'],
    [2, '-j CT --notrack --timeout nosuch --helper nosuch'],
    [2, '-p tcp -j CT --timeout ""'],
    [2, `-p tcp -j CT --timeout ${'long'.repeat(7)}1234`], // iptables hands over 31 characters
  ])('IPv%d %s is taken', (family, text) => {
    expect(() => rule(host(POLICIES), text, family)).not.toThrow();
  });

  test.each<[2 | 10, string, string]>([
    [2, '-p tcp -j CT --timeout wbe', `${NONE} "wbe"; the host has web, u, u6,`],
    [2, '-p tcp -j CT --timeout nosuch --helper ftp', `${NONE} "nosuch"`],
    [
      2,
      '-p tcp -j CT --timeout nosuch --helper nosuch',
      'No chain/target/match by that name.\n  CT: there is no helper "nosuch" for tcp',
    ],
    [2, '-j CT --timeout web', `${INVALID}-j CT --timeout needs -p`],
    [2, '-p all -j CT --timeout g', `${INVALID}-j CT --timeout needs -p`],
    [2, '! -p tcp -j CT --timeout nosuch', `${INVALID}-j CT --timeout needs -p`],
    [2, '-p udp -j CT --timeout web', `${INVALID}Timeout policy \`web' can only be used by L4 protocol number 6 (tcp)`],
    [
      10,
      '-p udp -j CT --timeout web',
      `${INVALID}Timeout policy \`web' can only be used by L3 protocol number 2 (IPv4)`,
    ],
    [2, '-p udp -j CT --timeout u6', `${INVALID}Timeout policy \`u6' can only be used by L3 protocol number 10 (IPv6)`],
    [2, '-p 89 -j CT --timeout u', 'can only be used by L4 protocol number 17 (udp)'],
    [2, '-p udplite -j CT --timeout u', 'can only be used by L4 protocol number 17 (udp)'],
    [2, '-p udplite -j CT --timeout g', 'can only be used by L4 protocol number 255 (generic)'],
    [2, '-p sctp -j CT --timeout g', 'can only be used by L4 protocol number 255 (generic)'],
    [2, '-p gre -j CT --timeout g', 'can only be used by L4 protocol number 255 (generic)'],
    [2, '-p icmpv6 -j CT --timeout g', 'can only be used by L4 protocol number 255 (generic)'],
    [10, '-p icmp -j CT --timeout g6', 'can only be used by L4 protocol number 255 (generic)'],
  ])('IPv%d %s is refused', (family, text, message) => {
    let error: unknown;
    try {
      rule(host(POLICIES), text, family);
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(RuleError);
    expect((error as RuleError).status).toBe(1);
    const shown = describeError(error as RuleError);
    expect(shown).toContain(message);
    expect(shown).toMatch(/^rules:3:\d+: /);
  });

  test('a host without policies says so', () => {
    expect(() => rule(host({}), '-p tcp -j CT --timeout web')).toThrow(
      'No such timeout policy "web"; the host has none',
    );
  });
});

const TCP: TimeoutConfig = {
  protocol: 'tcp',
  syn_sent: 11,
  syn_recv: 12,
  established: 1000,
  fin_wait: 14,
  close_wait: 15,
  last_ack: 16,
  time_wait: 17,
  close: 18,
  syn_sent2: 19,
  retrans: 20,
  unacknowledged: 21,
};

type Step = [side: 'a' | 'b', flags: string, seq: number, ack: number, seconds: number, data?: number];

const OPEN: Step[] = [
  ['a', 'S', 1000, 0, 11],
  ['b', 'SA', 5000, 1001, 12],
  ['a', 'A', 1001, 5001, 1000],
];

describe('a TCP connection has the timeouts of its policy', () => {
  test.each<[string, Step[]]>([
    [
      'opened, closed by both',
      [
        ...OPEN,
        ['a', 'FA', 1001, 5001, 14],
        ['b', 'A', 5001, 1002, 15],
        ['b', 'FA', 5001, 1002, 16],
        ['a', 'A', 1002, 5002, 17],
      ],
    ],
    ['reset', [...OPEN, ['b', 'R', 5001, 0, 18]]],
    [
      'opened by both at once',
      [
        ['a', 'S', 1000, 0, 11],
        ['b', 'S', 5000, 0, 11], // a SYN in SYN_SENT renews nothing
        ['b', 'S', 5000, 0, 19],
      ],
    ],
    [
      'data without an answer, again and again',
      [
        ...OPEN,
        ['a', 'PA', 1001, 5001, 21, 10],
        ['a', 'PA', 1001, 5001, 21, 10],
        ['a', 'PA', 1001, 5001, 21, 10],
        ['a', 'PA', 1001, 5001, 20, 10],
        ['b', 'A', 5001, 1011, 1000],
      ],
    ],
  ])('%s', (_claim, steps) => {
    for (const family of [2, 10] as const) {
      const h = host({ x: { ...TCP, family: family === 2 ? 'inet' : 'inet6' } });
      rule(h, '-p tcp -j CT --timeout x', family);
      for (const [side, flags, seq, ack, seconds, data] of steps) {
        const s: Segment = { flags, seq, ack, data: data ?? 0, six: family === 10 };
        expect([flags, left(h, tcpSegment(side, s), side)]).toEqual([flags, seconds]);
      }
    }
  });
});

/** Without checksum, ports of the bench. */
const datagram = (side: 'a' | 'b') => [...ports(side), ...u16(8), 0, 0];
const echo = (type: number) => [type, 0, 0, 0, 0, 7, 0, 1];
const sctp = (side: 'a' | 'b', tag: number, type: number, body: number[]) => {
  return [...ports(side), 0, 0, 0, tag, 0, 0, 0, 0, type, 0, ...u16(4 + body.length), ...body];
};
const INIT_BODY = (tag: number) => [0, 0, 0, tag, 0, 0, 16, 0, 0, 1, 0, 1, 0, 0, 0, 1];
const GRE = [0, 0, 8, 0];

type Hop = [side: 'a' | 'b', payload: number[], afterMs: number, seconds: number];

describe('a connection has the timeouts of its policy', () => {
  test.each<[string, TimeoutConfig, string, number, Hop[]]>([
    [
      'udp: unreplied, then a stream',
      { protocol: 'udp', unreplied: 7, replied: 9 },
      '-p udp',
      17,
      [
        ['a', datagram('a'), 0, 7],
        ['b', datagram('b'), 0, 7],
        ['a', datagram('a'), 2500, 9],
      ],
    ],
    [
      'udplite: replied at once',
      { protocol: 'udplite', unreplied: 7, replied: 9 },
      '-p udplite',
      136,
      [
        ['a', datagram('a'), 0, 7],
        ['b', datagram('b'), 0, 7],
        ['a', datagram('a'), 0, 9],
      ],
    ],
    [
      'gre',
      { protocol: 'gre', unreplied: 5, replied: 6 },
      '-p gre',
      47,
      [
        ['a', GRE, 0, 5],
        ['b', GRE, 0, 5],
        ['a', GRE, 0, 6],
      ],
    ],
    [
      'sctp',
      { protocol: 'sctp', closed: 30, cookie_wait: 31, cookie_echoed: 32, established: 33 },
      '-p sctp',
      132,
      [
        ['a', sctp('a', 0, 1, INIT_BODY(8)), 0, 30],
        ['b', sctp('b', 8, 2, INIT_BODY(9)), 0, 31],
        ['a', sctp('a', 9, 10, []), 0, 32],
        ['b', sctp('b', 8, 11, []), 0, 33],
      ],
    ],
    [
      'generic',
      { protocol: 'generic', timeout: 33 },
      '-p 89',
      89,
      [
        ['a', [1, 2, 3, 4], 0, 33],
        ['b', [1, 2, 3, 4], 1000, 33],
      ],
    ],
  ])('%s', (_claim, config, match, protocol, hops) => {
    for (const family of [2, 10] as const) {
      // right checksums of UDP-Lite are wrong to the kernel
      const h = host({ x: { ...config, family: family === 2 ? 'inet' : 'inet6' } }, { [`${CT}checksum`]: 0 });
      rule(h, `${match} -j CT --timeout x`, family);
      const odd: Odd = { six: family === 10 };
      hops.forEach(([side, payload, afterMs, seconds], n) => {
        h.advance(h.nowMs + afterMs);
        expect([n, left(h, packet(side, protocol, payload, odd), side)]).toEqual([n, seconds]);
      });
    }
  });

  test.each<[string, 2 | 10, TimeoutConfig, string, number, number]>([
    ['icmp', 2, { protocol: 'icmp', timeout: 11 }, '-p icmp', 1, 8],
    ['icmpv6', 10, { protocol: 'icmpv6', family: 'inet6', timeout: 12 }, '-p icmpv6', 58, 128],
  ])('%s', (_claim, family, config, match, protocol, type) => {
    const h = host({ x: config });
    rule(h, `${match} -j CT --timeout x`, family);
    const odd: Odd = { six: family === 10 };
    expect(left(h, packet('a', protocol, echo(type), odd), 'a')).toBe(config.timeout);
    h.advance(h.nowMs + 3000);
    expect(left(h, packet('b', protocol, echo(type === 8 ? 0 : 129), odd), 'b')).toBe(config.timeout);
  });

  test('a rule that comes later changes nothing for a connection that is there', () => {
    const h = host({ x: { protocol: 'udp', unreplied: 7 } });
    expect(left(h, packet('a', 17, datagram('a')), 'a')).toBe(30);
    rule(h, '-p udp -j CT --timeout x');
    expect(left(h, packet('a', 17, datagram('a')), 'a')).toBe(30);
    h.advance(h.nowMs + 31_000);
    expect(left(h, packet('a', 17, datagram('a')), 'a')).toBe(7);
  });

  test('also one that the host begins', () => {
    const h = host({ x: { protocol: 'udp', unreplied: 7 } });
    h.load(loadRules('*raw\n-A OUTPUT -p udp -j CT --timeout x\nCOMMIT\n', 'rules', 2));
    const bytes = packet('a', 17, datagram('a'), { source: '10.1.0.1' });
    h.send(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW);
    expect([...h.flows()].map((flow) => flow.timeout)).toEqual([7]);
  });

  test('with 0 seconds each packet begins one anew', () => {
    const h = host({ x: { protocol: 'udp', unreplied: 0 } });
    rule(h, '-p udp -j CT --timeout x');
    h.listen();
    const bytes = packet('a', 17, datagram('a'));
    for (let n = 0; n < 2; n++) h.receive(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW, h.interfaceIndex('r0'));
    expect([...h.flows()]).toEqual([]);
    const types: (string | undefined)[] = [];
    for (let e = h.nextEvent(); e !== null; e = h.nextEvent()) types.push(e.type);
    expect(types).toEqual(['NEW', 'DESTROY', 'NEW']);
  });

  test('a policy stays with the connection when the rules are replaced', () => {
    const h = host({ x: { protocol: 'udp', unreplied: 7 } });
    rule(h, '-p udp -j CT --timeout x');
    expect(left(h, packet('a', 17, datagram('a')), 'a')).toBe(7);
    rule(h, '-j ACCEPT');
    h.advance(h.nowMs + 1000);
    expect(left(h, packet('a', 17, datagram('a')), 'a')).toBe(7);
  });
});
