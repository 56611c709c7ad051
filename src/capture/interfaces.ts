/**
 * The interfaces of a capture, and how their time stamps become seconds and nanoseconds.
 *
 * A pcapng time stamp is a 64-bit count of units; units a second are the interface's. Doubles hold 53 bits, so the count is
 * split by its high word: for each interface the seconds and rest of the last high word seen are kept, and a packet costs one
 * addition and one division. Exact for all decimal resolutions down to 10^-15 s and binary ones down to 2^-52 s.
 */

/** An interface of the capture; a pcap file has one without a name. */
export interface CaptureInterface {
  name: string;
  /** LINKTYPE_ number. */
  linkType: number;
  /** Most bytes kept of a packet; 0 = all. */
  snaplen: number;
  /** Units of a time stamp in a second. */
  tsresol: number;
}

/** More than any capture has; the list must not grow without end. */
export const MAX_INTERFACES = 65536;

const FIRST_CAPACITY = 8;

/** The list, and beside it the columns that time stamps are converted with. */
export class InterfaceTable {
  readonly list: CaptureInterface[] = [];
  /** Units in a second. */
  private units = new Float64Array(FIRST_CAPACITY);
  /** 10^9 / units: whole for every decimal unit down to a nanosecond. */
  private nanosPerUnit = new Float64Array(FIRST_CAPACITY);
  /** Seconds to add to every time stamp (if_tsoffset). */
  private offset = new Float64Array(FIRST_CAPACITY);
  /** High word of the count that the next two columns belong to. */
  private high = new Int32Array(FIRST_CAPACITY);
  private baseSeconds = new Float64Array(FIRST_CAPACITY);
  private baseUnits = new Float64Array(FIRST_CAPACITY);
  /** Results of `split`. */
  seconds = 0;
  nanos = 0;

  /** Adds an interface; `offsetSeconds` is added to its time stamps. The list must have room (MAX_INTERFACES). */
  add(entry: CaptureInterface, offsetSeconds: number): void {
    const id = this.list.length;
    if (id === this.units.length) this.grow();
    this.list.push(entry);
    this.units[id] = entry.tsresol;
    this.nanosPerUnit[id] = 1e9 / entry.tsresol;
    this.offset[id] = offsetSeconds;
    this.rebase(id, 0);
  }

  /**
   * Splits the count of interface `id` into `seconds` and `nanos`. `high` and `low` are its two words as Int32: a double handed
   * over would be an allocation.
   */
  split(id: number, high: number, low: number): void {
    if (high !== this.high[id]) this.rebase(id, high);
    const units = this.units[id];
    const count = this.baseUnits[id] + (low >>> 0);
    const whole = Math.floor(count / units);
    const rest = count - whole * units;
    this.seconds = this.baseSeconds[id] + whole;
    const nanos = units > 1e9 ? rest / (units / 1e9) : rest * this.nanosPerUnit[id];
    this.nanos = nanos < 999999999 ? Math.floor(nanos) : 999999999;
  }

  /** Divides high * 2^32 by the units bit by bit: the only way that is exact for every unit. */
  private rebase(id: number, high: number): void {
    const units = this.units[id];
    let seconds = 0;
    let rest = 0;
    for (let bit = 63; bit >= 0; bit--) {
      seconds *= 2;
      rest *= 2;
      if (bit >= 32 && ((high >>> (bit - 32)) & 1) !== 0) rest += 1;
      if (rest >= units) {
        rest -= units;
        seconds += 1;
      }
    }
    this.high[id] = high;
    this.baseSeconds[id] = seconds + this.offset[id];
    this.baseUnits[id] = rest;
  }

  private grow(): void {
    const capacity = this.units.length * 2;
    this.units = copyOf(this.units, new Float64Array(capacity));
    this.nanosPerUnit = copyOf(this.nanosPerUnit, new Float64Array(capacity));
    this.offset = copyOf(this.offset, new Float64Array(capacity));
    this.baseSeconds = copyOf(this.baseSeconds, new Float64Array(capacity));
    this.baseUnits = copyOf(this.baseUnits, new Float64Array(capacity));
    const high = new Int32Array(capacity);
    high.set(this.high);
    this.high = high;
  }
}

function copyOf(from: Float64Array, to: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  to.set(from);
  return to;
}
