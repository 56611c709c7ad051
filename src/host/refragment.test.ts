import { describe, expect, it } from 'vitest';
import { DEFRAG_COMPLETE, DEFRAG_DEFAULTS, DEFRAG_PASS, Defragmenter } from '../conntrack/defrag.js';
import { fillIpv4Checksum, ipv4ChecksumOk } from '../wire/checksum.js';
import {
  HAS_FRAGMENT,
  HAS_LINEAR,
  HAS_LOCAL_ORIGIN,
  HAS_PULLED,
  HAS_PULLED_TCP,
  HAS_REASSEMBLED,
  PARSE_OK,
  Packet,
} from '../wire/packet.js';
import { LINKTYPE_RAW, parseFrame } from '../wire/parse.js';
import { FRAGMENT_DONE, FRAGMENT_TOO_BIG, FRAGMENT_WHOLE, Refragmenter } from './refragment.js';

interface Piece {
  from: number;
  to: number;
  more: boolean;
  df?: boolean;
  options?: number[];
  tos?: number;
  source?: number;
  id?: number;
  /** What byte i of the whole payload is; a piece that lies differs from it by this much. */
  lie?: number;
}

function ipv4(piece: Piece, protocol: number): Uint8Array {
  const options = piece.options ?? [];
  const headerLen = 20 + options.length;
  const bytes = new Uint8Array(headerLen + piece.to - piece.from);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, ((0x40 | (headerLen / 4)) << 8) | (piece.tos ?? 0));
  view.setUint16(2, bytes.length);
  view.setUint16(4, piece.id ?? 77);
  view.setUint16(6, (piece.df ? 0x4000 : 0) | (piece.more ? 0x2000 : 0) | (piece.from >> 3));
  view.setUint16(8, (63 << 8) | protocol);
  view.setInt32(12, 0x0a010000 + (piece.source ?? 2));
  view.setInt32(16, 0x0a020002);
  bytes.set(options, 20);
  for (let i = piece.from; i < piece.to; i++) bytes[headerLen + i - piece.from] = (i + (piece.lie ?? 0)) & 255;
  fillIpv4Checksum(view, 0);
  return bytes;
}

/** `before`: type numbers of 8-byte extension headers in front of the fragment header. */
function ipv6(piece: Piece, protocol: number, before: number[] = []): Uint8Array {
  const chain = [...before, 44, protocol];
  const bytes = new Uint8Array(40 + before.length * 8 + 8 + piece.to - piece.from);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, 0x60000000 | ((piece.tos ?? 0) << 20));
  view.setUint16(4, bytes.length - 40);
  view.setUint16(6, (chain[0]! << 8) | 63);
  view.setInt32(8, 0xfd000001);
  view.setInt32(20, piece.source ?? 2);
  view.setInt32(24, 0xfd000002);
  view.setInt32(36, 2);
  let at = 40;
  before.forEach((_, i) => {
    bytes[at] = chain[i + 1]!;
    bytes.set([1, 4, 0, 0, 0, 0], at + 2);
    at += 8;
  });
  bytes[at] = protocol;
  view.setUint16(at + 2, piece.from | (piece.more ? 1 : 0));
  view.setInt32(at + 4, piece.id ?? 77);
  for (let i = piece.from; i < piece.to; i++) bytes[at + 8 + i - piece.from] = (i + (piece.lie ?? 0)) & 255;
  return bytes;
}

class Bench {
  readonly defrag = new Defragmenter(DEFRAG_DEFAULTS);
  readonly refragmenter = new Refragmenter();
  out: Uint8Array[] = [];

  fragment(bytes: Uint8Array, start: number, end: number): void {
    this.out.push(bytes.slice(start, end));
  }

  /** Gives one frame in; the DEFRAG_ code. */
  give(bytes: Uint8Array, nowMs = 0): number {
    const p = new Packet();
    expect(parseFrame(p, bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW)).toBe(PARSE_OK);
    expect(p.has & HAS_FRAGMENT).not.toBe(0);
    return this.defrag.receive(p, 0, nowMs);
  }

  /** Gives all in; the sizes and flags of what would leave, `-` where nothing came together. */
  through(frames: Uint8Array[], mtu = 1500, has = 0): string {
    let last = -1;
    for (const bytes of frames) last = this.give(bytes);
    if (last !== DEFRAG_COMPLETE) return '-';
    const p = this.defrag.packet;
    expect(p.has & (HAS_REASSEMBLED | HAS_FRAGMENT)).toBe(HAS_REASSEMBLED);
    p.has |= has;
    const cut = this.refragmenter.refragment(p, this.defrag, mtu, this);
    if (cut === FRAGMENT_TOO_BIG) return 'too big';
    if (cut === FRAGMENT_WHOLE) return `whole ${p.l3Len}`;
    expect(cut).toBe(FRAGMENT_DONE);
    return this.out.map(shape).join(' ');
  }
}

/** `OFFSET+LENGTH` of the payload, then M for more fragments and D for don't fragment. */
function shape(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes[0]! >> 4 === 4) {
    expect(ipv4ChecksumOk(view, 0)).toBe(true);
    const field = view.getUint16(6);
    const length = view.getUint16(2) - (bytes[0]! & 15) * 4;
    expect(view.getUint16(2)).toBe(bytes.length);
    return `${(field & 0x1fff) * 8}+${length}${field & 0x2000 ? 'M' : ''}${field & 0x4000 ? 'D' : ''}`;
  }
  expect(view.getUint16(4)).toBe(bytes.length - 40);
  let at = 40;
  for (let next = bytes[6]!; next !== 44; at += 8) next = bytes[at]!;
  const field = view.getUint16(at + 2);
  return `${field & 0xfff8}+${bytes.length - at - 8}${field & 1 ? 'M' : ''}`;
}

const UDP = 17;
const TCP = 6;
const SCTP = 132;

function cuts(ends: number[], more: Partial<Piece> = {}): Piece[] {
  return ends.map((to, i) => ({ from: ends[i - 1] ?? 0, to, more: i + 1 < ends.length, ...more }));
}

describe('IPv4 fragments, together and apart again, as a 6.18 kernel was seen to do it', () => {
  const three = cuts([104, 400, 608]);
  const [a, b, c] = three as [Piece, Piece, Piece];
  const rows: [string, Piece[], string, number?][] = [
    ['keeps the cuts', three, '0+104M 104+296M 400+208'],
    ['in any order', [c, a, b], '0+104M 104+296M 400+208'],
    ['DF of the fragments is not kept', cuts([104, 400, 608], { df: true }), '0+104M 104+296M 400+208'],
    ['an exact duplicate is forgotten', [b, a, a, c], '0+104M 104+296M 400+208'],
    ['a piece inside a run is a duplicate', [a, b, { from: 0, to: 400, more: true }, c], '0+104M 104+296M 400+208'],
    ['the same over two runs is an overlap', [b, a, { from: 0, to: 400, more: true }, c], '-'],
    ['an overlap kills all', [a, { from: 96, to: 400, more: true }, b, c], '-'],
    ['an empty fragment kills all', [a, { from: 104, to: 104, more: true }, b, c], '-'],
    ['another end than the known one kills all', [c, { from: 400, to: 616, more: false }, a, b], '-'],
    ['a piece beyond the known end kills all', [{ from: 104, to: 400, more: false }, c, a], '-'],
    ['a length that is no multiple of 8 is cut off', [{ ...a, to: 109 }, b, c], '0+104M 104+296M 400+208'],
    [
      'CE spreads over ECT',
      [{ ...a, tos: 2 }, { ...b, tos: 3 }, c].map((p) => ({ ...p, tos: p.tos ?? 2 })),
      '0+104M 104+296M 400+208',
    ],
    [
      'CE and not-ECT do not go together',
      [
        { ...a, tos: 2 },
        { ...b, tos: 0 },
        { ...c, tos: 3 },
      ],
      '-',
    ],
    ['options of the first: cut evenly', [{ ...a, options: NOPS(24) }, b, c], '0+272M 272+272M 544+64'],
    ['options of later ones go', [a, { ...b, options: NOPS(12) }, c], '0+104M 104+296M 400+208'],
    ['more than the MTU with DF', cuts([1400, 2000], { df: true }), 'too big', 1000],
    ['more than the MTU without', cuts([1400, 2000]), '0+976M 976+976M 1952+48', 1000],
  ];
  it.each(rows)('%s', (_claim, pieces, result, mtu) => {
    expect(
      new Bench().through(
        pieces.map((p) => ipv4(p, UDP)),
        mtu,
      ),
    ).toBe(result);
  });

  it('a first fragment shorter than the TCP header: cut evenly at the largest size', () => {
    expect(new Bench().through(cuts([8, 400, 608]).map((p) => ipv4(p, TCP)))).toBe('0+392M 392+216');
    expect(new Bench().through(cuts([8, 400, 608]).map((p) => ipv4(p, UDP)))).toBe('0+8M 8+392M 400+208');
  });

  it.each<[string, number, number[], string]>([
    ['UDP: it is in the first fragment anyway', UDP, [8, 400, 608], '0+8M 8+392M 400+208'],
    ['SCTP: the first piece is no multiple of 8', SCTP, [8, 400, 608], '0+392M 392+216'],
    ['SCTP, first fragment long enough', SCTP, [16, 400, 608], '0+16M 16+384M 400+208'],
    ['TCP', TCP, [16, 400, 608], '0+384M 384+224'],
    ['a protocol without ports', 253, [8, 400, 608], '0+8M 8+392M 400+208'],
  ])('a transport header that NAT has written, %s', (_name, protocol, ends, result) => {
    const pieces = cuts(ends).map((p) => ipv4(p, protocol));
    expect(new Bench().through(pieces, 1500, HAS_PULLED)).toBe(result);
  });

  it('a TCP header that a target has made writable: its options count too, the rest stays as it came', () => {
    const segment = (ends: number[], words = 8): Uint8Array[] => {
      const pieces = cuts(ends).map((p) => ipv4(p, TCP));
      pieces[0]![20 + 12] = words << 4;
      return pieces;
    };
    expect(new Bench().through(segment([24, 400, 608]))).toBe('0+24M 24+376M 400+208');
    expect(new Bench().through(segment([24, 400, 608]), 1500, HAS_PULLED_TCP)).toBe('0+32M 32+368M 400+208');
    expect(new Bench().through(segment([24, 400, 608], 7), 1500, HAS_PULLED_TCP)).toBe('0+376M 376+232');
    expect(new Bench().through(segment([24, 32, 400, 608], 10), 1500, HAS_PULLED_TCP)).toBe('0+40M 40+360M 400+208');
    expect(new Bench().through(segment([32, 400, 608]), 1500, HAS_PULLED_TCP)).toBe('0+32M 32+368M 400+208');
    expect(new Bench().through(segment([32, 400, 608]), 1500, HAS_LINEAR)).toBe('0+368M 368+240');
  });

  it('DF comes back where the packet is cut evenly and the largest fragment had it', () => {
    const pieces = cuts([8, 400, 608]).map((p) => ipv4({ ...p, df: p.from === 8 }, TCP));
    expect(new Bench().through(pieces)).toBe('0+392MD 392+216D');
  });

  it('65535 bytes are a packet, more are not', () => {
    const ends = Array.from({ length: 44 }, (_, i) => (i + 1) * 1480);
    expect(new Bench().through(cuts([...ends, 65515]).map((p) => ipv4(p, UDP)))).toMatch(/^0\+1480M .* 65120\+395$/);
    expect(new Bench().through(cuts([...ends, 65516]).map((p) => ipv4(p, UDP)))).toBe('-');
  });

  it('bytes, id, TTL and the first header survive', () => {
    const bench = new Bench();
    bench.through(cuts([104, 400, 608], { id: 4711 }).map((p) => ipv4(p, UDP)));
    const bytes = bench.out.flatMap((f) => [...f.slice(20)]);
    expect(bytes).toEqual(Array.from({ length: 608 }, (_, i) => i & 255));
    expect(bench.out.map((f) => [(f[4]! << 8) | f[5]!, f[8]])).toEqual([
      [4711, 63],
      [4711, 63],
      [4711, 63],
    ]);
  });

  it('options that are not to be copied become no-operations', () => {
    const bench = new Bench();
    const options = [7, 7, 8, 1, 2, 3, 4, 1, 130, 4, 9, 9];
    bench.through(cuts([104, 208, 304]).map((p, i) => ipv4(i === 0 ? { ...p, options } : p, UDP)));
    expect([...bench.out[0]!.slice(20, 32)]).toEqual(options);
    expect([...bench.out[1]!.slice(20, 32)]).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 130, 4, 9, 9]);
  });
});

function NOPS(count: number): number[] {
  return new Array<number>(count).fill(1);
}

describe('IPv6 fragments', () => {
  const three = cuts([104, 1208, 2000]);
  const [a, b, c] = three as [Piece, Piece, Piece];
  const rows: [string, Piece[], string, number?][] = [
    ['keeps the cuts', three, '0+104M 104+1104M 1208+792'],
    ['in any order', [c, b, a], '0+104M 104+1104M 1208+792'],
    ['a duplicate is forgotten', [a, a, b, c], '0+104M 104+1104M 1208+792'],
    ['an overlap kills all', [a, { from: 96, to: 1208, more: true }, b, c], '-'],
    [
      'another end is refused, the rest stays',
      [c, { from: 1208, to: 2008, more: false }, a, b],
      '0+104M 104+1104M 1208+792',
    ],
    ['not longer than the largest fragment was: whole', cuts([96, 100]), 'whole 140'],
    ['an atomic fragment leaves without its header', cuts([100]), 'whole 140'],
    ['larger than the MTU', cuts([1448, 2000]), 'too big', 1400],
  ];
  it.each(rows)('%s', (_claim, pieces, result, mtu) => {
    expect(
      new Bench().through(
        pieces.map((p) => ipv6(p, UDP)),
        mtu,
      ),
    ).toBe(result);
  });

  it('the fragment header stands behind the hop-by-hop header, and names what follows', () => {
    const bench = new Bench();
    expect(bench.through(three.map((p) => ipv6(p, UDP, [0])))).toBe('0+104M 104+1104M 1208+792');
    expect([bench.out[1]![6], bench.out[1]![40], bench.out[1]![48]]).toEqual([0, 44, UDP]);
  });

  it('fragments of one packet share an identification, packets do not', () => {
    const bench = new Bench();
    bench.through(three.map((p) => ipv6(p, UDP)));
    bench.through(three.map((p) => ipv6({ ...p, id: 78 }, UDP)));
    const ids = bench.out.map((f) => new DataView(f.buffer).getInt32(44));
    expect(new Set(ids.slice(0, 3)).size).toBe(1);
    expect(ids[0]).not.toBe(ids[3]);
  });

  it.each([
    ['a first fragment that ends inside the TCP header', { from: 0, to: 16, more: true }, TCP],
    ['a first fragment that ends inside the UDP header', { from: 0, to: 0, more: true }, UDP],
    ['a middle fragment of odd length', { from: 0, to: 101, more: true }, UDP],
  ])('%s passes as it is', (_claim, piece, protocol) => {
    expect(new Bench().give(ipv6(piece, protocol))).toBe(DEFRAG_PASS);
  });
});

describe('without reassembly', () => {
  const plain = (field: number, length: number): Packet => {
    const bytes = ipv4({ from: 0, to: length - 20, more: false, df: field !== 0 }, UDP);
    const p = new Packet();
    parseFrame(p, bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW);
    return p;
  };
  it.each([
    ['what fits leaves whole', 0, 1500, FRAGMENT_WHOLE, ''],
    ['what does not is cut', 0, 1501, FRAGMENT_DONE, '0+1480M 1480+1'],
    ['unless it says DF', 1, 1501, FRAGMENT_TOO_BIG, ''],
  ])('%s', (_claim, df, length, result, pieces) => {
    const bench = new Bench();
    expect(bench.refragmenter.refragment(plain(df, length), bench.defrag, 1500, bench)).toBe(result);
    expect(bench.out.map(shape).join(' ')).toBe(pieces);
  });

  /** A packet of the host's own whose hop-by-hop header takes `headerLen` bytes. */
  const withOptions = (headerLen: number): Packet => {
    const bytes = new Uint8Array(40 + headerLen + 2000);
    bytes.set([0x60, 0, 0, 0, (bytes.length - 40) >> 8, (bytes.length - 40) & 255, 0, 64, 0xfd, 1]);
    bytes.set([0xfd, 2], 24);
    bytes.set([UDP, headerLen / 8 - 1], 40);
    for (let at = 42; at < 40 + headerLen; ) {
      const data = Math.min(253, 40 + headerLen - at - 2);
      bytes.set([0x1e, data], at);
      at += 2 + data;
    }
    const p = new Packet();
    expect(parseFrame(p, bytes, 0, bytes.length, bytes.length, LINKTYPE_RAW)).toBe(PARSE_OK);
    p.has |= HAS_LOCAL_ORIGIN;
    return p;
  };
  it.each([
    ['IPv6 headers that leave room are repeated', 8, 1280, FRAGMENT_DONE, 2],
    ['ones that leave eight bytes make many fragments', 1224, 1280, FRAGMENT_DONE, 250],
    ['ones that leave none cannot be cut', 1232, 1280, FRAGMENT_TOO_BIG, 0],
    ['ones that are longer than the MTU cannot either', 1400, 1280, FRAGMENT_TOO_BIG, 0],
    ['whatever the MTU', 16, 68, FRAGMENT_TOO_BIG, 0],
  ])('%s', (_claim, headerLen, mtu, result, count) => {
    const bench = new Bench();
    expect(bench.refragmenter.refragment(withOptions(headerLen), bench.defrag, mtu, bench)).toBe(result);
    expect(bench.out).toHaveLength(count);
    expect(bench.out.every((f) => f.length <= mtu)).toBe(true);
  });
});
