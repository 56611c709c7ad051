import { describe, expect, it } from 'vitest';
import { type Bytes, ip4, u16, u32 } from '../../test/support/wire-frames.js';
import { Packet } from './packet.js';
import { parseFrame } from './parse.js';
import { firstSctpChunk, nextSctpChunk, SCTP_DATA, SCTP_INIT, SCTP_SACK, sctpChunkLen } from './sctp.js';

function chunks(payload: Bytes): number[][] {
  const frame = ip4(132, [...u16(1), ...u16(2), ...u32(3), ...u32(0), ...payload]);
  const p = new Packet();
  parseFrame(p, new Uint8Array([...frame, 1, 1, 0, 4, 1, 1, 0, 4]), 0, frame.length, frame.length, 101);
  const found: number[][] = [];
  for (let at = firstSctpChunk(p); at >= 0; at = nextSctpChunk(p, at)) {
    found.push([p.view.getUint8(at), at - p.l4Off, sctpChunkLen(p, at)]);
  }
  return found;
}

describe('SCTP chunks', () => {
  const rows: [string, Bytes, number[][]][] = [
    ['none', [], []],
    ['one', [SCTP_INIT, 0, 0, 8, 1, 2, 3, 4], [[SCTP_INIT, 12, 8]]],
    [
      'lengths without padding step over it',
      [SCTP_DATA, 3, 0, 5, 9, 0, 0, 0, SCTP_SACK, 0, 0, 4],
      [
        [SCTP_DATA, 12, 5],
        [SCTP_SACK, 20, 4],
      ],
    ],
    ['a length of 0 ends the walk', [SCTP_SACK, 0, 0, 4, SCTP_DATA, 0, 0, 0, 1, 0, 0, 4], [[SCTP_SACK, 12, 4]]],
    [
      'a length below 4 still advances',
      [SCTP_SACK, 0, 0, 1, SCTP_DATA, 0, 0, 4],
      [
        [SCTP_SACK, 12, 1],
        [SCTP_DATA, 16, 4],
      ],
    ],
    ['a body beyond the end is handed out, then none', [SCTP_DATA, 0, 1, 0, 1], [[SCTP_DATA, 12, 256]]],
    ['a header of 3 bytes is none', [SCTP_SACK, 0, 0, 4, SCTP_DATA, 0, 0], [[SCTP_SACK, 12, 4]]],
  ];
  it.each(rows)('%s', (_, payload, expected) => expect(chunks(payload)).toEqual(expected));

  it('of a packet without a transport header are none', () => {
    const p = new Packet();
    expect(firstSctpChunk(p)).toBe(-1);
  });
});
