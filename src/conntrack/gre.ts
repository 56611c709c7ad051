/** GRE: version 1 (PPTP) is tracked by call id, version 0 by addresses alone (nf_conntrack_proto_gre.c). */
import type { Packet } from '../wire/packet.js';
import { IPS_CONFIRMED, IPS_SEEN_REPLY, R_STATUS, R_WINDOW, RECORD_SHIFT } from './layout.js';
import { TIMEOUT_REPLIED, TIMEOUT_UNREPLIED } from './sysctl.js';
import { TRACK_ACCEPT } from './track.js';
import type { Tracker } from './tracker.js';

/** R_WINDOW of a GRE record: its timeouts in ms, fixed when it was made (a PPTP helper raises them). */
export const R_GRE_TIMEOUT = R_WINDOW;
export const R_GRE_STREAM_TIMEOUT = R_WINDOW + 1;

/** One GRE packet of a connection. */
export function grePacket(t: Tracker, p: Packet, slot: number, direction: number): number {
  const w = t.table.words;
  const base = slot << RECORD_SHIFT;
  const status = w[base + R_STATUS]!;
  if ((status & IPS_CONFIRMED) === 0) {
    const timeouts = t.timeoutsOf(slot, t.settings.gre);
    w[base + R_GRE_TIMEOUT] = timeouts[TIMEOUT_UNREPLIED]!;
    w[base + R_GRE_STREAM_TIMEOUT] = timeouts[TIMEOUT_REPLIED]!;
  }
  if ((status & IPS_SEEN_REPLY) === 0) {
    t.refresh(slot, direction, p.l3Len, w[base + R_GRE_TIMEOUT]!);
    return TRACK_ACCEPT;
  }
  t.refresh(slot, direction, p.l3Len, w[base + R_GRE_STREAM_TIMEOUT]!);
  t.setAssured(slot);
  return TRACK_ACCEPT;
}
