/** Packets into a host and what comes out, in columns: no objects on the way. */
import { VERDICT_ACCEPT } from '../rules/context.js';
import { CT_NONE, HOOK_PREROUTING } from '../wire/packet.js';

/**
 * `HostResult.verdict` of bytes that are no IP packet, or one that the host drops before any hook; `reason` then is a code of its own
 * (1: not IP, such as ARP), which `Host.reasonText` explains.
 */
export const VERDICT_SKIPPED = 5;

/** Frames in columns, as capture/frame-batch has them; row i is the frame bytes[start[i], end[i]). */
export interface Frames {
  /** The buffer that all frames lie in; borrowed, and rewritten in place where rules mangle packets. */
  bytes: Uint8Array;
  /** First byte of each frame. */
  readonly start: Int32Array;
  /** One past the last captured byte of each frame. */
  readonly end: Int32Array;
  /** Bytes that the frame had on the wire. */
  readonly wireLen: Int32Array;
  /** Time of each frame: whole seconds since the epoch. */
  readonly seconds: Float64Array;
  /** Nanoseconds on top, 0 to 999999999. */
  readonly nanos: Int32Array;
}

/** A frame's way into the host (`Host.run`): it arrives on an interface. */
export const FRAME_ARRIVES = 0;
/** A frame's way into the host (`Host.run`): the host makes it. */
export const FRAME_MADE = 1;

/** What became of each frame, in columns. */
export interface Results {
  /** VERDICT_ constant. */
  readonly verdict: Uint8Array;
  /** CT_ constant as the filter table saw it; CT_NONE: never tracked. */
  readonly state: Uint8Array;
  /** HOOK_ constant: the hook in which it was decided. */
  readonly hook: Uint8Array;
  /** What decided it, for `Host.decision`; -1 = no rule and no policy did. */
  readonly rule: Int32Array;
  /** Code for reasonName and reasonText; 0 = none. */
  readonly reason: Int32Array;
  /** As `HostResult.connection`. */
  readonly connection: Int32Array;
  /** Index of the interface on which it arrived; 0 = none. */
  readonly inInterface: Int32Array;
  /** Index of the interface on which it leaves; 0 = none. */
  readonly outInterface: Int32Array;
}

/** What became of the last packet; valid until the next one. */
export class HostResult {
  /** VERDICT_ constant; VERDICT_SKIPPED: no hook saw it. */
  verdict = VERDICT_ACCEPT;
  /** CT_ constant as the filter table saw it; CT_NONE: never tracked. */
  state = CT_NONE;
  /** HOOK_ constant: the hook in which it was decided. */
  hook = HOOK_PREROUTING;
  /** What decided it, for `Host.decision`; -1 = no rule and no policy did. */
  rule = -1;
  /** Why it is INVALID, or was dropped outside of the rules, for `Host.reasonName` and `Host.reasonText`; 0 = it was not. */
  reason = 0;
  /** slot << 1 | direction; -1 = none. The connection may be gone already. */
  connection = -1;
  /** Its number, unique among the host's connections; 0 = none. */
  connectionId = 0;
  /** Its status bits, numbered as the kernel's enum ip_conntrack_status: 1 EXPECTED, 2 SEEN_REPLY, 4 ASSURED, 8 CONFIRMED ... */
  status = 0;
  /** Index of the interface on which it arrived; 0 = none. */
  inInterface = 0;
  /** Index of the interface on which it leaves; 0 = none. */
  outInterface = 0;
}

/**
 * Takes what leaves the host or is delivered to it. `kind`: EMIT_FORWARDED, EMIT_DELIVERED, EMIT_SENT; `hostMade`: the host
 * made it by itself (REJECT's answers, ICMP errors). `bytes[start, end)` begins at the IP header; borrowed for the call.
 */
export type EmitSink = (
  bytes: Uint8Array,
  start: number,
  end: number,
  outInterface: number,
  kind: number,
  hostMade: boolean,
) => void;
