/** ICMP of both families: queries of every type, and errors about packets that came out of the router, or that never were. */
import {
  ACK,
  type Emitted,
  ICMP,
  ICMP6,
  icmpMessage,
  icmpOf,
  isIpv6,
  readEmitted,
  TCP,
  tcpSegment,
  UDP,
  u16,
  u32,
  udpDatagram,
} from '../packets.js';
import { OWN_ADDRESSES } from '../world.js';
import { Flow } from './flow.js';

const TYPES6 = [130, 131, 132, 133, 134, 137, 139, 140, 143, 144, 200, 255, 0, 127];
const TYPES4 = [13, 14, 15, 16, 17, 18, 9, 10, 1, 2, 6, 19, 30, 40, 41, 255];
const ANSWERED4 = [13, 15, 17];

/** Pings, and everything that looks like one. */
export class EchoFlow extends Flow {
  private id = this.world.newPort();
  /** Id and addresses as the server sees them. */
  private seenId = this.id;
  private peers: readonly [string, string] = [this.client, this.server];

  protected *script(): Generator<void> {
    const r = this.random;
    const count = r.range(1, 10);
    for (let i = 0; i < count; i++) {
      const body = Buffer.alloc(4 * r.range(0, 40), 'ping');
      const k = r.real();
      if (k < 0.72) yield* this.ping(i, body);
      else yield* this.odd(k, i, body);
    }
  }

  private message(isAnswer: boolean, type: number, code: number, rest: Buffer, body: Buffer, badSum = false): void {
    const [src, dst] = isAnswer ? [this.peers[1], this.peers[0]] : [this.client, this.server];
    const packet = this.world.ip(src, dst, icmpOf(src), icmpMessage(src, dst, type, code, rest, body, badSum));
    const out = this.world.send(isAnswer ? this.serverSide : this.clientSide, packet);
    if (isAnswer) return;
    for (const p of out) {
      if (p.side !== this.serverSide || !(p.protocol === ICMP || p.protocol === ICMP6)) continue;
      if (p.body[0] !== this.request || p.body.length < 6) continue;
      this.peers = [p.src, p.dst];
      this.seenId = p.body.readUInt16BE(4);
    }
  }

  private get request(): number {
    return isIpv6(this.client) ? 128 : 8;
  }

  private *ping(i: number, body: Buffer): Generator<void> {
    const r = this.random;
    yield this.message(false, this.request, 0, u16(this.id, i), body);
    const answer = isIpv6(this.client) ? 129 : 0;
    if (!r.chance(0.8)) return;
    yield this.message(true, answer, 0, u16(this.seenId, i), body);
    if (r.chance(0.15)) yield this.message(true, answer, 0, u16(this.seenId, i), body);
  }

  private *odd(k: number, i: number, body: Buffer): Generator<void> {
    const r = this.random;
    const six = isIpv6(this.client);
    if (k < 0.78) yield this.message(true, six ? 129 : 0, 0, u16(this.world.newPort(), i), body);
    else if (k < 0.82) yield this.message(false, this.request, 0, u16(this.id, i), body, true);
    else if (k < 0.86) {
      const cut = icmpMessage(this.client, this.server, this.request, 0, u32(0), Buffer.alloc(0)).subarray(
        0,
        r.pick([0, 1, 4, 7]),
      );
      yield void this.world.send(this.clientSide, this.world.ip(this.client, this.server, icmpOf(this.client), cut));
    } else if (k < 0.93) {
      const type = r.pick(six ? TYPES6 : TYPES4);
      yield this.message(false, type, r.pick([0, 0, 1]), u16(this.id, i), Buffer.alloc(12));
      if (!six && ANSWERED4.includes(type)) yield this.message(true, type + 1, 0, u16(this.id, i), Buffer.alloc(12));
    } else yield this.message(false, this.request, r.pick([1, 200]), u16(this.id, i), body);
  }
}

const ERRORS6: readonly (readonly [number, number])[] = [
  [1, 0],
  [1, 1],
  [1, 3],
  [1, 4],
  [2, 0],
  [3, 0],
  [3, 1],
  [4, 0],
  [4, 1],
  [4, 2],
];
const ERRORS4: readonly (readonly [number, number])[] = [
  [3, 0],
  [3, 1],
  [3, 2],
  [3, 3],
  [3, 3],
  [3, 4],
  [3, 9],
  [3, 13],
  [4, 0],
  [5, 0],
  [5, 1],
  [11, 0],
  [11, 1],
  [12, 0],
];

/** Errors about what others sent. */
export class ErrorFlow extends Flow {
  protected *script(): Generator<void> {
    for (let left = this.random.range(2, 10); left > 0; left--) yield this.error();
  }

  /** A packet to complain about. */
  private cause(side: 'a' | 'b'): Emitted {
    const r = this.random;
    const came = this.world.came[side];
    if (came.length > 0 && !r.chance(0.12)) return r.pick(came);
    const datagram = udpDatagram(this.client, this.server, this.world.newPort(), 53, Buffer.from('none'));
    return readEmitted(this.world.ip(this.client, this.server, UDP, datagram), side)!;
  }

  private error(): void {
    const r = this.random;
    const side = r.pick(['a', 'b', 'b'] as const);
    const p = this.cause(side);
    const six = p.version === 6;
    const k = r.real();
    let { src: dst, dst: src } = p;
    if (k >= 0.1 && k < 0.2) src = `${six ? 'fd00:' : '10.'}${side === 'b' ? 22 : 11}${six ? ':9::9' : '.9.9'}`;
    if (k >= 0.3 && k < 0.34) dst = this.world.address(side === 'b' ? 'a' : 'b', 'r');
    const quoted = this.quoted(p, k);
    const cut = k >= 0.25 ? r.pick(six ? [48, 60, 80, 200, 1000] : [28, 48, 64, 200, 500]) : 600;
    let [type, code] = r.pick(six ? ERRORS6 : ERRORS4);
    const isTooBig = six ? type === 2 : type === 3 && code === 4;
    // the router would keep the path's MTU, for later scenarios too
    if (isTooBig && OWN_ADDRESSES.has(p.src)) [type, code] = [six ? 1 : 3, 3];
    let rest = u32(0);
    if (six && type === 2) rest = u32(1280);
    else if (!six && type === 3 && code === 4) rest = u16(0, 1400);
    else if (!six && type === 5) rest = Buffer.from([10, 2, 0, 3]);
    const message = icmpMessage(src, dst, type, code, rest, quoted.subarray(0, cut), r.chance(0.05));
    this.world.send(side, this.world.ip(src, dst, icmpOf(src), message));
  }

  /** What the error quotes: the packet, or something made of it. */
  private quoted(p: Emitted, k: number): Buffer {
    const r = this.random;
    const { bytes } = p;
    const six = p.version === 6;
    if (k < 0.1 && p.sport >= 0 && (p.protocol === UDP || p.protocol === TCP)) {
      const ends = [p.dst, p.src, p.dport, p.sport] as const;
      const body = p.protocol === UDP ? udpDatagram(...ends, Buffer.from('rev')) : tcpSegment(...ends, { flags: ACK });
      return this.world.ip(p.dst, p.src, p.protocol, body);
    }
    if (k >= 0.2 && k < 0.25) return bytes.subarray(0, r.pick([0, 8, 20, 24, 27, 40, 44]));
    if (k >= 0.25 && k < 0.3 && !six) return Buffer.concat([bytes.subarray(0, 10), u16(0xdead), bytes.subarray(12)]);
    if (k >= 0.34 && k < 0.38) {
      const inner = icmpMessage(p.dst, p.src, six ? 1 : 3, 0, u32(0), bytes.subarray(0, 100));
      return this.world.ip(p.dst, p.src, icmpOf(p.dst), inner);
    }
    if (k >= 0.38 && k < 0.42 && !six) return Buffer.concat([bytes.subarray(0, 6), u16(9), bytes.subarray(8)]);
    return bytes;
  }
}
