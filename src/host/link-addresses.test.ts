import { describe, expect, test } from 'vitest';
import { VERDICT_ACCEPT, VERDICT_DROP } from '../rules/context.js';
import { CT_NEW, CT_NONE, HOOK_PREROUTING } from '../wire/packet.js';
import { LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL, LINKTYPE_RAW } from '../wire/parse.js';
import { Host } from './host.js';

const MAC = '02:00:00:00:01:01';
const OTHER = '02:00:00:00:01:02';

/** A UDP datagram from 10.0.0.2 to 10.0.0.1. */
const UDP = Uint8Array.from([
  0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0x66, 0xce, 10, 0, 0, 2, 10, 0, 0, 1, 4, 0, 0, 53, 0, 8, 0, 0,
]);

const bytesOf = (mac: string): number[] => mac.split(':').map((x) => Number.parseInt(x, 16));
const ethernet = (to: string): Uint8Array => Uint8Array.from([...bytesOf(to), ...bytesOf(OTHER), 8, 0, ...UDP]);
const cooked = (type: number): Uint8Array =>
  Uint8Array.from([0, type, 0, 1, 0, 6, ...bytesOf(OTHER), 0, 0, 8, 0, ...UDP]);

function receive(mac: string | undefined, frame: Uint8Array, linkType = LINKTYPE_ETHERNET, dev = 'eth0') {
  const eth0 = { name: 'eth0', addresses: ['10.0.0.1/24'], ...(mac === undefined ? {} : { mac }) };
  const host = new Host({ interfaces: [eth0] });
  host.advance(0);
  const verdict = host.receive(frame, 0, frame.length, frame.length, linkType, host.interfaceIndex(dev));
  return { host, verdict };
}

describe('a frame', () => {
  test.each<[string, string | undefined, Uint8Array, number, number]>([
    ['to the interface', MAC, ethernet(MAC), LINKTYPE_ETHERNET, VERDICT_ACCEPT],
    ['to another host', MAC, ethernet(OTHER), LINKTYPE_ETHERNET, VERDICT_DROP],
    ['to an address that differs in its first byte', MAC, ethernet('06:00:00:00:01:01'), 1, VERDICT_DROP],
    ['to everybody', MAC, ethernet('ff:ff:ff:ff:ff:ff'), LINKTYPE_ETHERNET, VERDICT_ACCEPT],
    ['to a group', MAC, ethernet('01:00:5e:00:00:01'), LINKTYPE_ETHERNET, VERDICT_ACCEPT],
    ['to anybody, where the address of the interface is not known', undefined, ethernet(OTHER), 1, VERDICT_ACCEPT],
    ['of a cooked capture, to this host', MAC, cooked(0), LINKTYPE_LINUX_SLL, VERDICT_ACCEPT],
    ['of a cooked capture, to another host', undefined, cooked(3), LINKTYPE_LINUX_SLL, VERDICT_DROP],
    ['without a link layer', MAC, UDP.slice(), LINKTYPE_RAW, VERDICT_ACCEPT],
  ])('%s', (_claim, mac, frame, linkType, verdict) => expect(receive(mac, frame, linkType).verdict).toBe(verdict));

  test('to another host is not seen by any rule or tracked', () => {
    const { host } = receive(MAC, ethernet(OTHER));
    expect(host.result).toMatchObject({ hook: HOOK_PREROUTING, state: CT_NONE, rule: -1, connection: -1 });
    expect(host.reasonText()).toBe('not addressed to this host on the link layer');
    expect([...host.flows()]).toEqual([]);
    expect(receive(MAC, ethernet(MAC)).host.result.state).toBe(CT_NEW);
  });

  test('on lo, whose address is all zeros, is its own', () =>
    expect(receive(MAC, ethernet(OTHER), LINKTYPE_ETHERNET, 'lo').host.reasonText()).not.toContain('link layer'));
});
