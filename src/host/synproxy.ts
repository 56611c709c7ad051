/**
 * -j SYNPROXY at work (net/netfilter/nf_synproxy_core.c): handshakes with clients in the place of servers.
 *
 *   client                      host                               server
 *     SYN ----------------------> (rule)                                     nothing is kept: the SYN/ACK's number is a cookie
 *         <------------- SYN/ACK, window 0
 *     ACK of the cookie --------> (rule) SYN -------------------------->     a connection begins, with the client's options
 *                                        <------------------------ SYN/ACK   ends here
 *                                        ACK -------------------------->
 *         <------------- ACK, opens the window
 *     data ----------------------------------------------------------->     numbers and timestamps are adjusted from here on
 *
 * The client's options are in the cookie (maximum segment size) and in the timestamp that the SYN/ACK had and the ACK echoes: window scale in its
 * lowest four bits (15: none), then one bit for SACK and one for ECN. The number that the client goes by travels in the SYN to the server
 * as its acknowledgment number, which no SYN without ACK has.
 *
 * Two places: `answer`, where the rule stands, and `pass`, last but helpers and confirmation in INPUT and POSTROUTING, for each packet of
 * a connection that began here.
 */
import { IPCT_SEQADJ, IPCT_SYNPROXY } from '../conntrack/events.js';
import { type ConnHelp, PROXY_AHEAD, PROXY_NUMBER, PROXY_STAMP } from '../conntrack/helper.js';
import {
  F_HELP,
  IPS_SEQ_ADJUST,
  R_STATE,
  R_STATUS,
  R_WINDOW,
  RECORD_SHIFT,
  STATE_MASK,
  TCP_CONNTRACK_CLOSE,
  TCP_CONNTRACK_SYN_RECV,
  TCP_CONNTRACK_SYN_SENT,
  W_MAXWIN,
} from '../conntrack/layout.js';
import { beginAdjusting } from '../conntrack/seqadj.js';
import {
  SYNPROXY_ECN,
  SYNPROXY_MSS,
  SYNPROXY_SACK_PERM,
  SYNPROXY_TIMESTAMP,
  SYNPROXY_WSCALE,
  type SynproxyRequest,
} from '../rules/target/SYNPROXY.js';
import { replace32, TCP_CHECKSUM_AT } from '../wire/checksum.js';
import { CT_ESTABLISHED, CT_INVALID, HAS_TCP, HOOK_INPUT, IPPROTO_TCP, PARSE_OK, Packet } from '../wire/packet.js';
import { parseNetwork } from '../wire/parse.js';
import { readTcpOptions, TcpOptions } from '../wire/tcp-options.js';
import { type HostKernel, LO_INDEX } from './kernel.js';
import {
  HOST_SYNPROXY_ANSWERED,
  HOST_SYNPROXY_CONNECTS,
  HOST_SYNPROXY_COOKIE,
  HOST_SYNPROXY_TAKES,
} from './reasons.js';
import { SynproxyCookies } from './synproxy-cookies.js';
import { SynproxyOptions, SynproxySegment } from './synproxy-segment.js';

const TH_SYN = 0x02;
const TH_RST = 0x04;
const TH_ACK = 0x10;
const TH_ECE = 0x40;
const TH_CWR = 0x80;
const TCP_HEADER_LEN = 20;
const TCPOPT_EOL = 0;
const TCPOPT_NOP = 1;
const TCPOPT_TIMESTAMP = 8;
const TCPOLEN_TIMESTAMP = 10;

/** What the low bits of a SYN/ACK's timestamp tell: its time is only as exact as the rest. */
const STAMP_BITS = 0x3f;
const STAMP_WSCALE = 0x0f;
const STAMP_SACK = 0x10;
const STAMP_ECN = 0x20;
/** Options that only a handshake has. */
const HANDSHAKE_BITS = SYNPROXY_MSS | SYNPROXY_WSCALE | SYNPROXY_SACK_PERM;

/** As /proc/net/stat/synproxy has it. */
export interface SynproxyStatistics {
  /** SYNs that were answered. */
  synReceived: number;
  /** ACKs with a cookie that was wrong or too old. */
  cookieInvalid: number;
  /** ACKs whose cookie was right: the server has been told. */
  cookieValid: number;
  /** Clients that asked again before the server had answered. */
  cookieRetrans: number;
  /** SYNs of closed connections. */
  connReopened: number;
}

/** One a host; see the head of this file. */
export class Synproxy {
  readonly statistics: SynproxyStatistics = {
    synReceived: 0,
    cookieInvalid: 0,
    cookieValid: 0,
    cookieRetrans: 0,
    connReopened: 0,
  };
  readonly cookies: SynproxyCookies;

  private readonly host: HostKernel;
  private readonly packet = new Packet();
  private readonly segment: SynproxySegment;
  /** Of the segment at hand. */
  private readonly read = new TcpOptions();
  /** Of the segment that is made. */
  private readonly options = new SynproxyOptions();
  /** Of SYNs to servers. */
  private template = 0;

  constructor(host: HostKernel, seed: number) {
    this.host = host;
    this.cookies = new SynproxyCookies(seed);
    this.segment = new SynproxySegment(host.network.sysctl);
  }

  /** A SYN, or an ACK that is none of a known connection, has come to the rule, where it ends (synproxy_tg4). */
  answer(p: Packet, request: SynproxyRequest): void {
    this.template = request.template;
    this.readOptions(p);
    if ((p.tcpFlags & TH_SYN) !== 0) {
      this.greet(p, request);
      return;
    }
    if (!this.connect(p, p.seq, request.doubt)) tell(p, HOST_SYNPROXY_COOKIE);
  }

  /**
   * A packet of a connection is about to leave or to be delivered (ipv4_synproxy_hook). False: it ends here, `p.reason` says why.
   */
  pass(p: Packet): boolean {
    const { tracker } = this.host;
    const slot = p.connection >> 1;
    const w = tracker.table.words;
    const base = slot << RECORD_SHIFT;
    if ((w[base + R_STATUS]! & F_HELP) === 0) return true;
    const help = tracker.table.coldOf(slot).help;
    if (help === null || !help.isProxied || p.protocol !== IPPROTO_TCP || (p.has & HAS_TCP) === 0) return true;
    if (p.hook === HOOK_INPUT && p.inInterface === LO_INDEX) return true;
    const isReply = (p.connection & 1) === 1;
    const flags = p.tcpFlags;
    switch (w[base + R_STATE]! & STATE_MASK) {
      case TCP_CONNTRACK_CLOSE:
        if ((flags & TH_RST) !== 0 && isReply) this.adjust(slot, help, (help.proxy[PROXY_NUMBER]! - p.seq + 1) | 0);
        else if ((flags & (TH_SYN | TH_ACK)) === TH_SYN && !isReply) {
          help.proxy[PROXY_AHEAD] = 0;
          this.statistics.connReopened++;
          this.begin(p, slot, help);
        }
        break;
      case TCP_CONNTRACK_SYN_SENT:
        if ((flags & (TH_SYN | TH_ACK)) === TH_ACK && !isReply) return this.again(p);
        this.begin(p, slot, help);
        break;
      case TCP_CONNTRACK_SYN_RECV:
        if ((flags & (TH_SYN | TH_ACK)) !== (TH_SYN | TH_ACK)) break;
        this.join(p, slot, help);
        return false;
      default:
    }
    const ahead = help.proxy[PROXY_AHEAD]!;
    if (ahead !== 0) shiftStamp(p, isReply, ahead);
    return true;
  }

  /** Answers a SYN with a cookie (synproxy_send_client_synack). */
  private greet(p: Packet, request: SynproxyRequest): void {
    const { options: o, host } = this;
    this.statistics.synReceived++;
    if ((p.tcpFlags & (TH_ECE | TH_CWR)) === (TH_ECE | TH_CWR)) o.bits |= SYNPROXY_ECN;
    o.bits &= request.bits;
    const asked = o.mss;
    o.mss = request.mss;
    if ((o.bits & SYNPROXY_TIMESTAMP) !== 0) this.makeStamp(request);
    else o.bits &= ~(SYNPROXY_WSCALE | SYNPROXY_SACK_PERM | SYNPROXY_ECN);
    this.cookies.remember(p, asked, host.nowMs);
    const cookie = this.cookies.make(p, asked, host.nowMs);
    const flags = TH_SYN | TH_ACK | ((o.bits & SYNPROXY_ECN) !== 0 ? TH_ECE : 0);
    this.segment.write(p, true, cookie, (p.seq + 1) | 0, flags, 0, o);
    this.send(p.connection < 0 ? -1 : p.connection | 1, 0);
    tell(p, HOST_SYNPROXY_ANSWERED);
  }

  /** The time, with the client's options in its low bits (synproxy_init_timestamp_cookie). */
  private makeStamp(request: SynproxyRequest): void {
    const o = this.options;
    o.stamps[1] = o.stamps[0]!;
    let stamp = (this.host.nowMs | 0) & ~STAMP_BITS;
    if ((o.bits & SYNPROXY_WSCALE) !== 0) {
      stamp |= o.windowScale;
      o.windowScale = request.windowScale;
    } else stamp |= STAMP_WSCALE;
    if ((o.bits & SYNPROXY_SACK_PERM) !== 0) stamp |= STAMP_SACK;
    if ((o.bits & SYNPROXY_ECN) !== 0) stamp |= STAMP_ECN;
    o.stamps[0] = stamp;
  }

  /**
   * A client has shown that it is there: tells the server (synproxy_recv_client_ack). False: the cookie is wrong.
   * @param seq the client's next number
   */
  private connect(p: Packet, seq: number, doubt: { packets: number } | null): boolean {
    const { options: o, host, statistics } = this;
    let mss = this.cookies.check(p, host.nowMs);
    if (mss === 0) {
      mss = this.cookies.recall(p, host.nowMs);
      if (mss !== 0 && doubt !== null) doubt.packets++;
    }
    if (mss === 0) {
      statistics.cookieInvalid++;
      return false;
    }
    statistics.cookieValid++;
    o.mss = mss;
    o.bits |= SYNPROXY_MSS;
    if ((o.bits & SYNPROXY_TIMESTAMP) !== 0) this.readStamp();
    const flags = (o.bits & SYNPROXY_ECN) !== 0 ? TH_SYN | TH_ECE | TH_CWR : TH_SYN;
    this.segment.write(p, false, (seq - 1) | 0, (p.ack - 1) | 0, flags, p.window, o);
    this.send(-1, this.template);
    tell(p, HOST_SYNPROXY_CONNECTS);
    return true;
  }

  /** The client's options, from the timestamp that it echoes (synproxy_check_timestamp_cookie). */
  private readStamp(): void {
    const o = this.options;
    const echo = o.stamps[1]!;
    o.windowScale = echo & STAMP_WSCALE;
    if (o.windowScale !== STAMP_WSCALE) o.bits |= SYNPROXY_WSCALE;
    if ((echo & STAMP_SACK) !== 0) o.bits |= SYNPROXY_SACK_PERM;
    if ((echo & STAMP_ECN) !== 0) o.bits |= SYNPROXY_ECN;
  }

  /** The client's ACK again, as a keep-alive (its number is one less), before the server has answered: one more SYN. */
  private again(p: Packet): boolean {
    this.readOptions(p);
    if (this.connect(p, (p.seq + 1) | 0, null)) this.statistics.cookieRetrans++;
    else tell(p, HOST_SYNPROXY_COOKIE);
    return false;
  }

  /** The SYN to the server: what is to be known when its answer comes. */
  private begin(p: Packet, slot: number, help: ConnHelp): void {
    readTcpOptions(p, this.read);
    help.proxy[PROXY_NUMBER] = p.ack;
    if (this.read.hasTimestamp) help.proxy[PROXY_STAMP] = this.read.timestampEcho;
    this.host.tracker.note(slot, IPCT_SYNPROXY);
  }

  /** The server's SYN/ACK ends the handshake with it, and opens the client's window. */
  private join(p: Packet, slot: number, help: ConnHelp): void {
    const { options: o, host, segment } = this;
    const { tracker } = host;
    this.readOptions(p);
    if ((o.bits & SYNPROXY_TIMESTAMP) !== 0) {
      help.proxy[PROXY_AHEAD] = (o.stamps[0]! - help.proxy[PROXY_STAMP]!) | 0;
      tracker.note(slot, IPCT_SYNPROXY);
    }
    o.bits &= ~HANDSHAKE_BITS;
    o.swapStamps();
    const window = tracker.table.words[(slot << RECORD_SHIFT) + R_WINDOW + W_MAXWIN]! & 0xffff;
    segment.write(p, true, p.ack, (p.seq + 1) | 0, TH_ACK, window, o);
    this.send(-1, 0);
    this.adjust(slot, help, (help.proxy[PROXY_NUMBER]! - p.seq) | 0);
    tracker.note(slot, IPCT_SEQADJ);
    o.swapStamps();
    segment.write(p, false, (p.seq + 1) | 0, p.ack, TH_ACK, p.window >>> o.windowScale, o);
    this.send(p.connection | 1, 0);
    tell(p, HOST_SYNPROXY_TAKES);
  }

  /** From now on the numbers that the server sends differ by `by`. */
  private adjust(slot: number, help: ConnHelp, by: number): void {
    if (by === 0) return;
    const w = this.host.tracker.table.words;
    const at = (slot << RECORD_SHIFT) + R_STATUS;
    w[at] = w[at]! | IPS_SEQ_ADJUST;
    beginAdjusting(help, 1, by);
  }

  private readOptions(p: Packet): void {
    readTcpOptions(p, this.read);
    this.options.read(this.read);
  }

  /** Sends the segment that was written. `connection`: what it belongs to, -1: tracking finds that out. */
  private send(connection: number, template: number): void {
    const { packet, segment } = this;
    if (parseNetwork(packet, segment.bytes, segment.start, segment.end) !== PARSE_OK) return;
    if (connection >= 0) {
      packet.connection = connection;
      packet.state = CT_ESTABLISHED;
    }
    packet.template = template;
    this.host.sendSegment(packet);
  }
}

/** Why a packet ended here, unless it is INVALID: then why it is that. */
function tell(p: Packet, reason: number): void {
  if (p.state !== CT_INVALID) p.reason = reason;
}

/**
 * Timestamps of the server's are made to go on from the one that the client was given, and what the client echoes is turned back
 * (synproxy_tstamp_adjust).
 */
function shiftStamp(p: Packet, isReply: boolean, ahead: number): void {
  const { view, bytes } = p;
  const end = Math.min(p.payloadOff, p.end);
  for (let at = p.l4Off + TCP_HEADER_LEN; at < end; ) {
    const kind = bytes[at]!;
    if (kind === TCPOPT_EOL) return;
    if (kind === TCPOPT_NOP) {
      at++;
      continue;
    }
    const length = at + 1 < end ? bytes[at + 1]! : 0;
    if (length < 2 || length > end - at) return;
    if (kind === TCPOPT_TIMESTAMP && length === TCPOLEN_TIMESTAMP) {
      const where = isReply ? at + 2 : at + 6;
      const before = view.getInt32(where);
      const after = (isReply ? before - ahead : before + ahead) | 0;
      // at an odd place the checksum comes out wrong: the kernel does not look where it stands
      replace32(bytes, p.l4Off + TCP_CHECKSUM_AT, before, after);
      view.setInt32(where, after);
      return;
    }
    at += length;
  }
}
