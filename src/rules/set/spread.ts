/**
 * The elements that one entry stands for: every address of `10.0.0.0/24` in a set of addresses, the fewest prefixes that make up a range
 * in a set of networks, every port of `80-90`, and all combinations, in the order in which the kernel adds them (the types' uadt
 * functions).
 */
import {
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../../wire/packet.js';
import { SET_CIDR, SET_INVALID, SET_NULL, SET_OK, SET_PROTOCOL, SET_RANGE, SET_WHOLE_SPACE } from './codes.js';
import { type EntryAddress, NO_LENGTH, type SetEntry } from './entry.js';
import type { KeyLayout } from './key-layout.js';

const LAST_ADDRESS = 0xffffffff;

/** Whether a protocol's elements have ports (ICMP: type and code); others have port 0. */
export function hasPorts(protocol: number): boolean {
  return (
    protocol === IPPROTO_TCP ||
    protocol === IPPROTO_UDP ||
    protocol === IPPROTO_UDPLITE ||
    protocol === IPPROTO_SCTP ||
    protocol === IPPROTO_ICMP ||
    protocol === IPPROTO_ICMPV6
  );
}

/** The prefix length of the largest network that begins at `from` and does not reach beyond `to` (ip_set_range_to_cidr). */
export function rangeLength(from: number, to: number): number {
  let length = 32;
  while (length > 0) {
    const size = 2 ** (33 - length);
    if (from % size !== 0 || from + size - 1 > to) break;
    length--;
  }
  return length;
}

/** One entry being spread over a key. */
class Spread {
  constructor(
    private readonly layout: KeyLayout,
    private readonly entry: SetEntry,
    private readonly key: Int32Array,
    /** Only the first element counts: test. */
    private readonly first: boolean,
    private readonly visit: () => number,
  ) {}

  /** Part `i` and those behind it. */
  part(i: number, address: number, net: number): number {
    const { layout, entry, key } = this;
    const part = layout.parts[i];
    const off = layout.offsets[i]!;
    switch (part) {
      case 'ip':
        return this.ip(i, address, net);
      case 'net':
        return this.net(i, address, net);
      case 'port':
        return this.port(i, address, net);
      case 'mark':
        key[off] = entry.mark & layout.options.markmask;
        return this.part(i + 1, address, net);
      case 'mac':
        return this.mac(i, address, net);
      case 'iface':
        return this.part(i + 1, address, net);
      default:
        return this.visit();
    }
  }

  private ip(i: number, address: number, net: number): number {
    const { layout, key } = this;
    const a = this.entry.addresses[address]!;
    const off = layout.offsets[i]!;
    for (let w = 0; w < layout.addressWords; w++) key[off + w] = a.words[w]!;
    layout.applyMask(key, off);
    const alone = layout.kind.dimension === 1;
    const isBitmap = layout.kind.storage === 'bitmap';
    if (layout.kind.noZero && layout.isZero(key, off)) return alone ? SET_NULL : SET_INVALID;
    if (isBitmap && this.isOutside(a.words[0]! >>> 0)) return SET_RANGE;
    if (layout.addressWords > 1 || this.first) return this.part(i + 1, address + 1, net);
    if (a.length === 0) return SET_CIDR;
    const bounds = { from: key[off]! >>> 0, to: key[off]! >>> 0 };
    rangeOf(a, bounds);
    if (isBitmap && (this.isOutside(bounds.from) || this.isOutside(bounds.to))) return SET_RANGE;
    // with a netmask, hash:ip steps over as many addresses from wherever the range begins; hash:ip,port adds each, as the kernel does
    const step = layout.options.netmask > 0 && alone ? 2 ** (32 - layout.options.netmask) : 1;
    for (let ip = bounds.from; ip <= bounds.to; ip += step) {
      key[off] = ip | 0;
      if (isBitmap) layout.applyMask(key, off);
      const code = this.part(i + 1, address + 1, net);
      if (code !== SET_OK) return code;
    }
    return SET_OK;
  }

  /** Whether an address lies outside of a bitmap's range. */
  private isOutside(address: number): boolean {
    const [low, high] = this.layout.options.range;
    return address < low >>> 0 || address > high >>> 0;
  }

  private net(i: number, address: number, net: number): number {
    const { layout, key } = this;
    const a = this.entry.addresses[address]!;
    const off = layout.offsets[i]!;
    const length = a.length === NO_LENGTH ? layout.addressBits : a.length;
    if (length === 0 && !layout.kind.zeroLength) return SET_CIDR;
    if (a.to === null || this.first || layout.addressWords > 1) {
      for (let w = 0; w < layout.addressWords; w++) key[off + w] = a.words[w]!;
      return this.prefix(i, address, net, length);
    }
    const bounds = { from: a.words[0]! >>> 0, to: 0 };
    rangeOf(a, bounds);
    if (bounds.from === 0 && bounds.to === LAST_ADDRESS) return SET_WHOLE_SPACE;
    for (let ip = bounds.from; ip <= bounds.to; ) {
      const one = rangeLength(ip, bounds.to);
      key[off] = ip | 0;
      const code = this.prefix(i, address, net, one);
      if (code !== SET_OK) return code;
      ip += 2 ** (32 - one);
    }
    return SET_OK;
  }

  private prefix(i: number, address: number, net: number, length: number): number {
    const { layout, key } = this;
    const shift = net * 8;
    layout.applyMask(key, layout.offsets[i]!);
    layout.applyLength(key, layout.offsets[i]!, length);
    key[layout.lengthsOff] = (key[layout.lengthsOff]! & ~(0xff << shift)) | (length << shift);
    return this.part(i + 1, address + 1, net + 1);
  }

  private port(i: number, address: number, net: number): number {
    const { layout, entry, key } = this;
    const off = layout.offsets[i]!;
    const bitmap = layout.kind.storage === 'bitmap';
    let [from, to] = entry.ports;
    if (bitmap) {
      const [low, high] = layout.options.range;
      if (from < low || from > high) return SET_RANGE;
      if (!this.first && (to < low || to > high)) return SET_RANGE;
    } else if (entry.protocol === 0) return SET_PROTOCOL;
    if (from > to && !this.first) [from, to] = [to, from];
    if (!bitmap && !hasPorts(entry.protocol)) from = to = 0;
    if (this.first || entry.protocol === IPPROTO_ICMP || entry.protocol === IPPROTO_ICMPV6) to = from = entry.ports[0];
    for (let port = from; port <= to; port++) {
      key[off] = bitmap ? port : (entry.protocol << 16) | port;
      const code = this.part(i + 1, address, net);
      if (code !== SET_OK) return code;
    }
    return SET_OK;
  }

  private mac(i: number, address: number, net: number): number {
    const { layout, entry, key } = this;
    const off = layout.offsets[i]!;
    const m = entry.mac;
    key[off] = m === null ? 0 : (m[0]! << 8) | m[1]!;
    key[off + 1] = m === null ? 0 : (m[2]! << 24) | (m[3]! << 16) | (m[4]! << 8) | m[5]!;
    if (layout.kind.storage === 'hash' && key[off] === 0 && key[off + 1] === 0) return SET_NULL;
    return this.part(i + 1, address, net);
  }
}

/** First and last address; `bounds.from` is the one given, under the set's mask. */
function rangeOf(a: EntryAddress, bounds: { from: number; to: number }): void {
  if (a.to !== null) {
    bounds.to = a.to >>> 0;
    if (bounds.from > bounds.to) {
      const { from } = bounds;
      bounds.from = bounds.to;
      bounds.to = from;
    }
  } else if (a.length !== NO_LENGTH) {
    const size = 2 ** (32 - a.length);
    bounds.from -= bounds.from % size;
    bounds.to = bounds.from + size - 1;
  }
}

/**
 * Calls `visit` for each element of an entry with `key` filled, until it answers other than SET_OK, which is then returned.
 * @param first Only the first element: `ipset test`.
 */
export function spreadEntry(
  layout: KeyLayout,
  entry: SetEntry,
  key: Int32Array,
  first: boolean,
  visit: () => number,
): number {
  key.fill(0);
  return new Spread(layout, entry, key, first, visit).part(0, 0, 0);
}
