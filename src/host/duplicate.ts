/**
 * Copies that -j TEE sends to a gateway (net/ipv4/netfilter/nf_dup_ipv4.c, net/ipv6/netfilter/nf_dup_ipv6.c): the whole packet,
 * untracked, through OUTPUT and POSTROUTING, where it cannot be copied once more.
 */
import { fillIpv4Checksum } from '../wire/checksum.js';
import {
  AF_INET,
  CT_UNTRACKED,
  HAS_LOCAL_ORIGIN,
  HOOK_INPUT,
  HOOK_PREROUTING,
  PARSE_OK,
  Packet,
} from '../wire/packet.js';
import { parseNetwork } from '../wire/parse.js';

/** Room before the copy, and for the longest packet with what rules may add. */
const START = 64;
const LONGEST = 65575 + 1024;
/** IPv4 "don't fragment", in the byte at offset 6. */
const IP_DF = 0x40;
const TTL_AT = 8;
const HOP_LIMIT_AT = 7;

/** The one copy that can be on its way; its buffer is made for the first one. */
export class PacketCopy {
  /** Valid from `make` until the next one. */
  readonly packet = new Packet();
  /** Whether a copy is on its way: what it meets cannot copy it again (in_nf_duplicate). */
  busy = false;
  private bytes = new Uint8Array(0);

  /** Makes `packet` a copy of `p` as it is in `p.hook`; false: it is no packet that could be sent. */
  make(p: Packet): boolean {
    if (this.bytes.length === 0) this.bytes = new Uint8Array(START + LONGEST);
    const bytes = this.bytes;
    const length = p.end - p.l3Off;
    if (length > LONGEST) return false;
    for (let i = 0; i < length; i++) bytes[START + i] = p.bytes[p.l3Off + i]!;
    // against loops between two hosts that copy to each other
    const arrived = p.hook === HOOK_PREROUTING || p.hook === HOOK_INPUT;
    if (p.family === AF_INET) bytes[START + 6]! |= IP_DF;
    if (arrived) bytes[START + (p.family === AF_INET ? TTL_AT : HOP_LIMIT_AT)]!--;
    const copy = this.packet;
    if (parseNetwork(copy, bytes, START, START + length, START + p.l3Len) !== PARSE_OK) return false;
    if (p.family === AF_INET) fillIpv4Checksum(copy.view, copy.l3Off);
    copy.has |= HAS_LOCAL_ORIGIN;
    copy.mark = p.mark;
    copy.priority = p.priority;
    copy.packetType = p.packetType;
    copy.traced = p.traced;
    copy.state = CT_UNTRACKED;
    copy.inInterface = 0;
    return true;
  }
}
