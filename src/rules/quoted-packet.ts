/** The beginning of the packet that an ICMP or ICMPv6 error quotes: addresses, protocol, ports (RFC 792, RFC 4443). */
import { IPV6_HEADER_LEN, isExtension } from '../wire/ipv6.js';
import {
  AF_INET,
  AF_INET6,
  IPPROTO_AH,
  IPPROTO_FRAGMENT,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_NONE,
  type Packet,
  T_DST,
  T_SRC,
} from '../wire/packet.js';

const ICMP_HEADER_LEN = 8;
const IPV4_HEADER_LEN = 20;
/** Types of ICMP errors: destination unreachable, source quench, redirect, time exceeded, parameter problem. */
const ICMP_ERRORS = (1 << 3) | (1 << 4) | (1 << 5) | (1 << 11) | (1 << 12);
/** ICMPv6 types with this bit are no errors. */
const ICMPV6_INFORMATION = 0x80;

/** Filled by `read`, valid until the next one. */
export class QuotedPacket {
  protocol = 0;
  sourcePort = 0;
  destinationPort = 0;
  /** Source at T_SRC, destination at T_DST, as in Packet.tuple. */
  readonly addresses = new Int32Array(8);

  /** Reads what `p` quotes; false: it is no error, or the quotation ends before the ports. */
  read(p: Packet): boolean {
    const inner = p.l4Off + ICMP_HEADER_LEN;
    if (p.l4Off < 0 || inner > p.end) return false;
    const type = p.view.getUint8(p.l4Off);
    if (p.family === AF_INET) {
      if (p.protocol !== IPPROTO_ICMP || type > 12 || ((ICMP_ERRORS >> type) & 1) === 0) return false;
      return this.read4(p, inner);
    }
    if (p.family !== AF_INET6 || p.protocol !== IPPROTO_ICMPV6 || (type & ICMPV6_INFORMATION) !== 0) return false;
    return this.read6(p, inner);
  }

  private read4(p: Packet, at: number): boolean {
    if (at + IPV4_HEADER_LEN > p.end) return false;
    const view = p.view;
    this.protocol = view.getUint8(at + 9);
    this.addresses.fill(0);
    this.addresses[T_SRC] = view.getInt32(at + 12);
    this.addresses[T_DST] = view.getInt32(at + 16);
    return this.readPorts(p, at + (view.getUint8(at) & 15) * 4);
  }

  private read6(p: Packet, at: number): boolean {
    if (at + IPV6_HEADER_LEN > p.end) return false;
    const view = p.view;
    for (let i = 0; i < 4; i++) {
      this.addresses[T_SRC + i] = view.getInt32(at + 8 + i * 4);
      this.addresses[T_DST + i] = view.getInt32(at + 24 + i * 4);
    }
    let next = view.getUint8(at + 6);
    let off = at + IPV6_HEADER_LEN;
    while (isExtension(next)) {
      if (next === IPPROTO_NONE || off + 8 > p.end) return false;
      const length = view.getUint8(off + 1);
      // a later fragment has no ports
      if (next === IPPROTO_FRAGMENT && (view.getUint16(off + 2) & 0xfff8) !== 0) return false;
      const header = next;
      next = view.getUint8(off);
      off += header === IPPROTO_FRAGMENT ? 8 : header === IPPROTO_AH ? (length + 2) * 4 : (length + 1) * 8;
    }
    this.protocol = next;
    return this.readPorts(p, off);
  }

  private readPorts(p: Packet, at: number): boolean {
    if (at + 4 > p.end) return false;
    this.sourcePort = p.view.getUint16(at);
    this.destinationPort = p.view.getUint16(at + 2);
    return true;
  }
}
