/** Builders of pcap and pcapng files for tests, in either byte order, and a reader of all that a file gives. */
import { expect } from 'vitest';
import { FrameBatch } from '../../src/capture/frame-batch.js';
import { CaptureReader } from '../../src/capture/reader.js';

export interface Row {
  data: number[];
  wireLen: number;
  seconds: number;
  nanos: number;
  interfaceId: number;
  direction: number;
}

export interface Result {
  rows: Row[];
  error: CaptureReader['error'];
  reader: CaptureReader;
  atEnd: boolean;
}

/** Reads a file given in chunks of `chunkLen`, in batches of `capacity`. */
export function readAll(file: Uint8Array, chunkLen = file.length || 1, capacity = 7): Result {
  const reader = new CaptureReader();
  const batch = new FrameBatch(capacity);
  const rows: Row[] = [];
  let at = 0;
  for (;;) {
    const count = reader.read(batch);
    expect(batch.bytes).toBe(reader.bytes);
    for (let i = 0; i < count; i++) {
      rows.push({
        data: [...batch.bytes.subarray(batch.start[i], batch.end[i])],
        wireLen: batch.wireLen[i],
        seconds: batch.seconds[i],
        nanos: batch.nanos[i],
        interfaceId: batch.interfaceId[i],
        direction: batch.direction[i],
      });
    }
    if (count > 0) continue;
    if (reader.error !== null || reader.atEnd) break;
    if (at === file.length) reader.finish();
    else at += reader.feed(file, at, Math.min(file.length, at + chunkLen));
  }
  expect(reader.packetCount).toBe(rows.length);
  expect(reader.read(batch)).toBe(0);
  return { rows, error: reader.error, reader, atEnd: reader.atEnd };
}

export type Order = 'little' | 'big';

/** A builder of files in either byte order. */
export class Builder {
  readonly bytes: number[] = [];
  private readonly order: Order;
  constructor(order: Order) {
    this.order = order;
  }
  word(value: number, len: number): this {
    for (let i = 0; i < len; i++) {
      const shift = 8 * (this.order === 'little' ? i : len - 1 - i);
      this.bytes.push(Math.floor((value < 0 ? value + 2 ** 32 : value) / 2 ** shift) & 255);
    }
    return this;
  }
  u16(value: number): this {
    return this.word(value, 2);
  }
  u32(value: number): this {
    return this.word(value, 4);
  }
  raw(bytes: ArrayLike<number>): this {
    for (let i = 0; i < bytes.length; i++) this.bytes.push(bytes[i]);
    return this;
  }
  get file(): Uint8Array {
    return Uint8Array.from(this.bytes);
  }
  /** A pcapng block with its two lengths. */
  block(type: number, body: ArrayLike<number>, wrong: { length?: number; trailer?: number } = {}): this {
    const length = 12 + body.length;
    return this.u32(type)
      .u32(wrong.length ?? length)
      .raw(body)
      .u32(wrong.trailer ?? length);
  }
  option(code: number, value: ArrayLike<number>): this {
    return this.u16(code)
      .u16(value.length)
      .raw(value)
      .raw(Array(-value.length & 3).fill(0));
  }
}

export const text = (s: string) => [...s].map((c) => c.charCodeAt(0));
export const frame = (n: number) => Array.from({ length: n }, (_, i) => (i * 7 + n) & 255);

export function pcap(order: Order, magic = 0xa1b2c3d4, linkType = 1, version = [2, 4]): Builder {
  return new Builder(order).u32(magic).u16(version[0]).u16(version[1]).u32(0).u32(0).u32(65535).u32(linkType);
}

export function record(b: Builder, seconds: number, fraction: number, data: number[], wireLen = data.length): Builder {
  return b.u32(seconds).u32(fraction).u32(data.length).u32(wireLen).raw(data);
}

export const section = (b: Builder, options: number[] = []) =>
  b.block(0x0a0d0d0a, sub(b).u32(0x1a2b3c4d).u16(1).u16(0).u32(-1).u32(-1).raw(options).bytes);
const orders = new WeakMap<Builder, Order>();
export function pcapng(order: Order): Builder {
  const b = new Builder(order);
  orders.set(b, order);
  return section(b);
}
export const sub = (b: Builder) => new Builder(orders.get(b) ?? 'little');
export const iface = (b: Builder, options: (o: Builder) => Builder = (o) => o, linkType = 1, snaplen = 0) =>
  b.block(1, options(sub(b).u16(linkType).u16(0).u32(snaplen)).bytes);

export function enhanced(
  b: Builder,
  id: number,
  time: bigint,
  data: number[],
  options?: (o: Builder) => Builder,
): Builder {
  const body = sub(b)
    .u32(id)
    .u32(Number(time >> 32n))
    .u32(Number(time & 0xffffffffn))
    .u32(data.length)
    .u32(data.length + 1)
    .raw(data)
    .raw(Array(-data.length & 3).fill(0));
  if (options) options(body);
  return b.block(6, body.bytes);
}

export function sub64(value: number): number[] {
  const v = BigInt.asUintN(64, BigInt(value));
  return Array.from({ length: 8 }, (_, i) => Number((v >> BigInt(8 * (7 - i))) & 255n));
}
