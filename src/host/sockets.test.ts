/**
 * Sockets: what rules answer for packets of a host as its description has it. The rows were counted on Linux 6.18
 * (`test/kernel/cases/facts-*` has whole recordings).
 */
import { describe, expect, it, test } from 'vitest';
import {
  ACK,
  arrives,
  CONFIG,
  counts,
  hostWith,
  load,
  RST,
  SYN,
  SYN_ACK,
  sends,
  tcp,
  udp,
} from '../../test/support/router.js';
import { type Bytes, icmp, ip4 } from '../../test/support/wire-frames.js';
import { VERDICT_ACCEPT, VERDICT_DROP } from '../rules/context.js';
import { Host } from './host.js';

const SERVER = { uid: 33, gid: 33, groups: [4, 5], cgroup: '/system.slice/web.service', classid: '10:1' };
const ping = (type: number): Bytes =>
  ip4(1, icmp(type, 0, [0, 77, 0, 1]), { source: '10.1.0.1', destination: '10.1.0.2' });

describe('-m owner and -m cgroup', () => {
  const sockets = [{ protocol: 'tcp', local: '10.1.0.1:80', ...SERVER }];
  const TESTS = [
    '-m owner --socket-exists',
    '-m owner ! --socket-exists',
    '-m owner --uid-owner 33',
    '-m owner ! --uid-owner 33',
    '-m owner --uid-owner 30-40',
    '-m owner --uid-owner 0-4294967294',
    '-m owner --gid-owner 33',
    '-m owner ! --gid-owner 33',
    '-m owner --gid-owner 4',
    '-m owner --gid-owner 4 --suppl-groups',
    '-m owner ! --gid-owner 4 --suppl-groups',
    '-m owner ! --gid-owner 99 --suppl-groups',
    '-m owner ! --uid-owner 33 ! --socket-exists',
    '-m cgroup --path /',
    '-m cgroup ! --path /',
    '-m cgroup --path system.slice',
    '-m cgroup --path /system.slice/web.service',
    '-m cgroup ! --path /system.slice/web.service',
    '-m cgroup --path /system.slice/web',
    '-m cgroup --cgroup 0',
    '-m cgroup --cgroup 0x100001',
    '-m cgroup ! --cgroup 0x100001',
  ];
  const HELD = [1, 0, 1, 0, 1, 1, 1, 0, 0, 1, 0, 1, 0, 1, 0, 1, 1, 0, 0, 0, 1, 0];
  const KERNEL = [1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 1];
  const NONE = [0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  // a SYN-ACK is no full socket's: its owner is known, its control group is not
  const HALF = HELD.map((n, i) => (TESTS[i]!.includes('cgroup') ? 0 : n));

  test.each([
    ['an answer of a server', tcp('10.1.0.1:80', '10.1.0.2:5000', ACK), HELD],
    ['a SYN-ACK', tcp('10.1.0.1:80', '10.1.0.2:5000', SYN_ACK), HALF],
    ['a RST of a port that nobody listens on', tcp('10.1.0.1:81', '10.1.0.2:5000', RST), KERNEL],
    ['a ping reply', ping(0), KERNEL],
    ['a ping that no socket of the host file sends', ping(8), NONE],
    ['a packet that no socket of the host file sends', tcp('10.1.0.1:81', '10.1.0.2:5000', SYN), NONE],
  ])('%s', (_, packet, expected) => {
    const host = hostWith(
      { sockets },
      'filter',
      TESTS.map((rule) => `OUTPUT ${rule}`),
    );
    sends(host, packet);
    const met = TESTS.filter((_rule, i) => counts(host)[i] === 1);
    expect(met).toEqual(TESTS.filter((_rule, i) => expected[i] === 1));
  });

  it("a RST of REJECT has no socket, its ICMP errors have the kernel's", () => {
    const rules = [
      'INPUT -p tcp -j REJECT --reject-with tcp-reset',
      'INPUT -p udp -j REJECT',
      'OUTPUT -p tcp -m owner --socket-exists',
      'OUTPUT -p tcp -m owner ! --socket-exists',
      'OUTPUT -p icmp -m owner --socket-exists ! --uid-owner 33',
      'OUTPUT -m owner --uid-owner 33',
    ];
    const host = hostWith({ sockets }, 'filter', rules);
    arrives(host, tcp('10.1.0.2:5000', '10.1.0.1:80', SYN));
    arrives(host, udp('10.1.0.2:5000', '10.1.0.1:80'));
    expect(counts(host)).toEqual([1, 1, 0, 1, 1, 0]);
  });

  it("what a host without sockets answers by itself is the kernel's", () => {
    const host = hostWith(
      { sockets },
      'filter',
      ['OUTPUT -m owner --socket-exists', 'OUTPUT -m owner --uid-owner 33'],
      {
        answers: true,
      },
    );
    arrives(host, tcp('10.1.0.2:5000', '10.1.0.1:81', SYN));
    expect(counts(host)).toEqual([1, 0]);
  });

  it('what is only on its way through has no socket', () => {
    const rules = ['POSTROUTING -m owner --socket-exists', 'POSTROUTING -m owner ! --socket-exists'];
    const host = hostWith({ sockets: [{ uid: 1 }] }, 'mangle', rules);
    arrives(host, udp('10.1.0.2:5000', '10.2.0.2:80'));
    expect(counts(host)).toEqual([0, 1]);
  });

  it('a translated connection keeps the socket that began it', () => {
    const host = new Host({ ...CONFIG, sockets: [{ protocol: 'udp', remote: '10.2.0.9:53', uid: 7 }] });
    load(
      host,
      `*nat\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -p udp -j DNAT --to-destination 10.2.0.2:5353\nCOMMIT
*filter\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -d 10.2.0.2/32 -m owner --uid-owner 7\nCOMMIT\n`,
    );
    sends(host, udp('10.2.0.1:4000', '10.2.0.9:53'));
    sends(host, udp('10.2.0.1:4000', '10.2.0.9:53'));
    expect(counts(host)).toEqual([1, 2]);
  });

  it('cgroup knows in INPUT the sockets of connections, not those that listen', () => {
    const connected = { protocol: 'udp', local: '10.1.0.1:53', remote: '10.1.0.2:99', cgroup: '/a' };
    const listening = { protocol: 'udp', local: '10.1.0.1:53', cgroup: '/b' };
    const rules = ['INPUT -m cgroup --path /a', 'INPUT -m cgroup --path /b', 'INPUT -m cgroup ! --path /a'];
    const host = hostWith({ sockets: [listening, connected] }, 'filter', rules);
    arrives(host, udp('10.1.0.2:99', '10.1.0.1:53'));
    arrives(host, udp('10.1.0.2:98', '10.1.0.1:53'));
    expect(counts(host)).toEqual([1, 0, 0]);
  });

  it("a socket's mark is on what it sends", () => {
    const host = hostWith({ sockets: [{ protocol: 'udp', uid: 1, mark: 0x55 }] }, 'filter', [
      'OUTPUT -m mark --mark 0x55',
    ]);
    sends(host, udp('10.1.0.1:53', '10.1.0.2:99'));
    sends(host, tcp('10.1.0.1:53', '10.1.0.2:99', SYN));
    expect(counts(host)).toEqual([1]);
  });

  it('LOG --log-uid names the owner, if a process has the socket', () => {
    const lines: string[] = [];
    const host = hostWith({ sockets }, 'filter', ['OUTPUT -j LOG --log-uid', 'OUTPUT -j LOG']);
    host.onLog = (line) => lines.push(/UID=\S+ GID=\S+/.exec(line)?.[0] ?? '');
    sends(host, tcp('10.1.0.1:80', '10.1.0.2:5000', ACK));
    sends(host, tcp('10.1.0.1:80', '10.1.0.2:5000', SYN_ACK));
    sends(host, ping(0));
    expect(lines).toEqual(['UID=33 GID=33', '', '', '', '', '']);
  });
});

describe('-m socket', () => {
  const sockets = [
    { protocol: 'tcp', local: '10.1.0.1:80' },
    { protocol: 'tcp', local: '*:90', transparent: true },
    { protocol: 'udp', local: '10.1.0.1:53', transparent: true, mark: 7 },
    { protocol: 'udp', local: '10.1.0.1:53', remote: '10.1.0.2:99' },
  ];
  const TESTS = ['', '--nowildcard', '--transparent', '--transparent --nowildcard'];
  const unreachable = (quoted: Bytes) =>
    ip4(1, icmp(3, 3, [0, 0, 0, 0], quoted.slice(0, 28)), { source: '10.2.0.9', destination: '10.1.0.1' });

  test.each([
    ['one that listens on that address', tcp('10.1.0.2:5000', '10.1.0.1:80', SYN), [1, 1, 0, 0]],
    ['one that listens on all addresses', tcp('10.1.0.2:5000', '10.2.0.9:90', SYN), [0, 1, 0, 1]],
    ['nobody', tcp('10.1.0.2:5000', '10.1.0.1:81', SYN), [0, 0, 0, 0]],
    ['another protocol', udp('10.1.0.2:5000', '10.1.0.1:80'), [0, 0, 0, 0]],
    ['a connected one before one that listens', udp('10.1.0.2:99', '10.1.0.1:53'), [1, 1, 0, 0]],
    ['one that listens, from elsewhere', udp('10.1.0.2:98', '10.1.0.1:53'), [1, 1, 1, 1]],
    ['an error about what was sent', unreachable(udp('10.1.0.1:53', '10.1.0.2:98')), [1, 1, 1, 1]],
    ['an error about what nobody sent', unreachable(udp('10.1.0.1:54', '10.1.0.2:98')), [0, 0, 0, 0]],
    ['no port', ip4(47, [0, 0, 0, 0], { source: '10.1.0.2', destination: '10.1.0.1' }), [0, 0, 0, 0]],
  ])('%s', (_, packet, expected) => {
    const host = hostWith(
      { sockets },
      'mangle',
      TESTS.map((test) => `PREROUTING -m socket ${test}`),
    );
    arrives(host, packet);
    expect(counts(host)).toEqual(expected);
  });

  it('a connection to one that listens on all addresses has a socket of its own', () => {
    const host = hostWith({ sockets }, 'mangle', ['PREROUTING -m socket']);
    arrives(host, tcp('10.1.0.2:5000', '10.1.0.1:90', SYN, 1));
    expect(counts(host)).toEqual([0]);
    sends(host, tcp('10.1.0.1:90', '10.1.0.2:5000', SYN_ACK, 100, 2));
    arrives(host, tcp('10.1.0.2:5000', '10.1.0.1:90', ACK, 2, 101));
    expect(counts(host)).toEqual([1]);
  });

  it('--restore-skmark puts the mark of the socket on the packet', () => {
    const rules = ['PREROUTING -m socket --restore-skmark', 'PREROUTING -m mark --mark 7'];
    const host = hostWith({ sockets }, 'mangle', rules);
    arrives(host, udp('10.1.0.2:98', '10.1.0.1:53'));
    arrives(host, udp('10.1.0.2:98', '10.1.0.1:54'));
    expect(counts(host)).toEqual([1, 1]);
  });
});

it('an entry without port and peer says who sends, not who listens', () => {
  const rules = ['INPUT -m socket --nowildcard', 'INPUT -m cgroup --path /', 'OUTPUT -m owner --uid-owner 1000'];
  const host = hostWith({ sockets: [{ uid: 1000 }] }, 'filter', rules, { answers: true });
  arrives(host, tcp('10.1.0.2:5000', '10.1.0.1:80', SYN));
  sends(host, udp('10.1.0.1:5000', '10.1.0.2:80'));
  expect(counts(host)).toEqual([0, 0, 1]);
});

it('a host that answers by itself leaves to its sockets what is for them', () => {
  const host = hostWith({ sockets: [{ protocol: 'tcp', local: '*:80' }] }, 'filter', ['OUTPUT'], { answers: true });
  arrives(host, tcp('10.1.0.2:5000', '10.1.0.1:80', SYN));
  expect(counts(host)).toEqual([0]);
  arrives(host, tcp('10.1.0.2:5000', '10.1.0.1:81', SYN));
  expect(counts(host)).toEqual([1]);
});

describe('-j TPROXY', () => {
  const sockets = [
    { protocol: 'udp', local: '10.1.0.1:3129', transparent: true },
    { protocol: 'udp', local: '10.1.0.1:3130' },
  ];
  test.each([
    [
      "a transparent socket of the interface's address: marked, and not forwarded",
      '--on-port 3129',
      [0, 0],
      'socket-assigned',
    ],
    ['the same by its address', '--on-port 3129 --on-ip 10.1.0.1', [0, 0], 'socket-assigned'],
    ['one that is not transparent: dropped', '--on-port 3130', [0, 0], ''],
    ['nobody listens: dropped', '--on-port 3131', [0, 0], ''],
  ])('%s', (_, options, expected, reason) => {
    const rules = [
      `PREROUTING -p udp -j TPROXY ${options} --tproxy-mark 0x1/0x1`,
      'PREROUTING',
      'FORWARD -m mark --mark 0x1',
    ];
    const host = hostWith({ sockets }, 'mangle', rules);
    expect(arrives(host, udp('10.1.0.2:99', '10.2.0.2:53'))).toBe(VERDICT_DROP);
    expect(counts(host)).toEqual([1, ...expected]);
    expect(host.reasonName(host.result.reason)).toBe(reason);
  });

  it('a local route for the mark delivers it', () => {
    const rules = [
      'PREROUTING -p udp -j TPROXY --on-port 3129 --tproxy-mark 0x1/0x1',
      'INPUT -m mark --mark 0x1 -m socket --transparent',
    ];
    const routes = [{ to: 'default', type: 'local' as const, dev: 'lo', mark: '0x1/0xf' }];
    const host = hostWith({ sockets, routes }, 'mangle', rules, { answers: true });
    let made = 0;
    host.onEmit = (_bytes, _start, _end, _dev, _kind, own) => {
      if (own) made++;
    };
    expect(arrives(host, udp('10.1.0.2:99', '10.2.0.2:53'))).toBe(VERDICT_ACCEPT);
    expect(counts(host)).toEqual([1, 1]);
    // the socket answers, not the host
    expect(made).toBe(0);
  });

  it('what is for the host is delivered, and its socket is known in INPUT', () => {
    const rules = [
      'PREROUTING -p udp -j TPROXY --on-port 3129 --tproxy-mark 0x1/0x1',
      'INPUT -m mark --mark 0x1 -m socket --transparent',
    ];
    const host = hostWith({ sockets }, 'mangle', rules);
    arrives(host, udp('10.1.0.2:99', '10.1.0.1:53'));
    expect(counts(host)).toEqual([1, 1]);
  });
});

describe('without sockets in the description', () => {
  test.each([
    ['OUTPUT -m owner ! --uid-owner 33', '-m owner', 1],
    ['OUTPUT -m cgroup ! --cgroup 1', '-m cgroup', 0],
  ])('%s is in doubt', (rule, extension, expected) => {
    const host = hostWith({}, 'filter', [rule]);
    sends(host, udp('10.1.0.1:1', '10.1.0.2:2'));
    expect(counts(host)).toEqual([expected]);
    expect(host.doubts()).toMatchObject([{ extension, packets: 1 }]);
  });

  it('an empty list is an answer', () => {
    const host = hostWith({ sockets: [] }, 'filter', ['OUTPUT -m owner ! --uid-owner 33']);
    sends(host, udp('10.1.0.1:1', '10.1.0.2:2'));
    expect(counts(host)).toEqual([1]);
    expect(host.doubts()).toEqual([]);
  });
});
