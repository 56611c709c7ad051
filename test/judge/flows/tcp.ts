/** TCP conversations: handshakes, windows, resets, illegal flags, orders of closing, reuse of ports; well-behaved ones too. */
import { ACK, CWR, ECE, FIN, PSH, RST, SYN, TCP, type TcpFields, tcpSegment, URG, u16, u32 } from '../packets.js';
import { Flow, type Sides, type Who } from './flow.js';
import type { World } from './world.js';

/** What a kind of TCP conversation draws from; more often what stands there more often. */
export interface TcpHabits {
  handshakes: readonly string[];
  middles: readonly string[];
  closes: readonly string[];
  /** How many of `middles`: from, to. */
  length: readonly [number, number];
  /** Wide windows that both sides keep to. */
  isClean: boolean;
}

const many = (counts: Readonly<Record<string, number>>): string[] =>
  Object.entries(counts).flatMap(([name, count]) => new Array<string>(count).fill(name));
const words = (text: string): string[] => text.split(' ');

const TALK = { data: 8, sdata: 8, ack: 4, sack_: 2 };

/** Everything. */
export const ANY_TCP: TcpHabits = {
  handshakes: [
    ...many({ normal: 8 }),
    ...words(
      'retrans refused silent simultaneous tfo synack_first midstream midstream_server badack ecn newisn ack_lost',
    ),
    ...words('split rst_after_synack dup_synack syn_rst_syn'),
  ],
  middles: [
    ...many({ ...TALK, retrans: 3 }),
    ...words('oow_data oow_old oow_ack old_ack keepalive zerowin winupdate sack dsack probe urg rst_oow rst_ack_oow'),
    ...words('syn_est synack_est illegal badsum baddoff trunc ttl1 ts badopt port_other dupack bigjump edge challenge'),
  ],
  closes: [
    ...many({ fin: 3 }),
    ...words('server_fin simul half findata rst rst_server rst_noack finretrans reuse_high reuse_low reuse_same'),
    ...words('lastack_again none fin_then_rst rst_then_data rst_then_syn'),
  ],
  length: [4, 30],
  isClean: false,
};

/** Well-behaved ones. */
export const CLEAN_TCP: TcpHabits = {
  handshakes: words('normal normal normal ecn retrans'),
  middles: words('data sdata ack sack_ ts retrans'),
  closes: words('fin server_fin half findata rst_server none reuse_high'),
  length: [2, 12],
  isClean: true,
};

/** Edges of the window. */
export const WINDOW_TCP: TcpHabits = {
  ...ANY_TCP,
  handshakes: words('normal ecn midstream retrans'),
  middles: words(
    'data sdata ack sack_ edge edge oow_data oow_old oow_ack old_ack zerowin winupdate sack dsack bigjump keepalive retrans badopt',
  ),
  length: [15, 45],
};

/** Resets and SYNs where there should be none. */
export const RESET_TCP: TcpHabits = {
  ...ANY_TCP,
  middles: words('data sdata ack sack_ rst_oow rst_ack_oow syn_est challenge synack_est illegal'),
  closes: words('rst rst_server rst_noack reuse_high reuse_low reuse_same fin_then_rst rst_then_data rst_then_syn'),
  length: [2, 12],
};

/** Connections that stay. */
export const LASTING_TCP: TcpHabits = {
  handshakes: ['normal'],
  middles: words('data sdata ack sack_'),
  closes: ['none'],
  length: [0, 4],
  isClean: true,
};

const ILLEGAL = [
  ...[0, SYN | FIN, SYN | RST, FIN, FIN | PSH | URG, 0x3f, 0xff, FIN | RST, PSH, URG, SYN | URG, SYN | PSH],
  ...[ACK | URG | PSH, SYN | FIN | ACK, RST | PSH | ACK, FIN | URG | ACK, ECE, CWR | ACK, FIN | SYN | RST | ACK],
];
const BAD_OPTIONS = ['05000101', '05200101', '03020101', 'fe010101', '02', '050a00000001'].map((h) =>
  Buffer.from(h, 'hex'),
);

interface Sent {
  who: Who;
  flags: number;
  seq: number;
  ack: number;
  payload: Buffer;
  options: Buffer;
}

const other = (who: Who): Who => (who === 'c' ? 's' : 'c');
const NONE = Buffer.alloc(0);

/** One connection, and sometimes the next one on its ports. */
export class TcpFlow extends Flow {
  override readonly protocol = TCP;
  private readonly habits: TcpHabits;
  private readonly next: Record<Who, number>;
  private readonly first: Record<Who, number>;
  private readonly window: Record<Who, number>;
  private readonly scale: Record<Who, number | null>;
  private readonly hasSack: boolean;
  private readonly sent: Sent[] = [];

  constructor(world: World, sides: Sides, habits: TcpHabits = ANY_TCP) {
    super(world, sides);
    const r = this.random;
    this.habits = habits;
    this.next = { c: r.pick([r.word(), 0xffffff00, 1000]) | 0, s: r.pick([r.word(), 0xfffffff0, 5000]) | 0 };
    this.first = { ...this.next };
    this.hasSack = r.chance(0.6);
    this.window = { c: r.pick([65535, 8192, 1024, 512, 29200]), s: r.pick([65535, 8192, 1024, 28960]) };
    this.scale = { c: r.pick([null, null, 0, 2, 7, 14, 15, 255]), s: r.pick([null, 0, 3, 7, 14]) };
    if (habits.isClean) {
      this.window = { c: 65535, s: 65535 };
      this.scale = { c: 7, s: 7 };
    }
  }

  protected *script(): Generator<void> {
    const r = this.random;
    let handshake = r.pick(this.habits.handshakes);
    if (this.isNat && (handshake === 'midstream_server' || handshake === 'synack_first')) handshake = 'normal';
    yield* this.handshake(handshake);
    if (['silent', 'refused', 'rst_after_synack', 'synack_first'].includes(handshake) && r.chance(0.7)) return;
    const [from, to] = this.habits.length;
    for (let left = r.range(from, to); left > 0; left--) yield* this.middle(r.pick(this.habits.middles));
    yield* this.close(r.pick(this.habits.closes));
  }

  /** A segment; where `seq` is not given it is the next one, and the count moves on (unless `stay`). */
  private send(who: Who, flags: number, f: TcpFields & { stay?: boolean; ttl?: number } = {}): void {
    const { stay = false, ttl = 64, ...fields } = f;
    const seq = (f.seq ?? this.next[who]) | 0;
    const ack = flags & ACK ? (f.ack ?? this.next[other(who)]) | 0 : (f.ack ?? 0);
    const payload = f.payload ?? NONE;
    const options = f.options ?? NONE;
    const [src, dst, sport, dport] = this.ends(who);
    const segment = tcpSegment(src, dst, sport, dport, { window: this.window[who], ...fields, flags, seq, ack });
    this.emit(who, this.world.ip(src, dst, TCP, segment, { ttl }));
    if (f.seq !== undefined || stay || f.badSum === true || f.dataOff !== undefined) return;
    this.next[who] = (seq + payload.length + (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0)) | 0;
    this.sent.push({ who, flags, seq, ack, payload, options });
  }

  private synOptions(who: Who): Buffer {
    const parts = [Buffer.from([2, 4]), u16(this.random.pick([1460, 1400, 536]))];
    if (this.hasSack) parts.push(Buffer.from([4, 2]));
    const scale = this.scale[who];
    if (scale !== null) parts.push(Buffer.from([1, 3, 3, scale]));
    return Buffer.concat(parts);
  }

  private syn(who: Who, flags = SYN, f: TcpFields = {}): void {
    this.send(who, flags, { options: this.synOptions(who), ...f });
  }

  private data(length = this.random.pick([1, 5, 100, this.random.range(1, 1300)])): Buffer {
    return Buffer.alloc(length, this.random.range(97, 123));
  }

  private *handshake(kind: string): Generator<void> {
    const r = this.random;
    if (kind === 'midstream' || kind === 'midstream_server') {
      const who = kind === 'midstream' ? 'c' : 's';
      this.send(who, ACK | PSH, { payload: this.data() });
      yield;
      if (r.chance(0.7)) yield this.send(other(who), ACK);
      return;
    }
    if (kind === 'synack_first') {
      yield this.syn('s', SYN | ACK, { ack: r.word() });
      yield this.send('c', RST, { seq: r.word() });
      return;
    }
    const syn = SYN | (kind === 'ecn' ? ECE | CWR : 0);
    yield this.syn('c', syn, kind === 'tfo' ? { payload: this.data(20) } : {});
    if (kind === 'silent') return;
    if (kind === 'refused') {
      yield this.send('s', RST | ACK, { seq: 0, window: 0 });
      return;
    }
    if (kind === 'simultaneous' || kind === 'split') {
      yield* this.crossed(kind);
      return;
    }
    yield* this.beforeAnswer(kind, syn);
    yield this.syn('s', SYN | ACK | (kind === 'ecn' ? ECE : 0));
    if (kind === 'rst_after_synack') {
      yield this.send('c', RST);
      return;
    }
    if (kind === 'dup_synack' || kind === 'ack_lost') yield this.syn('s', SYN | ACK, { seq: this.first.s });
    yield this.send('c', ACK);
    if (kind !== 'dup_synack') return;
    yield this.syn('s', SYN | ACK, { seq: this.first.s });
    yield this.send('c', ACK);
  }

  /** Between a SYN and its SYN/ACK. */
  private *beforeAnswer(kind: string, syn: number): Generator<void> {
    const r = this.random;
    if (kind === 'retrans')
      for (let left = r.range(1, 4); left > 0; left--) yield this.syn('c', syn, { seq: this.first.c });
    if (kind === 'newisn') {
      this.next.c = this.first.c = (this.first.c + r.pick([1000, 100000, -5000])) | 0;
      yield this.syn('c', syn);
    }
    if (kind === 'syn_rst_syn') {
      yield this.send('s', RST | ACK, { seq: 0 });
      this.next.c = (this.next.c + 7777) | 0;
      yield this.syn('c', syn);
    }
    if (kind === 'badack') {
      yield this.syn('s', SYN | ACK, { seq: this.first.s, ack: this.next.c + r.pick([100, -100, 100000]) });
      yield this.send('c', RST, { seq: this.next.c + 100 });
    }
  }

  /** SYNs of both sides. */
  private *crossed(kind: string): Generator<void> {
    if (kind === 'split') yield this.send('s', ACK, { seq: this.first.s });
    yield this.syn('s', SYN);
    yield this.syn('c', SYN | ACK, { seq: this.first.c });
    yield kind === 'split' ? this.send('s', ACK) : this.syn('s', SYN | ACK, { seq: this.first.s });
    if (kind === 'simultaneous') yield this.send('c', ACK);
  }

  private *middle(kind: string): Generator<void> {
    const r = this.random;
    const who: Who = r.pick(['c', 's']);
    const n = this.next[who];
    const m = this.next[other(who)];
    if (kind === 'data') this.send('c', ACK | (r.chance(0.5) ? PSH : 0), { payload: this.data() });
    else if (kind === 'sdata') this.send('s', ACK | PSH, { payload: this.data() });
    else if (kind === 'ack') this.send('c', ACK);
    else if (kind === 'sack_') this.send('s', ACK);
    else if (kind === 'retrans' && this.sent.length > 0) this.again(r.pick(this.sent.slice(-5)));
    else if (kind === 'oow_data')
      this.send(who, ACK, { seq: n + r.pick([70000, 200000, 2 ** 31, 2 ** 30]), payload: this.data() });
    else if (kind === 'oow_old')
      this.send(who, ACK, { seq: n - r.pick([70000, 200000, 2 ** 30]), payload: this.data(10) });
    else if (kind === 'oow_ack') this.send(who, ACK, { ack: m + r.pick([1, 1000, 70000, 2 ** 31 - 5]), stay: true });
    else if (kind === 'old_ack') this.send(who, ACK, { ack: m - r.pick([1, 66000, 67000, 1000000]), stay: true });
    else if (kind === 'zerowin') this.send(who, ACK, { window: 0 });
    else if (kind === 'winupdate') {
      this.window[who] = r.pick([0, 1, 512, 65535, 4096]);
      this.send(who, ACK);
    } else if (kind === 'sack' || kind === 'dsack')
      this.send(who, ACK, { options: this.sackOption(m, kind === 'sack') });
    else if (kind === 'probe') this.send(who, ACK, { payload: Buffer.from('p'), stay: true });
    else if (kind === 'urg') this.send(who, ACK | URG, { payload: this.data(30), urgent: r.pick([0, 5, 30, 9999]) });
    else if (kind === 'bigjump') {
      this.next[who] = (n + r.pick([2000, 40000, 65535])) | 0;
      this.send(who, ACK, { payload: this.data() });
    } else if (kind === 'edge')
      this.send(who, ACK, { seq: n + this.edge(who), payload: Buffer.alloc(r.pick([0, 1, 10])) });
    else {
      yield* this.odd(kind, who);
      return;
    }
    yield;
  }

  /** Rarer ones. */
  private *odd(kind: string, who: Who): Generator<void> {
    const r = this.random;
    const n = this.next[who];
    const m = this.next[other(who)];
    if (kind === 'rst_oow') this.send(who, RST, { seq: n + r.pick([1, -1, 100, 70000, -70000, 2 ** 31]) });
    else if (kind === 'rst_ack_oow') this.send(who, RST | ACK, { seq: n + r.pick([1, 5000, 100000, -100000]) });
    else if (kind === 'illegal') this.send(who, r.pick(ILLEGAL), { ack: m, stay: true });
    else if (kind === 'badsum') this.send(who, ACK, { payload: this.data(9), badSum: true });
    else if (kind === 'baddoff') this.send(who, ACK, { payload: this.data(9), dataOff: r.pick([0, 4, 8, 15]) });
    else if (kind === 'trunc') this.cut(who);
    else if (kind === 'ttl1') this.send(who, ACK, { ttl: r.pick([1, 2]), stay: true });
    else if (kind === 'ts')
      this.send(who, ACK, {
        payload: this.data(),
        options: Buffer.concat([Buffer.from([1, 1, 8, 10]), u32(r.word(), r.word())]),
      });
    else if (kind === 'badopt') this.send(who, ACK, { options: r.pick(BAD_OPTIONS), stay: true });
    else if (kind === 'port_other') this.strange(who);
    else if (kind === 'synack_est') this.syn('s', SYN | ACK, { seq: r.pick([this.first.s, this.next.s, r.word()]) });
    else if (kind === 'keepalive') {
      yield this.send(who, ACK, { seq: n - 1, payload: Buffer.alloc(r.range(0, 2)) });
      this.send(other(who), ACK);
    } else if (kind === 'dupack') for (let i = 0; i < 3; i++) yield this.send(who, ACK, { stay: true });
    else if (kind === 'syn_est') {
      yield this.syn('c', SYN, { seq: n + r.pick([0, 1000, -1000, 10 ** 6]) });
      if (r.chance(0.5)) {
        yield this.send('s', ACK);
        this.send('c', RST, { seq: this.next.c });
      }
    } else if (kind === 'challenge') yield* this.challenge();
    yield;
  }

  private again({ who, flags, seq, ack, payload, options }: Sent): void {
    this.send(who, flags, { seq, ack, payload, options });
  }

  private sackOption(ack: number, isAhead: boolean): Buffer {
    const r = this.random;
    const blocks: number[] = [];
    for (let left = r.range(1, 4); left > 0; left--) {
      const low = ack + (isAhead ? 1 : -1) * r.range(1, 5000);
      blocks.push(low, low + r.range(1, 1500));
    }
    return Buffer.concat([Buffer.from([1, 1, 5, 2 + 4 * blocks.length]), u32(...blocks)]);
  }

  /** How far ahead of the next number the other side's window ends, or a little beside it. */
  private edge(who: Who): number {
    const peer = other(who);
    const bothScale = this.scale.c !== null && this.scale.s !== null;
    const shift = bothScale && this.scale[peer]! <= 14 ? this.scale[peer]! : 0;
    return this.window[peer] * 2 ** shift + this.random.pick([-1, 0, 1, -10]);
  }

  private cut(who: Who): void {
    const [src, dst, sport, dport] = this.ends(who);
    const segment = tcpSegment(src, dst, sport, dport, { seq: this.next[who], ack: this.next[other(who)], flags: ACK });
    const length = this.random.pick([0, 2, 4, 8, 12, 16, 19]);
    this.emit(who, this.world.ip(src, dst, TCP, segment.subarray(0, length)));
  }

  /** A segment of nobody: another port. */
  private strange(who: Who): void {
    if (this.isNat && !this.isKnown) return;
    const [src, dst, sport, dport] = this.ends(who);
    const flags = this.random.pick([ACK, SYN, RST]);
    const fields = { seq: this.next[who], ack: this.next[other(who)], flags };
    // behind NAT a port that nobody has: where two clash the kernel draws one
    const strange = this.isNat ? this.world.newPort() : sport ^ 1;
    this.world.send(this.sideOf(who), this.world.ip(src, dst, TCP, tcpSegment(src, dst, strange, dport, fields)));
  }

  /** RFC 5961: a SYN in an established connection, the ACK that challenges it, RST, and a new connection. */
  private *challenge(): Generator<void> {
    const seq = this.random.word() | 0;
    yield this.syn('c', SYN, { seq });
    yield this.send('s', ACK);
    yield this.send('c', RST, { seq: this.next.c });
    this.next.c = seq;
    yield this.syn('c');
    this.next.s = this.random.word() | 0;
    yield this.syn('s', SYN | ACK);
    this.send('c', ACK);
  }

  private *close(kind: string): Generator<void> {
    if (kind === 'server_fin') {
      yield this.send('s', FIN | ACK);
      yield this.send('c', ACK);
      yield this.send('c', FIN | ACK);
      yield this.send('s', ACK);
    } else if (kind === 'simul') {
      yield this.send('c', FIN | ACK);
      yield this.send('s', FIN | ACK, { ack: this.next.c - 1, stay: true });
      this.next.s = (this.next.s + 1) | 0;
      yield this.send('c', ACK);
      yield this.send('s', ACK);
    } else if (kind === 'rst') yield this.send('c', RST | ACK);
    else if (kind === 'rst_server') yield this.send('s', RST | ACK);
    else if (kind === 'rst_noack') yield this.send('c', RST);
    else if (kind === 'rst_then_data') {
      yield this.send('c', RST);
      yield this.send('s', ACK | PSH, { payload: this.data() });
      yield this.send('c', RST);
    } else if (kind === 'rst_then_syn') {
      yield this.send('s', RST | ACK);
      yield* this.anew(this.random.pick([100, 70000]));
    } else if (kind !== 'none') yield* this.fin(kind);
  }

  private *fin(kind: string): Generator<void> {
    yield this.send('c', FIN | ACK, kind === 'findata' ? { payload: this.data(10) } : {});
    if (kind === 'finretrans') yield this.send('c', FIN | ACK, { seq: this.next.c - 1 });
    if (kind === 'fin_then_rst') {
      yield this.send('s', RST | ACK);
      return;
    }
    yield this.send('s', ACK);
    for (let i = 0; kind === 'half' && i < 3; i++) {
      yield this.send('s', ACK | PSH, { payload: this.data() });
      yield this.send('c', ACK);
    }
    yield this.send('s', FIN | ACK);
    if (kind === 'finretrans') yield this.send('s', FIN | ACK, { seq: this.next.s - 1 });
    yield this.send('c', ACK);
    if (kind === 'lastack_again') {
      yield this.send('c', ACK);
      yield this.send('s', FIN | ACK, { seq: this.next.s - 1 });
      yield this.send('c', ACK);
    }
    const reuse = { reuse_high: 70000, reuse_low: -70000, reuse_same: 0 }[kind];
    if (reuse === undefined) return;
    yield* this.anew(reuse);
    yield this.send('c', ACK | PSH, { payload: this.data() });
  }

  /** A new connection on the same ports, `ahead` of where the old one ended. */
  private *anew(ahead: number): Generator<void> {
    this.next.c = (this.next.c + ahead) | 0;
    yield this.syn('c');
    if (this.random.chance(0.3)) yield this.send('s', ACK);
    this.next.s = this.random.word() | 0;
    yield this.syn('s', SYN | ACK);
    yield this.send('c', ACK);
  }
}

/** A well-behaved connection. */
export class CleanTcpFlow extends TcpFlow {
  constructor(world: World, sides: Sides) {
    super(world, sides, CLEAN_TCP);
  }
}

/** About the edges of windows. */
export class WindowTcpFlow extends TcpFlow {
  constructor(world: World, sides: Sides) {
    super(world, sides, WINDOW_TCP);
  }
}

/** About resets. */
export class ResetTcpFlow extends TcpFlow {
  constructor(world: World, sides: Sides) {
    super(world, sides, RESET_TCP);
  }
}

/** One that stays. */
export class LastingTcpFlow extends TcpFlow {
  constructor(world: World, sides: Sides) {
    super(world, sides, LASTING_TCP);
  }
}
