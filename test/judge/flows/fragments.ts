/** Packets in fragments: in order, reversed, shuffled, missing, doubled, overlapping, of odd lengths, atomic. */
import {
  ACK,
  fragment,
  fragments,
  icmpMessage,
  icmpOf,
  isIpv6,
  SYN,
  TCP,
  tcpSegment,
  UDP,
  u16,
  udpDatagram,
} from '../packets.js';
import { Flow, type Who } from './flow.js';

/** Fragmented packets of a client and a server. */
export class FragmentFlow extends Flow {
  override readonly protocol = UDP;

  protected *script(): Generator<void> {
    const r = this.random;
    const count = r.range(2, 6);
    for (let i = 0; i < count; i++) {
      const who: Who = this.isNat && !this.isKnown ? 'c' : r.pick(['c', 'c', 's']);
      const whole = this.whole(who, i);
      let size = r.pick(whole.length > 200 ? [8, 16, 200, 600, 1400] : [8, 24, 48]);
      if (whole.length / size > 30) size = 200;
      const pieces = fragments(whole, size, r.word());
      if (pieces.some((piece) => piece.length > 1500)) continue;
      for (const piece of this.disturbed(pieces, whole)) yield this.emit(who, piece);
    }
  }

  private whole(who: Who, i: number): Buffer {
    const r = this.random;
    const [src, dst, sport, dport] = this.ends(who);
    const body = Buffer.alloc(r.pick([100, 700, 1500, 3000])).map((_, j) => (i + j) & 255) as Buffer;
    const k = r.real();
    if (k < 0.6)
      return this.world.ip(src, dst, UDP, udpDatagram(src, dst, sport, dport, body, { badSum: r.chance(0.05) }));
    if (k < 0.8) {
      const type = isIpv6(src) ? (who === 's' ? 129 : 128) : who === 's' ? 0 : 8;
      return this.world.ip(src, dst, icmpOf(src), icmpMessage(src, dst, type, 0, u16(sport, i), body));
    }
    const fields = { seq: i * 5000, flags: r.pick([SYN, ACK]), payload: body };
    return this.world.ip(src, dst, TCP, tcpSegment(src, dst, sport, dport, fields));
  }

  private disturbed(pieces: Buffer[], whole: Buffer): Buffer[] {
    const r = this.random;
    const six = whole[0]! >> 4 === 6;
    const head = six ? 40 : 20;
    const k = r.real();
    if (k >= 0.35 && k < 0.5) pieces.reverse();
    else if (k >= 0.5 && k < 0.6) r.shuffle(pieces);
    else if (k >= 0.6 && k < 0.7 && pieces.length > 1) pieces.splice(r.range(0, pieces.length), 1);
    else if (k >= 0.7 && k < 0.78) pieces.splice(r.range(0, pieces.length), 0, r.pick(pieces));
    else if (k >= 0.78 && k < 0.88 && pieces.length > 2) pieces.splice(2, 0, shifted(pieces[1]!));
    else if (k >= 0.88 && k < 0.92 && six && whole.length <= 1440)
      return [fragment(whole, whole.subarray(head), 0, false, r.word())];
    else if (k >= 0.92 && k < 0.95 && !six) pieces[0] = fragment(pieces[0]!, pieces[0]!.subarray(head, -3), 0, true, 0);
    return pieces;
  }
}

/** The same bytes eight bytes earlier: over what came before. */
function shifted(piece: Buffer): Buffer {
  const copy = Buffer.from(piece);
  if (piece[0]! >> 4 === 6) {
    copy.writeUInt16BE((copy.readUInt16BE(42) - 8) & 0xffff, 42);
    return copy;
  }
  const off = ((piece.readUInt16BE(6) & 0x1fff) - 1) * 8;
  return fragment(piece, piece.subarray(20), off, true, 0);
}
