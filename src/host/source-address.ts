/**
 * Address selection, mostly of IPv6. For the source of packets that the host makes: RFC 6724 section 5 with the kernel's order of rules
 * (net/ipv6/addrconf.c ipv6_get_saddr_eval). Without temporary, deprecated or mobile addresses there remain: same address,
 * scope, outgoing interface, label, longest prefix, and the newest of an interface. For what REDIRECT sends to the host: by
 * scope alone (nf_nat_redirect.c).
 */
import { AF_INET, AF_INET6 } from '../wire/packet.js';

interface Candidate {
  family: number;
  words: Int32Array;
  length: number;
  dev: number;
}

const SCOPE_HOST = 1;
const SCOPE_LINK = 2;
const SCOPE_SITE = 5;
const SCOPE_GLOBAL = 14;
/** Addresses with nothing but an IPv4 address in the last word: a number that no scope has. */
const SCOPE_IPV4 = 16;
const LO_INDEX = 1;

function scopeOf(words: Int32Array, at: number): number {
  const first = words[at]!;
  if (first >>> 24 === 255) return (first >>> 16) & 15;
  if (first >>> 22 === 0x3fa) return SCOPE_LINK;
  if (first >>> 22 === 0x3fb) return SCOPE_SITE;
  const loopback = first === 0 && words[at + 1] === 0 && words[at + 2] === 0 && words[at + 3] === 1;
  return loopback ? SCOPE_LINK : SCOPE_GLOBAL;
}

/** The label of RFC 6724 section 2.1's table as the kernel has it (net/ipv6/addrlabel.c). */
function labelOf(words: Int32Array, at: number): number {
  const first = words[at]!;
  if (first === 0 && words[at + 1] === 0) {
    if (words[at + 2] === 0) return words[at + 3] === 1 ? 0 : 3;
    if (words[at + 2] === 0xffff) return 4;
  }
  if (first >>> 25 === 0x7e) return 5;
  if (first >>> 16 === 0x2002) return 2;
  if (first === 0x20010000) return 6;
  if (first >>> 22 === 0x3fb) return 11;
  if (first >>> 16 === 0x3ffe) return 12;
  if (first >>> 4 === 0x2001001) return 7;
  return 1;
}

function commonBits(a: Int32Array, aAt: number, b: Int32Array, bAt: number): number {
  for (let i = 0; i < 4; i++) {
    const difference = a[aAt + i]! ^ b[bAt + i]!;
    if (difference !== 0) return i * 32 + Math.clz32(difference);
  }
  return 128;
}

/** Index of the best address for the destination at `words[at..]` going out on `dev`; -1 = the host has none. */
export function selectSource6(candidates: readonly Candidate[], dev: number, words: Int32Array, at: number): number {
  const scope = scopeOf(words, at);
  const label = labelOf(words, at);
  const linkOnly = words[at]! >>> 24 === 255 ? scope <= SCOPE_LINK : scope === SCOPE_LINK;
  let best = -1;
  for (let i = 0; i < candidates.length; i++) {
    const c = candidates[i]!;
    if (c.family !== AF_INET6 || (linkOnly && c.dev !== dev) || (c.dev === LO_INDEX && dev !== LO_INDEX)) continue;
    if (best < 0 || isBetter(c, candidates[best]!, scope, label, dev, words, at)) best = i;
  }
  return best;
}

function isBetter(
  c: Candidate,
  best: Candidate,
  scope: number,
  label: number,
  dev: number,
  words: Int32Array,
  at: number,
): boolean {
  const own = commonBits(c.words, 0, words, at);
  const other = commonBits(best.words, 0, words, at);
  if (own === 128 || other === 128) return own > other;
  const scopeC = scopeOf(c.words, 0);
  const scopeB = scopeOf(best.words, 0);
  if (scopeC !== scopeB) return scopeC < scopeB ? scopeC >= scope : scopeB < scope;
  if ((c.dev === dev) !== (best.dev === dev)) return c.dev === dev;
  const labelC = labelOf(c.words, 0) === label;
  const labelB = labelOf(best.words, 0) === label;
  if (labelC !== labelB) return labelC;
  const longer = Math.min(own, c.length) - Math.min(other, best.length);
  // an interface's addresses of one scope stand in the kernel's list with the newest first
  return longer !== 0 ? longer > 0 : c.dev === best.dev;
}

/** Index of the IPv4 address of `dev` for what is redirected there: the first; -1 = none. */
export function selectRedirect4(candidates: readonly Candidate[], dev: number): number {
  for (let i = 0; i < candidates.length; i++) {
    if (candidates[i]!.family === AF_INET && candidates[i]!.dev === dev) return i;
  }
  return -1;
}

/**
 * Index of the address of `dev` for what is redirected there, by the destination at `words[at..]`; -1 = none. A destination of a
 * narrow scope wants an address of that; any other one the widest scope that there is, and of that the newest.
 */
export function selectRedirect6(candidates: readonly Candidate[], dev: number, words: Int32Array, at: number): number {
  const scope = narrowScopeOf(words, at);
  let best = -1;
  let widest = -1;
  for (let i = candidates.length - 1; i >= 0; i--) {
    const c = candidates[i]!;
    if (c.family !== AF_INET6 || c.dev !== dev || (scope !== 0 && narrowScopeOf(c.words, 0) !== scope)) continue;
    const wide = scopeOf(c.words, 0);
    if (wide <= widest) continue;
    best = i;
    widest = wide;
  }
  return best;
}

/** The scopes that have a bit of their own in the kernel's type of an address; 0: another one. */
function narrowScopeOf(words: Int32Array, at: number): number {
  const first = words[at]!;
  const last = words[at + 3]!;
  if (first === 0 && words[at + 1] === 0 && words[at + 2] === 0 && last !== 0)
    return last === 1 ? SCOPE_HOST : SCOPE_IPV4;
  const scope = scopeOf(words, at);
  return scope === SCOPE_HOST || scope === SCOPE_LINK || scope === SCOPE_SITE ? scope : 0;
}
