/**
 * Mutants that no test can notice, or that need not be noticed, with the reason. `run.mjs` complains of a row that is no longer
 * needed, the test beside this of one that names no mutant.
 */

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
  'src/nat/choose.ts': [
    {
      why: 'attempts are 128, 64, 32, 16 and 8, or all ports of a smaller range: none is 15',
      keys: ['MIN_ATTEMPTS :: const MIN_ATTEMPTS = 16; :: 16 -> 15'],
    },
    {
      why: 'written by setSpan before they are read',
      keys: [
        '(file) :: private firstPort = 0; :: 0 -> 1',
        '(file) :: private firstPort = 0; :: 0 -> (-1)',
        '(file) :: private portCount = 0; :: 0 -> 1',
        '(file) :: private portCount = 0; :: 0 -> (-1)',
      ],
    },
    {
      why: 'an offset is at most 65535',
      keys: ['setSpan :: return given ? this.spanOfRange(range) : this.span(0, 0xffff); :: 0xffff -> 65536'],
    },
    {
      why: 'of one port: the first is the last',
      keys: [
        'spanOfRange :: return range.minPort <= range.maxPort :: range.minPort <= range.maxPort -> (range.minPort) < (range.maxPort)',
      ],
    },
    {
      why: 'any negative number says that there is none',
      keys: [
        'taker :: if (ref < 0) return -1; :: 1 -> 2',
        'taker :: if (this.sharesTuple(ref >> 1, 0, slot) && zone === (table.zonesOf(slot) & 0xffff)) return -1; :: 1 -> 2 #2',
      ],
    },
    {
      why: 'protocol 7 has no port, and does not come here',
      keys: [
        'isTakenHarder :: if (attemptsLeft > HARDER_ATTEMPTS || (tuple[T_PROTO]! & 0xff) !== IPPROTO_TCP) return this.isTaken(… :: 0xff -> 254',
      ],
    },
    {
      why: 'W_END is 0',
      keys: [
        'isTakenHarder :: if (((w[own + R_WINDOW + W_END]! - w[base + R_WINDOW + W_END]!) | 0) <= 0) return true; :: own + R_WINDOW + W_END -> (own + R_WINDOW) - (W_END)',
        'isTakenHarder :: if (((w[own + R_WINDOW + W_END]! - w[base + R_WINDOW + W_END]!) | 0) <= 0) return true; :: base + R_WINDOW + W_END -> (base + R_WINDOW) - (W_END)',
      ],
    },
    {
      why: 'a typed array has no element -1, and none at its length: writing there does nothing, and reading gives nothing on both sides',
      keys: [
        'copyTuple :: for (let i = 0; i < TUPLE_WORDS; i++) to[i] = from[i]!; :: 0 -> (-1)',
        'copyTuple :: for (let i = 0; i < TUPLE_WORDS; i++) to[i] = from[i]!; :: i < TUPLE_WORDS -> (i) <= (TUPLE_WORDS)',
        'sameTuple :: for (let i = 0; i < TUPLE_WORDS; i++) if (a[i] !== b[i]) return false; :: 0 -> (-1)',
        'sameTuple :: for (let i = 0; i < TUPLE_WORDS; i++) if (a[i] !== b[i]) return false; :: i < TUPLE_WORDS -> (i) <= (TUPLE_WORDS)',
      ],
    },
  ],
  'src/nat/address-choice.ts': [
    {
      why: 'a shortcut: of a range of one address the hash picks that one, too',
      keys: [
        'chooseAddress :: if (isOneAddress(min, max)) { :: isOneAddress(min, max) -> false',
        'chooseAddress :: return; :: return; -> (removed)',
        'isOneAddress :: for (let i = 0; i < ADDRESS_WORDS; i++) if (min[i] !== max[i]) return false; :: min[i] !== max[i] -> true',
        'isOneAddress :: return true; :: return true; -> (removed)',
        'isOneAddress :: return true; :: true -> false',
      ],
    },
    {
      why: 'scaleHash looks at 32 bits',
      keys: [
        'chooseAddress :: const count = free ? -1 : (max[i]! - from + 1) | 0; :: (max[i]! - from + 1) | 0 -> (max[i]! - from + 1)',
      ],
    },
    {
      why: 'stored into an Int32Array',
      keys: [
        'chooseAddress :: tuple[at + i] = (from + scaleHash(hash, count)) | 0; :: (from + scaleHash(hash, count)) | 0 -> (from + scaleHash(hash, count))',
      ],
    },
    {
      why: 'a typed array has no element -1, and none at its length: both sides are undefined',
      keys: [
        'isOneAddress :: for (let i = 0; i < ADDRESS_WORDS; i++) if (min[i] !== max[i]) return false; :: 0 -> (-1)',
        'isOneAddress :: for (let i = 0; i < ADDRESS_WORDS; i++) if (min[i] !== max[i]) return false; :: i < ADDRESS_WORDS -> (i) <= (ADDRESS_WORDS)',
      ],
    },
  ],
  'src/nat/range.ts': [
    { why: '1 is 1', keys: ['RANGE_MAP_IPS :: export const RANGE_MAP_IPS = 1 << 0; :: 1 << 0 -> (1) >> (0)'] },
    {
      why: "a typed array has no element -1, and none at its length: writing there does nothing, and what lies before a tuple's first word is undefined on both sides",
      keys: [
        'setAddress :: for (let i = 0; i < ADDRESS_WORDS; i++) this.minAddress[i] = this.maxAddress[i] = words[at + i]!; :: 0 -> (-1)',
        'setAddress :: for (let i = 0; i < ADDRESS_WORDS; i++) this.minAddress[i] = this.maxAddress[i] = words[at + i]!; :: i < ADDRESS_WORDS -> (i) <= (ADDRESS_WORDS)',
        'compareAddress :: for (let i = 0; i < ADDRESS_WORDS; i++) { :: 0 -> (-1)',
      ],
    },
    { why: 'the cases that follow do nothing', keys: ['portInRange :: break; :: break; -> (removed)'] },
    { why: 'the two differ', keys: ['compareAddress :: if (a !== b) return a < b ? -1 : 1; :: a < b -> (a) <= (b)'] },
    {
      why: 'only the sign counts',
      keys: [
        'compareAddress :: if (a !== b) return a < b ? -1 : 1; :: 1 -> 2',
        'compareAddress :: if (a !== b) return a < b ? -1 : 1; :: 1 -> 2 #2',
      ],
    },
  ],
  'src/nat/by-source.ts': [
    {
      why: 'R_ORIG_SRC is 0',
      keys: [
        'add :: w[base + R_ORIG_SRC]!, :: base + R_ORIG_SRC -> (base) - (R_ORIG_SRC)',
        'sameSource :: if (w[base + R_ORIG_SRC] !== tuple[T_SRC] || w[base + R_PROTO] !== protocol) return false; :: base + R_ORIG_SRC -> (base) - (R_ORIG_SRC)',
      ],
    },
    {
      why: 'a typed array has no element -1, and none at its length: writing there does nothing',
      keys: [
        'add :: if (first !== 0) this.previous[first - 1] = slot + 1; :: first !== 0 -> true',
        'add :: if (first !== 0) this.previous[first - 1] = slot + 1; :: 0 -> (-1)',
        'remove :: if (before === 0) return; :: before === 0 -> false',
        'remove :: if (after !== 0) this.previous[after - 1] = before; :: after !== 0 -> true',
        'remove :: if (after !== 0) this.previous[after - 1] = before; :: 0 -> (-1)',
        'translated :: for (let i = 0; i < TUPLE_WORDS; i++) out[i] = tuple[i]!; :: 0 -> (-1)',
        'translated :: for (let i = 0; i < TUPLE_WORDS; i++) out[i] = tuple[i]!; :: i < TUPLE_WORDS -> (i) <= (TUPLE_WORDS)',
      ],
    },
    {
      why: '0 is no slot of a chain, and left before',
      keys: [
        'remove :: if (before > 0) this.next[before - 1] = after; :: before > 0 -> (before) >= (0)',
        'remove :: if (before > 0) this.next[before - 1] = after; :: 0 -> (-1)',
      ],
    },
    {
      why: 'another multiplier or shift: sources spread over the buckets as well, and add and find still agree',
      keys: [
        'bucket :: let h = Math.imul(a ^ protocol, 0x85ebca6b) ^ b; :: 0x85ebca6b -> 2246822506',
        'bucket :: h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35) ^ c; :: h >>> 15 -> (h) >> (15)',
        'bucket :: h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35) ^ c; :: 15 -> 14',
        'bucket :: h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35) ^ c; :: 0xc2b2ae35 -> 3266489910',
        'bucket :: h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35) ^ c; :: 0xc2b2ae35 -> 3266489908',
        'bucket :: h = Math.imul(h ^ (h >>> 13), 0x9e3779b1) ^ d; :: h >>> 13 -> (h) >> (13)',
        'bucket :: h = Math.imul(h ^ (h >>> 13), 0x9e3779b1) ^ d; :: 13 -> 14',
        'bucket :: h = Math.imul(h ^ (h >>> 13), 0x9e3779b1) ^ d; :: 13 -> 12',
        'bucket :: h = Math.imul(h ^ (h >>> 13), 0x9e3779b1) ^ d; :: 0x9e3779b1 -> 2654435760',
        'bucket :: h = Math.imul(h ^ (h >>> 15) ^ port, 0x85ebca6b); :: h >>> 15 -> (h) >> (15)',
        'bucket :: h = Math.imul(h ^ (h >>> 15) ^ port, 0x85ebca6b); :: 15 -> 16',
        'bucket :: h = Math.imul(h ^ (h >>> 15) ^ port, 0x85ebca6b); :: 15 -> 14',
        'bucket :: h = Math.imul(h ^ (h >>> 15) ^ port, 0x85ebca6b); :: 0x85ebca6b -> 2246822508',
        'bucket :: return (h ^ (h >>> 16)) & (this.heads.length - 1); :: h >>> 16 -> (h) >> (16)',
        'bucket :: return (h ^ (h >>> 16)) & (this.heads.length - 1); :: 16 -> 17',
      ],
    },
    {
      why: 'the first word is written again right after',
      keys: ['translated :: for (let i = 0; i < TUPLE_WORDS; i++) out[i] = tuple[i]!; :: 0 -> 1'],
    },
    {
      why: 'the shift that follows drops the upper bits',
      keys: [
        'translated :: const port = number === IPPROTO_ICMP || number === IPPROTO_ICMPV6 ? ports >>> 16 : ports & 0xffff; :: ports >>> 16 -> (ports) >> (16)',
      ],
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
  'src/nat/nat.ts': [
    {
      why: 'translation changes nothing behind the 18th byte of a quoted header',
      keys: [
        'QUOTED_CHANGES :: const QUOTED_CHANGES = 20; :: 20 -> 21',
        'QUOTED_CHANGES :: const QUOTED_CHANGES = 20; :: 20 -> 19',
      ],
    },
    {
      why: 'making room once more does nothing',
      keys: ['setup :: if (this.chooser === null) this.enable(); :: this.chooser === null -> true'],
    },
    {
      why: 'a destination is settled before the source is masqueraded, or by followMaster, which masquerades nothing',
      keys: ['setup :: if (manip === MANIP_SRC) { :: manip === MANIP_SRC -> true'],
    },
    {
      why: 'the look-up by source passes over what is not translated, and room is no harm',
      keys: [
        'setup :: if ((status & IPS_SRC_NAT) !== 0) this.bySource!.add(slot); :: (status & IPS_SRC_NAT) !== 0 -> true',
        'setup :: if ((status & IPS_SRC_NAT) !== 0) this.bySource!.add(slot); :: status & IPS_SRC_NAT -> (status) | (IPS_SRC_NAT)',
        'setup :: if ((status & IPS_SRC_NAT) !== 0) this.bySource!.add(slot); :: 0 -> 1',
        'setup :: if ((status & IPS_SRC_NAT) !== 0) this.bySource!.add(slot); :: 0 -> (-1)',
        'adopt :: if ((status & IPS_SRC_NAT) === 0) return; :: (status & IPS_SRC_NAT) === 0 -> false',
        'adopt :: if ((status & IPS_SRC_NAT) === 0) return; :: status & IPS_SRC_NAT -> (status) | (IPS_SRC_NAT)',
        'adopt :: if ((status & IPS_SRC_NAT) === 0) return; :: 0 -> 1',
        'adopt :: if ((status & IPS_SRC_NAT) === 0) return; :: 0 -> (-1)',
      ],
    },
    {
      why: 'compared with 0',
      keys: ['adopt :: if (ports >>> 16 !== 0) status |= IPS_SRC_NAT; :: ports >>> 16 -> (ports) >> (16)'],
    },
    {
      why: 'where no room is made, nothing is masqueraded, and writing does nothing',
      keys: [
        'adopt :: if (this.chooser !== null) this.masqueraded[slot] = 0; :: this.chooser !== null -> true',
        'forgetMasqueraded :: if (this.chooser === null) return; :: this.chooser === null -> false',
      ],
    },
    {
      why: 'R_ORIG_SRC is 0',
      keys: [
        'masquerade :: if (p.family === AF_INET && this.tracker.table.words[(slot << RECORD_SHIFT) + R_ORIG_SRC] === 0) ret… :: (slot << RECORD_SHIFT) + R_ORIG_SRC -> ((slot << RECORD_SHIFT)) - (R_ORIG_SRC)',
      ],
    },
    {
      why: 'a typed array has no element -1, and none at its length: writing there does nothing',
      keys: [
        'netmap :: for (let i = 0; i < ADDRESS_WORDS; i++) to[i] = (p.tuple[at + i]! & ~mask[i]!) | (network[i]! & mask… :: 0 -> (-1)',
        'netmap :: for (let i = 0; i < ADDRESS_WORDS; i++) to[i] = (p.tuple[at + i]! & ~mask[i]!) | (network[i]! & mask… :: i < ADDRESS_WORDS -> (i) <= (ADDRESS_WORDS)',
      ],
    },
    {
      why: 'wayChanged asks for POSTROUTING, where only sources are translated',
      keys: [
        'translate :: if (manip === MANIP_SRC && direction === 0 && this.wayChanged(p, slot, status)) return NF_DROP; :: manip === MANIP_SRC && direction === 0 -> direction === 0',
      ],
    },
  ],
  'src/nat/rewrite.ts': [
    {
      why: '1 is 1',
      keys: ['ICMP_WITH_ID :: const ICMP_WITH_ID = (1 << 0) | (1 << 8) | (0x3f << 13); :: 1 << 0 -> (1) >> (0)'],
    },
    {
      why: 'fillTransportChecksum asks for a whole header itself',
      keys: [
        'SCTP_HEADER_LEN :: const SCTP_HEADER_LEN = 12; :: 12 -> 11',
        'rewriteSctp :: if (length >= SCTP_HEADER_LEN) fillTransportChecksum(p); :: length >= SCTP_HEADER_LEN -> true',
      ],
    },
    {
      why: 'what has an offset lies behind the IP header',
      keys: [
        'rewrite :: if (p.l4Off >= 0) { :: p.l4Off >= 0 -> (p.l4Off) > (0)',
        'rewrite :: if (p.l4Off >= 0) { :: 0 -> 1',
        'rewriteUdp :: if (checksum >= 0 && p.protocol === IPPROTO_UDP && p.view.getUint16(checksum) === 0) checksum = -1; :: checksum >= 0 -> (checksum) > (0)',
        'rewriteUdp :: if (checksum >= 0 && p.protocol === IPPROTO_UDP && p.view.getUint16(checksum) === 0) checksum = -1; :: 0 -> 1',
        'rewriteUdp :: if (checksum >= 0) mangleUdpZero(p.bytes, checksum); :: checksum >= 0 -> (checksum) > (0)',
        'rewriteUdp :: if (checksum >= 0) mangleUdpZero(p.bytes, checksum); :: 0 -> 1',
        'rewritePort :: if (checksum >= 0) { :: checksum >= 0 -> (checksum) > (0)',
        'rewritePort :: if (checksum >= 0) { :: 0 -> 1',
      ],
    },
    {
      why: 'any negative number says that there is none',
      keys: [
        'rewriteTcp :: const checksum = length >= TCP_HEADER_LEN && holds(p, TCP_CHECKSUM_AT + 2) ? p.l4Off + TCP_CHECKSUM_… :: 1 -> 2',
        'rewriteUdp :: let checksum = holds(p, UDP_CHECKSUM_AT + 2) ? p.l4Off + UDP_CHECKSUM_AT : -1; :: 1 -> 2',
        'rewriteUdp :: if (checksum >= 0 && p.protocol === IPPROTO_UDP && p.view.getUint16(checksum) === 0) checksum = -1; :: 1 -> 2',
      ],
    },
    {
      why: 'before the first byte there is nothing, which is not 0',
      keys: [
        'rewriteUdp :: if (checksum >= 0) mangleUdpZero(p.bytes, checksum); :: checksum >= 0 -> true',
        'rewriteUdp :: if (checksum >= 0) mangleUdpZero(p.bytes, checksum); :: 0 -> (-1)',
      ],
    },
    {
      why: 'replace16 looks at 16 bits',
      keys: [
        'rewritePort :: const before = manip === MANIP_SRC ? p.tuple[T_PORTS]! >>> 16 : p.tuple[T_PORTS]! & 0xffff; :: p.tuple[T_PORTS]! >>> 16 -> (p.tuple[T_PORTS]!) >> (16)',
      ],
    },
    {
      why: 'bit 31 is not set: type 31 has no id',
      keys: ['rewriteIcmp :: if (type < 32 && ((ICMP_WITH_ID >> type) & 1) !== 0) writeId(p, id); :: 32 -> 31'],
    },
  ],
};
