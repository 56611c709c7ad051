/**
 * What several extensions print alike at the end of a rule's line in `iptables -L`, blanks included, as iptables 1.8.9 does.
 */
import { formatAddress } from '../wire/address.js';
import { AF_INET } from '../wire/packet.js';
import { prefixLength } from './address.js';
import type { PortRange } from './match/ports.js';
import type { Family } from './model.js';
import { serviceName } from './names.js';
import type { Range } from './range-option.js';

/** `!` or nothing. */
export function bang(invert: boolean): string {
  return invert ? '!' : '';
}

/** A port's number, or its name in the protocol's services. */
export function listedPort(port: number, protocol: number, numeric: boolean): string {
  return (numeric ? '' : serviceName(port, protocol)) || String(port);
}

/** ` dpt:22`, ` dpts:!ssh:443`; nothing for all ports. `word`: spt or dpt. */
export function listedPorts(word: string, range: PortRange, protocol: number, numeric: boolean): string {
  const { from, to, invert } = range;
  if (from === 0 && to === 65535 && !invert) return '';
  const first = listedPort(from, protocol, numeric);
  if (from === to) return ` ${word}:${bang(invert)}${first}`;
  return ` ${word}s:${bang(invert)}${first}:${listedPort(to, protocol, numeric)}`;
}

/** `spi:5`, `spis:!1:2`; nothing for all 32-bit numbers. `word`: what one of them is called. */
export function listedRange(word: string, range: Range, invert: boolean): string {
  const { low, high } = range;
  if (low === 0 && high === 0xffffffff && !invert) return '';
  return low === high ? `${word}:${bang(invert)}${low}` : `${word}s:${bang(invert)}${low}:${high}`;
}

const LOCALHOST = 0x7f000001;
/** What a fresh Debian has in /etc/hosts and /etc/networks. */
const NAMED: ReadonlyMap<number, string> = new Map([
  [LOCALHOST, 'localhost'],
  [0x7f000000, 'loopback'],
  [0xa9fe0000 | 0, 'link-local'],
]);

/** An address that may have a mask, as -m conntrack lists it. A mask with holes is not shown; names are not looked up. */
export function listedHost(address: Int32Array, mask: Int32Array, family: Family, numeric: boolean): string {
  const isAny = address.every((word) => word === 0);
  if (isAny && !numeric) return 'anywhere';
  const bits = prefixLength(mask, family);
  const length = bits < 0 || bits === (family === AF_INET ? 32 : 128) ? '' : `/${bits}`;
  const name = numeric || family !== AF_INET ? undefined : NAMED.get(address[0] as number);
  return (name ?? formatAddress(family, address)) + length;
}
