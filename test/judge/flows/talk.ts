/** Two ends that talk through the router in words: each believes what came out at its side, addresses and sequence numbers alike. */
import {
  ACK,
  type Emitted,
  FIN,
  PSH,
  SYN,
  TCP,
  type TcpFields,
  tcpSegment,
  UDP,
  u16,
  udpDatagram,
} from '../packets.js';
import type { Side } from '../scenario.js';
import type { Who } from './flow.js';
import type { World } from './world.js';

/** Address and port of an end, and of the other one as it knows it. */
export interface Ends {
  own: string;
  ownPort: number;
  peer: string;
  peerPort: number;
}

/** Who talks to whom, on which sides. */
export interface Meeting {
  client: string;
  clientPort: number;
  server: string;
  serverPort: number;
  sides: readonly [Side, Side];
}

const INVALID_MARK = 4;
const NONE = Buffer.alloc(0);
const OPTIONS = Buffer.from('020405b40402010303070000', 'hex').subarray(0, 9);

/** What both kinds of talk have. */
abstract class Pair {
  /** What each end knows of the two. */
  readonly ends: Record<Who, Ends>;
  /** Payloads that each end has heard, the last one last. */
  readonly heard: Record<Who, Buffer[]> = { c: [], s: [] };

  constructor(
    protected readonly world: World,
    protected readonly meeting: Meeting,
  ) {
    const { client, clientPort, server, serverPort } = meeting;
    this.ends = {
      c: { own: client, ownPort: clientPort, peer: server, peerPort: serverPort },
      s: { own: server, ownPort: serverPort, peer: client, peerPort: clientPort },
    };
  }

  /** The last text that an end has heard. */
  text(who: Who): string {
    return this.heard[who].at(-1)?.toString('latin1') ?? '';
  }

  sideOf(who: Who): Side {
    return this.meeting.sides[who === 'c' ? 0 : 1]!;
  }

  protected transmit(who: Who, packet: Buffer, protocol: number): Emitted[] {
    const other = who === 'c' ? 's' : 'c';
    const came = this.world.send(this.sideOf(who), packet).filter((p) => {
      // what is INVALID passes untranslated
      const isStray = this.world.options.hasNat && p.tos >> 5 === INVALID_MARK;
      return p.side === this.sideOf(other) && p.protocol === protocol && p.sport >= 0 && !isStray;
    });
    for (const p of came) this.ends[other] = { own: p.dst, ownPort: p.dport, peer: p.src, peerPort: p.sport };
    return came;
  }
}

/** A TCP connection. */
export class Talk extends Pair {
  /** The next sequence number of each end, and what it expects of the other one. */
  readonly next: Record<Who, number>;
  readonly expected: Record<Who, number> = { c: 0, s: 0 };

  constructor(world: World, meeting: Meeting) {
    super(world, meeting);
    this.next = { c: world.random.word() | 0, s: world.random.word() | 0 };
  }

  /** One segment; `stays`: the next one has the same number. */
  put(who: Who, flags: number, payload: Buffer = NONE, o: { options?: Buffer; stays?: boolean } = {}): void {
    const { own, ownPort, peer, peerPort } = this.ends[who];
    const seq = this.next[who];
    const ack = (flags & ACK) !== 0 ? this.expected[who] : 0;
    const f: TcpFields = { seq, ack, flags, payload, window: 29_200, ...(o.options ? { options: o.options } : {}) };
    const packet = this.world.ip(own, peer, TCP, tcpSegment(own, peer, ownPort, peerPort, f));
    const length = payload.length + ((flags & SYN) !== 0 ? 1 : 0) + ((flags & FIN) !== 0 ? 1 : 0);
    if (o.stays !== true) this.next[who] = (seq + length) | 0;
    const other = who === 'c' ? 's' : 'c';
    for (const p of this.transmit(who, packet, TCP)) {
      if (p.body.length < 20) continue;
      const data = p.body.subarray((p.body[12]! >> 4) * 4);
      const bits = p.body[13]!;
      const end = data.length + ((bits & SYN) !== 0 ? 1 : 0) + ((bits & FIN) !== 0 ? 1 : 0);
      this.expected[other] = (p.body.readInt32BE(4) + end) | 0;
      if (data.length > 0) this.heard[other].push(data);
    }
  }

  *open(): Generator<void> {
    yield this.put('c', SYN, NONE, { options: OPTIONS });
    yield this.put('s', SYN | ACK, NONE, { options: OPTIONS });
    yield this.put('c', ACK);
  }

  /** Data of one end, and mostly the other one's acknowledgement. */
  *say(who: Who, data: string | Buffer): Generator<void> {
    yield this.put(who, ACK | PSH, typeof data === 'string' ? Buffer.from(data, 'latin1') : data);
    if (this.world.random.chance(0.7)) yield this.put(who === 'c' ? 's' : 'c', ACK);
  }

  *close(who: Who): Generator<void> {
    yield this.put(who, FIN | ACK);
    yield this.put(who === 'c' ? 's' : 'c', FIN | ACK);
    yield this.put(who, ACK);
  }

  /** A short connection that says something each way. */
  *brief(): Generator<void> {
    yield* this.open();
    yield* this.say(this.world.random.pick(['c', 's']), 'data of some kind');
    if (this.world.random.chance(0.6)) yield* this.close(this.world.random.pick(['c', 's']));
  }
}

/** Datagrams of two ends. */
export class Datagrams extends Pair {
  /** One datagram; `port`: from another one than the end's own. */
  say(who: Who, data: string | Buffer, port = -1): void {
    const { own, ownPort, peer, peerPort } = this.ends[who];
    const body = typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
    const whole = udpDatagram(own, peer, port >= 0 ? port : ownPort, peerPort, body);
    const other = who === 'c' ? 's' : 'c';
    for (const p of this.transmit(who, this.world.ip(own, peer, UDP, whole), UDP))
      this.heard[other].push(p.body.subarray(8));
  }
}

/** 32 bits and more in network order, as text formats have them side by side. */
export function words(...values: number[]): Buffer {
  return Buffer.concat(values.map((value) => u16(value >>> 16, value)));
}
