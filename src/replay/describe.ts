/**
 * A frame as a line that a reader of tcpdump knows: for people only, so it allocates, and it reads the bytes again instead of
 * asking the host. Any bytes at all give a line.
 */
import { formatAddress } from '../flow/address.js';

/** Link types (https://www.tcpdump.org/linktypes.html) that captures of hosts have. */
export const LINK_NULL = 0;
export const LINK_ETHERNET = 1;
export const LINK_RAW = 101;
export const LINK_LOOP = 108;
export const LINK_SLL = 113;
export const LINK_IPV4 = 228;
export const LINK_IPV6 = 229;
export const LINK_SLL2 = 276;

/** Ethertypes that are not IP, by number. */
export const ETHERTYPES: Record<number, string> = {
  2054: 'ARP',
  32821: 'RARP',
  35020: 'LLDP',
  34915: 'PPPoE discovery',
  34916: 'PPPoE',
  34958: '802.1X',
  34984: '802.1ad',
  34887: 'MPLS',
};

/**
 * Where the IP header of a frame begins: offset from the frame's first byte on; -1: not IP. VLAN tags are looked through.
 * No allocation: the driver uses it for every packet whose direction the capture does not tell.
 */
export function networkOffset(bytes: Uint8Array, start: number, end: number, linkType: number): number {
  let at = -1;
  if (linkType === LINK_ETHERNET) {
    at = start + 14;
    if (at > end) return -1;
    let type = (bytes[at - 2] << 8) | bytes[at - 1];
    while ((type === 0x8100 || type === 0x88a8) && at + 4 <= end) {
      type = (bytes[at + 2] << 8) | bytes[at + 3];
      at += 4;
    }
    if (type !== 0x0800 && type !== 0x86dd) return -1;
  } else if (linkType === LINK_SLL) at = start + 16;
  else if (linkType === LINK_SLL2) at = start + 20;
  else if (linkType === LINK_NULL || linkType === LINK_LOOP) at = start + 4;
  else if (linkType === LINK_RAW || linkType === LINK_IPV4 || linkType === LINK_IPV6) at = start;
  else if (linkType === 12 || linkType === 14) at = start; // DLT_RAW of old files
  if (at < 0 || at >= end) return -1;
  const version = bytes[at] >> 4;
  if (version === 4) return at + 20 <= end ? at : -1;
  return version === 6 && at + 40 <= end ? at : -1;
}

/** The packet in tcpdump's manner, without time and interface: `IP 10.0.0.1.80 > 10.0.0.2.4000: Flags [S.], ...`. */
export function describeFrame(
  bytes: Uint8Array,
  start: number,
  end: number,
  wireLen: number,
  linkType: number,
): string {
  const l3 = networkOffset(bytes, start, end, linkType);
  if (l3 < 0) return describeOther(bytes, start, end, wireLen, linkType);
  const view = new DataView(bytes.buffer, bytes.byteOffset + l3, end - l3);
  return bytes[l3] >> 4 === 4 ? describeIpv4(view) : describeIpv6(view);
}

function describeOther(bytes: Uint8Array, start: number, end: number, wireLen: number, linkType: number): string {
  if (linkType === LINK_ETHERNET && end - start >= 14) {
    const type = (bytes[start + 12] << 8) | bytes[start + 13];
    if (type === 0x0800 || type === 0x86dd) return `IP${type === 0x86dd ? '6' : ''}, cut short, length ${wireLen}`;
    if (type < 0x600) return `802.3, length ${wireLen}`;
    return `${ETHERTYPES[type] ?? `ethertype 0x${type.toString(16).padStart(4, '0')}`}, length ${wireLen}`;
  }
  return `not IP, length ${wireLen}`;
}

function words(view: DataView, at: number, count: number): Int32Array {
  const out = new Int32Array(4);
  for (let i = 0; i < count; i++) out[i] = view.getInt32(at + 4 * i);
  return out;
}

function describeIpv4(view: DataView): string {
  const headerLen = (view.getUint8(0) & 15) * 4;
  const total = view.getUint16(2);
  const fragment = view.getUint16(6);
  const source = formatAddress(2, words(view, 12, 1));
  const destination = formatAddress(2, words(view, 16, 1));
  const length = Math.max(0, total - headerLen);
  const offset = (fragment & 0x1fff) * 8;
  const protocol = view.getUint8(9);
  if (offset > 0 || headerLen < 20 || headerLen >= view.byteLength) {
    const more = fragment & 0x2000 ? '+' : '';
    const what = offset > 0 ? `${protocolName(protocol)} fragment at ${offset}${more}` : protocolName(protocol);
    return `IP ${source} > ${destination}: ${what}, length ${length}`;
  }
  const part = fragment & 0x2000 ? ', first fragment' : '';
  return `IP ${describeTransport(view, headerLen, protocol, source, destination, length)}${part}`;
}

function describeIpv6(view: DataView): string {
  const source = formatAddress(10, words(view, 8, 4));
  const destination = formatAddress(10, words(view, 24, 4));
  let protocol = view.getUint8(6);
  let at = 40;
  const total = 40 + view.getUint16(4);
  while (at + 8 <= view.byteLength && (protocol === 0 || protocol === 43 || protocol === 44 || protocol === 60)) {
    const next = view.getUint8(at);
    if (protocol === 44) {
      const offset = view.getUint16(at + 2) & 0xfff8;
      if (offset > 0)
        return `IP6 ${source} > ${destination}: ${protocolName(next)} fragment at ${offset}, length ${total - at - 8}`;
      at += 8;
    } else at += (view.getUint8(at + 1) + 1) * 8;
    protocol = next;
  }
  return `IP6 ${describeTransport(view, at, protocol, source, destination, Math.max(0, total - at))}`;
}

function protocolName(protocol: number): string {
  const names: Record<number, string> = {
    1: 'ICMP',
    2: 'igmp',
    4: 'ipip',
    6: 'tcp',
    17: 'UDP',
    33: 'dccp',
    47: 'GRE',
    50: 'ESP',
    51: 'AH',
    58: 'ICMP6',
    132: 'sctp',
    136: 'UDPlite',
  };
  return names[protocol] ?? `ip-proto-${protocol}`;
}

function describeTransport(view: DataView, at: number, protocol: number, s: string, d: string, length: number): string {
  const left = view.byteLength - at;
  const portsToo = protocol === 6 || protocol === 17 || protocol === 132 || protocol === 136 || protocol === 33;
  if (left < 4 || (!portsToo && protocol !== 1 && protocol !== 58)) {
    return `${s} > ${d}: ${protocolName(protocol)}, length ${length}`;
  }
  if (protocol === 1 || protocol === 58)
    return `${s} > ${d}: ${describeIcmp(view, at, protocol, left)}, length ${length}`;
  const ends = `${s}.${view.getUint16(at)} > ${d}.${view.getUint16(at + 2)}: `;
  if (protocol === 6 && left >= 20) return ends + describeTcp(view, at, length);
  if (protocol === 132 && left >= 16) return `${ends}sctp${describeSctp(view, at, left)}, length ${length}`;
  const payload = protocol === 17 || protocol === 136 ? length - 8 : length;
  return `${ends}${protocolName(protocol)}, length ${Math.max(0, payload)}`;
}

const TCP_FLAGS: readonly (readonly [number, string])[] = [
  [1, 'F'],
  [2, 'S'],
  [4, 'R'],
  [8, 'P'],
  [16, '.'],
  [32, 'U'],
  [64, 'E'],
  [128, 'W'],
];

function describeTcp(view: DataView, at: number, length: number): string {
  const bits = view.getUint8(at + 13);
  const flags = TCP_FLAGS.filter((f) => bits & f[0])
    .map((f) => f[1])
    .join('');
  const payload = Math.max(0, length - (view.getUint8(at + 12) >> 4) * 4);
  const seq = view.getUint32(at + 4);
  let s = `Flags [${flags || 'none'}]`;
  if (payload > 0) s += `, seq ${seq}:${(seq + payload) >>> 0}`;
  else if (bits & 7) s += `, seq ${seq}`;
  if (bits & 16) s += `, ack ${view.getUint32(at + 8)}`;
  return `${s}, win ${view.getUint16(at + 14)}, length ${payload}`;
}

const ICMP_TYPES: Record<number, string> = {
  0: 'echo reply',
  3: 'unreachable',
  4: 'source quench',
  5: 'redirect',
  8: 'echo request',
  9: 'router advertisement',
  10: 'router solicitation',
  11: 'time exceeded',
  12: 'parameter problem',
  13: 'time stamp query',
  14: 'time stamp reply',
};
const ICMPV6_TYPES: Record<number, string> = {
  1: 'destination unreachable',
  2: 'packet too big',
  3: 'time exceeded',
  4: 'parameter problem',
  128: 'echo request',
  129: 'echo reply',
  130: 'multicast listener query',
  133: 'router solicitation',
  134: 'router advertisement',
  135: 'neighbor solicitation',
  136: 'neighbor advertisement',
  143: 'multicast listener report v2',
};

function describeIcmp(view: DataView, at: number, protocol: number, left: number): string {
  const type = view.getUint8(at);
  const code = view.getUint8(at + 1);
  const name = (protocol === 1 ? ICMP_TYPES : ICMPV6_TYPES)[type];
  const title = `${protocolName(protocol)} ${name ?? `type ${type}`}`;
  const echo = protocol === 1 ? type === 0 || type === 8 : type === 128 || type === 129;
  if (echo && left >= 8) return `${title}, id ${view.getUint16(at + 4)}, seq ${view.getUint16(at + 6)}`;
  return code === 0 && !(protocol === 1 && type === 3) ? title : `${title}, code ${code}`;
}

const SCTP_CHUNKS = [
  'DATA',
  'INIT',
  'INIT ACK',
  'SACK',
  'HB REQ',
  'HB ACK',
  'ABORT',
  'SHUTDOWN',
  'SHUTDOWN ACK',
  'OP ERR',
  'COOKIE ECHO',
  'COOKIE ACK',
  'ECNE',
  'CWR',
  'SHUTDOWN COMPLETE',
];

function describeSctp(view: DataView, at: number, left: number): string {
  let s = '';
  // A chunk length below 4 would not move on.
  for (let off = 12, n = 1; off + 4 <= left && n <= 4; n++) {
    const type = view.getUint8(at + off);
    const len = view.getUint16(at + off + 2);
    s += ` (${n}) [${SCTP_CHUNKS[type] ?? `chunk ${type}`}]`;
    if (len < 4) break;
    off += (len + 3) & ~3;
  }
  return s;
}
