/**
 * Sets of type list:set: other sets in an order. A packet is asked of each in turn; it is added to (or taken out of) the first that takes
 * it (ip_set_list_set.c). A member that ended is passed over until it is swept out.
 */
import type { Packet } from '../../wire/packet.js';
import {
  ASK_EXIST,
  ASK_MATCH_COUNTERS,
  ASK_SKIP_COUNTERS,
  ASK_SKIP_SUBCOUNTERS,
  counterFits,
  type SetAsk,
  TIMEOUT_DEFAULT,
} from './ask.js';
import { SET_EXISTS, SET_IN, SET_LOOP, SET_NO_MEMBER, SET_NO_REFERENCE, SET_NOT_BESIDE, SET_OK } from './codes.js';
import type { SetEntry } from './entry.js';
import { endTick, excused, hasEnded, IpSet, NO_TIMEOUT, type SetClock, type SetOptions, surplus } from './ip-set.js';
import type { SetKind } from './kinds.js';

/** One set of a list. */
export interface Member {
  /** Its place in the store, which a swap fills with another set. */
  index: number;
  /** Tick, 0 = never. */
  expires: number;
  packets: number;
  bytes: number;
  comment: string;
  skbinfo: Int32Array;
}

/** What a list asks of the sets around it. */
export interface Members {
  /** The place of a name, -1 = there is no such set. */
  indexOf(name: string): number;
  at(index: number): IpSet;
  /** See SetStore. */
  match(index: number, p: Packet, ask: SetAsk, flags: number): number;
  enter(index: number, p: Packet, ask: SetAsk, flags: number): number;
  leave(index: number, p: Packet, ask: SetAsk): number;
}

/** A set of sets. */
export class ListSet extends IpSet {
  readonly members: Member[] = [];

  constructor(
    name: string,
    kind: SetKind,
    options: SetOptions,
    clock: SetClock,
    private readonly sets: Members,
  ) {
    super(name, kind, options, clock);
  }

  match(p: Packet, ask: SetAsk, flags: number): number {
    const { members, sets } = this;
    // counters are compared with the list's own; whoever does not count here does not count below either
    let below = flags & ~ASK_MATCH_COUNTERS;
    if ((flags & ASK_SKIP_SUBCOUNTERS) !== 0) below |= ASK_SKIP_COUNTERS;
    for (let i = 0; i < members.length; i++) {
      const m = members[i]!;
      if (this.isOver(m)) continue;
      if (sets.match(m.index, p, ask, below) !== SET_IN) continue;
      if (this.judge(m, ask, flags, p.l3Len)) return SET_IN;
    }
    return SET_OK;
  }

  private judge(m: Member, ask: SetAsk, flags: number, bytes: number): boolean {
    const { counters, skbinfo } = this.options;
    if (counters) {
      if ((flags & ASK_SKIP_COUNTERS) === 0) {
        m.packets += 1;
        m.bytes += bytes;
      }
      if (
        (flags & ASK_MATCH_COUNTERS) !== 0 &&
        !(counterFits(ask.packetsOp, m.packets, ask.packets) && counterFits(ask.bytesOp, m.bytes, ask.bytes))
      )
        return false;
    }
    if (skbinfo) {
      ask.mark = m.skbinfo[0]!;
      ask.markMask = m.skbinfo[1]!;
      ask.priority = m.skbinfo[2]!;
      ask.queue = m.skbinfo[3]!;
    }
    return true;
  }

  enter(p: Packet, ask: SetAsk, flags: number): number {
    for (let i = 0; i < this.members.length; i++) {
      const m = this.members[i]!;
      if (!this.isOver(m) && this.sets.enter(m.index, p, ask, flags & ASK_EXIST) === SET_OK) return SET_OK;
    }
    return SET_OK;
  }

  leave(p: Packet, ask: SetAsk): number {
    for (let i = 0; i < this.members.length; i++) {
      const m = this.members[i]!;
      if (!this.isOver(m) && this.sets.leave(m.index, p, ask) === SET_OK) return SET_OK;
    }
    return SET_OK;
  }

  private isOver(m: Member): boolean {
    return this.options.timeout !== NO_TIMEOUT && hasEnded(m.expires, this.clock.tick());
  }

  /* for people */

  /** The place of the member that an entry names, or a code below 0; `beside` may be any set. */
  private resolve(entry: SetEntry): number {
    const index = this.sets.indexOf(entry.member);
    if (index < 0) return SET_NO_MEMBER;
    if (this.sets.at(index).kind.storage === 'list') return SET_LOOP;
    if (entry.before !== 0 && this.sets.indexOf(entry.beside) < 0) return SET_NO_REFERENCE;
    return index;
  }

  private placeOf(index: number): number {
    return this.members.findIndex((m) => m.index === index && !this.isOver(m));
  }

  add(entry: SetEntry, exist: boolean): number {
    const over = surplus(entry, this.options);
    if (over !== SET_OK) return over;
    const index = this.resolve(entry);
    if (index < 0) return index;
    this.sweep(this.clock.tick());
    const place = this.placeOf(index);
    let at = this.members.length;
    if (entry.before !== 0) {
      const beside = this.sets.indexOf(entry.beside);
      at = beside === index ? -1 : this.placeOf(beside);
      if (at < 0) return SET_NOT_BESIDE;
      if (entry.before < 0) at++;
    }
    if (place >= 0 && !exist) return SET_EXISTS;
    const member = place >= 0 ? this.members[place]! : this.memberAt(index, at);
    const seconds = entry.timeout === TIMEOUT_DEFAULT ? this.options.timeout : entry.timeout;
    if (this.options.timeout !== NO_TIMEOUT) member.expires = endTick(seconds, this.clock.tick());
    member.packets = entry.packets ?? member.packets;
    member.bytes = entry.bytes ?? member.bytes;
    member.comment = entry.comment ?? '';
    member.skbinfo = entry.skbinfo ?? new Int32Array(4);
    return SET_OK;
  }

  private memberAt(index: number, at: number): Member {
    const member = { index, expires: 0, packets: 0, bytes: 0, comment: '', skbinfo: new Int32Array(4) };
    this.members.splice(at, 0, member);
    this.sets.at(index).references++;
    return member;
  }

  /** Whether what an entry says of its neighbour is so. */
  private isBeside(place: number, entry: SetEntry): boolean {
    if (entry.before === 0) return true;
    const beside = this.sets.indexOf(entry.beside);
    return this.members[place + entry.before]?.index === beside;
  }

  del(entry: SetEntry, exist: boolean): number {
    const index = this.resolve(entry);
    if (index < 0) return index;
    this.sweep(this.clock.tick());
    const place = this.placeOf(index);
    if (place < 0) return entry.before !== 0 ? SET_NOT_BESIDE : excused(SET_EXISTS, exist);
    if (!this.isBeside(place, entry)) return SET_NOT_BESIDE;
    this.drop(place);
    return SET_OK;
  }

  private drop(place: number): void {
    const [m] = this.members.splice(place, 1);
    this.sets.at(m!.index).references--;
  }

  test(entry: SetEntry): number {
    const index = this.resolve(entry);
    if (index < 0) return SET_OK;
    this.sweep(this.clock.tick());
    const place = this.placeOf(index);
    return place >= 0 && this.isBeside(place, entry) ? SET_IN : SET_OK;
  }

  flush(): void {
    while (this.members.length > 0) this.drop(this.members.length - 1);
  }

  size(): number {
    return this.present().length;
  }

  /** Members that have not ended, in order. */
  present(): Member[] {
    return this.members.filter((m) => !this.isOver(m));
  }

  protected sweep(tick: number): void {
    if (this.options.timeout === NO_TIMEOUT) return;
    for (let i = this.members.length - 1; i >= 0; i--) if (hasEnded(this.members[i]!.expires, tick)) this.drop(i);
  }
}
