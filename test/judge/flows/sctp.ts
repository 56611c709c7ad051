/** SCTP associations: handshakes, collisions, wrong tags, odd chunks, every way to end. */
import { sctpChunk as chunk, SCTP, sctpPacket, u16, u32 } from '../packets.js';
import { Flow, type Who } from './flow.js';

const DATA = 0;
const INIT = 1;
const INIT_ACK = 2;
const SACK = 3;
const HEARTBEAT = 4;
const HEARTBEAT_ACK = 5;
const ABORT = 6;
const SHUTDOWN = 7;
const SHUTDOWN_ACK = 8;
const COOKIE_ECHO = 10;
const COOKIE_ACK = 11;
const SHUTDOWN_COMPLETE = 14;

const BEGINNINGS = 'ok ok ok ok ok ok abort silent badvtag collide hb_first data_first bundled retrans'.split(' ');
const COOKIE = Buffer.from('cookie!!');
const BEAT = Buffer.concat([u16(1, 8), Buffer.from('hbhb')]);
const data = (text: string): Buffer => chunk(DATA, 3, Buffer.concat([Buffer.alloc(12), Buffer.from(text)]));
const sack = (): Buffer => chunk(SACK, 0, Buffer.alloc(12));

/** One association. */
export class SctpFlow extends Flow {
  override readonly protocol = SCTP;
  /** The tag that packets of each side carry: the other one chose it. */
  private readonly tag: Record<Who, number> = { s: this.random.word() || 1, c: this.random.word() || 1 };
  private readonly init = chunk(INIT, 0, this.initBody('s'));

  /** What `who` will be addressed by: the tag that it announces. */
  private initBody(carriedBy: Who): Buffer {
    return Buffer.concat([u32(this.tag[carriedBy], 65536), u16(10, 10), u32(this.random.word())]);
  }

  private put(who: Who, tag: number, chunks: Buffer, badSum = false): void {
    const [src, dst, sport, dport] = this.ends(who);
    this.emit(who, this.world.ip(src, dst, SCTP, sctpPacket(sport, dport, tag, chunks, badSum)));
  }

  protected *script(): Generator<void> {
    const r = this.random;
    const beginning = r.pick(BEGINNINGS);
    yield* this.begin(beginning);
    if (['silent', 'abort', 'data_first'].includes(beginning)) return;
    for (let left = r.range(2, 14); left > 0; left--) yield* this.talk();
    yield* this.end(r.pick(['shutdown', 'shutdown', 'abort', 'none', 'badcomplete', 'server']));
  }

  private *begin(kind: string): Generator<void> {
    const { c, s } = this.tag;
    if (kind === 'hb_first') {
      yield this.put('c', c, chunk(HEARTBEAT, 0, BEAT));
      yield this.put('s', s, chunk(HEARTBEAT_ACK, 0, BEAT));
      return;
    }
    if (kind === 'data_first') return void (yield this.put('c', c, data('data')));
    if (kind === 'bundled') return void (yield this.put('c', 0, Buffer.concat([this.init, data('data')])));
    yield this.put('c', kind === 'badvtag' ? 7 : 0, this.init);
    if (kind === 'retrans') yield this.put('c', 0, this.init);
    if (kind === 'silent') return;
    if (kind === 'abort') return void (yield this.put('s', s, chunk(ABORT, 0)));
    if (kind === 'collide') {
      yield this.put('s', 0, chunk(INIT, 0, this.initBody('c')));
      yield this.put('c', c, chunk(INIT_ACK, 0, this.initBody('s')));
    }
    yield this.put('s', s, chunk(INIT_ACK, 0, Buffer.concat([this.initBody('c'), u16(7, 12), COOKIE])));
    yield this.put('c', c, chunk(COOKIE_ECHO, 0, COOKIE));
    yield this.put('s', s, chunk(COOKIE_ACK, 0));
  }

  private *talk(): Generator<void> {
    const r = this.random;
    const who: Who = r.pick(['c', 's']);
    const tag = this.tag[who];
    const k = r.real();
    if (k < 0.35) this.put(who, tag, data('data'.repeat(r.range(1, 50))));
    else if (k < 0.5) this.put(who, tag, sack());
    else if (k < 0.62) {
      yield this.put(who, tag, chunk(HEARTBEAT, 0, BEAT));
      const peer = who === 'c' ? 's' : 'c';
      this.put(peer, this.tag[peer], chunk(HEARTBEAT_ACK, 0, BEAT));
    } else if (k < 0.69) this.put(who, tag ^ 5, data('evil'));
    else if (k < 0.73) this.put(who, tag, data('sum'), true);
    else if (k < 0.77)
      this.put(who, tag, chunk(r.pick([0, 99, 7, 8, 12, 14]), 0, Buffer.from('xxxx'), r.pick([0, 3, 4, 8, 500])));
    else if (k < 0.8) this.put(who, tag, Buffer.alloc(0));
    else if (k < 0.83) this.put(who, r.pick([tag, 0, tag ^ 1, this.tag.s, this.tag.c]), chunk(ABORT, r.pick([0, 1])));
    else if (k < 0.86) this.put('c', 0, this.init);
    else if (k < 0.9) this.put(who, tag, chunk(r.pick([9, 12, 13, 15, 128, 192, 193]), 0, Buffer.from('abcd')));
    else if (k < 0.93) {
      const [src, dst, sport, dport] = this.ends(who);
      const cut = sctpPacket(sport, dport, tag, Buffer.alloc(0)).subarray(0, r.pick([0, 4, 8, 11]));
      this.emit(who, this.world.ip(src, dst, SCTP, cut));
    } else this.put(who, tag, Buffer.concat([sack(), data('two')]));
    yield;
  }

  private *end(kind: string): Generator<void> {
    const r = this.random;
    if (kind === 'none') return;
    if (kind === 'abort') return void (yield this.put('c', this.tag.c, chunk(ABORT, 0)));
    const [first, second]: [Who, Who] = kind === 'server' ? ['s', 'c'] : ['c', 's'];
    yield this.put(first, this.tag[first], chunk(SHUTDOWN, 0, Buffer.alloc(4)));
    yield this.put(second, this.tag[second], chunk(SHUTDOWN_ACK, 0));
    if (kind === 'badcomplete') yield this.put(first, this.tag[first] ^ 1, chunk(SHUTDOWN_COMPLETE, 0));
    const tag = r.chance(0.2) ? this.tag[second] : this.tag[first];
    yield this.put(first, tag, chunk(SHUTDOWN_COMPLETE, r.pick([0, 0, 1])));
    if (r.chance(0.5)) yield this.put('c', 0, this.init);
  }
}
