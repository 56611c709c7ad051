/**
 * Segments that -j SYNPROXY makes (synproxy_build_ip, synproxy_build_options of nf_synproxy_core.c): IPv4 with "don't fragment" and
 * identification 0, IPv6 without a flow label; no payload.
 */
import { writeHeaderChecksum } from '../conntrack/fragment-headers.js';
import { SYNPROXY_MSS, SYNPROXY_SACK_PERM, SYNPROXY_TIMESTAMP, SYNPROXY_WSCALE } from '../rules/target/SYNPROXY.js';
import { internetChecksum } from '../wire/checksum.js';
import { AF_INET, IPPROTO_TCP, type Packet, T_DST, T_PORTS, T_SRC } from '../wire/packet.js';
import type { TcpOptions } from '../wire/tcp-options.js';
import { pseudoSum } from './answers.js';
import type { SysctlReader } from './routing.js';

/** Where the IP header begins in the buffer: a link-layer header would fit before it. */
const START = 64;
const IPV4_HEADER_LEN = 20;
const IPV6_HEADER_LEN = 40;
const TCP_HEADER_LEN = 20;
/** All options together. */
const OPTIONS_MAX = 4 + 12 + 4;
const DEFAULT_TTL = 64;
const IP_DF = 0x4000;

/** Options as they stand in a header, padding in front (RFC 9293 section 3.1, RFC 7323, RFC 2018). */
const OPTION_MSS = 0x02040000;
const OPTION_SACK_PERM = 0x01010402;
const OPTION_TIMESTAMP = 0x0101080a;
const OPTION_SACK_PERM_TIMESTAMP = 0x0402080a;
const OPTION_WSCALE = 0x01030300;

/** Options of a segment: which there are (SYNPROXY_ bits), and what they say (struct synproxy_options). */
export class SynproxyOptions {
  bits = 0;
  mss = 0;
  windowScale = 0;
  /** Timestamp, and timestamp that is echoed. */
  readonly stamps = new Int32Array(2);

  /** Takes what a segment says. */
  read(from: TcpOptions): void {
    this.bits = from.sackPermitted ? SYNPROXY_SACK_PERM : 0;
    this.mss = 0;
    this.windowScale = 0;
    if (from.mss >= 0) {
      this.bits |= SYNPROXY_MSS;
      this.mss = from.mss;
    }
    if (from.windowScale >= 0) {
      this.bits |= SYNPROXY_WSCALE;
      this.windowScale = from.windowScale;
    }
    if (from.hasTimestamp) this.bits |= SYNPROXY_TIMESTAMP;
    this.stamps[0] = from.timestamp;
    this.stamps[1] = from.timestampEcho;
  }

  /** What came as a timestamp goes as the echo, and the other way round. */
  swapStamps(): void {
    const stamp = this.stamps[0]!;
    this.stamps[0] = this.stamps[1]!;
    this.stamps[1] = stamp;
  }
}

/** The segment stands in `bytes[start, end)`, valid until the next `write`. */
export class SynproxySegment {
  readonly bytes = new Uint8Array(START + IPV6_HEADER_LEN + TCP_HEADER_LEN + OPTIONS_MAX + START);
  readonly view = new DataView(this.bytes.buffer);
  readonly start = START;
  end = START;
  private readonly ttl4: number;
  private readonly ttl6: number;

  constructor(sysctl: SysctlReader) {
    this.ttl4 = sysctl.number('net.ipv4.ip_default_ttl', DEFAULT_TTL);
    this.ttl6 = sysctl.number('net.ipv6.conf.all.hop_limit', DEFAULT_TTL);
  }

  /**
   * Writes a segment between the two ends of `p`.
   * @param isReply to p's sender, in the place of its receiver; false: as p goes
   */
  write(
    p: Packet,
    isReply: boolean,
    seq: number,
    ack: number,
    flags: number,
    window: number,
    options: SynproxyOptions,
  ): void {
    const { view } = this;
    const from = isReply ? T_DST : T_SRC;
    const length = TCP_HEADER_LEN + optionsLength(options.bits);
    const at = p.family === AF_INET ? this.header4(p.tuple, from, length) : this.header6(p.tuple, from, length);
    this.end = at + length;
    const ports = p.tuple[T_PORTS]!;
    view.setInt32(at, isReply ? (ports << 16) | (ports >>> 16) : ports);
    view.setInt32(at + 4, seq);
    view.setInt32(at + 8, ack);
    view.setUint16(at + 12, ((length / 4) << 12) | flags);
    view.setUint16(at + 14, window);
    view.setInt32(at + 16, 0);
    this.options(at + TCP_HEADER_LEN, options);
    const pseudo = pseudoSum(view, START, p.family, length, IPPROTO_TCP);
    view.setUint16(at + 16, internetChecksum(view, at, this.end, pseudo));
  }

  private options(first: number, o: SynproxyOptions): void {
    const { view } = this;
    let at = first;
    if ((o.bits & SYNPROXY_MSS) !== 0) {
      view.setInt32(at, OPTION_MSS | o.mss);
      at += 4;
    }
    const hasSack = (o.bits & SYNPROXY_SACK_PERM) !== 0;
    if ((o.bits & SYNPROXY_TIMESTAMP) !== 0) {
      view.setInt32(at, hasSack ? OPTION_SACK_PERM_TIMESTAMP : OPTION_TIMESTAMP);
      view.setInt32(at + 4, o.stamps[0]!);
      view.setInt32(at + 8, o.stamps[1]!);
      at += 12;
    } else if (hasSack) {
      view.setInt32(at, OPTION_SACK_PERM);
      at += 4;
    }
    if ((o.bits & SYNPROXY_WSCALE) !== 0) view.setInt32(at, OPTION_WSCALE | o.windowScale);
  }

  private header4(words: Int32Array, from: number, payload: number): number {
    const { view } = this;
    view.setUint16(START, 0x4500);
    view.setUint16(START + 2, IPV4_HEADER_LEN + payload);
    view.setInt32(START + 4, IP_DF);
    view.setUint16(START + 8, (this.ttl4 << 8) | IPPROTO_TCP);
    view.setUint16(START + 10, 0);
    view.setInt32(START + 12, words[from]!);
    view.setInt32(START + 16, words[T_SRC + T_DST - from]!);
    writeHeaderChecksum(this.bytes, START, IPV4_HEADER_LEN);
    return START + IPV4_HEADER_LEN;
  }

  private header6(words: Int32Array, from: number, payload: number): number {
    const { view } = this;
    view.setInt32(START, 0x60000000);
    view.setUint16(START + 4, payload);
    view.setUint16(START + 6, (IPPROTO_TCP << 8) | this.ttl6);
    const to = T_SRC + T_DST - from;
    for (let i = 0; i < 4; i++) {
      view.setInt32(START + 8 + i * 4, words[from + i]!);
      view.setInt32(START + 24 + i * 4, words[to + i]!);
    }
    return START + IPV6_HEADER_LEN;
  }
}

function optionsLength(bits: number): number {
  let length = (bits & SYNPROXY_MSS) !== 0 ? 4 : 0;
  if ((bits & SYNPROXY_TIMESTAMP) !== 0) length += 12;
  else if ((bits & SYNPROXY_SACK_PERM) !== 0) length += 4;
  return (bits & SYNPROXY_WSCALE) !== 0 ? length + 4 : length;
}
