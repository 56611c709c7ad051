/** Broadcasts of the host's own. What the kernel does: test/kernel/cases/tracking-broadcast*, helper-netbios-ns*. */
import { describe, expect, it } from 'vitest';
import { counts, hostWith, INTERFACES, sends, udp } from '../../test/support/router.js';
import { type Bytes, ip6 } from '../../test/support/wire-frames.js';
import { LINKTYPE_RAW } from '../wire/parse.js';
import { Host } from './host.js';
import { EMIT_DELIVERED, EMIT_SENT } from './path.js';

const ADDRESSES: [claim: string, destination: string, comesBack: boolean][] = [
  ['of a network', '10.1.0.255', true],
  ['of all networks', '255.255.255.255', true],
  ['of every host here', '224.0.0.1', true],
  ['of routers', '224.0.0.2', false],
  ['of one host', '10.1.0.7', false],
];

describe('what the host sends to the address', () => {
  it.each(ADDRESSES)('%s', (_claim, destination, comesBack) => {
    const host = hostWith({}, 'mangle', [
      'PREROUTING -m conntrack --ctstate NEW',
      'INPUT -m conntrack --ctstate NEW',
      'INPUT -m pkttype --pkt-type unicast',
      'OUTPUT',
      'POSTROUTING -m conntrack --ctstate NEW',
    ]);
    const seen: number[] = [];
    host.onEmit = (_bytes, _start, _end, _dev, kind) => seen.push(kind);
    expect(sends(host, udp('10.1.0.1:99', `${destination}:9`))).toBe(1);
    const back = comesBack ? 1 : 0;
    expect(counts(host)).toEqual([back, back, 0, 1, 1 + back]);
    expect(seen).toEqual(comesBack ? [EMIT_SENT, EMIT_DELIVERED] : [EMIT_SENT]);
    expect([...host.flows()]).toHaveLength(1);
  });

  const GROUPS: [claim: string, destination: string, message: Bytes, comesBack: boolean, leaves: boolean][] = [
    ['of all hosts on the link', 'ff02::1', [128, 0], true, true],
    ['of the host itself', 'ff01::1', [128, 0], true, false],
    ['of its own address', 'ff02:0:0:0:0:1:ff00:1', [128, 0], true, true],
    ['of another address', 'ff02:0:0:0:0:1:ff00:9', [128, 0], false, true],
    ['of all hosts, by neighbour discovery', 'ff02::1', [136, 0], false, true],
    ['of all hosts, by MLD', 'ff02::1', [143, 0], false, true],
  ];
  it.each(GROUPS)('%s, IPv6', (_claim, destination, [type, code], comesBack, leaves) => {
    const host = new Host({ interfaces: INTERFACES, sysctl: { 'net.netfilter.nf_conntrack_max': 100 } });
    const message = [type!, code!, 0, 0, 0, 1, 0, 1, 1, 2];
    const bytes = Uint8Array.from(ip6(58, message, { source: 'fd00:1::1', destination }));
    const seen: number[] = [];
    host.advance(1_000_000);
    host.onEmit = (_bytes, _start, _end, dev, kind) => seen.push(kind, dev);
    host.send(bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW, host.interfaceIndex('r0'));
    const sent = leaves ? [EMIT_SENT, host.interfaceIndex('r0')] : [];
    expect(seen).toEqual(comesBack ? [...sent, EMIT_DELIVERED, 0] : sent);
  });

  it('leaves although its copy is dropped, and the other way round', () => {
    for (const [rule, expected] of [
      ['INPUT -j DROP', [EMIT_SENT]],
      ['POSTROUTING -m owner ! --uid-owner 0 -j DROP', []],
    ] as const) {
      const host = hostWith({}, 'mangle', [rule]);
      const seen: number[] = [];
      host.onEmit = (_bytes, _start, _end, _dev, kind) => seen.push(kind);
      sends(host, udp('10.1.0.1:99', '10.1.0.255:9'));
      expect(seen).toEqual(expected);
    }
  });

  it('the result is the packet\u2019s, not its copy\u2019s', () => {
    const host = hostWith({}, 'filter', ['OUTPUT -p udp -j ACCEPT', 'INPUT -j DROP']);
    sends(host, udp('10.1.0.1:99', '10.1.0.255:9'));
    expect(host.decision(host.result.rule)).toMatchObject({ chain: 'OUTPUT', number: 1 });
  });
});
