/**
 * Why a packet is INVALID, or is dropped by connection tracking: one code a test, with the numbers that it compared.
 *
 * The packet path stores the code in `Packet.reason` and up to four numbers in `Packet.reasonArgs`; host/reason-texts.ts makes
 * words of them.
 */

export const REASON_NONE = 0;
export const REASON_UNTRACKABLE = 1;
export const REASON_NO_TUPLE = 2;
export const REASON_NO_INVERSE = 3;
export const REASON_TABLE_FULL = 4;
export const REASON_CLASH = 5;

export const REASON_TCP_TRUNCATED = 10;
export const REASON_TCP_CHECKSUM = 11;
export const REASON_TCP_FLAGS = 12;
export const REASON_TCP_INVALID_NEW = 13;
export const REASON_TCP_NOT_LOOSE = 14;
export const REASON_TCP_STATE = 15;
export const REASON_TCP_RST = 16;
export const REASON_TCP_SEQ_OVER = 17;
export const REASON_TCP_ACK_OVER = 18;
export const REASON_TCP_SEQ_UNDER = 19;
export const REASON_TCP_ACK_UNDER = 20;
export const REASON_TCP_OVERSHOT = 21;
export const REASON_TCP_IGNORED = 22;
export const REASON_TCP_CHALLENGE_ACK = 23;
export const REASON_TCP_TIMEOUT_LOWERED = 24;

export const REASON_UDP_SHORT = 30;
export const REASON_UDP_LENGTH = 31;
export const REASON_UDP_CHECKSUM = 32;
export const REASON_UDPLITE_COVERAGE = 33;
export const REASON_UDPLITE_NO_CHECKSUM = 34;

export const REASON_ICMP_SHORT = 40;
export const REASON_ICMP_CHECKSUM = 41;
export const REASON_ICMP_TYPE = 42;
export const REASON_ICMP_QUOTED_UNREADABLE = 43;
export const REASON_ICMP_QUOTED_UNKNOWN = 44;
export const REASON_ICMP_OUTER_ADDRESS = 45;
export const REASON_ICMP_NOT_A_QUERY = 46;
export const REASON_ICMPV6_REDIRECT = 47;

export const REASON_SCTP_SHORT = 50;
export const REASON_SCTP_CHECKSUM = 51;
export const REASON_SCTP_CHUNKS = 52;
export const REASON_SCTP_OUT_OF_THE_BLUE = 53;
export const REASON_SCTP_INVALID_NEW = 54;
export const REASON_SCTP_TAG = 55;
export const REASON_SCTP_STATE = 56;
export const REASON_SCTP_CHUNK_TAG = 57;
