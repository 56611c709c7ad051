/**
 * -j CT: what the connection made from this packet begins with - zone, helper, timeout policy, events - or that there shall be none
 * (xt_CT.c, xt_ct_target_v1).
 */
import { PROTO_GENERIC, trackerOf } from '../../conntrack/generic.js';
import { AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP } from '../../wire/packet.js';
import { type LoadContext, VERDICT_CONTINUE } from '../context.js';
import type { KernelRefusal, OptionContext, OptionSpec, RuleAround, TargetExtension } from '../extension.js';
import { EINVAL, ENOENT, errnoText } from '../kernel-checks.js';
import type { Family } from '../model.js';
import { protocolName } from '../names.js';
import { quote, readUint } from '../values.js';
import { mayBeTracked, untrack } from './NOTRACK.js';

/** `-j CT`. */
export interface CtSpec {
  notrack: boolean;
  /** 0 = the default zone. */
  zone: number;
  /** Directions that the zone holds for: 1 original, 2 reply, 3 both. */
  zoneDirection: number;
  /** --zone mark. */
  zoneFromMark: boolean;
  /** '' = none. */
  helper: string;
  timeout: string;
  /** IPCT_ bits, 0 = not given: all. */
  ctevents: number;
  /** IPEXP_ bits, 0 = not given: all. */
  expevents: number;
}

/** Longest names that iptables hands to the kernel; what is longer, it cuts off in silence. */
const MAX_HELPER = 15;
const MAX_TIMEOUT = 31;

/** Names of event bits (enum ip_conntrack_events); '' = not settable. */
const CT_EVENTS = [
  'new',
  'related',
  'destroy',
  'reply',
  'assured',
  'protoinfo',
  'helper',
  'mark',
  'natseqinfo',
  'secmark',
];
const EXP_EVENTS = ['new'];

/** The kernel's helpers: name, protocols, families. */
const HELPERS: readonly (readonly [name: string, protocols: readonly number[], families: readonly Family[]])[] = [
  ['RAS', [IPPROTO_UDP], [AF_INET, AF_INET6]],
  ['Q.931', [IPPROTO_TCP], [AF_INET, AF_INET6]],
  ['amanda', [IPPROTO_UDP], [AF_INET, AF_INET6]],
  ['ftp', [IPPROTO_TCP], [AF_INET, AF_INET6]],
  ['irc', [IPPROTO_TCP], [AF_INET]],
  ['netbios-ns', [IPPROTO_UDP], [AF_INET]],
  ['pptp', [IPPROTO_TCP], [AF_INET]],
  ['sane', [IPPROTO_TCP], [AF_INET, AF_INET6]],
  ['sip', [IPPROTO_TCP, IPPROTO_UDP], [AF_INET, AF_INET6]],
  ['snmp', [IPPROTO_UDP], [AF_INET]],
  ['tftp', [IPPROTO_UDP], [AF_INET, AF_INET6]],
];

const OPTIONS: readonly OptionSpec[] = [
  { name: 'notrack', args: 0 },
  { name: 'helper', args: 1 },
  { name: 'timeout', args: 1 },
  { name: 'ctevents', args: 1 },
  { name: 'expevents', args: 1 },
  { name: 'zone-orig', args: 1 },
  { name: 'zone-reply', args: 1 },
  { name: 'zone', args: 1 },
];

/** The `CT` target. */
export const CT: TargetExtension<CtSpec> = {
  name: 'CT',
  families: [AF_INET, AF_INET6],
  tables: ['raw'],
  options: OPTIONS,
  init: () => ({
    notrack: false,
    zone: 0,
    zoneDirection: 3,
    zoneFromMark: false,
    helper: '',
    timeout: '',
    ctevents: 0,
    expevents: 0,
  }),
  option(spec, option, value, _inverted, c) {
    if (option === 'notrack') spec.notrack = true;
    else if (option === 'helper') spec.helper = value.slice(0, MAX_HELPER);
    else if (option === 'timeout') spec.timeout = value.slice(0, MAX_TIMEOUT);
    else if (option === 'ctevents') spec.ctevents = readEvents(value, CT_EVENTS, c);
    else if (option === 'expevents') spec.expevents = readEvents(value, EXP_EVENTS, c);
    else readZone(spec, value, c);
  },
  check(spec, seen) {
    const original = seen.has('zone-orig');
    const reply = seen.has('zone-reply');
    if (original !== reply) spec.zoneDirection = original ? 1 : 2;
    // The default zone prints as no zone at all.
    if (spec.zone === 0 && !spec.zoneFromMark) spec.zoneDirection = 3;
  },
  save: (spec) => ctTexts(spec, '--', quote).slice(1),
  list: (spec) => ` CT${ctTexts(spec, '', (text) => text)}`,
  unsupported: 'the helpers of H.323 (RAS, Q.931) expect nothing',
  isDoubtful: (spec) => spec.helper === 'RAS' || spec.helper === 'Q.931',
  refusedBy,
  load(spec, c) {
    if (spec.notrack) return untrack;
    const refusal = spec.timeout === '' ? null : refusedTimeout(spec.timeout, c);
    if (refusal !== null) c.fail(`${errnoText(refusal.errno)}\n${refusal.why}`);
    const number = c.template({
      zone: spec.zone,
      zoneDirection: spec.zoneDirection,
      zoneFromMark: spec.zoneFromMark,
      helper: spec.helper,
      timeout: spec.timeout,
      ctevents: spec.ctevents === 0 ? -1 : spec.ctevents,
      expevents: spec.expevents === 0 ? -1 : spec.expevents,
    });
    return (p) => {
      if (mayBeTracked(p)) p.template = number;
      return VERDICT_CONTINUE;
    };
  },
};

/** What the kernel asks for in the order in which it asks; whether the timeout policy fits, only a host can know: `load`. */
function refusedBy(spec: CtSpec, { family, protocol }: RuleAround): KernelRefusal | null {
  if (spec.notrack || (spec.helper === '' && spec.timeout === '')) return null;
  const number = protocol === null || protocol.invert ? 0 : protocol.number;
  if (spec.helper === '') return number === 0 ? { errno: EINVAL, why: '-j CT --timeout needs -p, not inverted' } : null;
  if (number === 0) return { errno: ENOENT, why: '-j CT --helper needs -p, not inverted' };
  for (const [name, protocols, families] of HELPERS) {
    if (name === spec.helper && protocols.includes(number) && families.includes(family)) return null;
  }
  return { errno: ENOENT, why: `there is no helper "${spec.helper}" for ${protocolName(number)}` };
}

/** Whether the host has a policy of that name for this rule, and the kernel's words where not (xt_ct_set_timeout). */
function refusedTimeout(name: string, { family, protocol, tracker }: LoadContext): KernelRefusal | null {
  const policies = tracker.timeoutPolicies;
  const policy = policies.get(name);
  if (policy === undefined) {
    const others = policies.size === 0 ? 'has none' : `has ${[...policies.keys()].join(', ')}`;
    return { errno: ENOENT, why: `No such timeout policy "${name}"; the host ${others}` };
  }
  const only = `Timeout policy \`${name}' can only be used by`;
  if (policy.family !== family) {
    const own = policy.family === AF_INET ? 'IPv4' : 'IPv6';
    return { errno: EINVAL, why: `${only} L3 protocol number ${policy.family} (${own})` };
  }
  if (policy.protocol === trackerOf(protocol?.number ?? 0)) return null;
  const own = policy.protocol === PROTO_GENERIC ? 'generic' : protocolName(policy.protocol);
  return { errno: EINVAL, why: `${only} L4 protocol number ${policy.protocol} (${own})` };
}

function readZone(spec: CtSpec, value: string, c: OptionContext): void {
  if (value.toLowerCase() === 'mark') {
    // and a number that comes later does not change that
    spec.zoneFromMark = true;
    return;
  }
  spec.zone = readUint(value, 0, 65535);
  if (spec.zone < 0) c.fail(`Cannot parse ${value} as a zone ID`, value);
}

function readEvents(value: string, names: readonly string[], c: OptionContext): number {
  let bits = 0;
  for (const name of value.split(',')) {
    const bit = names.indexOf(name);
    if (bit < 0) c.fail(`Unknown event type "${name}"`, value);
    bits |= 1 << bit;
  }
  return bits;
}

function eventText(bits: number, names: readonly string[]): string {
  return names.filter((_, bit) => (bits & (1 << bit)) !== 0).join(',');
}

/** ` NAME VALUE` of each option; `dashes` stands before the names, `word` prints a free text. */
function ctTexts(spec: CtSpec, dashes: string, word: (text: string) => string): string {
  let text = spec.notrack ? ` ${dashes}notrack` : '';
  if (spec.helper !== '') text += ` ${dashes}helper ${word(spec.helper)}`;
  if (spec.timeout !== '') text += ` ${dashes}timeout ${word(spec.timeout)}`;
  if (spec.ctevents !== 0) text += ` ${dashes}ctevents ${eventText(spec.ctevents, CT_EVENTS)}`;
  if (spec.expevents !== 0) text += ` ${dashes}expevents ${eventText(spec.expevents, EXP_EVENTS)}`;
  if (spec.zone === 0 && !spec.zoneFromMark) return text;
  const option = spec.zoneDirection === 3 ? 'zone' : spec.zoneDirection === 1 ? 'zone-orig' : 'zone-reply';
  return `${text} ${dashes}${option} ${spec.zoneFromMark ? 'mark' : spec.zone}`;
}
