/** Every protocol without a tracker of its own: addresses and protocol number are the connection (nf_conntrack_proto_generic.c). */
import type { Packet } from '../wire/packet.js';
import { TIMEOUT_GENERIC } from './sysctl.js';
import { TRACK_ACCEPT } from './track.js';
import type { Tracker } from './tracker.js';

/** One packet of a connection of an unknown protocol. */
export function genericPacket(t: Tracker, p: Packet, slot: number, direction: number): number {
  const policy = t.table.coldOf(slot).timeouts;
  t.refresh(slot, direction, p.l3Len, policy === null ? t.settings.single[TIMEOUT_GENERIC]! : policy[0]!);
  return TRACK_ACCEPT;
}
