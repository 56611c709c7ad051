/**
 * -j SYNPROXY: answers SYNs in the place of a server until the client has shown that it is there (ipt_SYNPROXY.c, ip6t_SYNPROXY.c,
 * nf_synproxy_core.c).
 *
 * What is sent, and what becomes of the connection, is the host's (host/synproxy.ts).
 */
import type { Template } from '../../conntrack/lifecycle.js';
import { AF_INET, AF_INET6, HAS_TCP, HOOK_FORWARD, HOOK_INPUT, IPPROTO_TCP } from '../../wire/packet.js';
import { VERDICT_CONTINUE, VERDICT_DROP } from '../context.js';
import type { TargetExtension } from '../extension.js';
import { EINVAL, wantsHooks } from '../kernel-checks.js';
import { uintOption } from '../values.js';

/** Options of -j SYNPROXY; -1 = not given. */
export interface SynproxySpec {
  sackPermitted: boolean;
  timestamp: boolean;
  /** Of which the kernel keeps 8 bits. */
  windowScale: number;
  /** Of which the kernel keeps 16 bits. */
  mss: number;
  ecn: boolean;
}

/** Bits of options that SYN/ACKs may have (XT_SYNPROXY_OPT_ of xt_SYNPROXY.h). */
export const SYNPROXY_MSS = 0x01;
export const SYNPROXY_WSCALE = 0x02;
export const SYNPROXY_SACK_PERM = 0x04;
export const SYNPROXY_TIMESTAMP = 0x08;
export const SYNPROXY_ECN = 0x10;

/** What a rule asks of the host; the same object for each of its packets. */
export interface SynproxyRequest {
  /** SYNPROXY_ bits: what clients are offered, of what they ask for. */
  readonly bits: number;
  readonly mss: number;
  readonly windowScale: number;
  /** Packet.template of the SYN to the server. */
  readonly template: number;
  /** Counts ACKs that were believed though their cookie is another host's. */
  readonly doubt: { packets: number };
}

const HOOKS = (1 << HOOK_INPUT) | (1 << HOOK_FORWARD);
/** Of the connection to the server; the host's own packets are in no zone. */
const TEMPLATE: Template = {
  zone: 0,
  zoneDirection: 3,
  zoneFromMark: false,
  helper: '',
  timeout: '',
  ctevents: -1,
  expevents: -1,
  synproxy: true,
};
const TCP_FIN_SYN_RST_ACK = 0x17;
const TCP_SYN = 0x02;
const TCP_ACK = 0x10;
const TCP_FIN_SYN_RST = 0x07;

/** The `SYNPROXY` target. */
export const SYNPROXY: TargetExtension<SynproxySpec> = {
  name: 'SYNPROXY',
  families: [AF_INET, AF_INET6],
  options: [
    { name: 'sack-perm', args: 0 },
    { name: 'timestamp', args: 0 },
    { name: 'wscale', args: 1 },
    { name: 'mss', args: 1 },
    { name: 'ecn', args: 0 },
  ],
  init: () => ({ sackPermitted: false, timestamp: false, windowScale: -1, mss: -1, ecn: false }),
  option(spec, option, value, _inverted, c) {
    if (option === 'sack-perm') spec.sackPermitted = true;
    else if (option === 'timestamp') spec.timestamp = true;
    else if (option === 'ecn') spec.ecn = true;
    else if (option === 'mss') spec.mss = uintOption('SYNPROXY', option, value, 0, 0xffffffff, c) & 0xffff;
    else spec.windowScale = uintOption('SYNPROXY', option, value, 0, 0xffffffff, c) & 0xff;
  },
  save: (spec) => words(spec, '--').trimEnd(),
  list: (spec) => ` SYNPROXY ${words(spec, '')}`,
  refusedBy(_spec, around) {
    if (around.protocol?.number !== IPPROTO_TCP || around.protocol.invert)
      return { errno: EINVAL, why: '-j SYNPROXY needs -p tcp' };
    return wantsHooks('SYNPROXY', HOOKS, around, 'INPUT and FORWARD');
  },
  load(spec, c) {
    const request: SynproxyRequest = {
      bits: optionBits(spec),
      mss: Math.max(spec.mss, 0),
      windowScale: Math.max(spec.windowScale, 0),
      template: c.template(TEMPLATE),
      doubt: c.doubt("an ACK counts as right if it follows its SYN: another host's cookies cannot be checked"),
    };
    return (p, h) => {
      if (!h.checksumOk(p) || (p.has & HAS_TCP) === 0) return VERDICT_DROP;
      const flags = p.tcpFlags;
      const isAck = (flags & TCP_ACK) !== 0 && (flags & TCP_FIN_SYN_RST) === 0;
      if (!isAck && (flags & TCP_FIN_SYN_RST_ACK) !== TCP_SYN) return VERDICT_CONTINUE;
      h.synproxy(p, request);
      return VERDICT_DROP;
    };
  },
};

function optionBits(spec: SynproxySpec): number {
  let bits = spec.sackPermitted ? SYNPROXY_SACK_PERM : 0;
  if (spec.timestamp) bits |= SYNPROXY_TIMESTAMP;
  if (spec.windowScale >= 0) bits |= SYNPROXY_WSCALE;
  if (spec.mss >= 0) bits |= SYNPROXY_MSS;
  return spec.ecn ? bits | SYNPROXY_ECN : bits;
}

function words(spec: SynproxySpec, dashes: string): string {
  let text = spec.sackPermitted ? `${dashes}sack-perm ` : '';
  if (spec.timestamp) text += `${dashes}timestamp `;
  if (spec.windowScale >= 0) text += `${dashes}wscale ${spec.windowScale} `;
  if (spec.mss >= 0) text += `${dashes}mss ${spec.mss} `;
  return spec.ecn ? `${text}${dashes}ecn ` : text;
}
