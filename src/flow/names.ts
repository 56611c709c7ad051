/** Names and numbers of conntrack's texts: protocols, connection states, status bits. */
import {
  PROTO_DCCP,
  PROTO_GRE,
  PROTO_ICMP,
  PROTO_ICMPV6,
  PROTO_SCTP,
  PROTO_TCP,
  PROTO_UDP,
  PROTO_UDPLITE,
} from './record.js';

/** Protocols that conntrack-tools 1.4.7 names; every other one is `unknown`. */
const PROTOCOLS: readonly (readonly [number, string])[] = [
  [PROTO_ICMP, 'icmp'],
  [PROTO_TCP, 'tcp'],
  [PROTO_UDP, 'udp'],
  [PROTO_DCCP, 'dccp'],
  [PROTO_GRE, 'gre'],
  [PROTO_ICMPV6, 'icmpv6'],
  [PROTO_SCTP, 'sctp'],
  [PROTO_UDPLITE, 'udplite'],
];

/** enum tcp_conntrack; LISTEN was number 9 until it became SYN_SENT2. */
const TCP_STATES: readonly string[] = [
  'NONE',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
  'SYN_SENT2',
];

/** enum sctp_conntrack; HEARTBEAT_ACKED is gone from new kernels. */
const SCTP_STATES: readonly string[] = [
  'NONE',
  'CLOSED',
  'COOKIE_WAIT',
  'COOKIE_ECHOED',
  'ESTABLISHED',
  'SHUTDOWN_SENT',
  'SHUTDOWN_RECD',
  'SHUTDOWN_ACK_SENT',
  'HEARTBEAT_SENT',
  'HEARTBEAT_ACKED',
];

const NO_STATES: readonly string[] = [];

/** Status bits in the order of their numbers, as `-u` of conntrack(8) and `-o save` name them. */
const STATUS_NAMES: readonly string[] = [
  'EXPECTED',
  'SEEN_REPLY',
  'ASSURED',
  'CONFIRMED',
  'SRC_NAT',
  'DST_NAT',
  'SEQ_ADJUST',
  'SRC_NAT_DONE',
  'DST_NAT_DONE',
  'DYING',
  'FIXED_TIMEOUT',
  'TEMPLATE',
  'UNTRACKED',
  'HELPER',
  'OFFLOAD',
  'HW_OFFLOAD',
];

/** Names by number. */
const NAMES: readonly string[] = Array.from(
  { length: 256 },
  (_, n) => PROTOCOLS.find((p) => p[0] === n)?.[1] ?? 'unknown',
);

/** A line's column of the protocol by number: `tcp      6`. */
const COLUMNS: readonly string[] = NAMES.map((name, n) => `${name.padEnd(8)} ${n}`);

/** `tcp`, `udp` ...; 'unknown' for a protocol without a name. */
export function protocolName(protocol: number): string {
  return NAMES[protocol] ?? 'unknown';
}

/** Name and number of a protocol as lines have them: `tcp      6`. */
export function protocolColumn(protocol: number): string {
  return COLUMNS[protocol] ?? `unknown  ${protocol}`;
}

/** The number of a protocol's name, -1 where there is none. */
export function protocolNumber(name: string): number {
  const found = PROTOCOLS.find((p) => p[1] === name);
  return found ? found[0] : -1;
}

/** The states of a protocol, indexed by number; empty for a protocol without states. */
export function stateNames(protocol: number): readonly string[] {
  if (protocol === PROTO_TCP) return TCP_STATES;
  if (protocol === PROTO_SCTP) return SCTP_STATES;
  return NO_STATES;
}

/** A state's number, -1 where the protocol has no such state. LISTEN is the old name of SYN_SENT2. */
export function stateNumber(protocol: number, name: string): number {
  if (protocol === PROTO_TCP && name === 'LISTEN') return 9;
  return stateNames(protocol).indexOf(name);
}

/** Names of the status bits set in `status`, lowest bit first. */
export function statusNames(status: number): string[] {
  return STATUS_NAMES.filter((_, bit) => (status >>> bit) & 1);
}

/** The bit of a status name, 0 where there is none. */
export function statusBit(name: string): number {
  const bit = STATUS_NAMES.indexOf(name);
  return bit < 0 ? 0 : 1 << bit;
}

/** How a protocol's tuple shows its transport part. */
export function tupleKind(protocol: number): 'ports' | 'icmp' | 'keys' | 'none' {
  switch (protocol) {
    case PROTO_TCP:
    case PROTO_UDP:
    case PROTO_UDPLITE:
    case PROTO_SCTP:
    case PROTO_DCCP:
      return 'ports';
    case PROTO_ICMP:
    case PROTO_ICMPV6:
      return 'icmp';
    case PROTO_GRE:
      return 'keys';
    default:
      return 'none';
  }
}
