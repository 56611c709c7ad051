/**
 * pcapng: blocks of a type, a length, a body, the length again
 * (https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html).
 *
 *   enhanced packet  6 | len | interface 4 | time high 4 | time low 4 | captured 4 | wire 4 | frame, padded to 4 | options | len
 *   simple packet    3 | len | wire 4 | frame | len                  (no time: that of the packet before is taken)
 *   packet           2 | len | interface 2 | drops 2 | as enhanced  (obsolete)
 *   interface        1 | len | link type 2 | 0 2 | snaplen 4 | options | len
 *   section          0x0a0d0d0a | len | byte order magic 4 | major 2 | minor 2 | section length 8 | options | len
 *
 * Interfaces are numbered within their section; rows carry the number in the whole file. Blocks of other types are skipped,
 * however long they are.
 */
import type { FrameBatch } from './frame-batch.js';
import { type CaptureFormat, type CaptureInput, MAX_BLOCK_LEN, MAX_FRAME_LEN } from './input.js';
import { type InterfaceTable, MAX_INTERFACES } from './interfaces.js';
import { decodeUtf8 } from './utf8.js';

export const BLOCK_SECTION = 0x0a0d0d0a;
export const BLOCK_INTERFACE = 1;
export const BLOCK_PACKET = 2;
export const BLOCK_SIMPLE_PACKET = 3;
export const BLOCK_ENHANCED_PACKET = 6;
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

export const OPT_END = 0;
export const OPT_COMMENT = 1;
/** epb_flags and pack_flags; bits 0-1: 1 inbound, 2 outbound. */
export const OPT_FLAGS = 2;
export const OPT_IF_NAME = 2;
export const OPT_IF_TSRESOL = 9;
export const OPT_IF_TSOFFSET = 14;

/** Type, length and the length again. */
const FRAMING_LEN = 12;
const SECTION_LEN = 28;
const INTERFACE_LEN = 20;
const PACKET_LEN = 32;
const SIMPLE_LEN = 16;
/** From a packet block's begin to its frame. */
const PACKET_DATA_AT = 28;
const SIMPLE_DATA_AT = 12;

const DEFAULT_TSRESOL = 1e6;

/** Reads blocks from `input`; interfaces are added to `interfaces` as their blocks come. */
export class PcapngFormat implements CaptureFormat {
  private readonly input: CaptureInput;
  private readonly interfaces: InterfaceTable;
  private little = false;
  /** Number of the section's first interface in the whole file. */
  private sectionBase = 0;
  /** Bytes of a long block that are still to be skipped, and the length that must follow them. */
  private skipLen = 0;
  private skippedBlockLen = 0;
  private lastSeconds = 0;
  private lastNanos = 0;

  constructor(input: CaptureInput, interfaces: InterfaceTable) {
    this.input = input;
    this.interfaces = interfaces;
  }

  read(batch: FrameBatch): void {
    const input = this.input;
    const view = input.view;
    while (batch.count < batch.capacity && input.error === null) {
      if (this.skippedBlockLen !== 0 && !this.skipOn()) return;
      const pos = input.pos;
      const there = input.end - pos;
      if (there < 8) {
        if (batch.count === 0) input.starve(FRAMING_LEN, 'block');
        return;
      }
      const type = view.getInt32(pos, this.little);
      if (type === BLOCK_SECTION && !this.readByteOrder(batch)) return;
      const blockLen = view.getInt32(pos + 4, this.little);
      if ((blockLen & 3) !== 0 || blockLen < minimumLen(type)) {
        if (batch.count === 0) {
          input.fail(`a block length from ${minimumLen(type)} on, a multiple of 4`, describeLen(blockLen, type));
        }
        return;
      }
      if (blockLen > MAX_BLOCK_LEN) {
        if (!this.skipLong(type, blockLen, batch)) return;
        continue;
      }
      if (there < blockLen) {
        if (batch.count === 0) input.starve(blockLen, blockName(type));
        return;
      }
      if (!this.takeBlock(batch, type, pos, blockLen)) return;
    }
  }

  /** Handles the whole block at `pos`. False: it is wrong (the error is set once all rows before it have been taken). */
  private takeBlock(batch: FrameBatch, type: number, pos: number, blockLen: number): boolean {
    const input = this.input;
    const before = batch.count;
    const trailer = input.view.getInt32(pos + blockLen - 4, this.little);
    const wrong = trailer !== blockLen ? `the block length ${blockLen} again at its end|${trailer}` : '';
    if (wrong !== '') return this.refuse(before, wrong);
    let problem = '';
    if (type === BLOCK_ENHANCED_PACKET || type === BLOCK_PACKET) {
      problem = this.readPacket(batch, type, pos, blockLen);
    } else if (type === BLOCK_SIMPLE_PACKET) {
      problem = this.readSimplePacket(batch, pos, blockLen);
    } else if (type === BLOCK_INTERFACE) {
      problem = this.readInterface(pos, blockLen);
    } else if (type === BLOCK_SECTION) {
      problem = this.readSection(pos);
    }
    if (problem !== '') return this.refuse(before, problem);
    input.packetCount += batch.count - before;
    input.pos = pos + blockLen;
    return true;
  }

  /** `problem`: what was expected | what was found. */
  private refuse(rowsBefore: number, problem: string): false {
    if (rowsBefore === 0) {
      const bar = problem.indexOf('|');
      this.input.fail(problem.slice(0, bar), problem.slice(bar + 1));
    }
    return false;
  }

  private readPacket(batch: FrameBatch, type: number, pos: number, blockLen: number): string {
    const view = this.input.view;
    const little = this.little;
    const local = type === BLOCK_PACKET ? view.getUint16(pos + 8, little) : view.getInt32(pos + 8, little);
    const id = this.sectionBase + local;
    if (local < 0 || id >= this.interfaces.list.length) return this.noInterface(local);
    const capturedLen = view.getInt32(pos + 20, little);
    const wireLen = view.getInt32(pos + 24, little);
    if (capturedLen < 0 || capturedLen > blockLen - PACKET_LEN || capturedLen > MAX_FRAME_LEN || wireLen < 0) {
      return badLengths(capturedLen, wireLen, blockLen - PACKET_LEN);
    }
    const start = pos + PACKET_DATA_AT;
    const optionsAt = start + ((capturedLen + 3) & ~3);
    const optionsEnd = pos + blockLen - 4;
    const direction = optionsAt + 4 <= optionsEnd ? this.readDirection(optionsAt, optionsEnd) : 0;
    if (direction < 0) return 'packet options inside their block|an option that overruns it';
    const interfaces = this.interfaces;
    interfaces.split(id, view.getInt32(pos + 12, little), view.getInt32(pos + 16, little));
    this.lastSeconds = interfaces.seconds;
    this.lastNanos = interfaces.nanos;
    this.addRow(batch, start, capturedLen, wireLen, id, direction);
    return '';
  }

  private readSimplePacket(batch: FrameBatch, pos: number, blockLen: number): string {
    const id = this.sectionBase;
    if (id >= this.interfaces.list.length) return this.noInterface(0);
    const wireLen = this.input.view.getInt32(pos + 8, this.little);
    const snaplen = this.interfaces.list[id].snaplen;
    const capturedLen = snaplen > 0 && snaplen < wireLen ? snaplen : wireLen;
    // Only padding to a multiple of 4 stands between the frame and the end of its block.
    if (wireLen < 0 || capturedLen > blockLen - SIMPLE_LEN || capturedLen > MAX_FRAME_LEN) {
      return badLengths(capturedLen, wireLen, blockLen - SIMPLE_LEN);
    }
    this.addRow(batch, pos + SIMPLE_DATA_AT, capturedLen, wireLen, id, 0);
    return '';
  }

  private addRow(
    batch: FrameBatch,
    start: number,
    capturedLen: number,
    wireLen: number,
    id: number,
    direction: number,
  ): void {
    const row = batch.count++;
    batch.start[row] = start;
    batch.end[row] = start + capturedLen;
    batch.wireLen[row] = Math.max(wireLen, capturedLen);
    batch.seconds[row] = this.lastSeconds;
    batch.nanos[row] = this.lastNanos;
    batch.interfaceId[row] = id;
    batch.direction[row] = direction;
  }

  /** Direction bits of the flags option; 0 = none; -1 = an option overruns the block. */
  private readDirection(from: number, end: number): number {
    const view = this.input.view;
    let direction = 0;
    for (let at = from; at + 4 <= end; ) {
      const code = view.getUint16(at, this.little);
      const len = view.getUint16(at + 2, this.little);
      if (code === OPT_END) break;
      if (at + 4 + len > end) return -1;
      if (code === OPT_FLAGS && len === 4) direction = view.getInt32(at + 4, this.little) & 3;
      at += 4 + ((len + 3) & ~3);
    }
    return direction === 3 ? 0 : direction;
  }

  private noInterface(local: number): string {
    const known = this.interfaces.list.length - this.sectionBase;
    return `one of the section's ${known} interfaces|number ${local < 0 ? local + 2 ** 32 : local}`;
  }

  private readInterface(pos: number, blockLen: number): string {
    const { view, bytes } = this.input;
    const little = this.little;
    if (this.interfaces.list.length >= MAX_INTERFACES) return `at most ${MAX_INTERFACES} interfaces|one more`;
    const entry = {
      name: '',
      linkType: view.getUint16(pos + 8, little),
      snaplen: view.getUint32(pos + 12, little),
      tsresol: DEFAULT_TSRESOL,
    };
    let offsetSeconds = 0;
    const end = pos + blockLen - 4;
    for (let at = pos + INTERFACE_LEN - 4; at + 4 <= end; ) {
      const code = view.getUint16(at, little);
      const len = view.getUint16(at + 2, little);
      const value = at + 4;
      if (code === OPT_END) break;
      if (value + len > end) return 'interface options inside their block|an option that overruns it';
      if (code === OPT_IF_NAME) entry.name = decodeUtf8(bytes, value, value + len);
      if (code === OPT_IF_TSRESOL && len === 1) entry.tsresol = unitsOf(bytes[value]);
      if (code === OPT_IF_TSOFFSET && len === 8) offsetSeconds = this.readInt64(value);
      at = value + ((len + 3) & ~3);
    }
    // Names are text that some writers end with a zero byte.
    const zero = entry.name.indexOf('\0');
    if (zero >= 0) entry.name = entry.name.slice(0, zero);
    this.interfaces.add(entry, offsetSeconds);
    return '';
  }

  private readInt64(at: number): number {
    const view = this.input.view;
    const high = view.getInt32(this.little ? at + 4 : at, this.little);
    const low = view.getUint32(this.little ? at : at + 4, this.little);
    return high * 2 ** 32 + low;
  }

  /** Byte order of the section that begins at `pos`; its type reads the same either way. False: not there yet, or wrong. */
  private readByteOrder(batch: FrameBatch): boolean {
    const input = this.input;
    const pos = input.pos;
    if (input.end - pos < FRAMING_LEN) {
      if (batch.count === 0) input.starve(SECTION_LEN, 'section header block');
      return false;
    }
    const word = input.view.getInt32(pos + 8);
    this.little = input.view.getInt32(pos + 8, true) === BYTE_ORDER_MAGIC;
    if (!this.little && word !== BYTE_ORDER_MAGIC) {
      return this.refuse(
        batch.count,
        `the byte order magic 0x1a2b3c4d|0x${(word >>> 0).toString(16).padStart(8, '0')}`,
      );
    }
    return true;
  }

  private readSection(pos: number): string {
    const view = this.input.view;
    const major = view.getUint16(pos + 12, this.little);
    if (major !== 1) return `pcapng version 1|${major}.${view.getUint16(pos + 14, this.little)}`;
    this.sectionBase = this.interfaces.list.length;
    return '';
  }

  /** A block longer than the buffer takes: skipped piece by piece if nothing in it is of interest. */
  private skipLong(type: number, blockLen: number, batch: FrameBatch): boolean {
    if (minimumLen(type) !== FRAMING_LEN) {
      return this.refuse(batch.count, `a ${blockName(type)} of at most ${MAX_BLOCK_LEN} bytes|${blockLen}`);
    }
    this.skipLen = blockLen - 4;
    this.skippedBlockLen = blockLen;
    return true;
  }

  /** Goes on skipping. True: done, and the length stands at the block's end. */
  private skipOn(): boolean {
    const input = this.input;
    const step = Math.min(this.skipLen, input.end - input.pos);
    input.pos += step;
    this.skipLen -= step;
    if (this.skipLen > 0 || input.end - input.pos < 4) {
      if (input.finished) input.fail(`${this.skippedBlockLen} bytes of a block`, 'the end of the file');
      return false;
    }
    const trailer = input.view.getInt32(input.pos, this.little);
    if (trailer !== this.skippedBlockLen) {
      input.fail(`the block length ${this.skippedBlockLen} again at its end`, String(trailer));
      return false;
    }
    input.pos += 4;
    this.skippedBlockLen = 0;
    return true;
  }
}

/** Shortest block of a type. FRAMING_LEN for types that are skipped. */
function minimumLen(type: number): number {
  switch (type) {
    case BLOCK_ENHANCED_PACKET:
    case BLOCK_PACKET:
      return PACKET_LEN;
    case BLOCK_SIMPLE_PACKET:
      return SIMPLE_LEN;
    case BLOCK_INTERFACE:
      return INTERFACE_LEN;
    case BLOCK_SECTION:
      return SECTION_LEN;
    default:
      return FRAMING_LEN;
  }
}

function blockName(type: number): string {
  switch (type) {
    case BLOCK_ENHANCED_PACKET:
      return 'enhanced packet block';
    case BLOCK_PACKET:
      return 'packet block';
    case BLOCK_SIMPLE_PACKET:
      return 'simple packet block';
    case BLOCK_INTERFACE:
      return 'interface block';
    case BLOCK_SECTION:
      return 'section header block';
    default:
      return `block of type 0x${(type >>> 0).toString(16)}`;
  }
}

function describeLen(blockLen: number, type: number): string {
  return `${blockLen < 0 ? blockLen + 2 ** 32 : blockLen} in a ${blockName(type)}`;
}

function badLengths(capturedLen: number, wireLen: number, room: number): string {
  if (wireLen < 0) return `a length on the wire below 2147483648|${wireLen + 2 ** 32}`;
  const most = Math.min(room, MAX_FRAME_LEN);
  return `a captured length up to ${most}|${capturedLen < 0 ? capturedLen + 2 ** 32 : capturedLen}`;
}

/** if_tsresol: the high bit chooses powers of 2 over powers of 10. */
function unitsOf(tsresol: number): number {
  return (tsresol & 0x80) !== 0 ? 2 ** (tsresol & 0x7f) : 10 ** tsresol;
}
