/**
 * Hop-by-hop options, which the kernel judges before the first hook (net/ipv6/exthdrs.c ipv6_parse_hopopts, with the
 * defaults of net.ipv6.max_hbh_opts_number = 8 and max_hbh_length = unlimited).
 *
 * Not looked at: IOAM beyond its alignment (ioam6_enabled is off by default).
 */

import { HAS_CUT, PACKET_HOST, PARSE_OK, type Packet, T_DST } from './packet.js';
import { PARSE_IP6_HOP_OPTIONS, PARSE_IP6_JUMBO } from './parse-reasons.js';

const OPT_PAD1 = 0;
const OPT_PADN = 1;
const OPT_ROUTER_ALERT = 5;
const OPT_CALIPSO = 7;
const OPT_IOAM = 49;
const OPT_JUMBO = 194;

/** More padding than alignment to 8 can need is refused: it serves covert channels only. */
const MAX_PADDING = 7;
const MAX_OPTIONS = 8;

const IPV6_HEADER_LEN = 40;

/**
 * Checks the hop-by-hop header right behind the IPv6 header; a jumbo payload option sets `p.l3Len` and `p.end`.
 * A header that the capture cut off counts as good. Returns PARSE_OK or a PARSE_ reason; the sender is then told of a parameter
 * problem if `reasonArgs[1]` is not 0: its pointer (ip6_tlvopt_unknown, ipv6_hop_jumbo).
 */
export function readHopOptions(p: Packet, payloadLen: number): number {
  const bytes = p.bytes;
  const header = p.l3Off + IPV6_HEADER_LEN;
  const cut = (p.has & HAS_CUT) !== 0;
  if (header + 8 > p.end) return cut ? PARSE_OK : badOption(p, -1);
  const end = header + ((bytes[header + 1] + 1) << 3);
  if (end > p.end) return cut ? PARSE_OK : badOption(p, -1);
  let padding = 0;
  let count = 0;
  let at = header + 2;
  while (at < end) {
    const type = bytes[at];
    if (type === OPT_PAD1) {
      if (++padding > MAX_PADDING) return badOption(p, type);
      at++;
      continue;
    }
    if (end - at < 2) return badOption(p, type);
    const len = bytes[at + 1] + 2;
    if (len > end - at) return badOption(p, type);
    if (type === OPT_PADN) {
      padding += len;
      if (padding > MAX_PADDING || !isZero(bytes, at + 2, at + len)) return badOption(p, type);
    } else {
      if (++count > MAX_OPTIONS) return badOption(p, type);
      const reason = checkOption(p, type, at, payloadLen);
      if (reason !== PARSE_OK) return reason;
      padding = 0;
    }
    at += len;
  }
  return PARSE_OK;
}

function checkOption(p: Packet, type: number, at: number, payloadLen: number): number {
  const bytes = p.bytes;
  const dataLen = bytes[at + 1];
  switch (type) {
    case OPT_ROUTER_ALERT:
      return dataLen === 2 ? PARSE_OK : badOption(p, type);
    case OPT_JUMBO:
      return readJumbo(p, at, payloadLen);
    case OPT_IOAM:
      return ((at - p.l3Off) & 3) === 0 ? PARSE_OK : badOption(p, type);
    case OPT_CALIPSO:
      // Whatever its checksum: no domain of interpretation (DOI) is configured on the host.
      return badOption(p, type);
    default:
      // The two high bits say what one who does not know the option does: 0 = skip it, all others discard the packet.
      if (type >> 6 === 0) return PARSE_OK;
      badOption(p, type);
      if (mayAnswer(p, type)) p.reasonArgs[1] = at - p.l3Off;
      return PARSE_IP6_HOP_OPTIONS;
  }
}

/** RFC 8200 section 4.2: 1 = discard, 2 = tell the sender, 3 = tell it unless it wrote to a group. */
function mayAnswer(p: Packet, type: number): boolean {
  if (type >> 6 === 1) return false;
  return type >> 6 === 2 || (p.tuple[T_DST]! >>> 24 !== 0xff && p.packetType === PACKET_HOST);
}

/** RFC 2675 section 2; ipv6_hop_jumbo. */
function readJumbo(p: Packet, at: number, payloadLen: number): number {
  const length = p.view.getUint32(at + 2);
  p.reasonArgs[0] = length;
  p.reasonArgs[1] = 0;
  if (p.bytes[at + 1] !== 4 || ((at - p.l3Off) & 3) !== 2) return PARSE_IP6_JUMBO;
  if (length <= 0xffff || payloadLen !== 0) {
    p.reasonArgs[1] = at - p.l3Off + (length <= 0xffff ? 2 : 0);
    return PARSE_IP6_JUMBO;
  }
  if (length > p.l3Len - IPV6_HEADER_LEN) return PARSE_IP6_JUMBO;
  p.l3Len = length + IPV6_HEADER_LEN;
  if (p.l3Off + p.l3Len <= p.end) {
    p.end = p.l3Off + p.l3Len;
    p.has &= ~HAS_CUT;
  }
  return PARSE_OK;
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== 0) return false;
  return true;
}

function badOption(p: Packet, type: number): number {
  p.reasonArgs[0] = type;
  p.reasonArgs[1] = 0;
  return PARSE_IP6_HOP_OPTIONS;
}
