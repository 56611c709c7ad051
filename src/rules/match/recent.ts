/**
 * -m recent: named lists of addresses with the times at which they were seen (xt_recent.c).
 *
 * A list holds at most LIST_MAX addresses, the least recently seen goes first. Each entry keeps a ring of time stamps; how
 * many is a property of the list (a power of two, from the greatest --hitcount that was loaded for it). Rules of both
 * families share lists by name, and the list's mask is that of the rule that made it. Times are ticks of 4 ms.
 */
import { ADDRESS_WORDS, formatAddress } from '../../wire/address.js';
import { AF_INET, AF_INET6, HAS_LOCAL_ORIGIN, HOOK_FORWARD, type Packet, T_DST, T_SRC } from '../../wire/packet.js';
import type { RuleContext } from '../context.js';
import type { KernelRefusal, MatchExtension } from '../extension.js';
import type { Family } from '../model.js';
import { not, uintOption } from '../values.js';
import { EINVAL, HZ, hostOption, isProcName, JIFFY_MS } from './option-values.js';

/** Addresses in a list (ip_list_tot). */
const LIST_MAX = 100;
/** Time stamps of an entry where no rule counts hits. */
const STAMPS_DEFAULT = 32;
const STAMPS_MAX = 65536;
const NAME_MAX = 199;
const UINT32_MAX = 0xffffffff;
const NONE = -1;

const OPERATIONS = ['set', 'rcheck', 'update', 'remove'] as const;
type Operation = (typeof OPERATIONS)[number];

/** Options of -m recent. */
export interface RecentSpec {
  /** null only while options are read. */
  operation: Operation | null;
  invert: boolean;
  /** 0 = any age. */
  seconds: number;
  reap: boolean;
  /** 0 = one hit is enough. */
  hitcount: number;
  rttl: boolean;
  name: string;
  side: 'source' | 'dest';
  /** Four words. */
  mask: Int32Array;
}

/** The list behind a name. Entries are numbered; the order in which they were seen last is a doubly linked list. */
export class RecentList {
  /** Address words of each entry, under the mask. */
  private readonly addresses = new Int32Array(LIST_MAX * ADDRESS_WORDS);
  private readonly families = new Uint8Array(LIST_MAX);
  private readonly ttls = new Uint8Array(LIST_MAX);
  /** Ring position that the next stamp goes to, and how many stamps there are. */
  private readonly nextStamp = new Uint16Array(LIST_MAX);
  private readonly stampCount = new Uint16Array(LIST_MAX);
  /** Order of use, oldest first, and the free entries (through `newer`). */
  private readonly newer = new Int16Array(LIST_MAX);
  private readonly older = new Int16Array(LIST_MAX);
  private oldest = NONE;
  private newest = NONE;
  private free = NONE;
  private count = 0;
  private stampMask: number;
  private stamps: Float64Array;
  private readonly mask: Int32Array;
  private readonly key = new Int32Array(ADDRESS_WORDS);
  /** Ticks: now, and from when on stamps count. Kept here because a double as an argument is allocated. */
  private readonly clock = new Float64Array(2);

  /** @param mask four words; `stamps` a power of two */
  constructor(mask: Int32Array, stamps: number) {
    this.mask = mask.slice();
    this.stampMask = stamps - 1;
    this.stamps = new Float64Array(LIST_MAX * stamps);
    this.flush();
  }

  /** Makes room for more stamps an entry; that empties the list, as in the kernel. */
  needStamps(stamps: number): void {
    if (stamps - 1 <= this.stampMask) return;
    this.stampMask = stamps - 1;
    this.stamps = new Float64Array(LIST_MAX * stamps);
    this.flush();
  }

  /** Sets the clock to a packet's time; stamps of the last `seconds` count, 0 = of any age. */
  setClock(c: RuleContext, seconds: number): void {
    const now = Math.floor(c.nowMs / JIFFY_MS);
    this.clock[0] = now;
    // 32-bit arithmetic: more than 198 days wrap
    this.clock[1] = seconds === 0 ? Number.NEGATIVE_INFINITY : now - (Math.imul(seconds, HZ) >>> 0);
  }

  /** Number of addresses. */
  get size(): number {
    return this.count;
  }

  private flush(): void {
    this.count = 0;
    this.oldest = NONE;
    this.newest = NONE;
    this.free = 0;
    for (let i = 0; i < LIST_MAX; i++) this.newer[i] = i + 1 < LIST_MAX ? i + 1 : NONE;
  }

  /**
   * The entry of the address at `words[at...]`, -1 = none. Keeps the masked address for `add`.
   * @param ttl 0 = whatever the entry's is
   */
  find(words: Int32Array, at: number, family: number, ttl: number): number {
    const key = this.key;
    const mask = this.mask;
    for (let i = 0; i < ADDRESS_WORDS; i++) key[i] = words[at + i]! & mask[i]!;
    const known = this.addresses;
    for (let e = this.newest; e !== NONE; e = this.older[e]!) {
      const a = e * ADDRESS_WORDS;
      if (known[a] !== key[0] || known[a + 1] !== key[1] || known[a + 2] !== key[2] || known[a + 3] !== key[3])
        continue;
      if (this.families[e] !== family) continue;
      const its = this.ttls[e]!;
      if (ttl === its || ttl === 0 || its === 0) return e;
    }
    return NONE;
  }

  /** Adds the address that `find` looked for, seen now. */
  add(family: number, ttl: number): void {
    if (this.count >= LIST_MAX) this.remove(this.oldest);
    const e = this.free;
    this.free = this.newer[e]!;
    this.count++;
    for (let i = 0; i < ADDRESS_WORDS; i++) this.addresses[e * ADDRESS_WORDS + i] = this.key[i]!;
    this.families[e] = family;
    this.ttls[e] = ttl;
    this.stamps[e * (this.stampMask + 1)] = this.clock[0]!;
    this.stampCount[e] = 1;
    this.nextStamp[e] = 1;
    this.append(e);
  }

  /** Forgets an entry. */
  remove(e: number): void {
    this.detach(e);
    this.newer[e] = this.free;
    this.free = e;
    this.count--;
  }

  /** Stamps an entry with now and its packet's TTL. */
  stamp(e: number, ttl: number): void {
    const index = this.nextStamp[e]! & this.stampMask;
    this.stamps[e * (this.stampMask + 1) + index] = this.clock[0]!;
    // both are 16 bits wide: in a ring of 65536 the last place is followed by 0
    this.nextStamp[e] = index + 1;
    if (this.nextStamp[e]! > this.stampCount[e]!) this.stampCount[e] = index + 1;
    this.ttls[e] = ttl;
    this.detach(e);
    this.append(e);
  }

  /** Whether an entry has `hits` stamps (at least one) that count. */
  hasHits(e: number, hits: number): boolean {
    const since = this.clock[1]!;
    const first = e * (this.stampMask + 1);
    const end = first + this.stampCount[e]!;
    let n = 0;
    for (let i = first; i < end; i++) {
      if (this.stamps[i]! < since) continue;
      if (++n >= hits) return true;
    }
    return false;
  }

  /** Forgets the entry that was seen longest ago if its last stamp does not count any more, unless it is `keep`. */
  reap(keep: number): void {
    const e = this.oldest;
    if (e === NONE || e === keep) return;
    // the ring position is past its end after a full round: the stamp before it is the last one all the same
    if (this.stamps[e * (this.stampMask + 1) + this.nextStamp[e]! - 1]! < this.clock[1]!) this.remove(e);
  }

  private detach(e: number): void {
    const o = this.older[e]!;
    const n = this.newer[e]!;
    if (o === NONE) this.oldest = n;
    else this.newer[o] = n;
    if (n === NONE) this.newest = o;
    else this.older[n] = o;
  }

  private append(e: number): void {
    this.older[e] = this.newest;
    this.newer[e] = NONE;
    if (this.newest === NONE) this.oldest = e;
    else this.newer[this.newest] = e;
    this.newest = e;
  }
}

/** Stamps that a rule wants of its list: room for the hits that it counts, in powers of two. */
function stampsFor(hitcount: number): number {
  if (hitcount === 0) return STAMPS_DEFAULT;
  let n = 1;
  while (n < hitcount) n *= 2;
  return n;
}

/** The packet's TTL as it was before this host forwarded it. */
function originalTtl(p: Packet): number {
  const ttl = p.bytes[p.l3Off + (p.family === AF_INET ? 8 : 7)]!;
  return p.hook >= HOOK_FORWARD && (p.has & HAS_LOCAL_ORIGIN) === 0 ? (ttl + 1) & 0xff : ttl;
}

function refused(spec: RecentSpec): KernelRefusal | null {
  const counts = spec.operation === 'rcheck' || spec.operation === 'update';
  if (!counts && (spec.seconds !== 0 || spec.hitcount !== 0 || spec.reap || spec.rttl))
    return { errno: EINVAL, why: 'recent: --seconds, --hitcount, --reap, --rttl only go with --rcheck and --update' };
  if (spec.reap && spec.seconds === 0) return { errno: EINVAL, why: 'recent: --reap needs --seconds' };
  if (spec.hitcount >= STAMPS_MAX)
    return { errno: EINVAL, why: `recent: hitcount ${spec.hitcount} is larger than ${STAMPS_MAX - 1}` };
  return isProcName(spec.name) ? null : { errno: EINVAL, why: 'recent: the name cannot be a file name' };
}

function test(spec: RecentSpec, list: RecentList, p: Packet, c: RuleContext): boolean {
  const invert = spec.invert;
  const ttl = originalTtl(p);
  list.setClock(c, spec.seconds);
  const e = list.find(p.tuple, spec.side === 'dest' ? T_DST : T_SRC, p.family, spec.rttl ? ttl : 0);
  if (e === NONE) {
    if (spec.operation !== 'set') return invert;
    list.add(p.family, ttl);
    return !invert;
  }
  if (spec.operation === 'set') {
    list.stamp(e, ttl);
    return !invert;
  }
  if (spec.operation === 'remove') {
    list.remove(e);
    return !invert;
  }
  const hit = list.hasHits(e, spec.hitcount);
  const result = hit !== invert;
  const update = spec.operation === 'update' && result;
  if (spec.reap) list.reap(update ? e : NONE);
  if (update) list.stamp(e, ttl);
  return result;
}

/** The `recent` match. */
export const recent: MatchExtension<RecentSpec> = {
  name: 'recent',
  families: [AF_INET, AF_INET6],
  options: [
    { name: 'set', args: 0, invert: true, excludes: ['rcheck', 'update', 'remove'] },
    { name: 'rcheck', args: 0, invert: true, excludes: ['set', 'update', 'remove'] },
    { name: 'update', args: 0, invert: true, excludes: ['set', 'rcheck', 'remove'] },
    { name: 'seconds', args: 1 },
    { name: 'reap', args: 0, also: ['seconds'] },
    { name: 'hitcount', args: 1 },
    { name: 'remove', args: 0, invert: true, excludes: ['set', 'rcheck', 'update'] },
    { name: 'rttl', args: 0, excludes: ['set', 'remove'] },
    { name: 'name', args: 1 },
    { name: 'rsource', args: 0 },
    { name: 'rdest', args: 0 },
    { name: 'mask', args: 1 },
  ],
  init: () => ({
    operation: null,
    invert: false,
    seconds: 0,
    reap: false,
    hitcount: 0,
    rttl: false,
    name: 'DEFAULT',
    side: 'source',
    mask: new Int32Array(ADDRESS_WORDS).fill(-1),
  }),
  option(spec, option, value, inverted, c) {
    if (option === 'seconds') spec.seconds = uintOption('recent', option, value, 1, UINT32_MAX, c);
    else if (option === 'hitcount') spec.hitcount = uintOption('recent', option, value, 0, UINT32_MAX, c);
    else if (option === 'reap' || option === 'rttl') spec[option] = true;
    else if (option === 'name') spec.name = value.slice(0, NAME_MAX);
    else if (option === 'mask') spec.mask = hostOption(value, c.family, c);
    else if (option === 'rsource' || option === 'rdest') spec.side = option === 'rdest' ? 'dest' : 'source';
    else {
      spec.operation = option as Operation;
      spec.invert = inverted;
    }
  },
  check(spec, _seen, c) {
    if (spec.operation === null) c.fail("recent: you must specify one of `--set', `--rcheck' `--update' or `--remove'");
  },
  save: (spec, family: Family) =>
    `${not(spec.invert)}--${spec.operation}` +
    (spec.seconds === 0 ? '' : ` --seconds ${spec.seconds | 0}`) +
    (spec.reap ? ' --reap' : '') +
    (spec.hitcount === 0 ? '' : ` --hitcount ${spec.hitcount}`) +
    (spec.rttl ? ' --rttl' : '') +
    ` --name ${spec.name} --mask ${formatAddress(family, spec.mask)}` +
    (spec.side === 'dest' ? ' --rdest' : ' --rsource'),
  list: (spec, family) =>
    `${spec.invert ? ' !' : ''} recent: ${spec.operation === 'rcheck' ? 'CHECK' : spec.operation?.toUpperCase()}` +
    (spec.seconds === 0 ? '' : ` seconds: ${spec.seconds | 0}`) +
    (spec.reap ? ' reap' : '') +
    (spec.hitcount === 0 ? '' : ` hit_count: ${spec.hitcount}`) +
    (spec.rttl ? ' TTL-Match' : '') +
    ` name: ${spec.name} side: ${spec.side} mask: ${formatAddress(family, spec.mask)}`,
  refusedBy: refused,
  load(spec, c) {
    const stamps = stampsFor(spec.hitcount);
    const list = c.shared(`recent:${spec.name}`, () => new RecentList(spec.mask, stamps));
    list.needStamps(stamps);
    return (p, rc) => test(spec, list, p, rc);
  },
};
