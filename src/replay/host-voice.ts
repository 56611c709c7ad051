/**
 * Whether captures hold what the host itself sent. If not, the simulated host has to answer by itself what is delivered to it;
 * if so, its answers come with the captures, and a second one of each would be wrong.
 */
import { DIRECTION_INBOUND, DIRECTION_OUTBOUND } from '../capture/frame-batch.js';
import { networkOffset } from './describe.js';
import type { FrameSource } from './frames.js';
import type { LocalAddresses } from './local-addresses.js';

/** Packets looked at in each capture: a host that has said nothing for so long is not heard there. */
const MAX_PACKETS = 100_000;

/**
 * Reads captures, from their beginning. True if a packet is marked as outbound, or is not marked and comes from one of the
 * host's addresses; also if every packet is marked as inbound: then whoever captured left the host's own ones out.
 */
export async function isHostHeard(sources: readonly FrameSource[], own: LocalAddresses): Promise<boolean> {
  let unmarked = false;
  for (const source of sources) {
    let left = MAX_PACKETS;
    for (let batch = await source.read(); batch !== null && left > 0; batch = await source.read()) {
      left -= batch.count;
      for (let i = 0; i < batch.count; i++) {
        const told = batch.direction[i];
        if (told === DIRECTION_OUTBOUND) return true;
        if (told === DIRECTION_INBOUND) continue;
        const { linkType } = source.interfaces[batch.interfaceId[i]];
        const at = networkOffset(batch.bytes, batch.start[i], batch.end[i], linkType);
        if (at < 0) continue;
        unmarked = true;
        const four = batch.bytes[at] >> 4 === 4;
        if (own.has(batch.bytes, at + (four ? 12 : 8), four ? 2 : 10)) return true;
      }
    }
  }
  return !unmarked;
}
