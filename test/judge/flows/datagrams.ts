/** UDP, UDP-Lite, GRE and protocols without a tracker of their own; IPv4 options and IPv6 extension headers before UDP. */
import {
  AH,
  DCCP,
  ESP,
  GRE,
  grePacket,
  isIpv6,
  UDP,
  UDPLITE,
  type UdpFields,
  u16,
  u32,
  udpDatagram,
} from '../packets.js';
import { Flow, type Who } from './flow.js';

const NONE = Buffer.alloc(0);

/** Datagrams both ways, some of them wrong. */
export class UdpFlow extends Flow {
  override readonly protocol: number = UDP;

  protected *script(): Generator<void> {
    const r = this.random;
    const count = r.range(2, 14);
    for (let i = 0; i < count; i++) {
      const who: Who = this.isNat && i === 0 ? 'c' : r.pick(['c', 'c', 'c', 's', 's']);
      this.datagram(who, r.bytes(r.pick([0, 1, 12, 100, r.range(0, 600)])));
      yield;
    }
  }

  private datagram(who: Who, body: Buffer): void {
    const r = this.random;
    const [src, dst, sport, dport] = this.ends(who);
    const k = r.real();
    const f: UdpFields = {};
    if (k < 0.05) f.badSum = true;
    else if (k < 0.1) f.noSum = true;
    else if (k < 0.14) f.length = r.pick([0, 4, 7, 8, 2000, 8 + (body.length >> 1)]);
    const whole = udpDatagram(src, dst, sport, dport, body, f);
    const cut = k >= 0.14 && k < 0.17 ? whole.subarray(0, r.pick([0, 3, 7])) : whole;
    this.emit(who, this.world.ip(src, dst, UDP, cut, k >= 0.17 && k < 0.2 ? { ttl: 1 } : {}));
  }
}

/** One question, mostly one answer. */
export class QuestionFlow extends Flow {
  override readonly protocol = UDP;

  protected *script(): Generator<void> {
    const whos: Who[] = this.random.chance(0.85) ? ['c', 's'] : ['c'];
    for (const who of whos) {
      const [src, dst, sport, dport] = this.ends(who);
      const body = Buffer.alloc(this.random.range(20, 60), 'q');
      yield this.emit(who, this.world.ip(src, dst, UDP, udpDatagram(src, dst, sport, dport, body)));
    }
  }
}

/** UDP-Lite with every kind of coverage. */
export class UdpLiteFlow extends Flow {
  override readonly protocol = UDPLITE;

  protected *script(): Generator<void> {
    const r = this.random;
    const count = r.range(2, 10);
    for (let i = 0; i < count; i++) {
      const who: Who = this.isNat && i === 0 ? 'c' : r.pick(['c', 'c', 's']);
      const [src, dst, sport, dport] = this.ends(who);
      const length = r.pick([undefined, undefined, 8, 0, 12, 7, 5000]);
      const f: UdpFields = { protocol: UDPLITE, badSum: r.chance(0.1), ...(length === undefined ? {} : { length }) };
      const body = Buffer.alloc(4 * r.range(1, 20), 'lite');
      yield this.emit(who, this.world.ip(src, dst, UDPLITE, udpDatagram(src, dst, sport, dport, body, f)));
    }
  }
}

/** GRE of versions 0 and 1, some cut short. */
export class GreFlow extends Flow {
  override readonly protocol = GRE;

  protected *script(): Generator<void> {
    const r = this.random;
    const isPptp = r.chance(1 / 3);
    const count = r.range(2, 8);
    for (let i = 0; i < count; i++) {
      const who: Who = this.isNat ? 'c' : r.pick(['c', 's']);
      if (r.chance(0.1)) this.emitIp(who, GRE, Buffer.from([0x20, 1, 0x88, 0x0b]).subarray(0, r.range(0, 5)));
      else if (isPptp)
        this.emitIp(who, GRE, grePacket({ version: 1, callId: r.pick([1, 2]), seq: i }, Buffer.from('ppp')));
      else
        this.emitIp(
          who,
          GRE,
          grePacket({ version: r.pick([0, 0, 0, 2]), key: r.pick([null, 7]) }, Buffer.alloc(20, 'x')),
        );
      yield;
    }
  }
}

const OTHERS4 = [ESP, AH, 89, 2, 4, 253, 255, DCCP, 103, 112, 41, 59, 0];
const OTHERS6 = [ESP, 89, 253, 255, DCCP, 103, 112, 4];

/** Protocols of which only the addresses are known. */
export class OtherFlow extends Flow {
  protected *script(): Generator<void> {
    const r = this.random;
    const protocol = r.pick(isIpv6(this.client) ? OTHERS6 : OTHERS4);
    const count = r.range(1, 7);
    for (let i = 0; i < count; i++) {
      const who: Who = this.isNat ? 'c' : r.pick(['c', 'c', 's']);
      const dccp = Buffer.concat([u16(this.clientPort, 80, 0x0400, 0, 0), Buffer.alloc(18)]);
      const body =
        protocol === DCCP ? dccp : Buffer.concat([u32(0x1000 + i, i), Buffer.alloc(4 * r.range(0, 20), 'body')]);
      const [src, dst] = who === 'c' ? [this.client, this.server] : [this.server, this.client];
      yield this.emit(who, this.world.ip(src, dst, protocol, body));
    }
  }
}

const OPTIONS4 = ['01010101', '94040000', '0707040000000000', ''].map((h) => Buffer.from(h, 'hex'));
const CHAINS6 = [[60], [0], [0, 60], [43], [60, 60], [135], [59]];

/** UDP behind IPv4 options or IPv6 extension headers. */
export class HeadersFlow extends Flow {
  override readonly protocol = UDP;

  protected *script(): Generator<void> {
    const r = this.random;
    const count = r.range(2, 8);
    for (let i = 0; i < count; i++) {
      const who: Who = this.isNat && i === 0 ? 'c' : r.pick(['c', 'c', 's']);
      const [src, dst, sport, dport] = this.ends(who);
      const datagram = udpDatagram(src, dst, sport, dport, Buffer.alloc(3 * i, 'ext'));
      if (isIpv6(src)) {
        const [next, body] = this.chain(datagram);
        this.emit(who, this.world.ip(src, dst, next, body));
      } else {
        const f = { options: r.pick(OPTIONS4), tos: r.range(0, 4), badSum: r.chance(0.1), dontFragment: r.chance(0.3) };
        this.emit(who, this.world.ip(src, dst, UDP, datagram, f));
      }
      yield;
    }
  }

  private chain(datagram: Buffer): readonly [number, Buffer] {
    let next = UDP;
    let body = datagram;
    for (const header of this.random.pick(CHAINS6)) {
      const head = header === 43 ? [next, 0, 0, 0, 0, 0, 0, 0] : [next, 0, 1, 4, 0, 0, 0, 0];
      body = header === 59 ? NONE : Buffer.concat([Buffer.from(head), body]);
      next = header;
    }
    return [next, body];
  }
}
