/**
 * Room for packets that grow: a frame is borrowed, and what lies behind it belongs to somebody else (the next frame of the
 * capture). A packet that needs more bytes moves into a buffer of the host's own until it is done.
 */
import { HAS_REASSEMBLED, type Packet } from '../wire/packet.js';

/** Bytes behind the longest packet: a helper rewrites some addresses, a target adds an option. */
const SPARE = 1024;
const LONGEST = 65575;
/** Room for the link-layer header; a frame whose packet lies further behind loses what is before. */
const LINK_LEN = 64;

export class PacketRoom {
  private bytes: Uint8Array = new Uint8Array(0);
  private view: DataView = new DataView(this.bytes.buffer);
  /** The packet that moved, and what it had borrowed. */
  private moved: Packet | null = null;
  private lent = this.bytes;
  private lentView = this.view;

  /**
   * Makes sure that `by` bytes may be written behind `p.end`; every offset of `p` and its buffer may be others afterwards. The bytes
   * are the packet's own until `giveBack`. False: there is no such room.
   */
  make(p: Packet, by: number): boolean {
    // the defragmenter's buffer has room behind it
    if ((p.has & HAS_REASSEMBLED) !== 0 || p === this.moved) return p.end + by <= p.bytes.length;
    if (by > SPARE || p.end - p.l3Off > LONGEST || this.moved !== null) return false;
    if (this.bytes.length === 0) {
      this.bytes = new Uint8Array(LINK_LEN + LONGEST + SPARE);
      this.view = new DataView(this.bytes.buffer);
    }
    const from = Math.max(p.start, p.l3Off - LINK_LEN);
    const to = LINK_LEN - (p.l3Off - from);
    for (let at = from; at < p.end; at++) this.bytes[to + at - from] = p.bytes[at]!;
    this.moved = p;
    this.lent = p.bytes;
    this.lentView = p.view;
    p.bytes = this.bytes;
    p.view = this.view;
    shift(p, to - from);
    p.start = to;
    return true;
  }

  /** The packet is done: its buffer is the borrowed one again, where its next frame will lie. Its offsets hold no longer. */
  giveBack(): void {
    if (this.moved === null) return;
    this.moved.bytes = this.lent;
    this.moved.view = this.lentView;
    this.moved = null;
  }
}

function shift(p: Packet, by: number): void {
  p.end += by;
  p.l3Off += by;
  if (p.macOff >= 0) p.macOff += by;
  if (p.l4Off >= 0) p.l4Off += by;
  if (p.payloadOff >= 0) p.payloadOff += by;
  if (p.fragmentOff >= 0) p.fragmentOff += by;
}
