/**
 * Expectations: connections that a helper has read about in another one's packets (nf_conntrack_expect.c).
 *
 * Terms: an expectation is a tuple with a mask, its *master* the connection in which it was announced; the first packet that fits
 * begins a connection that is RELATED, and takes the expectation away unless that is PERMANENT. The *class* tells kinds of
 * expectations of one helper apart: each has a limit for one master, and a timeout.
 *
 * Life: `make` gives a blank one, `init` fills it in, `relate` puts it into the table or refuses it (the maker then has to
 * `discard` it). It leaves by `find`, by its timeout, with its master, or because its master's class is full and it is the oldest.
 * One that has left may be read until the next `make`: expectations are used again.
 *
 * Index: by protocol, destination and destination port, which no mask leaves open. Each bucket has the newest first, and so has each
 * master.
 */
import { AF_INET, T_DST, T_PORTS, T_PROTO, T_SRC, TUPLE_WORDS } from '../wire/packet.js';
import type { ExpectEventRing } from './expect-events.js';
import { IPEXP_DESTROY, IPEXP_NEW } from './expect-events.js';
import type { HelperInfo } from './helper.js';
import { IPS_CONFIRMED, R_STATUS, RECORD_SHIFT } from './layout.js';
import type { Statistics } from './statistics.js';
import { SET_EXPECT_MAX, type Settings } from './sysctl.js';
import type { ConnTable } from './table.js';

/** Expectation.flags (NF_CT_EXPECT_ of nf_conntrack_common.h): stays when it has been met. */
export const EXPECT_PERMANENT = 1;
/** Not to be met yet. */
export const EXPECT_INACTIVE = 2;
/** Made by a program. */
export const EXPECT_USERSPACE = 4;

/** What `relate` answers: it is in the table. */
export const RELATE_OK = 0;
/** Another expectation could be met by the same packet (EBUSY). */
export const RELATE_CLASH = 1;
/** There is the same one, of another class or master (EALREADY). */
export const RELATE_ALREADY = 2;
/** As many as there may be: of this master's class, or in all (EMFILE). */
export const RELATE_FULL = 3;
/** The master has no helper any more (ESHUTDOWN). */
export const RELATE_NO_HELPER = 4;

const BUCKETS = 1024;
const ADDRESS_WORDS = 4;

/** What NAT does with a connection that was expected, when it begins. */
export type ExpectFn = (slot: number, e: Expectation) => void;

/** One expected connection; see the head of this file. */
export class Expectation {
  readonly tuple = new Int32Array(TUPLE_WORDS);
  /** Bits of the tuple that count; protocol, destination and destination port always do. */
  readonly mask = new Int32Array(TUPLE_WORDS);
  /** Slot of the connection that announced it. */
  master = -1;
  /** Zone of the master. */
  zone = 0;
  /** EXPECT_ bits. */
  flags = 0;
  class = 0;
  /** Helper of the connection that will be. */
  helper: HelperInfo | null = null;
  /** Direction of the master from which the connection is expected (valid where `expectfn` is set). */
  direction = 0;
  /** What NAT gives the connection: the port that was announced, and for SIP the address (valid where `expectfn` is set). */
  savedPort = 0;
  readonly savedAddress = new Int32Array(ADDRESS_WORDS);
  expectfn: ExpectFn | null = null;
  /** ms since the epoch. */
  deadlineMs = 0;
  /** Whether it is in the table. */
  isLinked = false;
  /** @internal The next one of the same bucket. */
  nextInBucket: Expectation | null = null;
  /** The one that the same master announced before. */
  olderOfMaster: Expectation | null = null;
  /** @internal Place among all. */
  place = -1;
}

/** What the table works with. */
export interface ExpectTableOptions {
  table: ConnTable;
  settings: Settings;
  statistics: Statistics;
  events: ExpectEventRing;
  /** "nf_conntrack: expectation table full". */
  full: () => void;
}

/** The expectations of one host; see the head of this file. */
export class ExpectTable {
  /** Expectations that wait. */
  count = 0;
  /** When the next one times out, ms since the epoch. */
  dueMs = Infinity;

  private readonly o: ExpectTableOptions;
  private readonly table: ConnTable;
  private readonly buckets: (Expectation | null)[] = new Array<Expectation | null>(BUCKETS).fill(null);
  private readonly all: Expectation[] = [];
  private readonly unused: Expectation[] = [];
  /** The one that `find` took out last: used again when the next one is made. */
  private lent: Expectation | null = null;

  constructor(options: ExpectTableOptions) {
    this.o = options;
    this.table = options.table;
  }

  /** A blank expectation of a connection. */
  make(master: number): Expectation {
    if (this.lent !== null) this.unused.push(this.lent);
    this.lent = null;
    const e = this.unused.pop() ?? new Expectation();
    e.master = master;
    const zones = this.table.zonesOf(master);
    e.zone = zones & 0xffff || zones >>> 16;
    e.flags = 0;
    e.class = 0;
    e.helper = null;
    e.expectfn = null;
    e.savedPort = 0;
    e.savedAddress.fill(0);
    e.tuple.fill(0);
    e.mask.fill(0);
    return e;
  }

  /**
   * Fills in what is expected (nf_ct_expect_init). The source address stands at `source[sourceAt..]`, null: any; source port -1: any.
   * @param proto protocol | family << 8
   */
  init(
    e: Expectation,
    klass: number,
    proto: number,
    source: Int32Array | null,
    sourceAt: number,
    sourcePort: number,
    destination: Int32Array,
    destinationAt: number,
    destinationPort: number,
  ): void {
    const words = proto >> 8 === AF_INET ? 1 : ADDRESS_WORDS;
    e.class = klass;
    e.tuple[T_PROTO] = e.mask[T_PROTO] = proto;
    e.mask[T_PROTO] = -1;
    for (let i = 0; i < words; i++) {
      e.tuple[T_SRC + i] = source === null ? 0 : source[sourceAt + i]!;
      e.mask[T_SRC + i] = source === null ? 0 : -1;
      e.tuple[T_DST + i] = destination[destinationAt + i]!;
      e.mask[T_DST + i] = -1;
    }
    e.tuple[T_PORTS] = (sourcePort < 0 ? 0 : sourcePort << 16) | destinationPort;
    e.mask[T_PORTS] = sourcePort < 0 ? 0xffff : -1;
  }

  /** Gives a blank one back that was not related, or refused. */
  discard(e: Expectation): void {
    if (!e.isLinked) this.unused.push(e);
  }

  /**
   * Expects it (nf_ct_expect_related). RELATE_OK, or why not: then nothing has changed.
   * @param anyMaster the same expectation of another master counts as the same (NF_CT_EXP_F_SKIP_MASTER)
   * @param nowMs ms since the epoch
   */
  relate(e: Expectation, nowMs: number, anyMaster = false): number {
    const help = this.table.coldOf(e.master).help;
    if (help === null) return RELATE_NO_HELPER;
    const bucket = bucketOf(e.tuple);
    for (let other = this.buckets[bucket] ?? null; other !== null; other = other.nextInBucket) {
      if ((anyMaster || other.master === e.master) && isSame(other, e)) {
        if (other.class !== e.class || other.master !== e.master) return RELATE_ALREADY;
        this.remove(other);
        this.unused.push(other);
        break;
      }
      if (clash(other, e)) return RELATE_CLASH;
    }
    const policy = help.helper?.policies[e.class];
    if (policy !== undefined && policy.maxExpected !== 0 && help.expecting[e.class]! >= policy.maxExpected) {
      this.evictOldest(help.newest, e.class);
      if (help.expecting[e.class]! >= policy.maxExpected) return RELATE_FULL;
    }
    if (this.count >= this.o.settings.value[SET_EXPECT_MAX]!) {
      this.o.full();
      return RELATE_FULL;
    }
    e.olderOfMaster = help.newest;
    help.newest = e;
    help.expecting[e.class]!++;
    e.nextInBucket = this.buckets[bucket] ?? null;
    this.buckets[bucket] = e;
    e.isLinked = true;
    e.place = this.all.length;
    this.all.push(e);
    this.count++;
    e.deadlineMs = policy === undefined ? Infinity : nowMs + policy.timeoutMs;
    if (e.deadlineMs < this.dueMs) this.dueMs = e.deadlineMs;
    this.o.statistics.expectCreate++;
    this.o.events.push(this.table, e, IPEXP_NEW);
    return RELATE_OK;
  }

  /** Takes an expectation out again, which stays its maker's: to be related anew, or discarded. */
  takeBack(e: Expectation): void {
    if (e.isLinked) this.remove(e);
  }

  /** Takes an expectation out again. */
  unrelate(e: Expectation): void {
    if (!e.isLinked) return;
    this.remove(e);
    this.unused.push(e);
  }

  private evictOldest(newest: Expectation | null, klass: number): void {
    let oldest: Expectation | null = null;
    for (let e = newest; e !== null; e = e.olderOfMaster) if (e.class === klass) oldest = e;
    if (oldest !== null) this.unrelate(oldest);
  }

  /**
   * The expectation that a packet meets which begins a connection, null = none (nf_ct_find_expectation). It is out of the table
   * unless it is PERMANENT, and may be read until the next `make`.
   */
  find(tuple: Int32Array, zone: number): Expectation | null {
    for (let e = this.buckets[bucketOf(tuple)] ?? null; e !== null; e = e.nextInBucket) {
      if ((e.flags & EXPECT_INACTIVE) !== 0 || e.zone !== zone || !fits(tuple, e.tuple, e.mask)) continue;
      // a master that has not left this host yet cannot have told anybody
      if ((this.table.words[(e.master << RECORD_SHIFT) + R_STATUS]! & IPS_CONFIRMED) === 0) return null;
      if ((e.flags & EXPECT_PERMANENT) !== 0) return e;
      this.remove(e);
      if (this.lent !== null) this.unused.push(this.lent);
      this.lent = e;
      return e;
    }
    return null;
  }

  /** The expectation of exactly this tuple's protocol, addresses and ports, which stays where it is; null = none (__nf_ct_expect_find). */
  peek(tuple: Int32Array, zone: number): Expectation | null {
    for (let e = this.buckets[bucketOf(tuple)] ?? null; e !== null; e = e.nextInBucket)
      if (e.zone === zone && fits(tuple, e.tuple, e.mask)) return e;
    return null;
  }

  /** A connection ends: what it expected is expected no longer. */
  removeOf(master: number): void {
    const help = this.table.coldOf(master).help;
    if (help === null) return;
    while (help.newest !== null) this.unrelate(help.newest);
  }

  /** Ends what has timed out. To be called when `nowMs` has reached `dueMs`. */
  expire(nowMs: number): void {
    for (;;) {
      let first: Expectation | null = null;
      for (let i = 0; i < this.all.length; i++)
        if (first === null || this.all[i]!.deadlineMs < first.deadlineMs) first = this.all[i]!;
      this.dueMs = first === null ? Infinity : first.deadlineMs;
      if (first === null || first.deadlineMs > nowMs) return;
      this.unrelate(first);
    }
  }

  /** A helper gives an expectation more time, or less. */
  refresh(e: Expectation, deadlineMs: number): void {
    e.deadlineMs = deadlineMs;
    if (deadlineMs < this.dueMs) this.dueMs = deadlineMs;
  }

  /** All that wait, in no order; borrowed until the table changes. */
  list(): readonly Expectation[] {
    return this.all;
  }

  private remove(e: Expectation): void {
    const bucket = bucketOf(e.tuple);
    let before = this.buckets[bucket] ?? null;
    if (before === e) this.buckets[bucket] = e.nextInBucket;
    else {
      while (before!.nextInBucket !== e) before = before!.nextInBucket;
      before!.nextInBucket = e.nextInBucket;
    }
    const help = this.table.coldOf(e.master).help!;
    help.expecting[e.class]!--;
    if (help.newest === e) help.newest = e.olderOfMaster;
    else {
      let younger = help.newest!;
      while (younger.olderOfMaster !== e) younger = younger.olderOfMaster!;
      younger.olderOfMaster = e.olderOfMaster;
    }
    const last = this.all.pop()!;
    if (last !== e) {
      this.all[e.place] = last;
      last.place = e.place;
    }
    e.isLinked = false;
    this.count--;
    this.o.statistics.expectDelete++;
    this.o.events.push(this.table, e, IPEXP_DESTROY);
  }
}

function bucketOf(tuple: Int32Array): number {
  let h = tuple[T_PROTO]! ^ Math.imul(tuple[T_PORTS]! & 0xffff, 0x9e3779b1);
  for (let i = 0; i < ADDRESS_WORDS; i++) h = Math.imul(h ^ tuple[T_DST + i]!, 0x85ebca6b);
  return (h ^ (h >>> 15)) & (BUCKETS - 1);
}

function fits(tuple: Int32Array, expected: Int32Array, mask: Int32Array): boolean {
  for (let i = 0; i < TUPLE_WORDS; i++) if (((tuple[i]! ^ expected[i]!) & mask[i]!) !== 0) return false;
  return true;
}

function isSame(a: Expectation, b: Expectation): boolean {
  if (a.zone !== b.zone) return false;
  for (let i = 0; i < TUPLE_WORDS; i++) if (a.tuple[i] !== b.tuple[i] || a.mask[i] !== b.mask[i]) return false;
  return true;
}

/** Whether a packet could meet both. */
function clash(a: Expectation, b: Expectation): boolean {
  if (a.zone !== b.zone) return false;
  for (let i = 0; i < TUPLE_WORDS; i++) {
    if (((a.tuple[i]! ^ b.tuple[i]!) & a.mask[i]! & b.mask[i]!) !== 0) return false;
  }
  return true;
}
