/** Packets between addresses that no host should use: the router's own, groups, broadcasts, loopback, nobody. */
import { ACK, icmpMessage, icmpOf, isIpv6, SYN, TCP, tcpSegment, UDP, u16, udpDatagram } from '../packets.js';
import { Flow } from './flow.js';

const STRANGE4 = [
  ...['10.1.0.1', '10.2.0.1', '0.0.0.0', '127.0.0.1', '255.255.255.255', '10.1.0.255', '10.2.0.255'],
  ...['224.0.0.1', '224.0.0.9', '239.1.2.3', '240.0.0.1', '169.254.1.1', '192.0.2.1'],
];
const STRANGE6 = [
  ...['fd00:1::1', 'fd00:2::1', '::', '::1', 'ff02::1', 'ff02::2', 'ff05::9', 'ff01::1', 'fe80::1'],
  ...['fd00:1::', '2001:db8::1', '::ffff:a01:2', 'ff0e::5'],
];

/**
 * Not as sources: the kernel answers broadcast addresses, and hears its own answer; answers to the router's own IPv6 addresses go other
 * ways (docs/kernel-differences.md).
 */
const UNASKED = new Set(['10.1.0.255', '10.2.0.255', 'fd00:1::1', 'fd00:2::1', 'fd00:1::']);

/** A few packets of one protocol, each with at least one strange address. */
export class StrangeFlow extends Flow {
  protected *script(): Generator<void> {
    const r = this.random;
    for (let left = r.range(1, 6); left > 0; left--) {
      const side = this.clientSide;
      const strange = isIpv6(this.client) ? STRANGE6 : STRANGE4;
      const isSource = r.chance(0.5);
      const src = isSource ? r.pick(strange.filter((address) => !UNASKED.has(address))) : this.client;
      const dst = isSource && r.chance(0.7) ? this.server : r.pick(strange);
      yield void this.world.send(side, this.packet(src, dst));
    }
  }

  private packet(src: string, dst: string): Buffer {
    const r = this.random;
    const k = r.real();
    const ttl = r.pick([64, 64, 1, 255]);
    const [sport, dport] = [this.clientPort, this.serverPort];
    if (k < 0.4) {
      const segment = tcpSegment(src, dst, sport, dport, { seq: 1, flags: r.pick([SYN, SYN, ACK]) });
      return this.world.ip(src, dst, TCP, segment, { ttl });
    }
    if (k < 0.7)
      return this.world.ip(src, dst, UDP, udpDatagram(src, dst, sport, dport, Buffer.from('strange')), { ttl });
    const type = isIpv6(src) ? 128 : 8;
    return this.world.ip(src, dst, icmpOf(src), icmpMessage(src, dst, type, 0, u16(sport, 1), Buffer.from('ping')), {
      ttl,
    });
  }
}
