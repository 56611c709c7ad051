/**
 * -j SYNPROXY: answers SYNs in the place of a server until the client has shown that it is there (ipt_SYNPROXY.c,
 * nf_synproxy_core.c). The answers are not made here: SYNs and the ACKs after them end at the rule, as they do in the kernel.
 */
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

const HOOKS = (1 << HOOK_INPUT) | (1 << HOOK_FORWARD);
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
  unsupported: 'SYNs and first ACKs end here as in the kernel, but no answers and no packets to the server are made',
  load: () => (p, c) => {
    if (!c.checksumOk(p) || (p.has & HAS_TCP) === 0) return VERDICT_DROP;
    const flags = p.tcpFlags;
    if ((flags & TCP_FIN_SYN_RST_ACK) === TCP_SYN) return VERDICT_DROP;
    return (flags & TCP_ACK) !== 0 && (flags & TCP_FIN_SYN_RST) === 0 ? VERDICT_DROP : VERDICT_CONTINUE;
  },
};

function words(spec: SynproxySpec, dashes: string): string {
  let text = spec.sackPermitted ? `${dashes}sack-perm ` : '';
  if (spec.timestamp) text += `${dashes}timestamp `;
  if (spec.windowScale >= 0) text += `${dashes}wscale ${spec.windowScale} `;
  if (spec.mss >= 0) text += `${dashes}mss ${spec.mss} `;
  return spec.ecn ? `${text}${dashes}ecn ` : text;
}
