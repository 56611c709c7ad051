/**
 * What -j SNPT and -j DNPT have in common: the prefix of one address of a packet is exchanged for another one, and a 16-bit part
 * behind it adjusted, so that no checksum above changes (RFC 6296, ip6t_NPT.c). No connection is known of it.
 */
import { ADDRESS_WORDS, formatAddress } from '../../wire/address.js';
import { foldSum } from '../../wire/checksum.js';
import { IPV6_HEADER_LEN } from '../../wire/ipv6.js';
import { AF_INET6, IPPROTO_ICMPV6, type Packet } from '../../wire/packet.js';
import { fillMask, prefixLength } from '../address.js';
import { VERDICT_CONTINUE, VERDICT_DROP } from '../context.js';
import type { KernelRefusal, TargetExtension, TargetFunction } from '../extension.js';
import { EINVAL, wantsHooks } from '../kernel-checks.js';
import { maskedHostOption } from '../match/option-values.js';

/** A prefix as it is written: bits behind its length are kept, and refused by the kernel. */
export interface Prefix {
  /** Four words. */
  address: Int32Array;
  /** 0 to 128; -1: a mask with holes. */
  bits: number;
}

/** `-j SNPT`, `-j DNPT`. */
export interface PrefixTranslationSpec {
  source: Prefix;
  destination: Prefix;
}

/** Longest prefix that can be translated: behind it there must be room for the adjustment. */
const MAX_BITS = 64;
/** Up to this length the adjustment goes into the fourth 16 bits, the subnet. */
const SUBNET_BITS = 48;
const ICMP_HEADER_LEN = 8;
const ICMPV6_PARAMPROB = 4;
/** Unreachable 1, too big 2, time exceeded 3, parameter problem 4: the kernel takes no others for errors here. */
const LAST_ERROR = ICMPV6_PARAMPROB;
const SOURCE_OFF = 8;
const DESTINATION_OFF = 24;

/**
 * The target `name`, which changes the address at `changedOff` of the IP header, in `hooks` (HOOK_ bits; `where` in words).
 * Of an ICMPv6 error it also changes the other address of the packet quoted, if the prefix is there.
 */
export function prefixTranslation(
  name: 'SNPT' | 'DNPT',
  hooks: number,
  where: string,
): TargetExtension<PrefixTranslationSpec> {
  const changedOff = name === 'SNPT' ? SOURCE_OFF : DESTINATION_OFF;
  return {
    name,
    families: [AF_INET6],
    tables: ['mangle'],
    options: [
      { name: 'src-pfx', args: 1, required: true },
      { name: 'dst-pfx', args: 1, required: true },
    ],
    init: () => ({ source: noPrefix(), destination: noPrefix() }),
    option(spec, option, text, _inverted, c) {
      const { address, mask } = maskedHostOption(name, option, text, AF_INET6, c);
      const prefix = { address, bits: prefixLength(mask, AF_INET6) };
      if (option === 'src-pfx') spec.source = prefix;
      else spec.destination = prefix;
    },
    save(spec) {
      const parts: string[] = [];
      if (!isUnspecified(spec.source)) parts.push(`--src-pfx ${prefixText(spec.source)}`);
      if (!isUnspecified(spec.destination)) parts.push(`--dst-pfx ${prefixText(spec.destination)}`);
      return parts.join(' ');
    },
    list: (spec) => ` ${name} src-pfx ${prefixText(spec.source)} dst-pfx ${prefixText(spec.destination)}`,
    refusedBy(spec, around) {
      return wantsHooks(name, hooks, around, where) ?? refusedPrefix(spec.source) ?? refusedPrefix(spec.destination);
    },
    load: (spec) => loadTranslation(spec, changedOff),
  };
}

function noPrefix(): Prefix {
  return { address: new Int32Array(ADDRESS_WORDS), bits: 0 };
}

function isUnspecified(prefix: Prefix): boolean {
  return prefix.address.every((word) => word === 0);
}

function prefixText({ address, bits }: Prefix): string {
  return `${formatAddress(AF_INET6, address)}/${bits}`;
}

function refusedPrefix({ address, bits }: Prefix): KernelRefusal | null {
  if (bits < 0 || bits > MAX_BITS) return { errno: EINVAL, why: `a prefix may have ${MAX_BITS} bits at most` };
  const mask = new Int32Array(ADDRESS_WORDS);
  fillMask(bits, mask);
  const clean = address.every((word, i) => (word & ~mask[i]!) === 0);
  return clean ? null : { errno: EINVAL, why: 'a prefix must have nothing but zeros behind its length' };
}

/** Sum of an address's eight 16-bit parts. */
function addressSum(address: Int32Array): number {
  return foldSum(address.reduce((sum, word) => sum + (word >>> 16) + (word & 0xffff), 0));
}

function loadTranslation(spec: PrefixTranslationSpec, changedOff: number): TargetFunction {
  const { source, destination } = spec;
  const length = Math.max(source.bits, destination.bits);
  const keep = new Int32Array(ADDRESS_WORDS);
  fillMask(length, keep);
  for (let i = 0; i < ADDRESS_WORDS; i++) keep[i] = ~keep[i]!;
  const sourceMask = new Int32Array(ADDRESS_WORDS);
  fillMask(source.bits, sourceMask);
  const adjustment = foldSum(addressSum(source.address) + (~addressSum(destination.address) & 0xffff));
  const inSubnet = length <= SUBNET_BITS;
  const quotedOff = changedOff === SOURCE_OFF ? DESTINATION_OFF : SOURCE_OFF;
  return (p, c) => {
    if (!translate(p, p.l3Off + changedOff, destination.address, keep, inSubnet, adjustment)) {
      // no 16 bits are left that are not all ones; who hears of it is whom the packet now says it is from
      c.reparse(p);
      c.answerError(p, ICMPV6_PARAMPROB, 0, changedOff);
      return VERDICT_DROP;
    }
    const quoted = quotedPacket(p);
    if (quoted >= 0 && hasPrefix(p, quoted + quotedOff, source.address, sourceMask)) {
      translate(p, quoted + quotedOff, destination.address, keep, inSubnet, adjustment);
    }
    c.reparse(p);
    return VERDICT_CONTINUE;
  };
}

/** Exchanges the prefix of the address at `at`; false: nothing can take the adjustment, though the prefix is changed by then. */
function translate(
  p: Packet,
  at: number,
  prefix: Int32Array,
  keep: Int32Array,
  inSubnet: boolean,
  adjustment: number,
): boolean {
  const { view } = p;
  for (let i = 0; i < ADDRESS_WORDS; i++) {
    view.setInt32(at + 4 * i, (view.getInt32(at + 4 * i) & (keep[i] as number)) | (prefix[i] as number));
  }
  let part = at + 6;
  if (!inSubnet) {
    part = at + 8;
    while (part < at + 16 && view.getUint16(part) === 0xffff) part += 2;
    if (part === at + 16) return false;
  }
  const sum = foldSum(view.getUint16(part) + adjustment);
  view.setUint16(part, sum === 0xffff ? 0 : sum);
  return true;
}

/** The IPv6 header that an ICMPv6 error quotes, right behind its own; -1 = none. Extension headers hide it from the kernel. */
function quotedPacket(p: Packet): number {
  const icmp = p.l3Off + IPV6_HEADER_LEN;
  if (p.bytes[p.l3Off + 6] !== IPPROTO_ICMPV6 || icmp + ICMP_HEADER_LEN + IPV6_HEADER_LEN > p.end) return -1;
  const type = p.bytes[icmp] as number;
  return type >= 1 && type <= LAST_ERROR ? icmp + ICMP_HEADER_LEN : -1;
}

function hasPrefix(p: Packet, at: number, prefix: Int32Array, mask: Int32Array): boolean {
  for (let i = 0; i < ADDRESS_WORDS; i++) {
    if (((p.view.getInt32(at + 4 * i) ^ (prefix[i] as number)) & (mask[i] as number)) !== 0) return false;
  }
  return true;
}
