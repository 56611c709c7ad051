/** Builders of frames for tests: arrays of byte values, any field may be wrong on purpose. Checksums by a naive sum. */

export type Bytes = number[];

export const u16 = (v: number): Bytes => [(v >> 8) & 255, v & 255];
export const u32 = (v: number): Bytes => [(v >>> 24) & 255, (v >>> 16) & 255, (v >>> 8) & 255, v & 255];

/** Ones' complement sum of big-endian 16-bit words, inverted: the reference that the fast sums are compared with. */
export function naiveChecksum(bytes: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += (bytes[i] << 8) + (i + 1 < bytes.length ? bytes[i + 1] : 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return ~sum & 0xffff;
}

export function address4(text: string): Bytes {
  return text.split('.').map(Number);
}

/** 'fd09::1' and the like; one '::' at most. */
export function address6(text: string): Bytes {
  const [head, tail] = text.split('::');
  const words = (part: string | undefined) => (part ? part.split(':').map((w) => Number.parseInt(w, 16)) : []);
  const before = words(head);
  const after = words(tail);
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array<number>(zeros).fill(0), ...after].flatMap(u16);
}

export interface Ip4Fields {
  source?: string;
  destination?: string;
  options?: Bytes;
  fragment?: number;
  ttl?: number;
  version?: number;
  headerWords?: number;
  totalLen?: number;
  checksumDelta?: number;
}

export function ip4(protocol: number, payload: Bytes, f: Ip4Fields = {}): Bytes {
  const options = f.options ?? [];
  const headerLen = 20 + options.length;
  const head = [
    ((f.version ?? 4) << 4) | (f.headerWords ?? headerLen / 4),
    0,
    ...u16(f.totalLen ?? headerLen + payload.length),
    ...u16(0x1234),
    ...u16(f.fragment ?? 0),
    f.ttl ?? 64,
    protocol,
    0,
    0,
    ...address4(f.source ?? '10.1.0.2'),
    ...address4(f.destination ?? '10.2.0.3'),
    ...options,
  ];
  const sum = u16(naiveChecksum(head) ^ (f.checksumDelta ?? 0));
  head[10] = sum[0];
  head[11] = sum[1];
  return [...head, ...payload];
}

export interface Ip6Fields {
  source?: string;
  destination?: string;
  payloadLen?: number;
  version?: number;
}

export function ip6(next: number, payload: Bytes, f: Ip6Fields = {}): Bytes {
  return [
    (f.version ?? 6) << 4,
    0,
    0,
    0,
    ...u16(f.payloadLen ?? payload.length),
    next,
    64,
    ...address6(f.source ?? 'fd01::2'),
    ...address6(f.destination ?? 'fd02::3'),
    ...payload,
  ];
}

export function ethernet(type: number, payload: Bytes, destination: Bytes = [2, 0, 0, 0, 0, 2]): Bytes {
  return [...destination, 2, 0, 0, 0, 0, 1, ...u16(type), ...payload];
}

/** TCP header with options and data; checksum 0. */
export function tcp(f: { options?: Bytes; data?: Bytes; flags?: number; headerWords?: number } = {}): Bytes {
  const options = f.options ?? [];
  const words = f.headerWords ?? 5 + options.length / 4;
  return [
    ...u16(1000),
    ...u16(80),
    ...u32(0xfffffff0),
    ...u32(0x80000001),
    words << 4,
    f.flags ?? 0x18,
    ...u16(0xabcd),
    0,
    0,
    0,
    0,
    ...options,
    ...(f.data ?? []),
  ];
}

export function udp(data: Bytes = [], f: { len?: number; checksum?: number } = {}): Bytes {
  return [...u16(1000), ...u16(53), ...u16(f.len ?? 8 + data.length), ...u16(f.checksum ?? 0), ...data];
}

export function icmp(type: number, code: number, rest: Bytes, data: Bytes = []): Bytes {
  const message = [type, code, 0, 0, ...rest, ...data];
  const sum = u16(naiveChecksum(message));
  return [type, code, ...sum, ...rest, ...data];
}
