/**
 * Sets of the hash and bitmap types. Both keep their elements in one kind of table (elements.ts; key-layout.ts draws the keys); a bitmap
 * has a range in place of a largest number, and lists its elements in order.
 *
 * A look-up of addresses tries the prefix lengths that are present, longest first, and ends at the first element that fits: with
 * `nomatch` that is a no, so that the most specific prefix decides (mtype_test_cidrs of ip_set_hash_gen.h).
 */
import { type Packet, T_DST, T_SRC } from '../../wire/packet.js';
import { ASK_EXIST, ASK_MATCH_COUNTERS, ASK_SKIP_COUNTERS, counterFits, type SetAsk, TIMEOUT_DEFAULT } from './ask.js';
import {
  SET_EXISTS,
  SET_FULL,
  SET_IN,
  SET_INCOMPLETE,
  SET_INVALID,
  SET_NO_PART,
  SET_NOMATCH,
  SET_OK,
  SET_RANGE,
} from './codes.js';
import { ELEMENT_MAC, ELEMENT_NOMATCH, ELEMENT_WILDCARD, ELEMENTS_MAX, Elements, NO_ELEMENT } from './elements.js';
import type { SetEntry } from './entry.js';
import {
  endTick,
  excused,
  extensionsOf,
  hasEnded,
  IpSet,
  NO_TIMEOUT,
  type SetClock,
  type SetOptions,
  surplus,
} from './ip-set.js';
import { KeyLayout } from './key-layout.js';
import type { SetKind } from './kinds.js';
import { NO_PORT, packetMac, packetPort } from './packet-parts.js';
import { PrefixIndex } from './prefix-index.js';
import { PrefixLengths, prefixWord } from './prefix-lengths.js';
import { spreadEntry } from './spread.js';

/** Elements from which on prefix lengths are indexed. */
const INDEX_FROM = 64;
const TCP_WORD = 6;
const UDP_WORD = 17;

/** A set of a hash or bitmap type. */
export class ElementSet extends IpSet {
  readonly layout: KeyLayout;
  readonly elements: Elements;
  /** Names that the iface word of keys numbers. */
  readonly interfaceNames: string[] = [];
  private readonly interfaceIds = new Map<string, number>();
  private readonly lengths: readonly PrefixLengths[];
  /** Of the only net; null while the set is small. */
  private index: PrefixIndex | null = null;
  private readonly hasIface: boolean;
  /** The element asked for. */
  private readonly key: Int32Array;
  /** It under the prefix lengths of the moment. */
  private readonly probe: Int32Array;
  /** Its interface. */
  private iface = '';
  private physdev = 0;
  /** hash:net,iface: elements of the network that was tried last, whatever their interface. */
  private alike = 0;
  private readonly isBitmap: boolean;
  private readonly fillsMac: boolean;

  constructor(name: string, kind: SetKind, options: SetOptions, clock: SetClock) {
    super(name, kind, options, clock);
    this.layout = new KeyLayout(kind, options);
    const { keyWords, hashWords, nets } = this.layout;
    this.elements = new Elements(keyWords, hashWords, extensionsOf(options));
    this.key = new Int32Array(keyWords);
    this.probe = new Int32Array(keyWords);
    this.lengths = Array.from({ length: nets }, () => new PrefixLengths());
    this.hasIface = kind.parts.includes('iface');
    this.isBitmap = kind.storage === 'bitmap';
    this.fillsMac = this.isBitmap && kind.parts.includes('mac');
  }

  /* for packets */

  match(p: Packet, ask: SetAsk, flags: number): number {
    const code = this.fill(p, ask, true);
    return code === SET_OK ? this.look(ask, flags, p.l3Len) : code;
  }

  enter(p: Packet, ask: SetAsk, flags: number): number {
    const code = this.fill(p, ask, false);
    if (code !== SET_OK) return code;
    const timeout = ask.timeout === TIMEOUT_DEFAULT ? this.options.timeout : ask.timeout;
    return this.put((flags & ASK_EXIST) !== 0, timeout, 1, p.l3Len, null);
  }

  leave(p: Packet, ask: SetAsk): number {
    const code = this.fill(p, ask, false);
    return code === SET_OK ? this.take() : code;
  }

  /** The packet's element into `key`; prefixes: whole addresses for a test, else the longest length that is there. */
  private fill(p: Packet, ask: SetAsk, isTest: boolean): number {
    const { layout, key } = this;
    const { parts, offsets } = layout;
    if (this.options.timeout !== NO_TIMEOUT) this.sweepIfDue(this.clock.tick());
    let net = 0;
    if (layout.lengthsOff >= 0) key[layout.lengthsOff] = 0;
    for (let i = 0; i < parts.length; i++) {
      const source = ((ask.sources >> i) & 1) !== 0;
      const off = offsets[i]!;
      switch (parts[i]) {
        case 'ip':
          this.fillAddress(p, source, off);
          layout.applyMask(key, off);
          if (i === 0 && this.kind.noZero && layout.isZero(key, off)) return SET_NO_PART;
          break;
        case 'net':
          this.fillAddress(p, source, off);
          this.fillLength(off, net++, isTest);
          break;
        case 'port': {
          const code = this.fillPort(p, source, off);
          if (code !== SET_OK) return code;
          break;
        }
        case 'mac':
          if (!packetMac(p, source, ask.interfaces, key, off)) return SET_NO_PART;
          break;
        case 'mark':
          key[off] = p.mark & this.options.markmask;
          break;
        default:
          this.iface = ask.interfaces[source ? p.inInterface : p.outInterface]?.name ?? '';
          this.physdev = 0;
          if (this.iface === '') return SET_NO_PART;
      }
    }
    return this.isBitmap && this.isOutside() ? SET_RANGE : SET_OK;
  }

  private fillAddress(p: Packet, source: boolean, off: number): void {
    const from = source ? T_SRC : T_DST;
    for (let w = 0; w < this.layout.addressWords; w++) this.key[off + w] = p.tuple[from + w]!;
  }

  private fillLength(off: number, net: number, isTest: boolean): void {
    const { layout, key } = this;
    const { present, count } = this.lengths[net]!;
    const length = isTest || count === 0 ? layout.addressBits : present[0]!;
    layout.applyMask(key, off);
    layout.applyLength(key, off, length);
    key[layout.lengthsOff]! |= length << (net * 8);
  }

  private fillPort(p: Packet, source: boolean, off: number): number {
    const port = packetPort(p, source);
    if (port === NO_PORT) return SET_NO_PART;
    if (this.isBitmap) {
      const protocol = port >>> 16;
      if (protocol !== TCP_WORD && protocol !== UDP_WORD) return SET_NO_PART;
      this.key[off] = port & 0xffff;
    } else this.key[off] = port;
    return SET_OK;
  }

  /** Whether the first part lies outside of a bitmap's range. */
  private isOutside(): boolean {
    const [first, last] = this.options.range;
    const at = this.key[0]! >>> 0;
    return at < first >>> 0 || at > last >>> 0;
  }

  /* look-up */

  /** Looks for `key`; `ask` null: a person asks, nothing is counted. */
  private look(ask: SetAsk | null, flags: number, bytes: number): number {
    const { layout, key, probe, lengths } = this;
    const { nets, lengthsOff } = layout;
    this.alike = 0;
    if (nets === 0) return this.lookAt(key, ask, flags, bytes);
    const whole = nets === 1 ? layout.addressBits : layout.addressBits | (layout.addressBits << 8);
    if (key[lengthsOff] !== whole) return this.lookAt(key, ask, flags, bytes);
    for (let w = 0; w < layout.keyWords; w++) probe[w] = key[w]!;
    if (this.index !== null) return this.lookIndexed(this.index, ask, flags, bytes);
    const first = lengths[0]!;
    for (let i = 0; i < first.count && this.alike === 0; i++) {
      this.shorten(0, first.present[i]!);
      const code = nets === 1 ? this.lookAt(probe, ask, flags, bytes) : this.lookSecond(ask, flags, bytes);
      if (code !== SET_OK) return code;
    }
    return SET_OK;
  }

  /** As `look`, with the lengths that the index knows for the address. */
  private lookIndexed(index: PrefixIndex, ask: SetAsk | null, flags: number, bytes: number): number {
    const off = this.layout.netOffs[0]!;
    for (let level = index.bases.length - 1; level >= 0; level--) {
      const base = index.bases[level]!;
      for (let rest = index.lengths(level, this.key, off); rest !== 0; ) {
        const bit = 31 - Math.clz32(rest);
        rest &= ~(1 << bit);
        this.shorten(0, base + bit);
        const code = this.lookAt(this.probe, ask, flags, bytes);
        if (code !== SET_OK || this.alike > 0) return code;
      }
    }
    return SET_OK;
  }

  private lookSecond(ask: SetAsk | null, flags: number, bytes: number): number {
    const second = this.lengths[1]!;
    for (let i = 0; i < second.count; i++) {
      this.shorten(1, second.present[i]!);
      const code = this.lookAt(this.probe, ask, flags, bytes);
      if (code !== SET_OK) return code;
    }
    return SET_OK;
  }

  /** Puts a net of `probe` under a prefix length. */
  private shorten(net: number, length: number): void {
    const { layout, key, probe } = this;
    const off = layout.netOffs[net]!;
    const shift = net * 8;
    for (let w = 0; w < layout.addressWords; w++) probe[off + w] = key[off + w]! & prefixWord(length, w);
    probe[layout.lengthsOff] = (probe[layout.lengthsOff]! & ~(0xff << shift)) | (length << shift);
  }

  private lookAt(key: Int32Array, ask: SetAsk | null, flags: number, bytes: number): number {
    const { elements } = this;
    const hash = elements.hash(key);
    let e = elements.find(key, hash);
    if (!this.hasIface) return e === NO_ELEMENT ? SET_OK : this.judge(e, ask, flags, bytes);
    for (; e !== NO_ELEMENT; e = elements.findFrom(key, hash, elements.foundSlot + 1)) {
      this.alike++;
      if (!this.fitsInterface(e)) continue;
      const code = this.judge(e, ask, flags, bytes);
      if (code !== SET_OK) return code;
      this.alike = 0;
    }
    return SET_OK;
  }

  private fitsInterface(e: number): boolean {
    const { elements, layout } = this;
    const word = elements.keys[(e + 1) * layout.keyWords - 1]!;
    if ((word & 1) !== this.physdev) return false;
    const name = this.interfaceNames[word >> 1]!;
    return (elements.flags[e]! & ELEMENT_WILDCARD) !== 0 ? this.iface.startsWith(name) : this.iface === name;
  }

  /** What an element with the right key says: time, counters and skbinfo (ip_set_match_extensions). */
  private judge(e: number, ask: SetAsk | null, flags: number, bytes: number): number {
    const { elements, options } = this;
    const state = elements.flags[e]!;
    if (this.fillsMac) {
      const at = e * 3;
      if ((state & ELEMENT_MAC) === 0 || !this.macGiven) return SET_INCOMPLETE;
      if (elements.keys[at + 1] !== this.key[1] || elements.keys[at + 2] !== this.key[2]) return SET_OK;
    }
    if (options.timeout !== NO_TIMEOUT && hasEnded(elements.expires[e]!, this.clock.tick())) return SET_OK;
    if (ask !== null) {
      if (options.counters) {
        if ((flags & ASK_SKIP_COUNTERS) === 0) {
          elements.packets[e]! += 1;
          elements.bytes[e]! += bytes;
        }
        if (
          (flags & ASK_MATCH_COUNTERS) !== 0 &&
          !(
            counterFits(ask.packetsOp, elements.packets[e]!, ask.packets) &&
            counterFits(ask.bytesOp, elements.bytes[e]!, ask.bytes)
          )
        )
          return SET_OK;
      }
      if (options.skbinfo) {
        const at = e * 4;
        ask.mark = elements.skbinfo[at]!;
        ask.markMask = elements.skbinfo[at + 1]!;
        ask.priority = elements.skbinfo[at + 2]!;
        ask.queue = elements.skbinfo[at + 3]!;
      }
    }
    return (state & ELEMENT_NOMATCH) !== 0 ? SET_NOMATCH : SET_IN;
  }

  /* change */

  /** The element that counts as `key`, its interface included. */
  private same(hash: number): number {
    const { elements, key } = this;
    let e = elements.find(key, hash);
    while (this.hasIface && e !== NO_ELEMENT && !this.fitsInterface(e))
      e = elements.findFrom(key, hash, elements.foundSlot + 1);
    return e;
  }

  /** Adds `key`, or writes what it carries again. */
  private put(exist: boolean, timeout: number, packets: number, bytes: number, entry: SetEntry | null): number {
    const { elements, key } = this;
    const hash = elements.hash(key);
    const tick = this.clock.tick();
    let e = this.same(hash);
    let seconds = timeout;
    if (e === NO_ELEMENT) {
      if (!this.isBitmap && !this.hasRoom(tick, hash)) return SET_FULL;
      if (this.hasIface) key[this.layout.keyWords - 1] = (this.interfaceId(this.iface) << 1) | this.physdev;
      e = elements.insert(key, hash);
      if (entry?.wildcard) elements.flags[e]! |= ELEMENT_WILDCARD;
      this.countLengths(e, 1);
      this.indexElement(e);
      if (this.fillsMac) this.setMac(e);
    } else if (this.fillsMac && (elements.flags[e]! & ELEMENT_MAC) === 0 && this.hasMac(entry)) {
      // the timeout that waited for the address begins
      if (seconds === this.options.timeout && elements.extensions.timeout) seconds = -elements.expires[e]!;
      this.setMac(e);
    } else {
      const ended = this.isOver(e, tick);
      if (this.fillsMac && exist && this.hasMac(entry)) this.setMac(e);
      if (!exist && !ended) return SET_EXISTS;
      if (this.fillsMac && !this.macGiven && timeout > 0 && this.hasMacAddress(e)) {
        // the kernel writes seconds where the end would stand: the element is over at once
        this.drop(e);
        return SET_OK;
      }
      if (ended && elements.extensions.counters) elements.packets[e] = elements.bytes[e] = 0;
    }
    this.write(e, seconds, packets, bytes, entry, tick);
    return SET_OK;
  }

  private write(
    e: number,
    seconds: number,
    packets: number,
    bytes: number,
    entry: SetEntry | null,
    tick: number,
  ): void {
    const { elements } = this;
    const { extensions } = elements;
    const wait = this.fillsMac && (elements.flags[e]! & ELEMENT_MAC) === 0;
    if (extensions.timeout) elements.expires[e] = wait ? -seconds : endTick(seconds, tick);
    if (this.layout.nets > 0) {
      // `wildcard` belongs to the element, `nomatch` to what it carries
      elements.flags[e] = (elements.flags[e]! & ~ELEMENT_NOMATCH) | (entry?.nomatch ? ELEMENT_NOMATCH : 0);
    }
    if (extensions.counters) {
      if (packets >= 0) elements.packets[e] = packets;
      if (bytes >= 0) elements.bytes[e] = bytes;
    }
    if (elements.comments !== null) elements.comments[e] = entry?.comment ?? '';
    if (extensions.skbinfo) {
      for (let w = 0; w < 4; w++) elements.skbinfo[e * 4 + w] = entry?.skbinfo?.[w] ?? 0;
    }
  }

  private hasMac(entry: SetEntry | null): boolean {
    return entry === null || entry.mac !== null;
  }

  private setMac(e: number): void {
    const { elements, key } = this;
    if (!this.macGiven) return;
    elements.keys[e * 3 + 1] = key[1]!;
    elements.keys[e * 3 + 2] = key[2]!;
    elements.flags[e]! |= ELEMENT_MAC;
  }
  private macGiven = true;

  /** Whether one more element fits; a full set with `forceadd` gives one up: the first in the way of the new one. */
  private hasRoom(tick: number, hash: number): boolean {
    const { elements, options } = this;
    const most = Math.min(options.maxelem, ELEMENTS_MAX);
    if (elements.count < most) return true;
    if (options.timeout !== NO_TIMEOUT) this.sweep(tick);
    if (elements.count < most) return true;
    if (!options.forceadd || elements.count === 0) return false;
    let slot = hash;
    while (elements.inSlot(slot) === NO_ELEMENT) slot++;
    this.drop(elements.inSlot(slot));
    return true;
  }

  /** Takes `key` out. */
  private take(): number {
    const { elements } = this;
    const e = this.same(elements.hash(this.key));
    if (e === NO_ELEMENT) return SET_EXISTS;
    const over = this.isOver(e, this.clock.tick());
    if (!over || this.fillsMac) this.drop(e);
    return over ? SET_EXISTS : SET_OK;
  }

  /**
   * Whether an element counts as ended when it is added or taken out. The kernel takes a timeout that waits for a MAC address for one
   * that is long over: such an element can be added again, and its removal succeeds and is called a failure.
   */
  private isOver(e: number, tick: number): boolean {
    const { expires, extensions } = this.elements;
    return extensions.timeout && (expires[e]! < 0 || hasEnded(expires[e]!, tick));
  }

  /** Keeps the index of prefix lengths in step; `e` is new. */
  private indexElement(e: number): void {
    const { layout, elements } = this;
    if (layout.nets !== 1 || elements.count < INDEX_FROM) return;
    if (this.index !== null && elements.count <= this.index.capacity) {
      this.indexOne(this.index, e);
      return;
    }
    this.index = new PrefixIndex(layout.addressWords, elements.count * 2);
    for (let i = 0; i < elements.top; i++) if (elements.flags[i] !== 0) this.indexOne(this.index, i);
  }

  private indexOne(index: PrefixIndex, e: number): void {
    const { layout, elements } = this;
    const at = e * layout.keyWords;
    index.add(elements.keys, at + layout.netOffs[0]!, elements.keys[at + layout.lengthsOff]! & 0xff);
  }

  private drop(e: number): void {
    this.countLengths(e, -1);
    this.elements.remove(e);
  }

  private countLengths(e: number, by: 1 | -1): void {
    const { layout, elements, lengths } = this;
    for (let n = 0; n < lengths.length; n++) {
      const length = (elements.keys[e * layout.keyWords + layout.lengthsOff]! >> (n * 8)) & 0xff;
      if (by > 0) lengths[n]!.add(length);
      else lengths[n]!.remove(length);
    }
  }

  private interfaceId(name: string): number {
    let id = this.interfaceIds.get(name);
    if (id === undefined) {
      id = this.interfaceNames.length;
      this.interfaceNames.push(name);
      this.interfaceIds.set(name, id);
    }
    return id;
  }

  /* for people */

  add(entry: SetEntry, exist: boolean): number {
    const code = surplus(entry, this.options);
    // bitmap:port looks at its range first
    if (code !== SET_OK)
      return this.kind.name === 'bitmap:port' && this.spread(entry, true, () => SET_OK) === SET_RANGE
        ? SET_RANGE
        : code;
    const timeout = entry.timeout === TIMEOUT_DEFAULT ? this.options.timeout : entry.timeout;
    const { packets, bytes } = entry;
    return this.spread(entry, false, () => this.put(exist, timeout, packets ?? -1, bytes ?? -1, entry));
  }

  del(entry: SetEntry, exist: boolean): number {
    return this.spread(entry, false, () => excused(this.take(), exist));
  }

  test(entry: SetEntry): number {
    const code = this.spread(entry, true, () => this.look(null, 0, 0));
    if (code === SET_RANGE || code === SET_INVALID) return SET_OK;
    // an element that waits for its MAC address is there for everybody
    if (code === SET_INCOMPLETE) return SET_IN;
    if (!this.kind.nets || !entry.nomatch) return code === SET_NOMATCH ? SET_OK : code;
    return code === SET_NOMATCH ? SET_IN : code === SET_IN ? SET_OK : code;
  }

  private spread(entry: SetEntry, first: boolean, visit: () => number): number {
    this.iface = entry.iface;
    this.physdev = entry.physdev ? 1 : 0;
    this.macGiven = entry.mac !== null;
    const code = spreadEntry(this.layout, entry, this.key, first, visit);
    this.macGiven = true;
    return code;
  }

  flush(): void {
    this.elements.clear();
    this.index = null;
    for (const l of this.lengths) l.clear();
  }

  size(): number {
    const { elements } = this;
    if (!elements.extensions.timeout) return elements.count;
    const tick = this.clock.tick();
    let n = 0;
    for (let e = 0; e < elements.top; e++) if (elements.flags[e] !== 0 && !hasEnded(elements.expires[e]!, tick)) n++;
    return n;
  }

  protected sweep(tick: number): void {
    const { elements } = this;
    for (let e = 0; e < elements.top; e++)
      if (elements.flags[e] !== 0 && hasEnded(elements.expires[e]!, tick)) this.drop(e);
  }

  /** Whether an element's MAC address is known. */
  hasMacAddress(e: number): boolean {
    return !this.fillsMac || (this.elements.flags[e]! & ELEMENT_MAC) !== 0;
  }

  /** Elements in the order of listing: as they came, a bitmap's by number. */
  listed(): number[] {
    const { elements, layout } = this;
    const tick = this.clock.tick();
    const found: number[] = [];
    for (let e = 0; e < elements.top; e++) {
      if (elements.flags[e] === 0) continue;
      if (elements.extensions.timeout && hasEnded(elements.expires[e]!, tick)) continue;
      found.push(e);
    }
    const at = (e: number): number => elements.keys[e * layout.keyWords]! >>> 0;
    return this.isBitmap ? found.sort((a, b) => at(a) - at(b)) : found;
  }
}
