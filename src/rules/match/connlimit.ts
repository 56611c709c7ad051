/**
 * -m connlimit: how many connections an address (under a mask) has (xt_connlimit.c, nf_conncount.c of 6.18).
 *
 * Every rule keeps a list of tuples a key (address, zone). A packet of an assured connection adds nothing and only lets dead
 * ones go; any other's original tuple is added unless it is in the list. A tuple is dead when no confirmed connection has it
 * - any connection: one that came after the one that it was noted for keeps it alive - or when that one is in TIME_WAIT or
 * CLOSE. Dead tuples are looked for once a tick, and an addition that finds many leaves some. A count of 0 (a key that had
 * connections once, none alive) drops the packet: the kernel takes it for lack of memory.
 */
import {
  IPS_ASSURED,
  IPS_CONFIRMED,
  R_DEADLINE,
  R_PROTO,
  R_STATE,
  R_STATUS,
  RECORD_SHIFT,
  STATE_MASK,
  TCP_CONNTRACK_CLOSE,
  TCP_CONNTRACK_TIME_WAIT,
} from '../../conntrack/layout.js';
import { ADDRESS_WORDS } from '../../wire/address.js';
import {
  AF_INET,
  AF_INET6,
  HAS_TUPLE,
  IPPROTO_TCP,
  type Packet,
  T_DST,
  T_SRC,
  TUPLE_WORDS,
} from '../../wire/packet.js';
import { fillMask } from '../address.js';
import type { RuleContext } from '../context.js';
import type { MatchExtension } from '../extension.js';
import type { Family } from '../model.js';
import { uintOption } from '../values.js';
import { JIFFY_MS, prefixOption } from './option-values.js';

const UINT32_MAX = 0xffffffff;
const NONE = -1;
/** Dead entries after which a walk leaves the rest for the next one. */
const COLLECT_MAX = 64;

/** Words of a key: address, zone. */
const KEY_WORDS = ADDRESS_WORDS + 1;
/** Words of a list beside its key: first node, last node, count, tick of the last walk, count after it. */
const L_FIRST = KEY_WORDS;
const L_LAST = KEY_WORDS + 1;
const L_COUNT = KEY_WORDS + 2;
const L_WALKED = KEY_WORDS + 3;
const L_WALKED_COUNT = KEY_WORDS + 4;
const LIST_WORDS = KEY_WORDS + 5;
/** Words of a node: tuple, zones (ConnTable.zonesOf), next node. */
const N_ZONES = TUPLE_WORDS;
const N_NEXT = TUPLE_WORDS + 1;
const NODE_WORDS = TUPLE_WORDS + 2;

/** Options of -m connlimit. */
export interface ConnlimitSpec {
  limit: number;
  /** True: --connlimit-upto. */
  upto: boolean;
  /** Prefix length. */
  mask: number;
  side: 'saddr' | 'daddr';
}

/** The lists of one rule. Grows by doubling; what it has reached is kept. */
export class ConnectionCounts {
  private readonly mask = new Int32Array(ADDRESS_WORDS);
  private readonly key = new Int32Array(KEY_WORDS);
  /** What the packet at hand would add, and what a node holds. */
  private readonly tuple = new Int32Array(TUPLE_WORDS);
  private readonly noted = new Int32Array(TUPLE_WORDS);
  /** Number of a list + 1 by the hash of its key; open addressing. */
  private index = new Int32Array(64);
  private lists = new Int32Array(16 * LIST_WORDS);
  private listCount = 0;
  private nodes = new Int32Array(64 * NODE_WORDS);
  private freeNode = NONE;
  private freshNode = 0;

  constructor(prefix: number) {
    fillMask(prefix, this.mask);
  }

  /** The number of connections of the packet's key, the packet's own counted; 0 = the kernel would drop it. */
  count(p: Packet, at: number, c: RuleContext): number {
    const table = c.tracker.table;
    let ref = p.connection;
    // untracked and invalid packets count as what their addresses and ports belong to
    if (ref < 0) {
      if ((p.has & HAS_TUPLE) === 0) return 0;
      ref = table.find(p.tuple, table.hash(p.tuple, 0), 0, 0);
    }
    const zones = ref < 0 ? 0 : table.zonesOf(ref >> 1);
    const words = p.tuple;
    for (let i = 0; i < ADDRESS_WORDS; i++) this.key[i] = words[at + i]! & this.mask[i]!;
    // the key's zone is that of the packet, not of what was found for it
    this.key[ADDRESS_WORDS] = p.connection < 0 ? 0 : zones & 0xffff || zones >>> 16;
    // an invalid or untracked packet is noted by its own tuple, even if that is another connection's reply
    if (p.connection >= 0) table.readTuple(ref >> 1, 0, this.tuple);
    else for (let i = 0; i < TUPLE_WORDS; i++) this.tuple[i] = words[i]!;
    const tick = Math.floor(c.nowMs / JIFFY_MS) | 0;
    const list = this.find();
    if (list < 0) {
      this.addNode(this.addList(tick, c), zones);
      return 1;
    }
    const status = ref < 0 ? 0 : table.words[((ref >> 1) << RECORD_SHIFT) + R_STATUS]!;
    if ((status & IPS_ASSURED) !== 0) this.collect(list, tick, c);
    else this.addUnlessThere(list, zones, (status & IPS_CONFIRMED) !== 0, tick, c);
    return this.lists[list + L_COUNT]!;
  }

  /** __nf_conncount_add without its short cut for assured connections. */
  private addUnlessThere(list: number, zones: number, confirmed: boolean, tick: number, c: RuleContext): void {
    const l = this.lists;
    const grown = l[list + L_COUNT]! - l[list + L_WALKED_COUNT]!;
    if (confirmed || l[list + L_WALKED] !== tick || grown >= COLLECT_MAX) {
      let dead = 0;
      let previous = NONE;
      for (let n = l[list + L_FIRST]!; n !== NONE && dead <= COLLECT_MAX; ) {
        const next = this.nodes[n + N_NEXT]!;
        const slot = this.connectionOf(n, c);
        if (slot < 0) {
          this.removeNode(list, previous, n);
          dead++;
        } else if (this.isSame(n)) {
          return;
        } else if (isClosed(slot, c)) {
          this.removeNode(list, previous, n);
          dead++;
        } else {
          previous = n;
        }
        n = next;
      }
      l[list + L_WALKED] = tick;
      l[list + L_WALKED_COUNT] = l[list + L_COUNT]!;
    }
    this.addNode(list, zones);
  }

  /** nf_conncount_gc_list: lets dead entries go, at most once a tick. */
  private collect(list: number, tick: number, c: RuleContext): void {
    const l = this.lists;
    if (l[list + L_WALKED] === tick && l[list + L_COUNT]! - l[list + L_WALKED_COUNT]! < COLLECT_MAX) return;
    let dead = 0;
    let previous = NONE;
    for (let n = l[list + L_FIRST]!; n !== NONE; ) {
      const next = this.nodes[n + N_NEXT]!;
      const slot = this.connectionOf(n, c);
      if (slot < 0 || isClosed(slot, c)) {
        this.removeNode(list, previous, n);
        dead++;
      } else {
        previous = n;
        if (dead > COLLECT_MAX) break;
      }
      n = next;
    }
    l[list + L_WALKED] = tick;
    l[list + L_WALKED_COUNT] = l[list + L_COUNT]!;
  }

  /** Slot of the living connection that a look-up of a node's tuple finds, -1 = none. */
  private connectionOf(node: number, c: RuleContext): number {
    const table = c.tracker.table;
    for (let i = 0; i < TUPLE_WORDS; i++) this.noted[i] = this.nodes[node + i]!;
    const zones = this.nodes[node + N_ZONES]!;
    const original = zones & 0xffff;
    const reply = zones >>> 16;
    let ref = table.find(this.noted, table.hash(this.noted, original), original, reply);
    if (ref < 0 && original !== reply) ref = table.find(this.noted, table.hash(this.noted, reply), original, reply);
    if (ref < 0) return NONE;
    const slot = ref >> 1;
    return ((table.words[(slot << RECORD_SHIFT) + R_DEADLINE]! - c.tracker.nowMs) | 0) > 0 ? slot : NONE;
  }

  /** Whether a node holds the tuple of the packet at hand. */
  private isSame(node: number): boolean {
    for (let i = 0; i < TUPLE_WORDS; i++) if (this.nodes[node + i] !== this.tuple[i]) return false;
    return true;
  }

  private hash(words: Int32Array, at: number): number {
    let h = 0;
    for (let i = 0; i < KEY_WORDS; i++) h = Math.imul(h ^ words[at + i]!, 0x9e3779b1) ^ (h >>> 15);
    return h ^ (h >>> 16);
  }

  /** First word of the list of `key`, -1 = none. */
  private find(): number {
    const mask = this.index.length - 1;
    for (let i = this.hash(this.key, 0) & mask; this.index[i] !== 0; i = (i + 1) & mask) {
      const list = this.index[i]! - 1;
      let same = true;
      for (let k = 0; k < KEY_WORDS && same; k++) same = this.lists[list + k] === this.key[k];
      if (same) return list;
    }
    return NONE;
  }

  private addList(tick: number, c: RuleContext): number {
    if ((this.listCount + 1) * LIST_WORDS > this.lists.length) this.makeRoom(tick, c);
    const list = this.listCount++ * LIST_WORDS;
    const l = this.lists;
    for (let k = 0; k < KEY_WORDS; k++) l[list + k] = this.key[k]!;
    l[list + L_FIRST] = NONE;
    l[list + L_LAST] = NONE;
    l[list + L_COUNT] = 0;
    l[list + L_WALKED] = tick;
    l[list + L_WALKED_COUNT] = 0;
    this.enter(list);
    return list;
  }

  private enter(list: number): void {
    const mask = this.index.length - 1;
    let i = this.hash(this.lists, list) & mask;
    while (this.index[i] !== 0) i = (i + 1) & mask;
    this.index[i] = list + 1;
  }

  /** Drops keys without a live connection; doubles the room if that frees less than half of it. */
  private makeRoom(tick: number, c: RuleContext): void {
    const l = this.lists;
    let kept = 0;
    for (let i = 0; i < this.listCount; i++) {
      const list = i * LIST_WORDS;
      this.collect(list, tick, c);
      if (l[list + L_COUNT] === 0) continue;
      l.copyWithin(kept * LIST_WORDS, list, list + LIST_WORDS);
      kept++;
    }
    this.listCount = kept;
    if (kept * LIST_WORDS * 2 > l.length) {
      this.lists = new Int32Array(l.length * 2);
      this.lists.set(l);
      this.index = new Int32Array(this.index.length * 2);
    } else {
      this.index.fill(0);
    }
    for (let i = 0; i < kept; i++) this.enter(i * LIST_WORDS);
  }

  private addNode(list: number, zones: number): void {
    let n = this.freeNode;
    if (n !== NONE) this.freeNode = this.nodes[n + N_NEXT]!;
    else {
      if (this.freshNode === this.nodes.length) {
        const old = this.nodes;
        this.nodes = new Int32Array(old.length * 2);
        this.nodes.set(old);
      }
      n = this.freshNode;
      this.freshNode += NODE_WORDS;
    }
    for (let i = 0; i < TUPLE_WORDS; i++) this.nodes[n + i] = this.tuple[i]!;
    this.nodes[n + N_ZONES] = zones;
    this.nodes[n + N_NEXT] = NONE;
    const l = this.lists;
    if (l[list + L_LAST] === NONE) l[list + L_FIRST] = n;
    else this.nodes[l[list + L_LAST]! + N_NEXT] = n;
    l[list + L_LAST] = n;
    l[list + L_COUNT] = l[list + L_COUNT]! + 1;
  }

  private removeNode(list: number, previous: number, n: number): void {
    const l = this.lists;
    const next = this.nodes[n + N_NEXT]!;
    if (previous === NONE) l[list + L_FIRST] = next;
    else this.nodes[previous + N_NEXT] = next;
    if (l[list + L_LAST] === n) l[list + L_LAST] = previous;
    l[list + L_COUNT] = l[list + L_COUNT]! - 1;
    this.nodes[n + N_NEXT] = this.freeNode;
    this.freeNode = n;
  }
}

/** TIME_WAIT and CLOSE do not count. */
function isClosed(slot: number, c: RuleContext): boolean {
  const words = c.tracker.table.words;
  const base = slot << RECORD_SHIFT;
  if ((words[base + R_PROTO]! & 0xff) !== IPPROTO_TCP) return false;
  const state = words[base + R_STATE]! & STATE_MASK;
  return state === TCP_CONNTRACK_TIME_WAIT || state === TCP_CONNTRACK_CLOSE;
}

function allBits(family: Family): number {
  return family === AF_INET ? 32 : 128;
}

/** The `connlimit` match. */
export const connlimit: MatchExtension<ConnlimitSpec> = {
  name: 'connlimit',
  families: [AF_INET, AF_INET6],
  options: [
    { name: 'connlimit-upto', args: 1, invert: true, excludes: ['connlimit-above'] },
    { name: 'connlimit-above', args: 1, invert: true, excludes: ['connlimit-upto'] },
    { name: 'connlimit-mask', args: 1 },
    { name: 'connlimit-saddr', args: 0, excludes: ['connlimit-daddr'] },
    { name: 'connlimit-daddr', args: 0, excludes: ['connlimit-saddr'] },
  ],
  init: (family) => ({ limit: 0, upto: false, mask: allBits(family), side: 'saddr' }),
  option(spec, option, value, inverted, c) {
    if (option === 'connlimit-mask')
      spec.mask = Math.min(prefixOption('connlimit', option, value, c.family, c), allBits(c.family));
    else if (option === 'connlimit-saddr') spec.side = 'saddr';
    else if (option === 'connlimit-daddr') spec.side = 'daddr';
    else {
      spec.limit = uintOption('connlimit', option, value, 0, UINT32_MAX, c);
      spec.upto = (option === 'connlimit-upto') !== inverted;
    }
  },
  check(_spec, seen, c) {
    if (!seen.has('connlimit-upto') && !seen.has('connlimit-above'))
      c.fail('You must specify "--connlimit-above" or "--connlimit-upto".');
  },
  save: (spec) =>
    `--connlimit-${spec.upto ? 'upto' : 'above'} ${spec.limit} --connlimit-mask ${spec.mask} --connlimit-${spec.side}`,
  list: (spec) =>
    ` #conn ${spec.side === 'saddr' ? 'src' : 'dst'}/${spec.mask} ${spec.upto ? '<=' : '>'} ${spec.limit}`,
  load(spec) {
    const { limit, upto } = spec;
    const counts = new ConnectionCounts(spec.mask);
    const at = spec.side === 'daddr' ? T_DST : T_SRC;
    return (p, c) => {
      const n = counts.count(p, at, c);
      if (n === 0) {
        c.hotdrop = true;
        return false;
      }
      return n > limit !== upto;
    };
  },
};
