/**
 * Frames in columns: what a capture reader fills and a host takes in one call.
 *
 * `bytes` is borrowed from the reader and holds until input is next given to the reader; the columns belong to the batch.
 * Row i, 0 <= i < count, is the frame bytes[start[i], end[i]).
 */

/** Values of `FrameBatch.direction`. */
export const DIRECTION_UNKNOWN = 0;
export const DIRECTION_INBOUND = 1;
/** The capturing host sent it. */
export const DIRECTION_OUTBOUND = 2;

/** 32 to 256 rows are equally fast to process; more only costs cache. */
const DEFAULT_CAPACITY = 256;

/** `capacity` rows; `count` of them are filled. */
export class FrameBatch {
  readonly capacity: number;
  bytes: Uint8Array = new Uint8Array(0);
  count = 0;
  readonly start: Int32Array;
  /** One past the last captured byte. */
  readonly end: Int32Array;
  /** Bytes that the frame had on the wire, at least `end - start`. */
  readonly wireLen: Int32Array;
  /** Capture time: whole seconds since the epoch, and nanoseconds 0-999,999,999 on top. */
  readonly seconds: Float64Array;
  readonly nanos: Int32Array;
  /** Index into the reader's `interfaces`. */
  readonly interfaceId: Int32Array;
  /** DIRECTION_ constant. */
  readonly direction: Uint8Array;

  constructor(capacity = DEFAULT_CAPACITY) {
    this.capacity = capacity;
    this.start = new Int32Array(capacity);
    this.end = new Int32Array(capacity);
    this.wireLen = new Int32Array(capacity);
    this.seconds = new Float64Array(capacity);
    this.nanos = new Int32Array(capacity);
    this.interfaceId = new Int32Array(capacity);
    this.direction = new Uint8Array(capacity);
  }
}
