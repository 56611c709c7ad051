/** PPTP: control connections, their calls, the GRE frames of calls and of none, errors about frames. */
import { ACK, GRE, grePacket, ICMP, icmpMessage, RST, u16, u32 } from '../packets.js';
import { Flow, type Who } from './flow.js';
import { Talk } from './talk.js';

const MAGIC = 0x1a2b3c4d;
const OTHER_MAGIC = 0x1a2b3c4e;
const START_REQUEST = 1;
const START_REPLY = 2;
const OUT_REQUEST = 7;
const OUT_REPLY = 8;
const IN_REQUEST = 9;
const IN_REPLY = 10;
const IN_CONNECTED = 11;

const zeros = (count: number): Buffer => Buffer.alloc(count);

/** A control connection with a few calls. */
export class PptpFlow extends Flow {
  override readonly protocol = GRE;
  private readonly talk = new Talk(this.world, {
    ...{ client: this.client, clientPort: this.clientPort, server: this.server, serverPort: 1723 },
    sides: [this.clientSide, this.serverSide],
  });
  /** Call ids as each end knows them: its own, and what it was told of the other one's. */
  private own: Record<Who, number> = { c: 0, s: 0 };
  private told: Record<Who, number> = { c: 0, s: 0 };

  protected *script(): Generator<void> {
    const { random: r, talk } = this;
    yield* talk.open();
    yield* this.message('c', START_REQUEST, Buffer.concat([u16(0x100, 0), u32(1, 1), u16(0, 1), zeros(128)]));
    yield* this.message('s', START_REPLY, Buffer.concat([u16(0x100), this.result(), u32(1, 1), u16(0, 1), zeros(128)]));
    for (let left = r.range(1, 5); left > 0; left--) {
      if (r.chance(0.7)) yield* this.outgoing();
      else yield* this.incoming();
      if (r.chance(0.5)) yield* this.message('c', 15, Buffer.concat([u16(this.told.c, 0), u32(-1, -1)]));
      if (r.chance(0.2)) yield* this.message('s', 15, Buffer.concat([u16(this.own.c, 0), u32(-1, -1)]));
      yield* this.frames();
      if (r.chance(0.4)) yield* this.message('c', 12, u16(this.own.c, 0));
      if (r.chance(0.4))
        yield* this.message('s', 13, Buffer.concat([u16(this.own.s), Buffer.from([1, 0]), u16(0, 0), zeros(128)]));
      if (r.chance(0.2)) yield* this.message('s', 14, Buffer.concat([u16(this.told.s, 0), zeros(24)]));
      if (r.chance(0.3)) yield* this.frames();
    }
    if (r.chance(0.3)) yield* this.message('c', 3, Buffer.from([1, 0, 0, 0]));
    if (r.chance(0.3)) yield* this.message('s', 4, Buffer.concat([this.result(), zeros(2)]));
    if (r.chance(0.4)) yield* talk.close('c');
    else if (r.chance(0.5)) yield talk.put(r.pick(['c', 's']), RST | ACK);
  }

  private result(): Buffer {
    return Buffer.from([this.random.chance(0.9) ? 1 : this.random.pick([0, 2, 5]), 0]);
  }

  private *message(who: Who, type: number, body: Buffer): Generator<void> {
    const r = this.random;
    const k = r.real();
    const shown = k < 0.03 ? r.range(0, 18) : type;
    const length = k < 0.05 ? r.range(0, 200) : 12 + body.length;
    const head = Buffer.concat([u16(length, k > 0.98 ? 2 : 1), u32(k > 0.97 ? OTHER_MAGIC : MAGIC), u16(shown, 0)]);
    const whole = Buffer.concat([head, body]);
    const cut = k > 0.94 && k < 0.97 ? whole.subarray(0, r.range(1, whole.length)) : whole;
    yield* this.talk.say(who, k > 0.05 && k < 0.07 ? Buffer.concat([cut, whole]) : cut);
  }

  /** The field of the last message that an end has heard. */
  private heard(who: Who, at: number): number {
    const last = this.talk.heard[who].at(-1);
    return last !== undefined && last.length >= at + 2 ? last.readUInt16BE(at) : 0;
  }

  private newIds(): void {
    const r = this.random;
    const id = (): number => (r.chance(0.9) ? r.range(1, 65_536) : r.pick([0, 1, 1723]));
    this.own = { c: id(), s: id() };
  }

  private *outgoing(): Generator<void> {
    const r = this.random;
    this.newIds();
    yield* this.message(
      'c',
      OUT_REQUEST,
      Buffer.concat([u16(this.own.c, 1), u32(300, 100_000_000, 3, 3), u16(64, 0, 0, 0), zeros(128)]),
    );
    this.told.s = this.heard('s', 12);
    const echoed = r.chance(0.93) ? this.told.s : this.told.s ^ 1;
    const reply = Buffer.concat([u16(this.own.s, echoed), this.result(), u16(0), u32(100_000_000), u16(64, 0), u32(0)]);
    yield* this.message('s', OUT_REPLY, reply);
    this.told.c = this.heard('c', 12);
  }

  private *incoming(): Generator<void> {
    const r = this.random;
    this.newIds();
    yield* this.message('s', IN_REQUEST, Buffer.concat([u16(this.own.s, 1), u32(0, 0), u16(0, 0), zeros(192)]));
    this.told.c = this.heard('c', 12);
    const echoed = r.chance(0.93) ? this.told.c : this.told.c ^ 1;
    yield* this.message('c', IN_REPLY, Buffer.concat([u16(this.own.c, echoed), this.result(), u16(64, 0, 0)]));
    this.told.s = this.heard('s', 12);
    yield* this.message('s', IN_CONNECTED, Buffer.concat([u16(this.told.s, 0), u32(0), u16(0, 0), u32(0)]));
  }

  private *frames(): Generator<void> {
    const r = this.random;
    for (let left = r.range(0, 6); left > 0; left--) {
      const who = r.pick(['c', 's'] as const);
      const { own, peer } = this.talk.ends[who];
      const callId = r.chance(0.85) ? this.told[who] : r.range(0, 65_536);
      const frame = grePacket({ version: 1, callId, seq: left }, Buffer.from('ppp'));
      yield void this.world.send(this.sideOf(who), this.world.ip(own, peer, GRE, frame));
      if (!r.chance(0.1)) continue;
      // the receiver complains about what it would have got
      const other = who === 'c' ? 's' : 'c';
      const ends = this.talk.ends[other];
      const got = grePacket({ version: 1, callId: this.own[other], seq: left }, Buffer.from('ppp'));
      const quoted = this.world.ip(ends.peer, ends.own, GRE, got).subarray(0, r.pick([28, 36, 60]));
      const error = icmpMessage(ends.own, ends.peer, 3, 2, u32(0), quoted);
      yield void this.world.send(this.sideOf(other), this.world.ip(ends.own, ends.peer, ICMP, error));
    }
  }
}
