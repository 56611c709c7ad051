/**
 * Mutants that no test can notice, or that need not be noticed, with the reason. `run.mjs` complains of a row that is no longer
 * needed, the test beside this of one that names no mutant.
 */

import { EQUIVALENT_NAT } from './equivalent-nat.js';

/** Keys of mutants (see mutants.ts) that share a reason. */
export interface Equivalent {
  why: string;
  keys: readonly string[];
}

export const EQUIVALENT: Readonly<Record<string, readonly Equivalent[]>> = {
  'src/conntrack/tcp-window.ts': [
    {
      why: 'TH_PSH names a flag for others; tracking never looks at it',
      keys: ['TH_PSH :: export const TH_PSH = 8; :: 8 -> 9', 'TH_PSH :: export const TH_PSH = 8; :: 8 -> 7'],
    },
    {
      why: 'W_END is 0',
      keys: [
        'initSender :: w[sender + W_END] = end; :: sender + W_END -> (sender) - (W_END)',
        'pickUpSender :: w[sender + W_END] = end; :: sender + W_END -> (sender) - (W_END)',
        'pickUpSender :: w[receiver + W_END] = sack; :: receiver + W_END -> (receiver) - (W_END)',
        'pickUpSender :: } else if (sack === ((w[receiver + W_END]! + 1) | 0)) { :: receiver + W_END -> (receiver) - (W_END)',
        'pickUpSender :: w[receiver + W_END] = sack; :: receiver + W_END -> (receiver) - (W_END) #2',
        'inWindow :: ((w[sender + W_END]! - end) | 0) < 0 && :: sender + W_END -> (sender) - (W_END)',
        'inWindow :: const receiverEnd = w[receiver + W_END]!; :: receiver + W_END -> (receiver) - (W_END)',
        'inWindow :: if ((flags & TH_RST) !== 0 && seq === 0 && state === TCP_CONNTRACK_SYN_SENT) seq = end = w[sender + … :: sender + W_END -> (sender) - (W_END)',
        'inWindow :: const lowerEnd = (w[sender + W_END]! - receiverMaxwin - 1) | 0; :: sender + W_END -> (sender) - (W_END)',
        'inWindow :: w[sender + W_END] = end; :: sender + W_END -> (sender) - (W_END)',
        'moveWindows :: if (((w[sender + W_END]! - end) | 0) < 0) { :: sender + W_END -> (sender) - (W_END)',
        'moveWindows :: w[sender + W_END] = end; :: sender + W_END -> (sender) - (W_END)',
        'moveWindows :: if (ack === w[receiver + W_END] && (w[receiver + W_FLAGS]! & FLAG_DATA_UNACKNOWLEDGED) !== 0) :: receiver + W_END -> (receiver) - (W_END)',
      ],
    },
    {
      why: 'results are only compared with WINDOW_ACCEPT and WINDOW_IGNORE: any three numbers do',
      keys: [
        'WINDOW_ACCEPT :: export const WINDOW_ACCEPT = 1; :: 1 -> 2',
        'WINDOW_INVALID :: export const WINDOW_INVALID = -1; :: 1 -> 2',
      ],
    },
    {
      why: 'where a side has no window yet, its scale is 0; and a shift count is taken modulo 32',
      keys: [
        'pickUpSender :: const window = p.window << (w[sender + W_FLAGS]! & 0xff); :: p.window << (w[sender + W_FLAGS]! & 0xff) -> (p.window) >> ((w[sender + W_FLAGS]! & 0xff))',
        'pickUpSender :: const window = p.window << (w[sender + W_FLAGS]! & 0xff); :: 0xff -> 256',
        'pickUpSender :: const window = p.window << (w[sender + W_FLAGS]! & 0xff); :: 0xff -> 254',
      ],
    },
    {
      why: 'the sum is stored into an Int32Array, or cut to 32 bits where it is used: all sums of so few terms are exact',
      keys: [
        'pickUpSender :: w[sender + W_MAXEND] = (end + w[sender + W_MAXWIN]!) | 0; :: (end + w[sender + W_MAXWIN]!) | 0 -> (end + w[sender + W_MAXWIN]!)',
        'inWindow :: const offset = seqOffset(t.table.coldOf(slot).help!, 1 - direction, (ack - 1) | 0); :: (ack - 1) | 0 -> (ack - 1)',
        'inWindow :: ack = (ack - offset) | 0; :: (ack - offset) | 0 -> (ack - offset)',
        'inWindow :: sack = (sack - offset) | 0; :: (sack - offset) | 0 -> (sack - offset)',
        'inWindow :: const upperSeq = (w[sender + W_MAXEND]! + 1) | 0; :: (w[sender + W_MAXEND]! + 1) | 0 -> (w[sender + W_MAXEND]! + 1)',
        'inWindow :: const lowerEnd = (w[sender + W_END]! - receiverMaxwin - 1) | 0; :: (w[sender + W_END]! - receiverMaxwin - 1) | 0 -> (w[sender + W_END]! - receiverMaxwin - 1)',
        'inWindow :: const lowerAck = (receiverEnd - ackWindow - 1) | 0; :: (receiverEnd - ackWindow - 1) | 0 -> (receiverEnd - ackWindow - 1)',
        'inWindow :: const upperAck = (receiverEnd + 1) | 0; :: (receiverEnd + 1) | 0 -> (receiverEnd + 1)',
        'inWindow :: const overshot = (end - w[sender + W_MAXEND]! + 1) | 0; :: (end - w[sender + W_MAXEND]! + 1) | 0 -> (end - w[sender + W_MAXEND]! + 1)',
        'moveWindows :: const offered = (window + ((sack - ack) | 0)) | 0; :: (window + ((sack - ack) | 0)) | 0 -> (window + ((sack - ack) | 0))',
        'moveWindows :: const offered = (window + ((sack - ack) | 0)) | 0; :: (sack - ack) | 0 -> (sack - ack)',
        'moveWindows :: if (w[receiver + W_MAXWIN] !== 0 && before < 0) w[receiver + W_MAXWIN] = (w[receiver + W_MAXWIN]! - … :: (w[receiver + W_MAXWIN]! - before) | 0 -> (w[receiver + W_MAXWIN]! - before)',
        'moveWindows :: const allowed = (sack + window) | 0; :: (sack + window) | 0 -> (sack + window)',
        'moveWindows :: w[receiver + W_MAXEND] = window === 0 ? (allowed + 1) | 0 : allowed; :: (allowed + 1) | 0 -> (allowed + 1)',
      ],
    },
    {
      why: 'at 66,000 both sides of the choice are 66,000',
      keys: [
        'inWindow :: const ackWindow = w[sender + W_MAXWIN]! >>> 0 > MAX_ACK_WINDOW ? w[sender + W_MAXWIN]! : MAX_ACK_WIN… :: w[sender + W_MAXWIN]! >>> 0 > MAX_ACK_WINDOW -> (w[sender + W_MAXWIN]! >>> 0) >= (MAX_ACK_WINDOW)',
      ],
    },
    {
      why: "what lies beyond the upper edge lies above the lower one: END is at most the receiver's window beyond MAXEND, and where that window is 0 no overshoot is small enough",
      keys: [
        'inWindow :: receiverMaxwin !== 0 && :: receiverMaxwin !== 0 && ((lowerEnd - end) | 0) < 0 -> (receiverMaxwin !== 0) || (((lowerEnd - end) | 0) < 0)',
        'inWindow :: receiverMaxwin !== 0 && :: receiverMaxwin !== 0 && ((lowerEnd - end) | 0) < 0 -> receiverMaxwin !== 0',
        'inWindow :: receiverMaxwin !== 0 && :: receiverMaxwin !== 0 && ((lowerEnd - end) | 0) < 0 -> ((lowerEnd - end) | 0) < 0',
        'inWindow :: receiverMaxwin !== 0 && :: 0 -> 1',
        'inWindow :: receiverMaxwin !== 0 && :: 0 -> (-1)',
        'inWindow :: ((lowerEnd - end) | 0) < 0 && :: ((lowerEnd - end) | 0) < 0 -> (((lowerEnd - end) | 0)) <= (0)',
        'inWindow :: ((lowerEnd - end) | 0) < 0 && :: 0 -> 1',
        'inWindow :: ((lowerEnd - end) | 0) < 0 && :: 0 -> (-1)',
        'inWindow :: overshot >>> 0 <= receiverMaxwin >>> 0 && :: overshot >>> 0 -> (overshot) >> (0)',
      ],
    },
    {
      why: 'writes the number that is there already',
      keys: [
        'moveWindows :: if (w[sender + W_MAXWIN]! >>> 0 < offered >>> 0) w[sender + W_MAXWIN] = offered; :: w[sender + W_MAXWIN]! >>> 0 < offered >>> 0 -> (w[sender + W_MAXWIN]! >>> 0) <= (offered >>> 0)',
        'moveWindows :: } else if (((w[sender + W_MAXACK]! - ack) | 0) < 0) w[sender + W_MAXACK] = ack; :: ((w[sender + W_MAXACK]! - ack) | 0) < 0 -> (((w[sender + W_MAXACK]! - ack) | 0)) <= (0)',
        'moveWindows :: } else if (((w[sender + W_MAXACK]! - ack) | 0) < 0) w[sender + W_MAXACK] = ack; :: 0 -> 1',
        'moveWindows :: if (flags !== senderFlags) w[sender + W_FLAGS] = flags; :: flags !== senderFlags -> true',
        'moveWindows :: if (w[receiver + W_MAXWIN] !== 0 && before < 0) w[receiver + W_MAXWIN] = (w[receiver + W_MAXWIN]! - … :: before < 0 -> (before) <= (0)',
        'moveWindows :: if (w[receiver + W_MAXWIN] !== 0 && before < 0) w[receiver + W_MAXWIN] = (w[receiver + W_MAXWIN]! - … :: 0 -> 1 #2',
      ],
    },
    {
      why: 'clears a flag; where it is not set that changes nothing',
      keys: [
        'moveWindows :: if (ack === w[receiver + W_END] && (w[receiver + W_FLAGS]! & FLAG_DATA_UNACKNOWLEDGED) !== 0) :: ack === w[receiver + W_END] && (w[receiver + W_FLAGS]! & FLAG_DATA_UNACKNOWLEDGED) !== 0 -> ack === w[receiver + W_END]',
        'moveWindows :: if (ack === w[receiver + W_END] && (w[receiver + W_FLAGS]! & FLAG_DATA_UNACKNOWLEDGED) !== 0) :: w[receiver + W_FLAGS]! & FLAG_DATA_UNACKNOWLEDGED -> (w[receiver + W_FLAGS]!) | (FLAG_DATA_UNACKNOWLEDGED)',
        'moveWindows :: if (ack === w[receiver + W_END] && (w[receiver + W_FLAGS]! & FLAG_DATA_UNACKNOWLEDGED) !== 0) :: 0 -> 1',
        'moveWindows :: if (ack === w[receiver + W_END] && (w[receiver + W_FLAGS]! & FLAG_DATA_UNACKNOWLEDGED) !== 0) :: 0 -> (-1)',
      ],
    },
    {
      why: "the shift's sign bits are masked away",
      keys: [
        'countRetransmission :: const retrans = (((last >>> LAST_RETRANS_SHIFT) & 0xff) + 1) & 0xff; :: last >>> LAST_RETRANS_SHIFT -> (last) >> (LAST_RETRANS_SHIFT)',
      ],
    },
    {
      why: 'kind and direction of the last segment: `accepted` in tcp.ts writes both right after',
      keys: [
        'countRetransmission :: w[base + R_LAST] = (last & (0x7f << LAST_INDEX_SHIFT)) | (direction << 31) | window; :: (last & (0x7f << LAST_INDEX_SHIFT)) | (direction << 31) -> ((last & (0x7f << LAST_INDEX_SHIFT))) & ((direction << 31))',
        'countRetransmission :: w[base + R_LAST] = (last & (0x7f << LAST_INDEX_SHIFT)) | (direction << 31) | window; :: 0x7f << LAST_INDEX_SHIFT -> (0x7f) >> (LAST_INDEX_SHIFT)',
        'countRetransmission :: w[base + R_LAST] = (last & (0x7f << LAST_INDEX_SHIFT)) | (direction << 31) | window; :: 0x7f -> 128',
        'countRetransmission :: w[base + R_LAST] = (last & (0x7f << LAST_INDEX_SHIFT)) | (direction << 31) | window; :: 0x7f -> 126',
        'countRetransmission :: w[base + R_LAST] = (last & (0x7f << LAST_INDEX_SHIFT)) | (direction << 31) | window; :: direction << 31 -> (direction) >> (31)',
        'countRetransmission :: w[base + R_LAST] = (last & (0x7f << LAST_INDEX_SHIFT)) | (direction << 31) | window; :: 31 -> 30',
      ],
    },
    {
      why: 'a number of a reason that its text does not use',
      keys: [
        'fail :: function fail(t: Tracker, p: Packet, senderFlags: number, result: number, code: number, a: number, b… :: 0 -> 1',
        'fail :: function fail(t: Tracker, p: Packet, senderFlags: number, result: number, code: number, a: number, b… :: 0 -> (-1)',
      ],
    },
  ],
  'src/conntrack/tcp.ts': [
    {
      why: 'column NONE of the reply direction: no connection without a state gets a reply',
      keys: [
        'NEXT :: ...[IV, S2, IV, IV, IV, IV, IV, SS, IV, S2], :: IV -> LA',
        'NEXT :: ...[IV, SR, IG, IG, IG, IG, IG, IG, IG, SR], :: IV -> LA',
        'NEXT :: ...[IV, IV, FW, FW, LA, LA, LA, TW, CL, IV], :: IV -> LA #4',
        'NEXT :: ...[IV, IG, SR, ES, CW, CW, TW, TW, CL, IG], :: IV -> LA',
        'NEXT :: ...[IV, CL, CL, CL, CL, CL, CL, CL, CL, CL], :: IV -> LA #2',
      ],
    },
    { why: 'any number that is no state does', keys: ['IG :: const IG = 11; :: 11 -> 12'] },
    {
      why: 'the highest index is 0x17, or 0x37',
      keys: [
        'KIND :: const KIND = new Uint8Array(32).map((_, flags) => { :: 32 -> 31',
        'VALID_FLAGS :: const VALID_FLAGS = new Uint8Array(64); :: 64 -> 63',
      ],
    },
    { why: 'compared with 0, or with itself, only', keys: ['(file) :: VALID_FLAGS[flags] = 1; :: 1 -> 2'] },
    {
      why: 'W_END is 0',
      keys: [
        'tcpNew :: w[original + W_END] = end; :: original + W_END -> (original) - (W_END)',
        'resynchronises :: w[from + W_END] = w[base + R_LAST_END]!; :: from + W_END -> (from) - (W_END)',
        'asksProxyAgain :: return ((w[base + R_WINDOW + W_END]! - 1) | 0) === p.seq; :: base + R_WINDOW + W_END -> (base + R_WINDOW) - (W_END)',
      ],
    },
    {
      why: 'the sum is stored into an Int32Array',
      keys: ['tcpNew :: w[original + W_MAXEND] = (end + window) | 0; :: (end + window) | 0 -> (end + window)'],
    },
    {
      why: 'the number shifted is not negative, or its sign bits are masked away',
      keys: [
        'resynchronises :: ((state & LAST_WSCALE_MASK) >>> LAST_WSCALE_SHIFT) | ((state & LAST_FLAGS_MASK) >>> (LAST_FLAGS_SHIF… :: (state & LAST_WSCALE_MASK) >>> LAST_WSCALE_SHIFT -> ((state & LAST_WSCALE_MASK)) >> (LAST_WSCALE_SHIFT)',
        'resynchronises :: ((state & LAST_WSCALE_MASK) >>> LAST_WSCALE_SHIFT) | ((state & LAST_FLAGS_MASK) >>> (LAST_FLAGS_SHIF… :: (state & LAST_FLAGS_MASK) >>> (LAST_FLAGS_SHIFT - 8) -> ((state & LAST_FLAGS_MASK)) >> ((LAST_FLAGS_SHIFT - 8))',
        'resetState :: const lastIndex = (last >>> LAST_INDEX_SHIFT) & 0x7f; :: last >>> LAST_INDEX_SHIFT -> (last) >> (LAST_INDEX_SHIFT)',
        'outOfWindow :: const lastIndex = (last >>> LAST_INDEX_SHIFT) & 0x7f; :: last >>> LAST_INDEX_SHIFT -> (last) >> (LAST_INDEX_SHIFT)',
        'accepted :: const retrans = (last >>> LAST_RETRANS_SHIFT) & 0xff; :: last >>> LAST_RETRANS_SHIFT -> (last) >> (LAST_RETRANS_SHIFT)',
      ],
    },
    {
      why: 'sets the timeout that it is already',
      keys: [
        'accepted :: if (retrans >= t.settings.value[SET_TCP_MAX_RETRANS]! && timeout > timeouts[TCP_TIMEOUT_RETRANS]!) :: timeout > timeouts[TCP_TIMEOUT_RETRANS]! -> (timeout) >= (timeouts[TCP_TIMEOUT_RETRANS]!)',
        'accepted :: else if ((flags & FLAG_DATA_UNACKNOWLEDGED) !== 0 && timeout > timeouts[TCP_TIMEOUT_UNACK]!) :: timeout > timeouts[TCP_TIMEOUT_UNACK]! -> (timeout) >= (timeouts[TCP_TIMEOUT_UNACK]!)',
        'accepted :: else if ((last & LAST_WIN_MASK) === 0 && timeout > timeouts[TCP_TIMEOUT_RETRANS]!) :: timeout > timeouts[TCP_TIMEOUT_RETRANS]! -> (timeout) >= (timeouts[TCP_TIMEOUT_RETRANS]!)',
        'accepted :: if (newState === ES && timeout > timeouts[TCP_TIMEOUT_UNACK]!) timeout = timeouts[TCP_TIMEOUT_UNACK]… :: timeout > timeouts[TCP_TIMEOUT_UNACK]! -> (timeout) >= (timeouts[TCP_TIMEOUT_UNACK]!)',
      ],
    },
    {
      why: "the window check that follows begins this side's window anew",
      keys: ['resynchronises :: for (let i = 0; i < WINDOW_WORDS; i++) w[to + i] = 0; :: 0 -> 1'],
    },
    {
      why: 'the test only spares others: in a state that stays, and is not CLOSE, none of them holds',
      keys: [
        'tcpPacket :: if (newState !== oldState || newState === CL) { :: newState !== oldState || newState === CL -> true',
      ],
    },
    {
      why: 'the number shifted is not negative, or its sign bits are masked away, or what is compared with has none',
      keys: [
        'reopens :: return (flags & FLAG_CLOSE_INIT) !== 0 || w[base + R_LAST]! >>> LAST_INDEX_SHIFT === RST; :: w[base + R_LAST]! >>> LAST_INDEX_SHIFT -> (w[base + R_LAST]!) >> (LAST_INDEX_SHIFT)',
        'resynchronises :: if (index !== SYNACK || last >>> LAST_INDEX_SHIFT !== SYN || p.ack !== w[base + R_LAST_END]) return … :: last >>> LAST_INDEX_SHIFT -> (last) >> (LAST_INDEX_SHIFT)',
        'challengeAcked :: if (direction === 0 || last >>> LAST_INDEX_SHIFT !== SYN) return false; :: last >>> LAST_INDEX_SHIFT -> (last) >> (LAST_INDEX_SHIFT)',
      ],
    },
    {
      why: "the last segment's word is negative by its direction bit: it is far below",
      keys: [
        'asksProxyAgain :: if (w[base + R_LAST]! < 0 || t.table.coldOf(slot).help?.isProxied !== true) return false; :: 0 -> (-1)',
      ],
    },
    {
      why: 'compared with the three others only: any other number does for it, and nothing for RESET_CHECK',
      keys: [
        'RESET_CHECK :: const RESET_CHECK = 0; :: 0 -> (-1)',
        'RESET_INVALID :: const RESET_INVALID = 3; :: 3 -> 4',
        'resetState :: return RESET_CHECK; :: return RESET_CHECK; -> (removed)',
      ],
    },
  ],
  'src/conntrack/udp.ts': [
    {
      why: 'the sum is stored into an Int32Array',
      keys: [
        'udpPacket :: if ((status & IPS_CONFIRMED) === 0) w[base + R_STREAM_AT] = (t.nowMs + STREAM_AFTER_MS) | 0; :: (t.nowMs + STREAM_AFTER_MS) | 0 -> (t.nowMs + STREAM_AFTER_MS)',
      ],
    },
  ],
  'src/conntrack/icmp.ts': [
    {
      why: 'of the last type, 255, the table says 0; without it nothing, which is no 1 either',
      keys: [
        'QUERY4 :: const QUERY4 = new Uint8Array(256); :: 256 -> 255',
        'QUERY6 :: const QUERY6 = new Uint8Array(256); :: 256 -> 255',
        'ERROR4 :: const ERROR4 = new Uint8Array(256); :: 256 -> 255',
        'UNTRACKED6 :: const UNTRACKED6 = new Uint8Array(256); :: 256 -> 255',
      ],
    },
    {
      why: 'what is written before the first word is written again later, or is no element',
      keys: ['invertTuple :: for (let i = 0; i < 4; i++) { :: 0 -> (-1)'],
    },
  ],
  'src/conntrack/gre.ts': [
    {
      why: 'any word that nothing else uses does',
      keys: ['R_GRE_STREAM_TIMEOUT :: export const R_GRE_STREAM_TIMEOUT = R_WINDOW + 1; :: 1 -> 2'],
    },
  ],
  'src/conntrack/sctp.ts': [
    {
      why: 'column NONE of the original direction: these chunks cannot begin an association, they are refused before',
      keys: [
        'NEXT :: ...[CL, CL, CL, CL, CL, CL, CL, CL, CL], :: CL -> CW',
        'NEXT :: ...[CL, CL, CW, ES, ES, SS, SR, SA, CL], :: CL -> CW',
        'NEXT :: ...[CL, CL, CW, CE, ES, SS, SR, CL, CL], :: CL -> CW',
      ],
    },
    {
      why: 'column NONE of the reply direction: no association without a state gets a reply',
      keys: [
        'NEXT :: ...[IV, CL, CW, CE, ES, SS, SR, SA, IV], :: IV -> SA',
        'NEXT :: ...[IV, CW, CW, CE, ES, SS, SR, SA, IV], :: IV -> SA',
        'NEXT :: ...[IV, CL, CL, CL, CL, CL, CL, CL, IV], :: IV -> SA',
        'NEXT :: ...[IV, CL, CW, CE, SR, SS, SR, SA, IV], :: IV -> SA',
        'NEXT :: ...[IV, CL, CW, CE, ES, SA, SA, SA, IV], :: IV -> SA',
        'NEXT :: ...[IV, CL, CW, CL, ES, SS, SR, SA, IV], :: IV -> SA',
        'NEXT :: ...[IV, CL, CE, CE, ES, SS, SR, SA, IV], :: IV -> SA',
        'NEXT :: ...[IV, CL, CW, ES, ES, SS, SR, SA, IV], :: IV -> SA',
        'NEXT :: ...[IV, CL, CW, CE, ES, SS, SR, CL, IV], :: IV -> SA',
        'NEXT :: ...[IV, CL, CW, CE, ES, SS, SR, SA, HS], :: IV -> SA',
        'NEXT :: ...[IV, CL, CW, CE, ES, SS, SR, SA, ES], :: IV -> SA',
      ],
    },
    { why: 'any number that is no state does', keys: ['IV :: const IV = 9; :: 9 -> 10'] },
    {
      why: '31 is no chunk type that is asked for',
      keys: ['basicChecks :: if (type < 32) t.chunks |= 1 << type; :: 32 -> 31'],
    },
    {
      why: 'results are only compared with TAG_WRONG and TAG_IGNORE: any three things do, and nothing for TAG_FINE',
      keys: [
        'TAG_FINE :: const TAG_FINE = 0; :: 0 -> (-1)',
        'TAG_IGNORE :: const TAG_IGNORE = 2; :: 2 -> 3',
        'chunkTag :: return TAG_FINE; :: return TAG_FINE; -> (removed) #3',
      ],
    },
    {
      why: 'DATA is 0',
      keys: [
        'chunkTag :: if ((t.chunks & (1 << DATA)) !== 0 || ignore) return TAG_WRONG; :: 1 << DATA -> (1) >> (DATA)',
      ],
    },
  ],
  ...EQUIVALENT_NAT,
};
