/** One direction's tuple, read field by field from a line. */
import { formatAddress, parseAddress } from './address.js';
import { FlowError, type LinePlace, parseUnsigned, quoted } from './error.js';
import { tupleKind } from './names.js';
import { type FlowTuple, plainTuple } from './record.js';
import { ownText } from './words.js';

/** Largest value of a tuple's field by its name. */
const FIELDS: ReadonlyMap<string, number> = new Map([
  ['sport', 0xffff],
  ['dport', 0xffff],
  ['type', 255],
  ['code', 255],
  ['id', 0xffff],
  ['srckey', 0xffff],
  ['dstkey', 0xffff],
]);

/** Whether a tuple has a number of this name. */
export function isTupleNumber(name: string): boolean {
  return FIELDS.has(name);
}

/** One tuple while its fields are read; -1: not there. */
export class TupleReader {
  source = '';
  destination = '';
  family: 0 | 2 | 10 = 0;
  sport = -1;
  dport = -1;
  type = -1;
  code = -1;
  id = -1;
  srckey = -1;
  dstkey = -1;
  /** Where it began, for messages. */
  readonly column: number;

  constructor(column: number) {
    this.column = column;
  }

  /** Reads `src=`, `dst=` or a transport field; false: the name is none of these. */
  read(name: string, value: string, place: LinePlace, column: number): boolean {
    if (name === 'src' || name === 'dst') {
      this.readAddress(name === 'src', value, place, column);
      return true;
    }
    const max = FIELDS.get(name);
    if (max === undefined) return false;
    this.set(name, parseUnsigned(value, max, name, place, column));
    return true;
  }

  private set(name: string, value: number): void {
    if (name === 'sport') this.sport = value;
    else if (name === 'dport') this.dport = value;
    else if (name === 'type') this.type = value;
    else if (name === 'code') this.code = value;
    else if (name === 'id') this.id = value;
    else if (name === 'srckey') this.srckey = value;
    else this.dstkey = value;
  }

  private readAddress(isSource: boolean, value: string, place: LinePlace, column: number): void {
    let text = value;
    let family: 2 | 10 = 2;
    if (isPlainIpv4(value)) text = ownText(value);
    else {
      const parsed = parseAddress(value);
      if (parsed === null) throw new FlowError(`${quoted(value)} is not an address`, place.file, place.line, column);
      family = parsed.family;
      text = formatAddress(family, parsed.words);
    }
    if (this.family !== 0 && this.family !== family) {
      throw new FlowError('IPv4 and IPv6 addresses in one tuple', place.file, place.line, column);
    }
    this.family = family;
    if (isSource) this.source = text;
    else this.destination = text;
  }

  /** The finished tuple; a FlowError where a field is missing. `isLenient`: no transport part is fine too. */
  finish(protocol: number, isLenient: boolean, place: LinePlace): FlowTuple {
    const t = plainTuple(this.source, this.destination);
    if (this.destination === '') throw new FlowError('dst= is missing', place.file, place.line, this.column);
    const kind = tupleKind(protocol);
    if (kind === 'none' || (isLenient && this.isBare())) return t;
    if (kind === 'ports') {
      t.ports = { source: this.need('sport', this.sport, place), destination: this.need('dport', this.dport, place) };
    } else if (kind === 'icmp') {
      const type = this.need('type', this.type, place);
      t.icmp = { type, code: this.need('code', this.code, place), id: this.need('id', this.id, place) };
    } else {
      const source = this.need('srckey', this.srckey, place);
      t.keys = { source, destination: this.need('dstkey', this.dstkey, place) };
    }
    return t;
  }

  private isBare(): boolean {
    return (this.sport & this.dport & this.type & this.code & this.id & this.srckey & this.dstkey) === -1;
  }

  private need(name: string, value: number, place: LinePlace): number {
    if (value < 0) throw new FlowError(`${name}= is missing`, place.file, place.line, this.column);
    return value;
  }
}

/** Whether a text is a dotted quad as it is printed: four numbers up to 255 without leading zeros. */
function isPlainIpv4(text: string): boolean {
  let dots = 0;
  let value = -1;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 46 /* . */ && value >= 0) {
      dots++;
      value = -1;
    } else if (c < 48 || c > 57 || value === 0) return false;
    else {
      value = value < 0 ? c - 48 : value * 10 + c - 48;
      if (value > 255) return false;
    }
  }
  return dots === 3 && value >= 0;
}
