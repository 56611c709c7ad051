/** -m addrtype: what the host's routing says of an address: its own, broadcast, multicast ... (xt_addrtype.c). */
import {
  AF_INET,
  AF_INET6,
  HOOK_INPUT,
  HOOK_OUTPUT,
  HOOK_POSTROUTING,
  HOOK_PREROUTING,
  type Packet,
  T_DST,
  T_SRC,
} from '../../wire/packet.js';
import {
  RTN_ANYCAST,
  RTN_BLACKHOLE,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MULTICAST,
  RTN_PROHIBIT,
  RTN_UNICAST,
  RTN_UNREACHABLE,
  RTN_UNSPEC,
  type RuleContext,
} from '../context.js';
import type { KernelRefusal, MatchExtension, RuleAround } from '../extension.js';
import { bang } from '../listed.js';
import { not } from '../values.js';
import { bitNames, EINVAL, nameBits } from './option-values.js';

/** Indexed by RTN_ constants (linux/rtnetlink.h). */
const NAMES = [
  'UNSPEC',
  'UNICAST',
  'LOCAL',
  'BROADCAST',
  'ANYCAST',
  'MULTICAST',
  'BLACKHOLE',
  'UNREACHABLE',
  'PROHIBIT',
  'THROW',
  'NAT',
  'XRESOLVE',
];

/** `1 << RTN_...` bits. */
export interface TypeTest {
  mask: number;
  invert: boolean;
}

/** Options of -m addrtype; null = not given. */
export interface AddrtypeSpec {
  source: TypeTest | null;
  destination: TypeTest | null;
  /** Only addresses of the interface that the packet came in or goes out by. */
  limit: 'in' | 'out' | null;
}

const NOT_OUT = (1 << HOOK_PREROUTING) | (1 << HOOK_INPUT);
const NOT_IN = (1 << HOOK_POSTROUTING) | (1 << HOOK_OUTPUT);

function refused(spec: AddrtypeSpec, around: RuleAround): KernelRefusal | null {
  if (spec.limit === 'out' && (around.hooks & NOT_OUT) !== 0)
    return { errno: EINVAL, why: 'addrtype: --limit-iface-out has no interface in PREROUTING and INPUT' };
  if (spec.limit === 'in' && (around.hooks & NOT_IN) !== 0)
    return { errno: EINVAL, why: 'addrtype: --limit-iface-in has no interface in POSTROUTING and OUTPUT' };
  const types = (spec.source?.mask ?? 0) | (spec.destination?.mask ?? 0);
  const wrong = (1 << RTN_BLACKHOLE) | (1 << RTN_BROADCAST);
  if (around.family === AF_INET6 && ((types & wrong) !== 0 || types >= 1 << RTN_PROHIBIT))
    return { errno: EINVAL, why: 'addrtype: IPv6 has no BLACKHOLE, BROADCAST, PROHIBIT, THROW, NAT and XRESOLVE' };
  return null;
}

/** IPv4: one look at the routing gives the type. */
function fits4(p: Packet, at: number, mask: number, dev: number, c: RuleContext): boolean {
  return ((mask >>> c.addressType(AF_INET, p.tuple, at, dev)) & 1) !== 0;
}

const LOOKED_UP = (1 << RTN_LOCAL) | (1 << RTN_ANYCAST) | (1 << RTN_UNREACHABLE);

/**
 * IPv6: the types that the address itself shows must all fit; of those that routing knows one must
 * (match_type6). A v4-mapped address is neither unicast nor multicast there.
 */
function fits6(p: Packet, at: number, mask: number, dev: number, c: RuleContext): boolean {
  const t = p.tuple;
  const first = t[at]!;
  const multicast = first >>> 24 === 0xff;
  const low = first === 0 && t[at + 1] === 0;
  const any = low && t[at + 2] === 0 && t[at + 3] === 0;
  const mapped = low && t[at + 2] === 0xffff;
  if ((mask & (1 << RTN_MULTICAST)) !== 0 && !multicast) return false;
  if ((mask & (1 << RTN_UNICAST)) !== 0 && (multicast || any || mapped)) return false;
  if ((mask & (1 << RTN_UNSPEC)) !== 0 && !any) return false;
  if ((mask & LOOKED_UP) === 0) return true;
  return (((mask & LOOKED_UP) >>> c.addressType(AF_INET6, t, at, dev)) & 1) !== 0;
}

/** The `addrtype` match. */
export const addrtype: MatchExtension<AddrtypeSpec> = {
  name: 'addrtype',
  families: [AF_INET, AF_INET6],
  options: [
    { name: 'src-type', args: 1, invert: true },
    { name: 'dst-type', args: 1, invert: true },
    { name: 'limit-iface-in', args: 0, excludes: ['limit-iface-out'] },
    { name: 'limit-iface-out', args: 0, excludes: ['limit-iface-in'] },
  ],
  init: () => ({ source: null, destination: null, limit: null }),
  option(spec, option, value, invert, c) {
    if (option === 'limit-iface-in') spec.limit = 'in';
    else if (option === 'limit-iface-out') spec.limit = 'out';
    else {
      const bad = { text: '' };
      const mask = nameBits(value, NAMES, bad);
      // the last of a list is quoted otherwise than those before it
      const last = !bad.text.includes(',');
      if (mask < 0) c.fail(`addrtype: bad type ${last ? `"${bad.text}"` : `\`${bad.text}'`}`, value);
      if (option === 'src-type') spec.source = { mask, invert };
      else spec.destination = { mask, invert };
    }
  },
  check(spec, _seen, c) {
    if (spec.source === null && spec.destination === null)
      c.fail('addrtype: you must specify --src-type or --dst-type');
  },
  save(spec) {
    const { source, destination, limit } = spec;
    const parts: string[] = [];
    if (source !== null) parts.push(`${not(source.invert)}--src-type ${bitNames(source.mask, NAMES)}`);
    if (destination !== null) parts.push(`${not(destination.invert)}--dst-type ${bitNames(destination.mask, NAMES)}`);
    if (limit !== null) parts.push(`--limit-iface-${limit}`);
    return parts.join(' ');
  },
  list(spec) {
    const { source, destination, limit } = spec;
    let text = ' ADDRTYPE match';
    if (source !== null) text += ` src-type ${bang(source.invert)}${bitNames(source.mask, NAMES)}`;
    if (destination !== null) text += ` dst-type ${bang(destination.invert)}${bitNames(destination.mask, NAMES)}`;
    return limit === null ? text : `${text} limit-${limit}`;
  },
  refusedBy: refused,
  load(spec, { family }) {
    const { source, destination, limit } = spec;
    const fits = family === AF_INET ? fits4 : fits6;
    return (p, c) => {
      const dev = limit === 'in' ? p.inInterface : limit === 'out' ? p.outInterface : 0;
      if (source !== null && fits(p, T_SRC, source.mask, dev, c) === source.invert) return false;
      return destination === null || fits(p, T_DST, destination.mask, dev, c) !== destination.invert;
    };
  },
};
