/**
 * Sequence numbers of a TCP connection in whose payload NAT has changed a length (nf_conntrack_seqadj.c): from that place on what one
 * side sends has other numbers than what the other side gets, and its acknowledgments have to be turned back. Behind -j SYNPROXY that is
 * so from the beginning: the client goes by the number that the proxy gave it.
 *
 * For each direction one place is remembered: numbers after `SEQ_POSITION` differ by `SEQ_AFTER`, those up to it by `SEQ_BEFORE`.
 * That is enough while commands are answered one by one.
 */
import { replace32, TCP_CHECKSUM_AT } from '../wire/checksum.js';
import type { Packet } from '../wire/packet.js';
import { type ConnHelp, SEQ_AFTER, SEQ_BEFORE, SEQ_POSITION, SEQ_WORDS } from './helper.js';

const TCP_HEADER_LEN = 20;
const TCP_SEQ_AT = 4;
const TCP_ACK_AT = 8;
const TCP_DATA_OFFSET_AT = 12;
const TH_ACK = 16;
const TCPOPT_EOL = 0;
const TCPOPT_NOP = 1;
const TCPOPT_SACK = 5;

/** By how much a sequence number of a direction differs behind this host (nf_ct_seq_offset). */
export function seqOffset(help: ConnHelp, direction: number, seq: number): number {
  const a = help.seqAdjust;
  const at = direction * SEQ_WORDS;
  return ((a[at + SEQ_POSITION]! - seq) | 0) < 0 ? a[at + SEQ_AFTER]! : a[at + SEQ_BEFORE]!;
}

/** All numbers of a direction differ by `by`, from the beginning on (nf_ct_seqadj_init). */
export function beginAdjusting(help: ConnHelp, direction: number, by: number): void {
  const at = direction * SEQ_WORDS;
  help.seqAdjust[at + SEQ_BEFORE] = by;
  help.seqAdjust[at + SEQ_AFTER] = by;
}

/** The payload of the segment that begins at `seq` became `by` bytes longer (nf_ct_seqadj_set). */
export function noteLength(help: ConnHelp, direction: number, seq: number, by: number): void {
  const a = help.seqAdjust;
  const at = direction * SEQ_WORDS;
  // a repeated segment changes nothing
  if (a[at + SEQ_BEFORE] !== a[at + SEQ_AFTER] && ((a[at + SEQ_POSITION]! - seq) | 0) >= 0) return;
  a[at + SEQ_POSITION] = seq;
  a[at + SEQ_BEFORE] = a[at + SEQ_AFTER]!;
  a[at + SEQ_AFTER] = (a[at + SEQ_AFTER]! + by) | 0;
}

/**
 * Rewrites sequence and acknowledgment numbers of a segment, SACK blocks too (nf_ct_seq_adjust). False: it is too short, or its options
 * are not whole. What is no segment is taken for one: nothing is looked at but its length.
 */
export function adjustSegment(p: Packet, help: ConnHelp, direction: number): boolean {
  if (p.end - p.l4Off < TCP_HEADER_LEN) return false;
  const { view, bytes, l4Off } = p;
  const seq = view.getInt32(l4Off + TCP_SEQ_AT);
  const newSeq = (seq + seqOffset(help, direction, seq)) | 0;
  replace32(bytes, l4Off + TCP_CHECKSUM_AT, seq, newSeq);
  view.setInt32(l4Off + TCP_SEQ_AT, newSeq);
  p.seq = newSeq;
  if ((view.getUint8(l4Off + 13) & TH_ACK) === 0) return true;
  const ack = view.getInt32(l4Off + TCP_ACK_AT);
  const newAck = (ack - acknowledgedOffset(help, direction ^ 1, ack)) | 0;
  replace32(bytes, l4Off + TCP_CHECKSUM_AT, ack, newAck);
  view.setInt32(l4Off + TCP_ACK_AT, newAck);
  p.ack = newAck;
  return adjustSack(p, help, direction ^ 1);
}

/** By how much a number differs that the receiver of `direction` acknowledges: it has counted with the lengths of behind. */
function acknowledgedOffset(help: ConnHelp, direction: number, number: number): number {
  const a = help.seqAdjust;
  const at = direction * SEQ_WORDS;
  const before = a[at + SEQ_BEFORE]!;
  return ((a[at + SEQ_POSITION]! - (number - before)) | 0) < 0 ? a[at + SEQ_AFTER]! : before;
}

/** False: the options are not there as a whole, or one of them is not. */
function adjustSack(p: Packet, help: ConnHelp, direction: number): boolean {
  const { view, bytes, l4Off } = p;
  const end = l4Off + (bytes[l4Off + TCP_DATA_OFFSET_AT]! >> 4) * 4;
  if (end > p.end) return false;
  for (let at = l4Off + TCP_HEADER_LEN; at < end; ) {
    const kind = bytes[at]!;
    if (kind === TCPOPT_EOL) return true;
    if (kind === TCPOPT_NOP) {
      at++;
      continue;
    }
    const len = at + 1 < end ? bytes[at + 1]! : 0;
    if (len < 2 || len > end - at) return false;
    if (kind === TCPOPT_SACK && len >= 10 && (len - 2) % 8 === 0) {
      for (let edge = at + 2; edge < at + len; edge += 4) {
        const number = view.getInt32(edge);
        const adjusted = (number - acknowledgedOffset(help, direction, number)) | 0;
        // an edge at an odd place changes the sum otherwise; the kernel does not look, and the checksum comes out wrong
        replace32(bytes, l4Off + TCP_CHECKSUM_AT, number, adjusted);
        view.setInt32(edge, adjusted);
      }
    }
    at += len;
  }
  return true;
}
