import { describe, expect, it } from 'vitest';
import { arrives, CONFIG, INTERFACES, load, sends } from '../../test/support/router.js';
import { type Bytes, ip4, ip6, u16 } from '../../test/support/wire-frames.js';
import { formatEventLine } from '../flow/event.js';
import { VERDICT_ACCEPT, VERDICT_DROP } from '../rules/context.js';
import type { HostConfig } from './config.js';
import { Host } from './host.js';

const RULES = (snat: string) => `*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -o r1 -p udp -m udp --dport 60 -j SNAT --to-source ${snat}
-A POSTROUTING -o r1 -j MASQUERADE
-A POSTROUTING -o r0 -j MASQUERADE
COMMIT
`;

/** UDP to port `to`; the addresses' family decides. */
function datagram(source: string, destination: string, to: number): Bytes {
  const body = [...u16(1000), ...u16(to), ...u16(8), ...u16(0)];
  if (!source.includes(':')) return ip4(17, body, { source, destination });
  return ip6(17, body, { source, destination });
}

/** A router with connections of both families: three from r0 out through r1, one of them by SNAT, and one from r1 through r0. */
function router(config: HostConfig = {}): Host {
  const host = new Host({ ...CONFIG, sysctl: { ...CONFIG.sysctl, 'net.ipv6.conf.all.forwarding': 1 }, ...config });
  load(load(host, RULES('10.2.0.1')), RULES('fd00:2::1'), 10);
  host.listen();
  for (const [a, b] of [
    ['10.1.0.2', '10.2.0.2'],
    ['fd00:1::2', 'fd00:2::2'],
  ] as const) {
    for (const port of [53, 54, 60]) expect(arrives(host, datagram(a, b, port))).toBe(VERDICT_ACCEPT);
    expect(arrives(host, datagram(b, a, 70), 'r1')).toBe(VERDICT_ACCEPT);
  }
  while (host.nextEvent() !== null);
  return host;
}

/** Connections that ended, as `family:port`. */
function ended(host: Host): string[] {
  const out: string[] = [];
  for (let e = host.nextEvent(); e !== null; e = host.nextEvent()) {
    const line = formatEventLine(e);
    expect(line).toContain('[DESTROY]');
    out.push(`${line.includes('::') ? 6 : 4}:${/ dport=(\d+)/.exec(line)![1]}`);
  }
  return out.sort();
}

const reply = (host: Host, port: number) =>
  [...host.flows()].find((f) => f.original.ports?.destination === port)?.reply;

describe('an address that goes', () => {
  // as a 6.18 kernel did with `ip address` and `ip link`
  it.each([
    ['IPv4, another one comes', ['10.2.0.7/24', 'fd00:2::1/64'], ['4:53', '4:54']],
    ['IPv6', ['10.2.0.1/24'], ['6:53', '6:54']],
    ['both', [], ['4:53', '4:54', '6:53', '6:54']],
    ['none, one is added', ['10.2.0.1/24', '10.2.0.8/24', 'fd00:2::1/64'], []],
    ['the same of another length comes, which does not help', ['10.2.0.1/16', 'fd00:2::1/64'], ['4:53', '4:54']],
  ])('ends what was masqueraded with it, and nothing of SNAT: %s', (_name, addresses, gone) => {
    const host = router();
    host.setAddresses('r1', addresses);
    expect(ended(host)).toEqual(gone);
    expect([...host.flows()].length).toBe(8 - gone.length);
  });

  it('ends nothing that was masqueraded with another address of the interface', () => {
    const host = router({
      interfaces: [INTERFACES[0]!, { name: 'r1', addresses: ['10.2.0.1/24', '10.2.0.8/24', 'fd00:2::1/64'] }],
    });
    host.setAddresses('r1', ['10.2.0.1/24', 'fd00:2::1/64']);
    expect(ended(host)).toEqual([]);
  });

  it('is no address of the host any more, and the new one is', () => {
    const host = router();
    host.setAddresses('r1', ['10.2.0.7/24']);
    expect(arrives(host, datagram('10.1.0.2', '10.2.0.7', 9))).toBe(VERDICT_ACCEPT);
    expect(host.result.outInterface).toBe(0);
    expect(arrives(host, datagram('10.1.0.2', '10.2.0.1', 9))).toBe(VERDICT_ACCEPT);
    expect(host.result.outInterface).toBe(host.interfaceIndex('r1'));
    expect(arrives(host, datagram('10.1.0.2', '10.2.0.2', 55))).toBe(VERDICT_ACCEPT);
    expect(reply(host, 55)?.destination).toBe('10.2.0.7');
  });

  it('keeps the routes of the description', () => {
    const routes = [{ to: 'default', via: '10.2.0.2', dev: 'r1' }];
    const host = router({ routes });
    expect(arrives(host, datagram('10.1.0.2', '192.0.2.1', 9))).toBe(VERDICT_ACCEPT);
    host.setAddresses('r1', ['203.0.113.5/24']);
    expect(arrives(host, datagram('10.1.0.2', '192.0.2.2', 10))).toBe(VERDICT_ACCEPT);
    expect(reply(host, 10)?.destination).toBe('203.0.113.5');
  });

  it('is refused with its place if it is none, and nothing has changed', () => {
    const host = router();
    expect(() => host.setAddresses('r1', ['10.2.0.9/24', '10.2.0.300/24'])).toThrow(
      'interfaces.r1.addresses[1]: expected ADDRESS/LENGTH, got "10.2.0.300/24"',
    );
    expect(() => host.setAddresses('r9', [])).toThrow('interfaces.r9: there is no such interface');
    expect(ended(host)).toEqual([]);
    expect(arrives(host, datagram('10.1.0.2', '10.2.0.1', 9))).toBe(VERDICT_ACCEPT);
    expect(host.result.outInterface).toBe(0);
  });
});

describe('an interface that goes down', () => {
  it.each([
    ['r1', ['4:53', '4:54', '6:53', '6:54']],
    ['r0', ['4:70', '6:70']],
  ])('ends what was masqueraded on it, in both families: %s', (name, gone) => {
    const host = router();
    host.setUp(name, false);
    expect(ended(host)).toEqual(gone);
  });

  it('has no routes, keeps its IPv4 addresses and loses the IPv6 ones, until it is up again', () => {
    const host = router({ routes: [{ to: 'default', via: '10.2.0.2', dev: 'r1' }] });
    const outcomes = () => [
      arrives(host, datagram('10.1.0.2', '10.2.0.2', 55)),
      arrives(host, datagram('10.1.0.2', '192.0.2.1', 55)),
      arrives(host, datagram('10.1.0.2', '10.2.0.255', 55)),
      arrives(host, datagram('10.1.0.2', '10.2.0.1', 55)),
      arrives(host, datagram('fd00:1::2', 'fd00:2::2', 55)),
      arrives(host, datagram('fd00:1::2', 'fd00:2::1', 55)),
    ];
    const up = outcomes();
    expect(up).toEqual([1, 1, 1, 1, 1, 1].map(() => VERDICT_ACCEPT));
    host.setUp('r1', false);
    expect(outcomes()).toEqual([VERDICT_DROP, VERDICT_DROP, VERDICT_DROP, VERDICT_ACCEPT, VERDICT_DROP, VERDICT_DROP]);
    host.setUp('r1', true);
    expect(outcomes()).toEqual(up);
    expect(() => host.setUp('r9', true)).toThrow('interfaces.r9: there is no such interface');
  });

  it('may get other addresses meanwhile', () => {
    const host = router();
    host.setUp('r1', false);
    host.setAddresses('r1', ['10.2.0.7/24']);
    host.setUp('r1', true);
    expect(arrives(host, datagram('10.1.0.2', '10.2.0.2', 56))).toBe(VERDICT_ACCEPT);
    expect(reply(host, 56)?.destination).toBe('10.2.0.7');
  });

  it('ends nothing where no rule has translated', () => {
    const host = new Host(CONFIG);
    host.advance(1);
    host.listen();
    expect(sends(host, datagram('10.2.0.1', '10.2.0.2', 9))).toBe(VERDICT_ACCEPT);
    while (host.nextEvent() !== null);
    host.setUp('r1', false);
    expect(ended(host)).toEqual([]);
  });
});
