/**
 * Words for connection tracking's reasons (conntrack/reasons.ts), in two forms: the kernel's own log line
 * (nf_conntrack_log_invalid) and a sentence for people, both with the numbers of the test that failed.
 */
import {
  REASON_CLASH,
  REASON_ICMP_CHECKSUM,
  REASON_ICMP_NOT_A_QUERY,
  REASON_ICMP_OUTER_ADDRESS,
  REASON_ICMP_QUOTED_UNKNOWN,
  REASON_ICMP_QUOTED_UNREADABLE,
  REASON_ICMP_SHORT,
  REASON_ICMP_TYPE,
  REASON_ICMPV6_REDIRECT,
  REASON_NO_INVERSE,
  REASON_NO_TUPLE,
  REASON_SCTP_CHECKSUM,
  REASON_SCTP_CHUNK_TAG,
  REASON_SCTP_CHUNKS,
  REASON_SCTP_INVALID_NEW,
  REASON_SCTP_OUT_OF_THE_BLUE,
  REASON_SCTP_SHORT,
  REASON_SCTP_STATE,
  REASON_SCTP_TAG,
  REASON_TABLE_FULL,
  REASON_TCP_ACK_OVER,
  REASON_TCP_ACK_UNDER,
  REASON_TCP_CHALLENGE_ACK,
  REASON_TCP_CHECKSUM,
  REASON_TCP_FLAGS,
  REASON_TCP_IGNORED,
  REASON_TCP_INVALID_NEW,
  REASON_TCP_NOT_LOOSE,
  REASON_TCP_OVERSHOT,
  REASON_TCP_RST,
  REASON_TCP_SEQ_OVER,
  REASON_TCP_SEQ_UNDER,
  REASON_TCP_STATE,
  REASON_TCP_TIMEOUT_LOWERED,
  REASON_TCP_TRUNCATED,
  REASON_UDP_CHECKSUM,
  REASON_UDP_LENGTH,
  REASON_UDP_SHORT,
  REASON_UDPLITE_COVERAGE,
  REASON_UDPLITE_NO_CHECKSUM,
  REASON_UNTRACKABLE,
} from '../conntrack/reasons.js';
import { formatIpv6Full } from '../flow/address.js';
import { stateNames } from '../flow/names.js';
import { formatAddress } from '../wire/address.js';
import { AF_INET, IPPROTO_TCP, type Packet, T_DST } from '../wire/packet.js';

const TCP_STATES = stateNames(IPPROTO_TCP);
/** What get_conntrack_index tells apart, in its order. */
const TCP_INDEX_NAMES = ['SYN', 'SYN-ACK', 'FIN', 'ACK', 'RST'];

type Args = ArrayLike<number>;

interface ReasonText {
  /** A short name for counting and for --json consumers; never changes. */
  name: string;
  /** The kernel's text after `nf_ct_proto_N: `; absent: the kernel says nothing. */
  kernel?: (a: Args) => string;
  /** For people. */
  say: (a: Args) => string;
}

const u32 = (n: number | undefined): number => n! >>> 0;
const swap32 = (n: number): number => (n << 24) | ((n & 0xff00) << 8) | ((n >>> 8) & 0xff00) | (n >>> 24);
const hex = (n: number | undefined): string => u32(n).toString(16);

/** Texts by code. Arguments are those that the tracker stored, in the order of the comments at the codes' use. */
const TEXTS: Record<number, ReasonText> = {
  [REASON_UNTRACKABLE]: {
    name: 'untrackable',
    say: () => 'no transport header that can be tracked (fragment or unreadable extension headers)',
  },
  [REASON_NO_TUPLE]: { name: 'no-tuple', say: () => 'the packet ends before its ports' },
  [REASON_NO_INVERSE]: {
    name: 'icmp-no-reply-type',
    say: (a) => `ICMP type ${a[0]} is not a query that has a reply and belongs to no connection`,
  },
  [REASON_TABLE_FULL]: {
    name: 'table-full',
    say: (a) => `table full: ${a[0]} of ${a[1]} connections and none nearby that could be dropped early`,
  },
  [REASON_CLASH]: { name: 'clash', say: () => 'its tuple clashes with a connection confirmed before it' },
  [REASON_TCP_TRUNCATED]: {
    name: 'tcp-truncated',
    kernel: () => 'truncated packet',
    say: (a) => `TCP header of ${a[0]} bytes does not fit: ${a[1]} bytes are there`,
  },
  [REASON_TCP_CHECKSUM]: { name: 'tcp-checksum', kernel: () => 'bad checksum', say: () => 'TCP checksum is wrong' },
  [REASON_TCP_FLAGS]: {
    name: 'tcp-flags',
    kernel: () => 'invalid tcp flag combination',
    say: (a) => `TCP flag combination 0x${hex(a[0])} is not valid`,
  },
  [REASON_TCP_INVALID_NEW]: {
    name: 'tcp-invalid-new',
    kernel: () => 'invalid new',
    say: (a) => `a ${TCP_INDEX_NAMES[a[0]!]} cannot begin a connection and none is known for it`,
  },
  [REASON_TCP_NOT_LOOSE]: {
    name: 'tcp-not-loose',
    say: () => 'no SYN and tcp_loose=0: no connection is known and none is picked up in the middle',
  },
  [REASON_TCP_STATE]: {
    name: 'tcp-state',
    kernel: (a) => `packet (index ${a[0]}) in dir ${a[1]} invalid, state ${TCP_STATES[a[2]!]}`,
    say: (a) =>
      `a ${TCP_INDEX_NAMES[a[0]!]} in the ${a[1] ? 'reply' : 'original'} direction does not fit state ${TCP_STATES[a[2]!]}`,
  },
  [REASON_TCP_RST]: {
    name: 'tcp-rst',
    kernel: () => 'invalid rst',
    say: (a) => `RST with seq ${u32(a[0])} is before the last acknowledged ${u32(a[1])}`,
  },
  [REASON_TCP_SEQ_OVER]: {
    name: 'tcp-seq-over-window',
    kernel: (a) => `SEQ is over upper bound ${u32(a[1])} (over the window of the receiver)`,
    say: (a) => `seq ${u32(a[0])} is ${u32(a[0]! - a[1]!) + 1} above the window end ${u32(a[1]! - 1)}`,
  },
  [REASON_TCP_ACK_OVER]: {
    name: 'tcp-ack-over',
    kernel: (a) => `ACK is over upper bound ${u32(a[1])} (ACKed data not seen yet)`,
    say: (a) => `ack ${u32(a[0])} is ${u32(a[0]! - a[1]! + 1)} above ${u32(a[1]! - 1)}, the end of what was sent`,
  },
  [REASON_TCP_SEQ_UNDER]: {
    name: 'tcp-seq-under',
    kernel: (a) => `SEQ is under lower bound ${u32(a[1])} (already ACKed data retransmitted)`,
    say: (a) => `end ${u32(a[0])} is below the lower bound ${u32(a[1])}: data acknowledged long ago`,
  },
  [REASON_TCP_ACK_UNDER]: {
    name: 'tcp-ack-under',
    kernel: (a) => `ignored ACK under lower bound ${u32(a[1])} (possible overly delayed)`,
    say: (a) => `ack ${u32(a[0])} is below the lower bound ${u32(a[1])}: overly delayed`,
  },
  [REASON_TCP_OVERSHOT]: {
    name: 'tcp-overshot',
    kernel: (a) => `${u32(a[0])} bytes more than expected`,
    say: (a) => `${u32(a[0])} bytes more than the receiver's window allows`,
  },
  [REASON_TCP_IGNORED]: {
    name: 'tcp-ignored',
    kernel: (a) => `packet (index ${a[0]}) in dir ${a[1]} ignored, state ${TCP_STATES[a[2]!]}`,
    say: (a) => `a ${TCP_INDEX_NAMES[a[0]!]} let through without effect in state ${TCP_STATES[a[2]!]}`,
  },
  [REASON_TCP_CHALLENGE_ACK]: {
    name: 'tcp-challenge-ack',
    kernel: () => 'challenge-ack ignored',
    say: () => 'a challenge ACK (RFC 5961) let through without effect',
  },
  [REASON_TCP_TIMEOUT_LOWERED]: {
    name: 'tcp-timeout-lowered',
    kernel: (a) => `packet (index ${a[0]}, dir ${a[1]}) response for index ${a[2]} lower timeout to ${u32(a[3])}`,
    say: (a) => `an out-of-window ${TCP_INDEX_NAMES[a[0]!]} was answered: the timeout was lowered`,
  },
  [REASON_UDP_SHORT]: {
    name: 'udp-short',
    kernel: () => 'short packet',
    say: () => 'the packet ends inside its UDP header',
  },
  [REASON_UDP_LENGTH]: {
    name: 'udp-length',
    kernel: () => 'truncated/malformed packet',
    say: (a) => `UDP length ${a[0]} does not fit the ${a[1]} bytes that are there`,
  },
  [REASON_UDP_CHECKSUM]: { name: 'udp-checksum', kernel: () => 'bad checksum', say: () => 'UDP checksum is wrong' },
  [REASON_UDPLITE_COVERAGE]: {
    name: 'udplite-coverage',
    kernel: () => 'invalid checksum coverage',
    say: (a) => `UDP-Lite checksum coverage ${a[0]} does not fit the ${a[1]} bytes that are there`,
  },
  [REASON_UDPLITE_NO_CHECKSUM]: {
    name: 'udplite-no-checksum',
    kernel: () => 'checksum missing',
    say: () => 'UDP-Lite without a checksum',
  },
  [REASON_ICMP_SHORT]: {
    name: 'icmp-short',
    kernel: () => 'short packet',
    say: () => 'the packet ends inside its ICMP header',
  },
  [REASON_ICMP_CHECKSUM]: {
    name: 'icmp-checksum',
    kernel: (a) => (a[0] === 58 ? 'ICMPv6 checksum failed' : 'bad hw icmp checksum'),
    say: () => 'ICMP checksum is wrong',
  },
  [REASON_ICMP_TYPE]: {
    name: 'icmp-type',
    kernel: () => 'invalid icmp type',
    say: (a) => `ICMP type ${a[0]} is above 18, the highest known`,
  },
  [REASON_ICMP_QUOTED_UNREADABLE]: {
    name: 'icmp-quoted-unreadable',
    say: () => 'the packet quoted in the ICMP error cannot be read',
  },
  [REASON_ICMP_QUOTED_UNKNOWN]: {
    name: 'icmp-quoted-unknown',
    say: () => 'the ICMP error quotes a packet of no known connection',
  },
  [REASON_ICMP_OUTER_ADDRESS]: {
    name: 'icmp-outer-address',
    say: () => 'the ICMP error does not go to the sender of the packet that it quotes',
  },
  [REASON_ICMP_NOT_A_QUERY]: {
    name: 'icmp-not-a-query',
    say: (a) => `ICMP type ${a[0]} cannot begin a connection and none is known for it`,
  },
  [REASON_ICMPV6_REDIRECT]: {
    name: 'icmpv6-redirect',
    kernel: (a) =>
      ['short redirect', 'redirect without options', 'invalid saddr or hoplimit for redirect'][a[0]!] ?? '',
    say: (a) =>
      [
        'ICMPv6 redirect that is cut short',
        'ICMPv6 redirect without options',
        'ICMPv6 redirect that is not a neighbour’s',
      ][a[0]!] ?? '',
  },
  [REASON_SCTP_SHORT]: {
    name: 'sctp-short',
    kernel: () => 'nf_ct_sctp: short packet ',
    say: () => 'the packet ends inside its SCTP header',
  },
  [REASON_SCTP_CHECKSUM]: {
    name: 'sctp-checksum',
    kernel: () => 'nf_ct_sctp: bad CRC ',
    say: () => 'SCTP checksum (CRC32c) is wrong',
  },
  [REASON_SCTP_CHUNKS]: {
    name: 'sctp-chunks',
    kernel: (a) =>
      // the kernel prints the length in network byte order as it lies in memory
      `do_basic_checks failed. chunk num ${a[0]}, type ${a[1]}, len ${((a[2]! & 0xff) << 8) | (a[2]! >> 8)} flag ${a[3]}\n`,
    say: (a) => `SCTP chunk ${a[0]} (type ${a[1]}, ${a[2]} bytes) may not stand there`,
  },
  [REASON_SCTP_OUT_OF_THE_BLUE]: {
    name: 'sctp-out-of-the-blue',
    say: () => 'SCTP ABORT, SHUTDOWN COMPLETE or COOKIE ACK of no known association',
  },
  [REASON_SCTP_INVALID_NEW]: {
    name: 'sctp-invalid-new',
    say: () => 'an SCTP packet that cannot begin an association',
  },
  [REASON_SCTP_TAG]: {
    name: 'sctp-tag',
    // printed as the tags lie in memory
    kernel: (a) => `verification tag check failed ${hex(swap32(a[0]!))} vs ${hex(swap32(a[1]!))} for dir ${a[2]}`,
    say: (a) => `SCTP verification tag ${hex(a[0])} is not ${hex(a[1])}`,
  },
  [REASON_SCTP_STATE]: {
    name: 'sctp-state',
    kernel: (a) => `Invalid, old_state ${a[0]}, dir ${a[1]}, type ${a[2]}`,
    say: (a) => `SCTP chunk type ${a[2]} does not fit the association's state`,
  },
  [REASON_SCTP_CHUNK_TAG]: {
    name: 'sctp-chunk-tag',
    say: (a) => `the verification tag does not fit SCTP chunk type ${a[0]} (RFC 9260 section 8.5.1)`,
  },
};

/** The stable short name of a code, for counting; '' for REASON_NONE. */
export function reasonName(code: number): string {
  return TEXTS[code]?.name ?? '';
}

/** A sentence for people with the numbers of the test that failed; '' for REASON_NONE. */
export function reasonText(code: number, args: Args): string {
  return TEXTS[code]?.say(args) ?? '';
}

/** What the kernel logs about it with nf_conntrack_log_invalid, without the packet; null: it logs nothing. */
export function kernelReason(p: Packet, code: number, args: Args): string | null {
  const text = code === REASON_ICMP_OUTER_ADDRESS ? outerAddress(p, args) : TEXTS[code]?.kernel?.(args);
  return text === undefined ? null : `nf_ct_proto_${p.protocol}: ${text}`;
}

/** The one text with addresses: where the error goes, and where what it quotes came from (4 words in `args`). */
function outerAddress(p: Packet, args: Args): string {
  const inner = Int32Array.from(args);
  const print = p.family === AF_INET ? (w: Int32Array, at: number) => formatAddress(AF_INET, w, at) : formatIpv6Full;
  return `outer daddr ${print(p.tuple, T_DST)} != inner ${print(inner, 0)}`;
}
