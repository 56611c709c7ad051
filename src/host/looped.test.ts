/** Broadcasts of the host's own. What the kernel does: test/kernel/cases/tracking-broadcast*, helper-netbios-ns*. */
import { describe, expect, it } from 'vitest';
import { counts, hostWith, sends, udp } from '../../test/support/router.js';
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
