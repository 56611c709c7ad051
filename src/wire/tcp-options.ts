/**
 * TCP options (RFC 9293 section 3.1, RFC 7323, RFC 2018), read into a caller's object; safe on any bytes.
 *
 * A list that is malformed ends where it is malformed: what stood before it counts (as tcp_parse_options and connection
 * tracking's tcp_options do).
 */
import { HAS_TCP, type Packet } from './packet.js';

const TCPOPT_EOL = 0;
const TCPOPT_NOP = 1;
const TCPOPT_MSS = 2;
const TCPOPT_WINDOW = 3;
const TCPOPT_SACK_PERMITTED = 4;
const TCPOPT_SACK = 5;
const TCPOPT_TIMESTAMP = 8;

const TCP_HEADER_LEN = 20;
/** RFC 7323 section 2.3: larger shifts count as 14. */
const MAX_WINDOW_SCALE = 14;
/** 40 bytes of options hold no more. */
const MAX_SACK_BLOCKS = 4;

/** What a TCP header's options say; refilled by `readTcpOptions`. */
export class TcpOptions {
  /** Maximum segment size in bytes; -1 = option absent. */
  mss = -1;
  /** Shift count, at most 14; -1 = absent. */
  windowScale = -1;
  sackPermitted = false;
  /** Number of SACK blocks in `sackLeft` and `sackRight`. */
  sackCount = 0;
  /** Edges of the SACK blocks, Int32 sequence numbers. */
  readonly sackLeft = new Int32Array(MAX_SACK_BLOCKS);
  readonly sackRight = new Int32Array(MAX_SACK_BLOCKS);
  /** Whether `timestamp` and `timestampEcho` are valid. */
  hasTimestamp = false;
  timestamp = 0;
  timestampEcho = 0;
}

/** Reads all options of a packet with HAS_TCP into `out`; every field is set anew. */
export function readTcpOptions(p: Packet, out: TcpOptions): void {
  out.mss = -1;
  out.windowScale = -1;
  out.sackPermitted = false;
  out.sackCount = 0;
  out.hasTimestamp = false;
  out.timestamp = 0;
  out.timestampEcho = 0;
  const end = optionsEnd(p);
  let at = p.l4Off + TCP_HEADER_LEN;
  while (at < end) {
    const kind = p.view.getUint8(at);
    if (kind === TCPOPT_EOL) return;
    if (kind === TCPOPT_NOP) {
      at++;
      continue;
    }
    if (end - at < 2) return;
    const len = p.view.getUint8(at + 1);
    if (len < 2 || len > end - at) return;
    readOption(p.view, kind, at, len, out);
    at += len;
  }
}

function readOption(view: DataView, kind: number, at: number, len: number, out: TcpOptions): void {
  if (kind === TCPOPT_MSS && len === 4) {
    out.mss = view.getUint16(at + 2);
  } else if (kind === TCPOPT_WINDOW && len === 3) {
    out.windowScale = Math.min(view.getUint8(at + 2), MAX_WINDOW_SCALE);
  } else if (kind === TCPOPT_SACK_PERMITTED && len === 2) {
    out.sackPermitted = true;
  } else if (kind === TCPOPT_TIMESTAMP && len === 10) {
    out.hasTimestamp = true;
    out.timestamp = view.getInt32(at + 2);
    out.timestampEcho = view.getInt32(at + 6);
  } else if (kind === TCPOPT_SACK && len >= 10 && (len - 2) % 8 === 0) {
    let count = 0;
    for (let block = at + 2; block < at + len && count < MAX_SACK_BLOCKS; block += 8) {
      out.sackLeft[count] = view.getInt32(block);
      out.sackRight[count] = view.getInt32(block + 4);
      count++;
    }
    out.sackCount = count;
  }
}

/**
 * The highest sequence number that the packet acknowledges: its ack, or the right edge of a SACK block after it (connection
 * tracking's tcp_sack: only the first SACK option counts). For a packet with HAS_TCP; Int32.
 */
export function tcpSackEnd(p: Packet): number {
  const end = optionsEnd(p);
  let at = p.l4Off + TCP_HEADER_LEN;
  let highest = p.ack;
  // The usual option list of an established connection: NOP NOP timestamp, nothing else.
  if (end - at === 12 && p.view.getInt32(at) === 0x0101080a) return highest;
  while (at < end) {
    const kind = p.view.getUint8(at);
    if (kind === TCPOPT_EOL) return highest;
    if (kind === TCPOPT_NOP) {
      at++;
      continue;
    }
    if (end - at < 2) return highest;
    const len = p.view.getUint8(at + 1);
    if (len < 2 || len > end - at) return highest;
    if (kind === TCPOPT_SACK && len >= 10 && (len - 2) % 8 === 0) {
      for (let right = at + 6; right < at + len; right += 8) {
        const edge = p.view.getInt32(right);
        if (((highest - edge) | 0) < 0) highest = edge;
      }
      return highest;
    }
    at += len;
  }
  return highest;
}

/** The options end with the header, or where the captured bytes do. */
function optionsEnd(p: Packet): number {
  if ((p.has & HAS_TCP) === 0) return 0;
  return Math.min(p.payloadOff, p.end);
}
