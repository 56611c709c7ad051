/**
 * The bytes of a capture file on their way in: one fixed buffer that is filled behind and eaten in front.
 *
 *   0        pos          end            capacity
 *   | eaten  | to be read | free          |
 *
 * The buffer never grows and is never replaced: constant memory, and one DataView for the life of the reader. What is left
 * over moves to the front when room is asked for, so that frames handed out hold until then.
 */

import type { FrameBatch } from './frame-batch.js';

/** The largest frame that a capture may hold: libpcap's own limit, 256 KB. */
export const MAX_FRAME_LEN = 262144;
/** The largest pcapng block that is looked into (a frame with its options). Longer ones are skipped, or refused as a packet. */
export const MAX_BLOCK_LEN = 2 * MAX_FRAME_LEN;

/** Bytes that one read of a file takes at least. */
const MIN_READ_LEN = 262144;

/** A capture that cannot be read on. */
export class CaptureError extends Error {
  /** Number of the packet that could not be read; the first is 1. */
  readonly packet: number;
  /** Offset of its record in the (uncompressed) file. */
  readonly offset: number;
  readonly expected: string;
  readonly got: string;

  constructor(packet: number, offset: number, expected: string, got: string) {
    super(`packet ${packet} at byte ${offset}: expected ${expected}, got ${got}`);
    this.name = 'CaptureError';
    this.packet = packet;
    this.offset = offset;
    this.expected = expected;
    this.got = got;
  }
}

/** The buffer, its fill, and how the reading ended. `readLen`: bytes that one read of a file takes at least. */
export class CaptureInput {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  pos = 0;
  end = 0;
  /** Offset in the file of `bytes[0]`. */
  fileOffset = 0;
  /** No more bytes will come. */
  finished = false;
  /** Packets handed out so far. */
  packetCount = 0;
  error: CaptureError | null = null;

  constructor(readLen: number) {
    const buffer = new ArrayBuffer(MAX_BLOCK_LEN + Math.max(readLen, MIN_READ_LEN));
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
  }

  /** Makes room by moving what is left to the front; returns the number of free bytes from `end` on (never 0). */
  makeRoom(): number {
    if (this.pos > 0) {
      this.bytes.copyWithin(0, this.pos, this.end);
      this.fileOffset += this.pos;
      this.end -= this.pos;
      this.pos = 0;
    }
    return this.bytes.length - this.end;
  }

  /** Ends the reading at the record that begins at `pos`. */
  fail(expected: string, got: string): void {
    if (this.error === null) {
      this.error = new CaptureError(this.packetCount + 1, this.fileOffset + this.pos, expected, got);
    }
  }

  /** The record at `pos` needs `needed` bytes that are not there: an error if none will come. */
  starve(needed: number, what: string): void {
    const there = this.end - this.pos;
    if (this.finished && there > 0) this.fail(`${needed} bytes of ${what}`, `${there}, then the end of the file`);
  }
}

/** A reader of one file format. */
export interface CaptureFormat {
  /**
   * Adds rows to `batch` from `batch.count` on until it is full, the input is used up, or an error stands in the input.
   * A record that is not whole stays in the input.
   */
  read(batch: FrameBatch): void;
}
