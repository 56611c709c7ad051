/** Writes messages: header, attributes, nests; the buffer grows as needed. */
import { NLA_F_NESTED } from './constants.js';
import { HEADER_LEN, NFGEN_LEN } from './message.js';

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** One message after another in one buffer. */
export class MessageWriter {
  /** What was written, up to `length`. */
  bytes: Uint8Array;
  /** Bytes written; a multiple of 4. */
  length = 0;

  private view: DataView;
  private start = 0;

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Forgets everything. */
  clear(): this {
    this.length = 0;
    return this;
  }

  /** Begins a message: `type` is subsystem << 8 | message. */
  begin(type: number, flags: number, sequence: number, family = 0, resource = 0): this {
    this.start = this.length;
    this.room(NFGEN_LEN);
    const { view, start } = this;
    view.setUint16(start + 4, type, LITTLE_ENDIAN);
    view.setUint16(start + 6, flags, LITTLE_ENDIAN);
    view.setUint32(start + 8, sequence >>> 0, LITTLE_ENDIAN);
    view.setUint32(start + 12, 0, LITTLE_ENDIAN);
    view.setUint8(start + HEADER_LEN, family);
    view.setUint8(start + HEADER_LEN + 1, 0);
    view.setUint16(start + HEADER_LEN + 2, resource);
    this.length = start + NFGEN_LEN;
    return this;
  }

  /** Ends the message that was begun. */
  end(): this {
    this.view.setUint32(this.start, this.length - this.start, LITTLE_ENDIAN);
    return this;
  }

  /** Begins a nest; `close` takes what this returns. */
  open(type: number): number {
    const at = this.length;
    this.attribute(type | NLA_F_NESTED, 0);
    return at;
  }

  /** Ends a nest. */
  close(at: number): this {
    this.view.setUint16(at, this.length - at, LITTLE_ENDIAN);
    return this;
  }

  /** An attribute of a byte. */
  u8(type: number, value: number): this {
    const at = this.attribute(type, 1);
    this.view.setUint8(at, value);
    return this;
  }

  /** Of two bytes in network order. */
  be16(type: number, value: number): this {
    const at = this.attribute(type, 2);
    this.view.setUint16(at, value);
    return this;
  }

  /** Of four bytes in network order. */
  be32(type: number, value: number): this {
    const at = this.attribute(type, 4);
    this.view.setInt32(at, value | 0);
    return this;
  }

  /** Of four bytes in the host's order. */
  u32(type: number, value: number): this {
    const at = this.attribute(type, 4);
    this.view.setInt32(at, value | 0, LITTLE_ENDIAN);
    return this;
  }

  /** Of eight bytes in network order. */
  be64(type: number, value: bigint): this {
    const at = this.attribute(type, 8);
    this.view.setBigUint64(at, BigInt.asUintN(64, value));
    return this;
  }

  /** Of bytes as they are. */
  raw(type: number, value: Uint8Array): this {
    const at = this.attribute(type, value.length);
    this.bytes.set(value, at);
    return this;
  }

  /** Of a text with a zero byte behind it; Latin-1. */
  text(type: number, value: string): this {
    const at = this.attribute(type, value.length + 1);
    for (let i = 0; i < value.length; i++) this.bytes[at + i] = value.charCodeAt(i);
    return this;
  }

  /** Writes an attribute's header and padding; returns where the payload begins. */
  private attribute(type: number, payload: number): number {
    const padded = (payload + 3) & ~3;
    this.room(4 + padded);
    const at = this.length;
    this.view.setUint16(at, 4 + payload, LITTLE_ENDIAN);
    this.view.setUint16(at + 2, type, LITTLE_ENDIAN);
    this.bytes.fill(0, at + 4, at + 4 + padded);
    this.length = at + 4 + padded;
    return at + 4;
  }

  private room(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.bytes.length, this.length + count));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }
}
