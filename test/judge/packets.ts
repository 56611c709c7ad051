/**
 * Packets from the network header on, any field wrong on purpose; and what a packet that came out says. Kept apart from src/, so
 * that a fault there cannot hide itself.
 */

export const ICMP = 1;
export const TCP = 6;
export const UDP = 17;
export const DCCP = 33;
export const GRE = 47;
export const ESP = 50;
export const AH = 51;
export const ICMP6 = 58;
export const SCTP = 132;
export const UDPLITE = 136;

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;
export const URG = 32;
export const ECE = 64;
export const CWR = 128;

const NONE = Buffer.alloc(0);
const parsedAddresses = (() => {
  const known = new Map<string, Buffer>();
  return (text: string): Buffer => {
    let bytes = known.get(text);
    if (bytes === undefined) {
      bytes = text.includes(':') ? address6(text) : Buffer.from(text.split('.').map(Number));
      if (known.size > 50_000) known.clear();
      known.set(text, bytes);
    }
    return bytes;
  };
})();

function address6(text: string): Buffer {
  const [head = '', tail] = text.split('::');
  const words = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16));
  const left = words(head);
  const right = tail === undefined ? [] : words(tail);
  const all = [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
  const out = Buffer.alloc(16);
  for (const [i, word] of all.entries()) out.writeUInt16BE(word, 2 * i);
  return out;
}

/** The bytes of an address in text form; the same buffer for the same text, not to be written. */
export function addressBytes(text: string): Buffer {
  return parsedAddresses(text);
}

/** The text form of an address, as it is written here (no longest run rule: the first run of zeros). */
export function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const words = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
  return words.join(':').replace(/(?:^|:)0(?::0)+(?::|$)/, '::');
}

export function isIpv6(address: string): boolean {
  return address.includes(':');
}

/** 16 bits, numbers in network order. */
export function u16(...values: number[]): Buffer {
  const out = Buffer.alloc(values.length * 2);
  for (const [i, value] of values.entries()) out.writeUInt16BE(value & 0xffff, 2 * i);
  return out;
}

/** 32 bits, numbers in network order, taken modulo 2^32. */
export function u32(...values: number[]): Buffer {
  const out = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) out.writeInt32BE(value | 0, 4 * i);
  return out;
}

function sum(bytes: Uint8Array, from: number, to: number, start: number): number {
  let total = start;
  for (let i = from; i + 1 < to; i += 2) total += (bytes[i]! << 8) | bytes[i + 1]!;
  if ((to - from) & 1) total += bytes[to - 1]! << 8;
  return total;
}

function folded(total: number): number {
  let t = total;
  while (t > 0xffff) t = (t & 0xffff) + Math.floor(t / 65536);
  return ~t & 0xffff;
}

function pseudoSum(src: string, dst: string, protocol: number, length: number): number {
  const s = addressBytes(src);
  const d = addressBytes(dst);
  return sum(d, 0, d.length, sum(s, 0, s.length, protocol + length));
}

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, i) => {
  let c = i;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0x82f63b78 ^ (c >>> 1) : c >>> 1;
  return c | 0;
});

function crc32c(bytes: Uint8Array): number {
  let c = -1;
  for (let i = 0; i < bytes.length; i++) c = CRC_TABLE[(c ^ bytes[i]!) & 255]! ^ (c >>> 8);
  return ~c;
}

/** Fields of an IP header that are not as usual. */
export interface IpFields {
  ttl?: number;
  tos?: number;
  /** IPv4 only. */
  id?: number;
  dontFragment?: boolean;
  moreFragments?: boolean;
  /** Bytes, a multiple of 8. */
  fragmentOff?: number;
  options?: Buffer;
  badSum?: boolean;
}

/** Numbers IPv4 packets 1 to 65535, so that each can be told from its neighbours. */
export class Identification {
  private last: number;

  constructor(first: number) {
    this.last = first;
  }

  next(): number {
    this.last = this.last >= 65535 ? 1 : this.last + 1;
    return this.last;
  }
}

function ip4(src: Buffer, dst: Buffer, protocol: number, payload: Buffer, f: IpFields): Buffer {
  const options = f.options ?? NONE;
  const head = 20 + options.length + (-options.length & 3);
  const out = Buffer.alloc(head + payload.length);
  out[0] = 0x40 | (head >> 2);
  out[1] = f.tos ?? 0;
  out.writeUInt16BE(out.length, 2);
  out.writeUInt16BE(f.id ?? 0, 4);
  const flags = (f.dontFragment === true ? 0x4000 : 0) | (f.moreFragments === true ? 0x2000 : 0);
  out.writeUInt16BE(flags | ((f.fragmentOff ?? 0) >> 3), 6);
  out[8] = f.ttl ?? 64;
  out[9] = protocol;
  src.copy(out, 12);
  dst.copy(out, 16);
  options.copy(out, 20);
  out.writeUInt16BE(folded(sum(out, 0, head, 0)) ^ (f.badSum === true ? 0x1234 : 0), 10);
  payload.copy(out, head);
  return out;
}

function ip6(src: Buffer, dst: Buffer, next: number, payload: Buffer, f: IpFields): Buffer {
  const out = Buffer.alloc(40 + payload.length);
  out.writeUInt32BE(0x60000000 | ((f.tos ?? 0) << 20), 0);
  out.writeUInt16BE(payload.length, 4);
  out[6] = next;
  out[7] = f.ttl ?? 64;
  src.copy(out, 8);
  dst.copy(out, 24);
  payload.copy(out, 40);
  return out;
}

/** A packet of either family, by its source address. */
export function ip(src: string, dst: string, protocol: number, payload: Buffer, f: IpFields = {}): Buffer {
  const make = isIpv6(src) ? ip6 : ip4;
  return make(addressBytes(src), addressBytes(dst), protocol, payload, f);
}

/** A TCP segment; what is not given is 0. */
export interface TcpFields {
  seq?: number;
  ack?: number;
  flags?: number;
  window?: number;
  options?: Buffer;
  payload?: Buffer;
  urgent?: number;
  badSum?: boolean;
  /** Data offset in words; default: what the options need. */
  dataOff?: number;
}

/** A TCP segment with its checksum. */
export function tcpSegment(src: string, dst: string, sport: number, dport: number, f: TcpFields): Buffer {
  const options = f.options ?? NONE;
  const pad = -options.length & 3;
  const payload = f.payload ?? NONE;
  const head = 20 + options.length + pad;
  const out = Buffer.alloc(head + payload.length);
  out.writeUInt16BE(sport, 0);
  out.writeUInt16BE(dport, 2);
  out.writeInt32BE((f.seq ?? 0) | 0, 4);
  out.writeInt32BE((f.ack ?? 0) | 0, 8);
  out[12] = (f.dataOff ?? head >> 2) << 4;
  out[13] = f.flags ?? 0;
  out.writeUInt16BE((f.window ?? 65535) & 0xffff, 14);
  out.writeUInt16BE(f.urgent ?? 0, 18);
  options.copy(out, 20);
  out.fill(1, 20 + options.length, head);
  payload.copy(out, head);
  const check = folded(sum(out, 0, out.length, pseudoSum(src, dst, TCP, out.length)));
  out.writeUInt16BE(check ^ (f.badSum === true ? 0x5555 : 0), 16);
  return out;
}

/** A UDP or UDP-Lite datagram; what is not given is right. */
export interface UdpFields {
  protocol?: number;
  /** The length field; for UDP-Lite the coverage. */
  length?: number;
  badSum?: boolean;
  noSum?: boolean;
}

/** A UDP or UDP-Lite datagram with its checksum. */
export function udpDatagram(
  src: string,
  dst: string,
  sport: number,
  dport: number,
  payload: Buffer,
  f: UdpFields = {},
): Buffer {
  const protocol = f.protocol ?? UDP;
  const out = Buffer.concat([u16(sport, dport, f.length ?? 8 + payload.length, 0), payload]);
  const covered = protocol === UDPLITE ? f.length || out.length : out.length;
  const length = protocol === UDPLITE ? out.length : (f.length ?? out.length);
  const end = Math.min(out.length, protocol === UDPLITE ? covered : out.length);
  let check = folded(sum(out, 0, end, pseudoSum(src, dst, protocol, length & 0xffff))) || 0xffff;
  if (f.badSum === true) check = check ^ 0x0f0f || 1;
  out.writeUInt16BE(f.noSum === true ? 0 : check, 6);
  return out;
}

/** An ICMP message of the family of `src`; `rest`: the four bytes after the checksum. */
export function icmpMessage(
  src: string,
  dst: string,
  type: number,
  code: number,
  rest: Buffer,
  payload: Buffer,
  badSum = false,
): Buffer {
  const out = Buffer.concat([Buffer.from([type, code, 0, 0]), rest, payload]);
  const start = isIpv6(src) ? pseudoSum(src, dst, ICMP6, out.length) : 0;
  out.writeUInt16BE(folded(sum(out, 0, out.length, start)) ^ (badSum ? 0x7777 : 0), 2);
  return out;
}

/** The ICMP protocol of an address's family. */
export function icmpOf(src: string): number {
  return isIpv6(src) ? ICMP6 : ICMP;
}

/** An SCTP chunk, padded; `length`: the length field, if it is not to be right. */
export function sctpChunk(type: number, flags: number, body: Buffer = NONE, length = 4 + body.length): Buffer {
  return Buffer.concat([Buffer.from([type, flags]), u16(length), body, Buffer.alloc(-body.length & 3)]);
}

/** An SCTP packet with its CRC. */
export function sctpPacket(sport: number, dport: number, tag: number, chunks: Buffer, badSum = false): Buffer {
  const out = Buffer.concat([u16(sport, dport), u32(tag, 0), chunks]);
  out.writeInt32LE(crc32c(out) ^ (badSum ? 1 : 0), 8);
  return out;
}

/** A GRE packet: version 0 with or without a key, version 1 (PPTP) with a call id. */
export function grePacket(
  f: { version: number; key?: number | null; callId?: number; seq?: number },
  payload: Buffer,
): Buffer {
  if (f.version === 1)
    return Buffer.concat([u16(0x3001, 0x880b, payload.length, f.callId ?? 0), u32(f.seq ?? 0), payload]);
  const key = f.key ?? null;
  const head = u16(f.version | (key === null ? 0 : 0x2000), 0x0800);
  return Buffer.concat([head, key === null ? NONE : u32(key), payload]);
}

/** Cuts a packet into fragments of `size` payload bytes (a multiple of 8); `id`: IPv6's identification. */
export function fragments(packet: Buffer, size: number, id: number): Buffer[] {
  const six = packet[0]! >> 4 === 6;
  const head = six ? 40 : (packet[0]! & 15) * 4;
  const body = packet.subarray(head);
  const out: Buffer[] = [];
  for (let off = 0; off < body.length; off += size)
    out.push(fragment(packet, body.subarray(off, off + size), off, off + size < body.length, id));
  return out;
}

/** One fragment of a packet without options or extension headers. */
export function fragment(packet: Buffer, part: Buffer, off: number, more: boolean, id: number): Buffer {
  if (packet[0]! >> 4 === 6) {
    const extension = Buffer.concat([Buffer.from([packet[6]!, 0]), u16(off | (more ? 1 : 0)), u32(id)]);
    return ip6(packet.subarray(8, 24), packet.subarray(24, 40), 44, Buffer.concat([extension, part]), {
      ttl: packet[7]!,
    });
  }
  const fields = {
    ttl: packet[8]!,
    tos: packet[1]!,
    id: packet.readUInt16BE(4),
    moreFragments: more,
    fragmentOff: off,
  };
  return ip4(packet.subarray(12, 16), packet.subarray(16, 20), packet[9]!, part, fields);
}

/** What flows want to know of a packet that came out of the router. */
export interface Emitted {
  /** The side on which it came out; 'r': it was delivered to the router. */
  side: 'a' | 'b' | 'r';
  bytes: Buffer;
  version: number;
  protocol: number;
  src: string;
  dst: string;
  tos: number;
  /** -1: none. */
  sport: number;
  dport: number;
  /** What follows the IP header. */
  body: Buffer;
  /** Not the first fragment, or not the last one. */
  isFragment: boolean;
}

/** Protocols whose headers begin with ports. */
export const WITH_PORTS: ReadonlySet<number> = new Set([TCP, UDP, UDPLITE, SCTP, DCCP]);

/** Reads a packet; null where it has no whole IP header. */
export function readEmitted(bytes: Buffer, side: Emitted['side']): Emitted | null {
  const version = bytes.length > 0 ? bytes[0]! >> 4 : 0;
  if (bytes.length < (version === 6 ? 40 : 20)) return null;
  const six = version === 6;
  const body = bytes.subarray(six ? 40 : (bytes[0]! & 15) * 4);
  const protocol = bytes[six ? 6 : 9]!;
  const isFragment = !six && (bytes.readUInt16BE(6) & 0x3fff) !== 0;
  const ports = WITH_PORTS.has(protocol) && body.length >= 4 && (six || (bytes.readUInt16BE(6) & 0x1fff) === 0);
  return {
    ...{ side, bytes, version, protocol, body, isFragment },
    src: addressText(six ? bytes.subarray(8, 24) : bytes.subarray(12, 16)),
    dst: addressText(six ? bytes.subarray(24, 40) : bytes.subarray(16, 20)),
    tos: six ? (bytes.readUInt16BE(0) >> 4) & 255 : bytes[1]!,
    sport: ports ? body.readUInt16BE(0) : -1,
    dport: ports ? body.readUInt16BE(2) : -1,
  };
}
