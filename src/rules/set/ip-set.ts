/**
 * What all sets have in common. A set answers rules (match, enter, leave: per packet, without allocation) and people (add, del, test).
 */
import type { Packet } from '../../wire/packet.js';
import type { SetAsk } from './ask.js';
import { SET_EXISTS, SET_NO_COMMENT, SET_NO_COUNTERS, SET_NO_SKBINFO, SET_NO_TIMEOUT, SET_OK } from './codes.js';
import { type Extensions, TICKS_PER_SECOND } from './elements.js';
import type { SetEntry } from './entry.js';
import type { SetKind } from './kinds.js';

/** No timeout extension. */
export const NO_TIMEOUT = -1;
/** Most seconds between two searches for elements that ended (IPSET_GC_TIME). */
const GC_MAX_SECONDS = 180;

/** What create says of a set; only what the type has counts. */
export interface SetOptions {
  /** 0: the type has none. */
  family: number;
  hashsize: number;
  maxelem: number;
  bucketsize: number;
  /** Printed only: nothing here is hashed with it. Int32. */
  initval: number;
  /** Seconds that elements live; 0 = for ever unless they say otherwise; NO_TIMEOUT: no extension. */
  timeout: number;
  counters: boolean;
  comment: boolean;
  skbinfo: boolean;
  /** Printed by nobody: a full set gives up an element for a new one. */
  forceadd: boolean;
  /** Prefix length that addresses are cut to; 0 = none was given. */
  netmask: number;
  /** Bits of addresses that count, four words; null = none was given. */
  bitmask: Int32Array | null;
  /** hash:ip,mark: bits of the mark that count, Int32. */
  markmask: number;
  /** bitmap: the first and last address (Int32) or port. */
  range: [number, number];
  /** list:set: printed only. */
  size: number;
}

/** The clock of the sets; ticks are the kernel's jiffies. */
export interface SetClock {
  /** Ticks since the clock began. */
  tick(): number;
}

/** A set of any type. */
export abstract class IpSet {
  /** Rules and lists that hold it. */
  references = 0;
  /** Tick of the next search for elements that ended. */
  protected sweepAt = 0;

  constructor(
    public name: string,
    readonly kind: SetKind,
    readonly options: SetOptions,
    protected readonly clock: SetClock,
  ) {}

  /** Elements that have not ended. */
  abstract size(): number;
  /** Asks for a packet: SET_IN, SET_OK (no), SET_NOMATCH or another code below 0. */
  abstract match(p: Packet, ask: SetAsk, flags: number): number;
  /** Adds the packet's element; SET_OK or a code below 0. */
  abstract enter(p: Packet, ask: SetAsk, flags: number): number;
  /** Takes the packet's element out; SET_OK or a code below 0. */
  abstract leave(p: Packet, ask: SetAsk): number;
  /** ipset add; the first element that is refused ends it, those before it stay. */
  abstract add(entry: SetEntry, exist: boolean): number;
  /** ipset del. */
  abstract del(entry: SetEntry, exist: boolean): number;
  /** ipset test: SET_IN, SET_OK (no), or a code below 0. */
  abstract test(entry: SetEntry): number;
  /** Takes all elements out. */
  abstract flush(): void;
  /** Takes elements out that ended. */
  protected abstract sweep(tick: number): void;

  /** As often as the kernel does it: a set that nobody looks at keeps what ended, unseen. */
  protected sweepIfDue(tick: number): void {
    if (tick < this.sweepAt) return;
    this.sweepAt =
      tick + Math.max(1, Math.min(Math.trunc(this.options.timeout / 3), GC_MAX_SECONDS)) * TICKS_PER_SECOND;
    this.sweep(tick);
  }
}

/** The extensions that create asked for. */
export function extensionsOf(options: SetOptions): Extensions {
  const { timeout, counters, comment, skbinfo } = options;
  return { timeout: timeout !== NO_TIMEOUT, counters, comment, skbinfo };
}

/** Why an entry says more than the set can hold; SET_OK = it does not. */
export function surplus(entry: SetEntry, options: SetOptions): number {
  if (entry.timeout >= 0 && options.timeout === NO_TIMEOUT) return SET_NO_TIMEOUT;
  if ((entry.packets !== null || entry.bytes !== null) && !options.counters) return SET_NO_COUNTERS;
  if (entry.comment !== null && !options.comment) return SET_NO_COMMENT;
  if (entry.skbinfo !== null && !options.skbinfo) return SET_NO_SKBINFO;
  return SET_OK;
}

/** The tick at which something ends that lives for `seconds` from now; 0 = never. */
export function endTick(seconds: number, now: number): number {
  return seconds === 0 ? 0 : now + seconds * TICKS_PER_SECOND;
}

/** Whether it is over (below 0: it has not begun); the tick itself still counts (time_is_before_jiffies). */
export function hasEnded(expires: number, now: number): boolean {
  return expires > 0 && now > expires;
}

/** Seconds left as they are printed: 0 = for ever, else at least 1. */
export function secondsLeft(expires: number, now: number): number {
  if (expires <= 0) return -expires;
  return Math.max(1, Math.floor((expires - now) / TICKS_PER_SECOND));
}

/** With -exist, what is there already (or already gone) is fine. */
export function excused(code: number, exist: boolean): number {
  return exist && code === SET_EXISTS ? SET_OK : code;
}
