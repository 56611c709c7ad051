/**
 * One record of a tracked connection, simulated or live, and of an expectation: what conntrack(8) shows, as an object.
 *
 * Records are made when somebody looks (a dump, an event), never on the packet path. `null` always means "not shown":
 * an event carries less than a dump, and a text form less than a record.
 */

/** Transport numbers that have a form of their own in conntrack's texts. */
export const PROTO_ICMP = 1;
export const PROTO_TCP = 6;
export const PROTO_UDP = 17;
export const PROTO_DCCP = 33;
export const PROTO_GRE = 47;
export const PROTO_ICMPV6 = 58;
export const PROTO_SCTP = 132;
export const PROTO_UDPLITE = 136;

/** Status bits, numbered as the kernel's enum ip_conntrack_status (include/uapi/linux/netfilter/nf_conntrack_common.h). */
export const STATUS_EXPECTED = 1 << 0;
export const STATUS_SEEN_REPLY = 1 << 1;
export const STATUS_ASSURED = 1 << 2;
export const STATUS_CONFIRMED = 1 << 3;
export const STATUS_SRC_NAT = 1 << 4;
export const STATUS_DST_NAT = 1 << 5;
export const STATUS_SEQ_ADJUST = 1 << 6;
export const STATUS_SRC_NAT_DONE = 1 << 7;
export const STATUS_DST_NAT_DONE = 1 << 8;
export const STATUS_DYING = 1 << 9;
export const STATUS_FIXED_TIMEOUT = 1 << 10;
export const STATUS_TEMPLATE = 1 << 11;
export const STATUS_HELPER = 1 << 13;
export const STATUS_OFFLOAD = 1 << 14;
export const STATUS_HW_OFFLOAD = 1 << 15;

/** Expectation flags (NF_CT_EXPECT_ in the kernel's nf_conntrack_common.h). */
export const EXPECT_PERMANENT = 1;
export const EXPECT_INACTIVE = 2;
export const EXPECT_USERSPACE = 4;

/** One direction's tuple. Of ports, icmp and keys at most one is set; which one follows from the protocol. */
export interface FlowTuple {
  /** Addresses as text, IPv6 in its short form (flow/address). */
  source: string;
  /** Address as text. */
  destination: string;
  /** TCP, UDP, UDP-Lite, SCTP, DCCP. */
  ports: { source: number; destination: number } | null;
  /** ICMP and ICMPv6 queries. */
  icmp: { type: number; code: number; id: number } | null;
  /** GRE: 16-bit keys. */
  keys: { source: number; destination: number } | null;
}

/** One direction's accounting; doubles, exact up to 2^53. */
export interface FlowCounters {
  /** Packets of this direction. */
  packets: number;
  /** Their bytes, from the IP header on. */
  bytes: number;
}

/** A connection. Source: the attributes of ctnetlink (include/uapi/linux/netfilter/nfnetlink_conntrack.h). */
export interface FlowRecord {
  /** AF_INET 2 or AF_INET6 10. */
  family: 2 | 10;
  /** IP protocol number. */
  protocol: number;
  /** The tuple of the packet that began it. */
  original: FlowTuple;
  /** The tuple that answers have: the mirrored original, but where addresses are translated. */
  reply: FlowTuple;
  /** Zone of the original direction; the same number in both shows as `zone=`. 0 = the default zone. */
  zoneOriginal: number;
  /** Zone of the reply direction. */
  zoneReply: number;
  /** The kernel's state number of TCP and SCTP; null where not shown and for all other protocols. */
  state: number | null;
  /** Seconds left, rounded down. */
  timeout: number | null;
  /** STATUS_ bits. Texts show only some of them: a parsed record has those that its text told. */
  status: number;
  /** Connection mark, unsigned 32 bits. */
  mark: number | null;
  /**
   * Names of the labels that are set (connlabel.conf); one without a name is its number in decimal, or '' where a text told no more
   * than that there is one.
   */
  labels: readonly string[] | null;
  /** Security context, as SELinux names it. */
  secctx: string | null;
  /** Name of the connection's helper: `ftp`. */
  helper: string | null;
  /** Both directions, or null: accounting is off. */
  counters: { original: FlowCounters; reply: FlowCounters } | null;
  /** Nanoseconds since the epoch; null: timestamps are off. */
  startNs: bigint | null;
  /** Set in DESTROY events only. */
  stopNs: bigint | null;
  /** Age in seconds as shown; kept apart from startNs because texts show one without the other. */
  ageSeconds: number | null;
  /** The number that `-o id` shows, unsigned 32 bits. */
  id: number | null;
  /** Reference count. */
  use: number | null;
  /** SCTP verification tags as conntrack(8) shows them: the bytes of the wire as a number of the machine. */
  vtags: { original: number; reply: number } | null;
  /** GRE timeouts in seconds, which only /proc shows. */
  greTimeouts: { timeout: number; stream: number } | null;
  /** What the kernel keeps and no text shows; there where a live table was asked for it. */
  details?: FlowDetails;
}

/** What the kernel keeps of a connection and no text of conntrack(8) shows; null: this one has none. */
export interface FlowDetails {
  /** TCP. */
  tcp: TcpDetails | null;
  /** DCCP, which kernels up to 6.16 track. */
  dccp: DccpDetails | null;
  /** How NAT helpers shift the sequence numbers of the original direction. */
  adjustOriginal: SequenceAdjustment | null;
  /** Of the reply direction. */
  adjustReply: SequenceAdjustment | null;
  /** What SYNPROXY remembers of the handshake. */
  synproxy: SynproxyDetails | null;
  /** The connection that announced this one. */
  master: MasterDetails | null;
}

/** Both directions' window scales and flags. */
export interface TcpDetails {
  /** Window scale (a shift) of the original direction. */
  scaleOriginal: number;
  /** Of the reply direction. */
  scaleReply: number;
  /** IP_CT_TCP_FLAG_ bits of the original direction. */
  flagsOriginal: number;
  /** Of the reply direction. */
  flagsReply: number;
}

/** State and role as the kernel numbers them (enum ct_dccp_states, ct_dccp_roles). */
export interface DccpDetails {
  /** State. */
  state: number;
  /** Role of the original direction: 0 client, 1 server. */
  role: number;
  /** Sequence number of the handshake, 48 bits. */
  handshakeSequence: bigint;
}

/** Initial sequence number and timestamp that the host sent in place of the server, and how far the server's own are off. */
export interface SynproxyDetails {
  /** Initial sequence number, unsigned 32 bits. */
  isn: number;
  /** Initial timestamp, unsigned 32 bits. */
  its: number;
  /** Offset of the timestamps, signed. */
  timestampOffset: number;
}

/** A connection that announced another. */
export interface MasterDetails {
  /** Its original tuple. */
  tuple: FlowTuple;
  /** IP protocol number. */
  protocol: number;
}

/** A shift of one direction's sequence numbers. */
export interface SequenceAdjustment {
  /** Sequence number from which on `offsetAfter` holds. */
  correctionPosition: number;
  /** Bytes, signed. */
  offsetBefore: number;
  /** Bytes, signed. */
  offsetAfter: number;
}

/** What happened to a connection. */
export type FlowEventType = 'NEW' | 'UPDATE' | 'DESTROY';

/** A change of a connection, as `conntrack -E` shows it. */
export interface FlowEvent {
  /** What happened. */
  type: FlowEventType;
  /** The connection after it; events show less of it than a dump does. */
  record: FlowRecord;
  /** Microseconds since the epoch; null: not known. */
  timestampUs: number | null;
  /** Netlink port of the program that made the change; null: a packet or a timer did. */
  portid: number | null;
  /** That program's name. */
  progname: string | null;
}

/** An expected connection: what it must look like, and whose it is. */
export interface ExpectationRecord {
  /** 2: IPv4, 10: IPv6. */
  family: 2 | 10;
  /** Protocol number of what is expected. */
  protocol: number;
  /** Seconds left; null: not shown. */
  timeout: number | null;
  /** What is expected, where the mask has bits. */
  tuple: FlowTuple;
  /** Which parts of the tuple count: addresses as masks, ports 0 or 65535. Addresses are '' where not told (/proc). */
  mask: FlowTuple;
  /** Original tuple of the connection that announced it. Addresses are '' where not told (/proc). */
  master: FlowTuple;
  /** Zone of the master. */
  zone: number;
  /** EXPECT_ bits. */
  flags: number;
  /** Number of its kind among those of the helper. */
  class: number;
  /** Name of the master's helper. */
  helper: string | null;
  /** What no text shows; there where a live table was asked for it. */
  details?: ExpectationDetails;
}

/** What the kernel keeps of an expectation and no text of conntrack(8) shows. */
export interface ExpectationDetails {
  /** The kernel's number of it. */
  id: number;
  /** Protocol number of the master, which may be another than that of what is expected. */
  masterProtocol: number;
  /** Name of the function that is called when it comes: `nat-follow-master`; null: none. */
  function: string | null;
  /** How the expected connection is translated; null: not. */
  nat: ExpectationNat | null;
}

/** The translation of an expected connection. */
export interface ExpectationNat {
  /** 0: the original direction, 1: the reply's. */
  direction: number;
  /** Address and port to translate to. */
  tuple: FlowTuple;
}

/** A change of an expectation, as `conntrack -E expect` shows it. */
export interface ExpectationEvent {
  /** NEW or DESTROY. */
  type: FlowEventType;
  /** What it was then. */
  record: ExpectationRecord;
  /** Microseconds since the epoch; null: not shown. */
  timestampUs: number | null;
}

/** A tuple without a transport part. */
export function plainTuple(source: string, destination: string): FlowTuple {
  return { source, destination, ports: null, icmp: null, keys: null };
}

/** A record of which only the tuples are known; everything else is "not shown". */
export function newRecord(family: 2 | 10, protocol: number, original: FlowTuple, reply: FlowTuple): FlowRecord {
  return {
    family,
    protocol,
    original,
    reply,
    zoneOriginal: 0,
    zoneReply: 0,
    state: null,
    timeout: null,
    status: 0,
    mark: null,
    labels: null,
    secctx: null,
    helper: null,
    counters: null,
    startNs: null,
    stopNs: null,
    ageSeconds: null,
    id: null,
    use: null,
    vtags: null,
    greTimeouts: null,
  };
}

/**
 * Whether the source (or the destination) address was translated. The kernel marks each half that went through its nat table; where
 * a record does not tell the whole status (texts do not), an answer's address that does not mirror the original is taken for it.
 */
export function isTranslated(r: FlowRecord, isSource: boolean): boolean {
  return (
    isNatDone(r, isSource) &&
    (isSource ? r.reply.destination !== r.original.source : r.reply.source !== r.original.destination)
  );
}

/** Whether the nat table may have dealt with the source (or the destination), by the status as far as the record tells it. */
export function isNatDone(r: FlowRecord, isSource: boolean): boolean {
  const done = isSource ? STATUS_SRC_NAT_DONE : STATUS_DST_NAT_DONE;
  return (r.status & STATUS_CONFIRMED) === 0 || (r.status & done) !== 0;
}
