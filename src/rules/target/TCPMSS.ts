/**
 * -j TCPMSS: lowers the maximum segment size that a SYN announces.
 *
 * Where the option is missing it is added, if no data follows the header: the packet grows by 4 bytes at its end.
 */
import { IPV4_CHECKSUM_AT, replace16, replace32, TCP_CHECKSUM_AT } from '../../wire/checksum.js';
import {
  AF_INET,
  HAS_LINEAR,
  HOOK_FORWARD,
  HOOK_OUTPUT,
  HOOK_POSTROUTING,
  IPPROTO_TCP,
  type Packet,
} from '../../wire/packet.js';
import { type RuleContext, VERDICT_CONTINUE, VERDICT_DROP } from '../context.js';
import type { RuleAround, TargetExtension } from '../extension.js';
import { EINVAL, wantsHooks } from '../kernel-checks.js';
import { needsProtocol } from '../match/ports.js';
import { headersLen, TCP_NOT_HERE, tcpHeaderLen, tcpHeaderOff, tcpOptionLen } from '../tcp-header.js';
import { uintOption } from '../values.js';

const TCP_HEADER_LEN = 20;
const MAX_HEADER_LEN = 60;
const MSS = 2;
const MSS_LEN = 4;
/** RFC 9293 section 3.7.1: what a peer assumes without the option. The new option does not promise more. */
const DEFAULT_MSS4 = 536;
const DEFAULT_MSS6 = 1220;
/** More than any interface can carry: no limit. */
const NO_MTU = 0x7fffffff;
const CLAMP_HOOKS = (1 << HOOK_FORWARD) | (1 << HOOK_OUTPUT) | (1 << HOOK_POSTROUTING);

/** Options of -j TCPMSS. */
export interface TcpmssTargetSpec {
  /** Segment size; -1 = from the path's MTU. */
  mss: number;
}

/** -j TCPMSS. Behaviour: net/netfilter/xt_TCPMSS.c tcpmss_mangle_packet. */
export const TCPMSS: TargetExtension<TcpmssTargetSpec> = {
  name: 'TCPMSS',
  families: [2, 10],
  options: [
    { name: 'set-mss', args: 1 },
    { name: 'clamp-mss-to-pmtu', args: 0 },
  ],
  init: () => ({ mss: -2 }),
  option(spec, option, value, _invert, c) {
    // Both given: the one that comes last.
    spec.mss =
      option === 'set-mss' ? uintOption('TCPMSS', option, value, 0, c.family === AF_INET ? 65515 : 65495, c) : -1;
  },
  check(spec, _seen, c) {
    if (spec.mss === -2) c.fail('TCPMSS target: At least one parameter is required');
  },
  save: (spec) => (spec.mss < 0 ? '--clamp-mss-to-pmtu' : `--set-mss ${spec.mss}`),
  list: (spec) => (spec.mss < 0 ? ' TCPMSS clamp to PMTU' : ` TCPMSS set ${spec.mss}`),
  refusedBy(spec, around) {
    const refusal = needsProtocol('TCPMSS', IPPROTO_TCP, around);
    if (refusal !== null) return refusal;
    if (!matchesSyn(around)) return { errno: EINVAL, why: 'TCPMSS needs a tcp match for SYN (--syn or --tcp-flags)' };
    if (spec.mss >= 0) return null;
    return wantsHooks('TCPMSS --clamp-mss-to-pmtu', CLAMP_HOOKS, around, 'FORWARD, OUTPUT and POSTROUTING');
  },
  load(spec) {
    const mss = spec.mss;
    return (p, c) => {
      const at = tcpHeaderOff(p);
      if (at < 0) return at === TCP_NOT_HERE ? VERDICT_CONTINUE : VERDICT_DROP;
      p.has |= HAS_LINEAR;
      let wanted = mss;
      if (mss < 0) {
        wanted = pathMtu(p, c) - headersLen(p.family);
        if (wanted <= 0) return VERDICT_DROP;
      }
      // A 16-bit field.
      lowerMss(p, c, at, wanted & 0xffff);
      return VERDICT_CONTINUE;
    };
  },
  unsupported:
    '--clamp-mss-to-pmtu knows the interfaces that a packet comes in by and leaves by, not other routes nor learned path MTUs.',
  // No verdict rests on it.
  isDoubtful: () => false,
};

/** A tcp match with SYN among the flags that must be set. Told by its text: its spec is its own. */
function matchesSyn(around: RuleAround): boolean {
  if (around.matches === undefined) return true;
  for (const { extension, spec } of around.matches) {
    const flags =
      extension.name === 'tcp' ? /(! )?--tcp-flags \S+ (\S+)/.exec(extension.save(spec, around.family)) : null;
    if (flags !== null && flags[1] === undefined && /\b(SYN|ALL)\b/.test(flags[2] as string)) return true;
  }
  return false;
}

/** The smaller of the way on and the way back. */
function pathMtu(p: Packet, c: RuleContext): number {
  return Math.min(mtuOf(p.outInterface, c), mtuOf(p.inInterface, c));
}

function mtuOf(index: number, c: RuleContext): number {
  const device = c.interfaces[index];
  return device === null || device === undefined ? NO_MTU : device.mtu;
}

function lowerMss(p: Packet, c: RuleContext, from: number, mss: number): void {
  const bytes = p.bytes;
  const headerLen = tcpHeaderLen(p, from);
  const end = from + headerLen;
  for (let at = from + TCP_HEADER_LEN; at <= end - MSS_LEN; at += tcpOptionLen(bytes, at)) {
    if (bytes[at] !== MSS || bytes[at + 1] !== MSS_LEN) continue;
    const before = p.view.getUint16(at + 2);
    // Never raised: the sender means what it says.
    if (before <= mss) return;
    bytes[at + 2] = mss >> 8;
    bytes[at + 3] = mss & 0xff;
    // The kernel takes the field for a word at an even place; behind an odd number of NOPs the checksum then comes out wrong.
    replace16(bytes, from + TCP_CHECKSUM_AT, before, mss);
    return;
  }
  if (p.end > end || headerLen >= MAX_HEADER_LEN || !c.makeRoom(p, MSS_LEN)) return;
  addMss(p, p.l4Off, p.family === AF_INET ? Math.min(mss, DEFAULT_MSS4) : Math.min(mss, DEFAULT_MSS6));
  c.reparse(p);
}

/** Puts the option in front of the others. The header is all that there is of the segment. */
function addMss(p: Packet, from: number, mss: number): void {
  const bytes = p.bytes;
  const first = from + TCP_HEADER_LEN;
  const oldLen = p.end - from;
  bytes.copyWithin(first + MSS_LEN, first, p.end);
  const sum = from + TCP_CHECKSUM_AT;
  // The pseudo header's length, the new option, the data offset.
  replace16(bytes, sum, oldLen, oldLen + MSS_LEN);
  bytes[first] = MSS;
  bytes[first + 1] = MSS_LEN;
  bytes[first + 2] = mss >> 8;
  bytes[first + 3] = mss & 0xff;
  replace32(bytes, sum, 0, p.view.getInt32(first));
  const before = p.view.getUint16(from + 12);
  bytes[from + 12] = (bytes[from + 12] as number) + 0x10;
  replace16(bytes, sum, before, p.view.getUint16(from + 12));
  growPacket(p, MSS_LEN);
}

/** The IP header's length field, IPv4's checksum and the packet's own offsets follow. */
function growPacket(p: Packet, by: number): void {
  const at = p.l3Off + (p.family === AF_INET ? 2 : 4);
  const before = p.view.getUint16(at);
  p.view.setUint16(at, before + by);
  if (p.family === AF_INET) replace16(p.bytes, p.l3Off + IPV4_CHECKSUM_AT, before, before + by);
  p.end += by;
  p.l3Len += by;
  p.payloadOff += by;
}
