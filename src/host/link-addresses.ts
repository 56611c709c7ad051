/**
 * Which frames are the host's (net/ethernet/eth.c eth_type_trans; ip_rcv_core and ip6_rcv_core drop the others before any hook):
 * those to an interface's own address and to groups. Interfaces whose address the host's description does not give take all.
 */
import type { HostInterface } from '../rules/context.js';
import { PACKET_HOST, PACKET_OTHERHOST, type Packet } from '../wire/packet.js';

export class LinkAddresses {
  /** Of each interface the first four and the last two bytes. */
  private readonly upper: Int32Array;
  private readonly lower: Uint16Array;
  private readonly isGiven: Uint8Array;

  /**
   * @param interfaces By index.
   * @param isGiven Whether the description says an interface's address.
   */
  constructor(interfaces: readonly (HostInterface | null)[], isGiven: (i: HostInterface) => boolean) {
    this.upper = new Int32Array(interfaces.length);
    this.lower = new Uint16Array(interfaces.length);
    this.isGiven = new Uint8Array(interfaces.length);
    for (const i of interfaces) {
      if (i === null || i.loopback || !isGiven(i)) continue;
      const view = new DataView(i.mac.buffer, i.mac.byteOffset, 6);
      this.upper[i.index] = view.getInt32(0);
      this.lower[i.index] = view.getUint16(4);
      this.isGiven[i.index] = 1;
    }
  }

  /** Whether a packet that arrived on an interface is somebody else's. */
  isElsewhere(p: Packet, dev: number): boolean {
    if (p.packetType === PACKET_OTHERHOST) return true;
    if (p.macOff < 0 || p.packetType !== PACKET_HOST || this.isGiven[dev] !== 1) return false;
    return p.view.getInt32(p.macOff) !== this.upper[dev] || p.view.getUint16(p.macOff + 4) !== this.lower[dev];
  }
}
