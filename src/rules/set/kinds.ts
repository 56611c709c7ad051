/**
 * The set types of ipset 7.17 as data: what an element is made of, and what a set of the type may be asked.
 *
 * An element is a row of parts in the order in which text and rules name them: `hash:ip,port,net` is ip, port, net. A part is one
 * *dimension*; a rule says for each whether the packet's source or destination is meant.
 */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';

/** What a part of an element is; `net` is an address with a prefix length. */
export type Part = 'ip' | 'net' | 'port' | 'mac' | 'mark' | 'iface' | 'set';

/** A set type. */
export interface SetKind {
  name: string;
  /** The name of the type before ipset 6, which is still taken. */
  alias: string;
  storage: 'hash' | 'bitmap' | 'list';
  parts: readonly Part[];
  /** How many parts. */
  dimension: number;
  /** Families that a set may have; none: sets of it fit rules of both. */
  families: readonly number[];
  /** As `ipset list` prints it on Linux 6.18. */
  revision: number;
  /** Whether it has prefixes, and with them `nomatch`. */
  nets: boolean;
  /** `netmask` (and `bitmask`) of create. */
  netmask: boolean;
  bitmask: boolean;
  /** Whether the first address may not be 0.0.0.0 or ::. */
  noZero: boolean;
  /** Whether a prefix of length 0 may be added (only where interfaces or a second prefix make a difference). */
  zeroLength: boolean;
}

const BOTH = [AF_INET, AF_INET6];

function kind(
  name: string,
  alias: string,
  revision: number,
  families: readonly number[],
  extra: Partial<SetKind> = {},
) {
  const [storage, text] = name.split(':') as [SetKind['storage'], string];
  const parts = text.split(',') as Part[];
  const nets = parts.includes('net');
  const made: SetKind = {
    name,
    alias,
    storage,
    parts,
    dimension: parts.length,
    families,
    revision,
    nets,
    netmask: false,
    bitmask: false,
    noZero: name === 'hash:ip' || name === 'hash:ip,port',
    zeroLength: false,
    ...extra,
  };
  return made;
}

/** All set types, in the order of their documentation. */
export const SET_KINDS: readonly SetKind[] = [
  kind('bitmap:ip', 'ipmap', 3, [AF_INET], { netmask: true }),
  kind('bitmap:ip,mac', 'macipmap', 3, [AF_INET]),
  kind('bitmap:port', 'portmap', 3, []),
  kind('hash:ip', 'iphash', 6, BOTH, { netmask: true, bitmask: true }),
  kind('hash:mac', '', 1, []),
  kind('hash:ip,mac', '', 1, BOTH),
  kind('hash:net', 'nethash', 7, BOTH),
  kind('hash:net,net', '', 4, BOTH, { netmask: true, bitmask: true, zeroLength: true }),
  kind('hash:ip,port', 'ipporthash', 7, BOTH, { netmask: true, bitmask: true }),
  kind('hash:net,port', 'netporthash', 8, BOTH),
  kind('hash:ip,port,ip', 'ipportiphash', 6, BOTH),
  kind('hash:ip,port,net', 'ipportnethash', 8, BOTH),
  kind('hash:ip,mark', '', 3, BOTH),
  kind('hash:net,port,net', 'netportnethash', 3, BOTH, { zeroLength: true }),
  kind('hash:net,iface', 'netifacehash', 8, BOTH, { zeroLength: true }),
  kind('list:set', 'setlist', 3, []),
];

/** The type of this name or old name. */
export function setKind(name: string): SetKind | undefined {
  return SET_KINDS.find((k) => k.name === name || (k.alias !== '' && k.alias === name));
}
