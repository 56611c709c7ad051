/**
 * Writes pcapng in pieces: one section, little-endian, nanosecond time stamps, enhanced packet blocks.
 */
import {
  BLOCK_ENHANCED_PACKET,
  BLOCK_INTERFACE,
  BLOCK_SECTION,
  BYTE_ORDER_MAGIC,
  OPT_COMMENT,
  OPT_FLAGS,
  OPT_IF_NAME,
  OPT_IF_TSRESOL,
} from './pcapng.js';
import { encodeUtf8 } from './utf8.js';

/** Takes bytes [start, end) of the file; they hold only during the call. */
export type ByteSink = (bytes: Uint8Array, start: number, end: number) => void;

const BUFFER_LEN = 131072;
/** Longest value of an option: its length field has 16 bits, and the padding must fit too. */
const MAX_OPTION_LEN = 65532;
const TSRESOL_NANO = 9;
const OPT_USERAPPL = 4;
const NO_TEXT = new Uint8Array(0);

/** Writes to a sink through a buffer of 128 KB; `flush` at the end. */
export class PcapngWriter {
  private readonly sink: ByteSink;
  private readonly bytes = new Uint8Array(BUFFER_LEN);
  private readonly view = new DataView(this.bytes.buffer);
  private at = 0;
  private interfaceCount = 0;

  /** Begins the file. `application` is what wrote it (shb_userappl); '' = not said. */
  constructor(sink: ByteSink, application = '') {
    this.sink = sink;
    const text = encodeUtf8(application, MAX_OPTION_LEN);
    const blockLen = 28 + optionLen(text.length) + (text.length > 0 ? 4 : 0);
    this.beginBlock(BLOCK_SECTION, blockLen);
    this.put32(BYTE_ORDER_MAGIC);
    this.put16(1);
    this.put16(0);
    // Section length unknown: -1 in 64 bits.
    this.put32(-1);
    this.put32(-1);
    if (text.length > 0) {
      this.putOption(OPT_USERAPPL, text);
      this.put32(0);
    }
    this.put32(blockLen);
  }

  /** Adds an interface and returns its number for `writePacket`. `snaplen` 0 = unlimited. */
  addInterface(name: string, linkType: number, snaplen = 0): number {
    const text = encodeUtf8(name, MAX_OPTION_LEN);
    const blockLen = 20 + optionLen(text.length) + 8 + 4;
    this.beginBlock(BLOCK_INTERFACE, blockLen);
    this.put16(linkType);
    this.put16(0);
    this.put32(snaplen);
    if (text.length > 0) this.putOption(OPT_IF_NAME, text);
    this.put16(OPT_IF_TSRESOL);
    this.put16(1);
    this.put32(TSRESOL_NANO);
    this.put32(0);
    this.put32(blockLen);
    return this.interfaceCount++;
  }

  /**
   * Writes the frame bytes[start, end). `seconds` since the epoch (whole), `nanos` 0-999,999,999; `wireLen`: its length on the
   * wire; `direction`: DIRECTION_ constant, 0 = no flags option; `comment` '' = none (cut at 65,532 bytes of UTF-8).
   */
  writePacket(
    interfaceId: number,
    seconds: number,
    nanos: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    wireLen: number,
    direction = 0,
    comment = '',
  ): void {
    const text = comment === '' ? NO_TEXT : encodeUtf8(comment, MAX_OPTION_LEN);
    const optionsLen = (direction !== 0 ? 8 : 0) + optionLen(text.length);
    const frameLen = end - start;
    const padding = -frameLen & 3;
    const blockLen = 32 + frameLen + padding + (optionsLen > 0 ? optionsLen + 4 : 0);
    this.beginBlock(BLOCK_ENHANCED_PACKET, blockLen);
    this.put32(interfaceId);
    this.putTime(seconds, nanos);
    this.put32(frameLen);
    this.put32(wireLen);
    this.putBytes(bytes, start, end);
    this.putZeros(padding);
    if (direction !== 0) {
      this.put16(OPT_FLAGS);
      this.put16(4);
      this.put32(direction);
    }
    if (text.length > 0) this.putOption(OPT_COMMENT, text);
    if (optionsLen > 0) this.put32(0);
    this.put32(blockLen);
  }

  /** Hands over what is still in the buffer; at the end of the file, or whenever it should be seen. */
  flush(): void {
    if (this.at > 0) this.sink(this.bytes, 0, this.at);
    this.at = 0;
  }

  /** Nanoseconds since the epoch as high and low word: 16 bits at a time, for the product has more than a double's 53. */
  private putTime(seconds: number, nanos: number): void {
    const upper = Math.floor(seconds / 65536) * 1e9;
    const lower = (seconds % 65536) * 1e9 + nanos;
    const low = (upper % 65536) * 65536 + lower;
    this.put32(Math.floor(upper / 65536) + Math.floor(low / 4294967296));
    this.put32(low % 4294967296);
  }

  private beginBlock(type: number, blockLen: number): void {
    this.put32(type);
    this.put32(blockLen);
  }

  private putOption(code: number, value: Uint8Array): void {
    this.put16(code);
    this.put16(value.length);
    this.putBytes(value, 0, value.length);
    this.putZeros(-value.length & 3);
  }

  private put16(value: number): void {
    if (this.at + 2 > BUFFER_LEN) this.flush();
    this.view.setUint16(this.at, value, true);
    this.at += 2;
  }

  private put32(value: number): void {
    if (this.at + 4 > BUFFER_LEN) this.flush();
    this.view.setUint32(this.at, value, true);
    this.at += 4;
  }

  private putZeros(count: number): void {
    if (this.at + count > BUFFER_LEN) this.flush();
    for (let i = 0; i < count; i++) this.bytes[this.at++] = 0;
  }

  private putBytes(bytes: Uint8Array, start: number, end: number): void {
    const count = end - start;
    if (this.at + count > BUFFER_LEN) this.flush();
    if (count > BUFFER_LEN) {
      this.sink(bytes, start, end);
      return;
    }
    this.bytes.set(bytes.subarray(start, end), this.at);
    this.at += count;
  }
}

/** Bytes of an option with a value of `len` bytes; an empty one is left out. */
function optionLen(len: number): number {
  return len === 0 ? 0 : 4 + ((len + 3) & ~3);
}
