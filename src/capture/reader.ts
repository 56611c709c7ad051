/**
 * Reads pcap and pcapng files as a stream of frames in constant memory. Knows no files: the caller gives it bytes.
 *
 *   for (;;) {
 *     if (reader.read(batch) > 0) { use(batch); continue; }
 *     if (reader.error !== null) throw reader.error;
 *     if (reader.atEnd) break;
 *     const at = reader.makeRoom();                                   // or reader.feed(chunk, 0, chunk.length)
 *     const got = readSync(fd, reader.bytes, at, reader.bytes.length - at);
 *     if (got === 0) reader.finish(); else reader.wrote(got);
 *   }
 *
 * A batch's frames lie in the reader's one buffer and hold until `makeRoom` or `feed` is called. Damage ends the reading with
 * `error`, after every packet before it has been handed out.
 */
import type { FrameBatch } from './frame-batch.js';
import { type CaptureError, type CaptureFormat, CaptureInput } from './input.js';
import { type CaptureInterface, InterfaceTable } from './interfaces.js';
import { isPcap, PcapFormat } from './pcap.js';
import { BLOCK_SECTION, PcapngFormat } from './pcapng.js';

const DEFAULT_READ_LEN = 262144;
const GZIP_MAGIC = 0x1f8b;

/** Reads one capture, of either format; see above for its use. */
export class CaptureReader {
  private readonly input: CaptureInput;
  private readonly table = new InterfaceTable();
  private formatReader: CaptureFormat | null = null;

  /** `readLen`: bytes that one read can take at least; the buffer is that and 512 KB. */
  constructor(readLen = DEFAULT_READ_LEN) {
    this.input = new CaptureInput(readLen);
  }

  /** The file's format; null until its first four bytes were read. */
  get format(): 'pcap' | 'pcapng' | null {
    if (this.formatReader === null) return null;
    return this.formatReader instanceof PcapFormat ? 'pcap' : 'pcapng';
  }

  /** All interfaces met so far, in the order of FrameBatch.interfaceId. */
  get interfaces(): readonly CaptureInterface[] {
    return this.table.list;
  }

  /** Packets handed out so far. */
  get packetCount(): number {
    return this.input.packetCount;
  }

  /** Bytes of the (uncompressed) file that have been read up to here: for progress. */
  get byteCount(): number {
    return this.input.fileOffset + this.input.pos;
  }

  /** Set when reading cannot go on; stays. */
  get error(): CaptureError | null {
    return this.input.error;
  }

  /** Everything was read, without an error. */
  get atEnd(): boolean {
    const input = this.input;
    return input.finished && input.error === null && this.formatReader !== null && input.pos === input.end;
  }

  /** The buffer; always the same object. */
  get bytes(): Uint8Array {
    return this.input.bytes;
  }

  /**
   * Moves what was not read yet to the front of `bytes` (frames handed out before hold no longer) and returns the offset from
   * which on the buffer is free. Call it before each read of the file.
   */
  makeRoom(): number {
    this.input.makeRoom();
    return this.input.end;
  }

  /** `count` bytes were put where `makeRoom` said. */
  wrote(count: number): void {
    this.input.end += count;
  }

  /** Copies as much of chunk[start, end) as there is room for and returns how many bytes that were; 0 = `read` first. */
  feed(chunk: Uint8Array, start: number, end: number): number {
    const count = Math.min(end - start, this.input.makeRoom());
    this.input.bytes.set(chunk.subarray(start, start + count), this.input.end);
    this.input.end += count;
    return count;
  }

  /** No more bytes will come. */
  finish(): void {
    this.input.finished = true;
  }

  /**
   * Fills `batch` anew and returns its count. 0: `error` is set, or `atEnd`, or more input is needed. Never throws.
   */
  read(batch: FrameBatch): number {
    const input = this.input;
    batch.bytes = input.bytes;
    batch.count = 0;
    if (input.error !== null) return 0;
    if (this.formatReader === null) this.detect();
    if (this.formatReader !== null) this.formatReader.read(batch);
    return batch.count;
  }

  private detect(): void {
    const input = this.input;
    const there = input.end - input.pos;
    if (there < 4) {
      if (input.finished) input.fail('4 bytes of a file header', `${there}, then the end of the file`);
      return;
    }
    const view = input.view;
    if (view.getInt32(input.pos) === BLOCK_SECTION) {
      this.formatReader = new PcapngFormat(input, this.table);
    } else if (isPcap(view, input.pos)) {
      this.formatReader = new PcapFormat(input, this.table);
    } else {
      const hex = view.getUint32(input.pos).toString(16).padStart(8, '0');
      const gzip = view.getUint16(input.pos) === GZIP_MAGIC;
      input.fail('a pcap or pcapng file', gzip ? 'gzip data' : `a file that begins with 0x${hex}`);
    }
  }
}
