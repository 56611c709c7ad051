/**
 * The classic pcap file: a header of 24 bytes, then records of 16 bytes and the frame
 * (https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html).
 *
 *   file    magic 4 | major 2 | minor 2 | zone 4 | accuracy 4 | snaplen 4 | link type 4
 *   record  seconds 4 | micro- or nanoseconds 4 | captured bytes 4 | bytes on the wire 4
 *           Kuznetzov's variant goes on: interface index 4 | protocol 2 | packet type 1 | 0
 */
import { DIRECTION_INBOUND, DIRECTION_OUTBOUND, DIRECTION_UNKNOWN, type FrameBatch } from './frame-batch.js';
import { type CaptureFormat, type CaptureInput, MAX_FRAME_LEN } from './input.js';
import type { InterfaceTable } from './interfaces.js';

const MAGIC_MICRO = 0xa1b2c3d4 | 0;
const MAGIC_NANO = 0xa1b23c4d | 0;
/** Red Hat 6.1 and others: longer record headers. */
const MAGIC_KUZNETZOV = 0xa1b2cd34 | 0;

const FILE_HEADER_LEN = 24;
const RECORD_HEADER_LEN = 16;
const KUZNETZOV_HEADER_LEN = 24;

/** Packet type "sent by us". */
const OUTGOING = 4;

/** In which order old files hold the two lengths: before 2.3 wire first, in 2.3 either. */
const ORDER_NORMAL = 0;
const ORDER_SWAPPED = 1;
const ORDER_EITHER = 2;

/** Whether the four bytes at `pos` begin a pcap file, in any byte order. */
export function isPcap(view: DataView, pos: number): boolean {
  return isMagic(view.getInt32(pos)) || isMagic(view.getInt32(pos, true));
}

function isMagic(word: number): boolean {
  return word === MAGIC_MICRO || word === MAGIC_NANO || word === MAGIC_KUZNETZOV;
}

/** Reads records from `input`; the one interface is added to `interfaces` when the file header was read. */
export class PcapFormat implements CaptureFormat {
  private readonly input: CaptureInput;
  private readonly interfaces: InterfaceTable;
  private opened = false;
  private little = false;
  private headerLen = RECORD_HEADER_LEN;
  private nanosPerUnit = 1000;
  private order = ORDER_NORMAL;

  constructor(input: CaptureInput, interfaces: InterfaceTable) {
    this.input = input;
    this.interfaces = interfaces;
  }

  read(batch: FrameBatch): void {
    if (!this.opened && !this.open()) return;
    this.readRecords(batch);
  }

  private open(): boolean {
    const input = this.input;
    const view = input.view;
    const pos = input.pos;
    if (input.end - pos < FILE_HEADER_LEN) {
      input.starve(FILE_HEADER_LEN, 'pcap file header');
      return false;
    }
    this.little = isMagic(view.getInt32(pos, true));
    const magic = view.getInt32(pos, this.little);
    const major = view.getUint16(pos + 4, this.little);
    const minor = view.getUint16(pos + 6, this.little);
    if (major !== 2) {
      input.fail('pcap version 2', `${major}.${minor}`);
      return false;
    }
    this.nanosPerUnit = magic === MAGIC_NANO ? 1 : 1000;
    this.headerLen = magic === MAGIC_KUZNETZOV ? KUZNETZOV_HEADER_LEN : RECORD_HEADER_LEN;
    this.order = minor < 3 || minor === 543 ? ORDER_SWAPPED : minor === 3 ? ORDER_EITHER : ORDER_NORMAL;
    const entry = {
      name: '',
      // The upper six bits say whether frames end with a checksum.
      linkType: view.getInt32(pos + 20, this.little) & 0x03ffffff,
      snaplen: view.getUint32(pos + 16, this.little),
      tsresol: magic === MAGIC_NANO ? 1e9 : 1e6,
    };
    this.interfaces.add(entry, 0);
    input.pos += FILE_HEADER_LEN;
    this.opened = true;
    return true;
  }

  private readRecords(batch: FrameBatch): void {
    const input = this.input;
    const view = input.view;
    const little = this.little;
    const headerLen = this.headerLen;
    const end = input.end;
    let pos = input.pos;
    let row = batch.count;
    while (row < batch.capacity && end - pos >= headerLen) {
      let capturedLen = view.getInt32(pos + 8, little);
      let wireLen = view.getInt32(pos + 12, little);
      if (this.order !== ORDER_NORMAL && (this.order === ORDER_SWAPPED || capturedLen > wireLen)) {
        const first = capturedLen;
        capturedLen = wireLen;
        wireLen = first;
      }
      if (capturedLen < 0 || capturedLen > MAX_FRAME_LEN || wireLen < 0) break;
      const start = pos + headerLen;
      if (end - start < capturedLen) break;
      const fraction = view.getUint32(pos + 4, little) * this.nanosPerUnit;
      const seconds = view.getUint32(pos, little);
      // Some writers let the fraction run over a second.
      const carry = fraction < 1e9 ? 0 : Math.floor(fraction / 1e9);
      batch.seconds[row] = seconds + carry;
      batch.nanos[row] = fraction - carry * 1e9;
      batch.start[row] = start;
      batch.end[row] = start + capturedLen;
      batch.wireLen[row] = Math.max(wireLen, capturedLen);
      batch.interfaceId[row] = 0;
      batch.direction[row] = headerLen === RECORD_HEADER_LEN ? DIRECTION_UNKNOWN : this.kuznetzovDirection(pos);
      row++;
      pos = start + capturedLen;
    }
    input.packetCount += row - batch.count;
    batch.count = row;
    input.pos = pos;
    if (row === 0) this.explain();
  }

  private kuznetzovDirection(pos: number): number {
    return this.input.view.getUint8(pos + 22) === OUTGOING ? DIRECTION_OUTBOUND : DIRECTION_INBOUND;
  }

  /** Nothing could be read: why? */
  private explain(): void {
    const { input, little, headerLen } = this;
    const { view, pos } = input;
    if (input.end - pos < headerLen) {
      input.starve(headerLen, 'record header');
      return;
    }
    let capturedLen = view.getInt32(pos + 8, little);
    let wireLen = view.getInt32(pos + 12, little);
    if (this.order !== ORDER_NORMAL && (this.order === ORDER_SWAPPED || capturedLen > wireLen)) {
      [capturedLen, wireLen] = [wireLen, capturedLen];
    }
    if (capturedLen < 0 || capturedLen > MAX_FRAME_LEN) {
      input.fail(
        `a captured length up to ${MAX_FRAME_LEN}`,
        String(capturedLen < 0 ? capturedLen + 2 ** 32 : capturedLen),
      );
    } else if (wireLen < 0) {
      input.fail('a length on the wire below 2147483648', String(wireLen + 2 ** 32));
    } else {
      input.starve(headerLen + capturedLen, 'record');
    }
  }
}
