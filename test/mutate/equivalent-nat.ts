/** The rows of equivalent.ts about NAT. */
import type { Equivalent } from './equivalent.js';

/** By file, as in equivalent.ts. */
export const EQUIVALENT_NAT: Readonly<Record<string, readonly Equivalent[]>> = {
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
