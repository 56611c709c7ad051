import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, ip4, tcp, u16, u32 } from '../../test/support/wire-frames.js';
import { Packet } from './packet.js';
import { parseFrame } from './parse.js';
import { readTcpOptions, TcpOptions, tcpSackEnd } from './tcp-options.js';

/** A packet with these options, padded with end-of-list to a multiple of 4. */
function packet(options: Bytes, cut = 0): Packet {
  const padded = [...options, ...Array(-options.length & 3).fill(0)];
  const frame = ip4(6, tcp({ options: padded }));
  const p = new Packet();
  parseFrame(p, new Uint8Array([...frame, 9, 9]), 0, frame.length - cut, frame.length, 101);
  return p;
}

function read(options: Bytes): TcpOptions {
  const out = new TcpOptions();
  Object.assign(out, { mss: 1, windowScale: 1, sackPermitted: true, sackCount: 3, hasTimestamp: true, timestamp: 5 });
  readTcpOptions(packet(options), out);
  return out;
}

const MSS = [2, 4, 5, 180];
const TIME = [8, 10, ...u32(0xfedcba98), ...u32(7)];

describe('TCP options', () => {
  it('of a SYN', () => {
    const o = read([...MSS, 4, 2, ...TIME, 1, 3, 3, 7]);
    expect([o.mss, o.windowScale, o.sackPermitted, o.hasTimestamp]).toEqual([1460, 7, true, true]);
    expect([o.timestamp, o.timestampEcho, o.sackCount]).toEqual([0xfedcba98 | 0, 7, 0]);
  });

  it('absent ones are told', () => {
    const o = read([]);
    expect([o.mss, o.windowScale, o.sackPermitted, o.hasTimestamp, o.timestamp, o.sackCount]).toEqual([
      -1,
      -1,
      false,
      false,
      0,
      0,
    ]);
  });

  it('SACK blocks', () => {
    const o = read([1, 1, 5, 18, ...u32(100), ...u32(200), ...u32(300), ...u32(400)]);
    expect([o.sackCount, ...o.sackLeft.subarray(0, 2), ...o.sackRight.subarray(0, 2)]).toEqual([2, 100, 300, 200, 400]);
  });

  const rows: [string, Bytes, number][] = [
    ['a window scale above 14 counts as 14', [3, 3, 15], 14],
    ['a window scale of another length is ignored', [3, 4, 7, 0], -1],
    ['unknown options are stepped over', [254, 4, 1, 2, 3, 3, 5], 5],
    ['what stands after the end of the list is not read', [0, 3, 3, 5], -1],
    ['a length of 0 ends the list', [254, 0, 3, 3, 5], -1],
    ['a length of 1 ends the list', [254, 1, 3, 3, 5], -1],
    ['a length beyond the header ends the list', [254, 9, 3, 3, 5], -1],
    ['a kind without a length ends the list', [1, 1, 1, 3], -1],
    ['the last of two counts', [3, 3, 5, 3, 3, 6], 6],
  ];
  it.each(rows)('%s', (_, options, scale) => expect(read(options).windowScale).toBe(scale));

  it('are read up to the end of what was captured', () => {
    const out = new TcpOptions();
    const p = packet([...MSS, 1, 3, 3, 7], 4);
    readTcpOptions(p, out);
    expect([out.mss, out.windowScale]).toEqual([1460, -1]);
  });

  it('of a packet without a whole TCP header are none', () => {
    const p = packet(MSS);
    p.has = 0;
    const out = new TcpOptions();
    readTcpOptions(p, out);
    expect(out.mss).toBe(-1);
    expect(tcpSackEnd(p)).toBe(p.ack);
  });
});

describe('the highest sequence number acknowledged', () => {
  // The test packets' ack is 0x80000001.
  const ACK = 0x80000001;
  const rows: [string, Bytes, number][] = [
    ['is the ack without options', [], ACK],
    ['is the ack with a timestamp only', [1, 1, ...TIME], ACK],
    ['is a right edge after it', [1, 1, 5, 10, ...u32(ACK + 5), ...u32(ACK + 9)], ACK + 9],
    ['is the highest of several', [5, 18, ...u32(0), ...u32(ACK + 20), ...u32(0), ...u32(ACK + 9)], ACK + 20],
    ['wraps around', [5, 10, ...u32(ACK), ...u32(0x70000000 + ACK)], (0x70000000 + ACK) | 0],
    ['is not an edge before it', [5, 10, ...u32(1), ...u32(ACK - 1)], ACK],
    [
      'comes from the first SACK option only',
      [5, 10, ...u32(0), ...u32(ACK + 1), 5, 10, ...u32(0), ...u32(ACK + 9)],
      ACK + 1,
    ],
    ['is the ack if the length fits no block', [5, 9, ...u32(0), ...u16(0xffff), 1], ACK],
    ['is the ack if the list is malformed before', [254, 1, 5, 10, ...u32(0), ...u32(ACK + 9)], ACK],
  ];
  it.each(rows)('%s', (_, options, end) => expect(tcpSackEnd(packet(options))).toBe(end | 0));
});

it('any options are read without a trace of what follows them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(20), (options, cut) => {
      const length = options.length & ~3;
      const frame = ip4(6, tcp({ options: [...options.subarray(0, length)] }));
      const results = [0, 255].map((fill) => {
        const bytes = new Uint8Array(frame.length + 60).fill(fill);
        const there = frame.length - Math.min(cut, length);
        bytes.set(frame.slice(0, there));
        const p = new Packet();
        parseFrame(p, bytes, 0, there, frame.length, 101);
        const out = new TcpOptions();
        readTcpOptions(p, out);
        return { out, end: tcpSackEnd(p) };
      });
      expect(results[0]).toEqual(results[1]);
    }),
    { numRuns: 2000 },
  );
});
