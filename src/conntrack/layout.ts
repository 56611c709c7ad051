/**
 * The memory layout of a connection: 32 words (128 bytes, two cache lines) in ConnTable.words, base = slot << 5.
 *
 *   line 0                                          line 1 (TCP; other protocols use the same words, see below)
 *    0 original source, first word                  16 td_end      \
 *    1 original destination, first word             17 td_maxend    | original direction's window
 *    2 original ports (T_PORTS form)                18 td_maxwin    |
 *    3 reply source, first word                     19 td_maxack    |
 *    4 reply destination, first word                20 scale | flags << 8
 *    5 reply ports                                  21-25            reply direction's window, the same five
 *    6 protocol | family << 8                       26 last_seq
 *    7 id: serial number, 0 in a free slot          27 last_ack
 *    8 deadline, ms of the table's clock, Int32     28 last_end
 *      (before confirmation: the timeout, ms)       29 last_win | retrans << 16 | last_index << 24 | last_dir << 31
 *    9 status: IPS_ bits, private bits from 24 on   30 wheel: next slot + 1
 *   10 state | last_wscale << 8 | last_flags << 12  31 wheel: previous slot + 1
 *      | wheel position << 20
 *   11 mark
 *   12, 13 packets and bytes of the original direction, modulo 2^32 (F_COUNTERS; what is above: ColdRecord.carries)
 *   14, 15 of the reply direction
 *
 * What few connections have lies in arrays of its own, and a private status bit says so: zones (F_ZONED), the number of a
 * ColdRecord (F_COLD).
 * UDP: 16 = time from which it is a stream. SCTP: 16, 17 = verification tags; 18, 19 = init tags; 20 = flags.
 * GRE: 16 = timeout, 17 = stream timeout (ms).
 * IPv6: words 1-3 of the four addresses lie in ConnTable.high, 12 words a slot: orig src, orig dst, reply src, reply dst.
 */
export const RECORD_WORDS = 32;
export const RECORD_SHIFT = 5;

export const R_ORIG_SRC = 0;
export const R_ORIG_DST = 1;
export const R_ORIG_PORTS = 2;
export const R_REPLY_SRC = 3;
export const R_REPLY_DST = 4;
export const R_REPLY_PORTS = 5;
export const R_PROTO = 6;
export const R_ID = 7;
/** The same word, read as a generation: a kept (slot, generation) pair is stale once it differs. */
export const R_GENERATION = R_ID;
export const R_DEADLINE = 8;
export const R_STATUS = 9;
export const R_STATE = 10;
export const R_MARK = 11;
/** Packets, then bytes; R_COUNTERS + 2 * direction. */
export const R_COUNTERS = 12;

/** First word of a direction's TCP window: R_WINDOW + 5 * direction. */
export const R_WINDOW = 16;
export const WINDOW_WORDS = 5;
export const W_END = 0;
export const W_MAXEND = 1;
export const W_MAXWIN = 2;
export const W_MAXACK = 3;
export const W_FLAGS = 4;

export const R_LAST_SEQ = 26;
export const R_LAST_ACK = 27;
export const R_LAST_END = 28;
export const R_LAST = 29;
export const R_NEXT = 30;
export const R_PREV = 31;

/** include/uapi/linux/netfilter/nf_conntrack_common.h: enum ip_conntrack_status. */
export const IPS_EXPECTED = 1 << 0;
export const IPS_SEEN_REPLY = 1 << 1;
export const IPS_ASSURED = 1 << 2;
export const IPS_CONFIRMED = 1 << 3;
export const IPS_SRC_NAT = 1 << 4;
export const IPS_DST_NAT = 1 << 5;
export const IPS_SEQ_ADJUST = 1 << 6;
export const IPS_SRC_NAT_DONE = 1 << 7;
export const IPS_DST_NAT_DONE = 1 << 8;
export const IPS_DYING = 1 << 9;
export const IPS_FIXED_TIMEOUT = 1 << 10;
export const IPS_TEMPLATE = 1 << 11;
export const IPS_NAT_CLASH = 1 << 12;
export const IPS_HELPER = 1 << 13;
export const IPS_OFFLOAD = 1 << 14;
export const IPS_HW_OFFLOAD = 1 << 15;

/** Private bits of R_STATUS, never shown. */
export const F_COUNTERS = 1 << 24; //   has packet and byte counters
export const F_TIMESTAMP = 1 << 25; //  has start and stop times
export const F_SECOND_INDEX = 1 << 26; // the reply tuple has an index entry of its own
export const F_EVENTS = 1 << 27; //     somebody listened when it was made: its events are kept and delivered
export const F_COLD = 1 << 28; //       has a ColdRecord
export const F_ZONED = 1 << 29; //      is in a zone, or older than one in a zone with the same hash
export const F_HELP = 1 << 30; //       carries a ConnHelp: helper, expectations, differing sequence numbers
/** The bits of R_STATUS that are IPS_ bits. */
export const STATUS_MASK = 0xffff;

/** R_STATE: the protocol state. */
export const STATE_MASK = 0xff;
/** R_STATE: wheel position, 12 bits. */
export const WHEEL_SHIFT = 20;
/** R_STATE without the wheel position. */
export const STATE_WITHOUT_WHEEL = (1 << WHEEL_SHIFT) - 1;

/** include/uapi/linux/netfilter/nf_conntrack_tcp.h: enum tcp_conntrack. */
export const TCP_CONNTRACK_NONE = 0;
export const TCP_CONNTRACK_SYN_SENT = 1;
export const TCP_CONNTRACK_SYN_RECV = 2;
export const TCP_CONNTRACK_ESTABLISHED = 3;
export const TCP_CONNTRACK_FIN_WAIT = 4;
export const TCP_CONNTRACK_CLOSE_WAIT = 5;
export const TCP_CONNTRACK_LAST_ACK = 6;
export const TCP_CONNTRACK_TIME_WAIT = 7;
export const TCP_CONNTRACK_CLOSE = 8;
export const TCP_CONNTRACK_SYN_SENT2 = 9;

/** include/uapi/linux/netfilter/nf_conntrack_sctp.h: enum sctp_conntrack. */
export const SCTP_CONNTRACK_NONE = 0;
export const SCTP_CONNTRACK_CLOSED = 1;
export const SCTP_CONNTRACK_COOKIE_WAIT = 2;
export const SCTP_CONNTRACK_COOKIE_ECHOED = 3;
export const SCTP_CONNTRACK_ESTABLISHED = 4;
export const SCTP_CONNTRACK_SHUTDOWN_SENT = 5;
export const SCTP_CONNTRACK_SHUTDOWN_RECD = 6;
export const SCTP_CONNTRACK_SHUTDOWN_ACK_SENT = 7;
export const SCTP_CONNTRACK_HEARTBEAT_SENT = 8;
