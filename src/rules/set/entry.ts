/** An element as text names it, before it is spread over the addresses and ports that it stands for. */
import { ADDRESS_WORDS } from '../../wire/address.js';
import { TIMEOUT_DEFAULT } from './ask.js';

/** No prefix length was given. */
export const NO_LENGTH = -1;

/** An address of an entry: one, a prefix, or (IPv4) a range. */
export interface EntryAddress {
  /** Four words, host bits as written. */
  words: Int32Array;
  /** Prefix length; NO_LENGTH = none was given. */
  length: number;
  /** IPv4: the last address of a range, Int32; null = no range. */
  to: number | null;
}

/** What `ipset add`, `del` or `test` says of an element. */
export interface SetEntry {
  /** The `ip` and `net` parts in their order. */
  addresses: EntryAddress[];
  protocol: number;
  /** First and last; ICMP: type << 8 | code. */
  ports: [number, number];
  /** 6 bytes; null = not given. */
  mac: Uint8Array | null;
  /** Int32. */
  mark: number;
  iface: string;
  /** The interface is a port of a bridge. */
  physdev: boolean;
  /** list:set: the member, and the one that it stands before (1) or after (-1); 0 = anywhere. */
  member: string;
  beside: string;
  before: number;

  /** Seconds; TIMEOUT_DEFAULT = the set's; 0 = for ever. */
  timeout: number;
  /** null = not given. */
  packets: number | null;
  bytes: number | null;
  comment: string | null;
  /** Mark, mask, class, queue; null = none of them was given. */
  skbinfo: Int32Array | null;
  nomatch: boolean;
  wildcard: boolean;
}

/** An entry that says nothing. */
export function emptyEntry(): SetEntry {
  return {
    addresses: [],
    protocol: 0,
    ports: [0, 0],
    mac: null,
    mark: 0,
    iface: '',
    physdev: false,
    member: '',
    beside: '',
    before: 0,
    timeout: TIMEOUT_DEFAULT,
    packets: null,
    bytes: null,
    comment: null,
    skbinfo: null,
    nomatch: false,
    wildcard: false,
  };
}

/** One address without prefix and range. */
export function entryAddress(): EntryAddress {
  return { words: new Int32Array(ADDRESS_WORDS), length: NO_LENGTH, to: null };
}
