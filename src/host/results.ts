/** Packets into a host and what comes out, in columns: no objects on the way. */
import { VERDICT_ACCEPT } from '../rules/context.js';
import { CT_NONE, HOOK_PREROUTING } from '../wire/packet.js';

/** `HostResult.verdict` of bytes that are no IP packet, or one that the host drops before any hook; `reason` is a PARSE_ code. */
export const VERDICT_SKIPPED = 5;

/** Frames in columns, as capture/frame-batch has them; row i is the frame bytes[start[i], end[i]). */
export interface Frames {
  bytes: Uint8Array;
  readonly start: Int32Array;
  readonly end: Int32Array;
  /** Bytes that the frame had on the wire. */
  readonly wireLen: Int32Array;
  /** Time: whole seconds since the epoch, and nanoseconds on top. */
  readonly seconds: Float64Array;
  readonly nanos: Int32Array;
}

/** Ways of a frame into the host: it arrives on an interface, or the host makes it. */
export const FRAME_ARRIVES = 0;
export const FRAME_MADE = 1;

/** What became of each frame, in columns. */
export interface Results {
  /** VERDICT_ constant. */
  readonly verdict: Uint8Array;
  /** CT_ constant as the filter table saw it; CT_NONE: never tracked. */
  readonly state: Uint8Array;
  /** HOOK_ in which it was decided. */
  readonly hook: Uint8Array;
  /** What decided it, for `Host.decision`; -1 = no rule and no policy did. */
  readonly rule: Int32Array;
  /** Code for reasonName and reasonText; 0 = none. */
  readonly reason: Int32Array;
  readonly connection: Int32Array;
  readonly inInterface: Int32Array;
  readonly outInterface: Int32Array;
}

/** What became of the last packet; valid until the next one. */
export class HostResult {
  /** VERDICT_ constant; VERDICT_SKIPPED: no hook saw it. */
  verdict = VERDICT_ACCEPT;
  state = CT_NONE;
  hook = HOOK_PREROUTING;
  rule = -1;
  reason = 0;
  /** slot << 1 | direction; -1 = none. The connection may be gone already. */
  connection = -1;
  /** Its number, unique among the host's connections; 0 = none. */
  connectionId = 0;
  /** Its IPS_ bits. */
  status = 0;
  inInterface = 0;
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
