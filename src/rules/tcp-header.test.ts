import { describe, expect, test } from 'vitest';
import { HAS_LATER_FRAGMENT, Packet } from '../wire/packet.js';
import { headersLen, TCP_BROKEN, TCP_NOT_HERE, tcpHeaderLen, tcpHeaderOff, tcpOptionLen } from './tcp-header.js';

/** A TCP header at byte 20 with this data offset, in a packet of `end` bytes. */
function packet(words: number, end: number): Packet {
  const p = new Packet();
  p.attach(new Uint8Array(100));
  p.l4Off = 20;
  p.bytes[32] = words << 4;
  p.end = end;
  return p;
}

describe('TCP header', () => {
  test.each([
    ['whole', packet(5, 40), 20],
    ['with options', packet(6, 44), 20],
    ['options cut short', packet(6, 43), TCP_BROKEN],
    ['cut short', packet(5, 39), TCP_BROKEN],
    ['data offset below five', packet(4, 60), TCP_BROKEN],
    ['later fragment', Object.assign(packet(5, 60), { has: HAS_LATER_FRAGMENT }), TCP_NOT_HERE],
    ['not reached by the chain', Object.assign(packet(5, 60), { l4Off: -1 }), TCP_BROKEN],
  ])('%s', (_claim, p, expected) => {
    expect(tcpHeaderOff(p)).toBe(expected);
  });

  test('lengths', () => {
    expect(tcpHeaderLen(packet(15, 90), 20)).toBe(60);
    const options = Uint8Array.of(0, 1, 2, 4, 8, 0);
    expect([0, 1, 2, 4].map((at) => tcpOptionLen(options, at))).toEqual([1, 1, 4, 1]);
    expect([headersLen(2), headersLen(10)]).toEqual([40, 60]);
  });
});
