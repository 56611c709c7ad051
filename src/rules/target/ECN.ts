/** -j ECN (IPv4, mangle table): sets the ECN bits of the IP header and of the TCP header (RFC 3168). */
import { IPV4_CHECKSUM_AT, replace16, TCP_CHECKSUM_AT } from '../../wire/checksum.js';
import { IPPROTO_TCP, type Packet } from '../../wire/packet.js';
import { type RuleContext, VERDICT_CONTINUE, VERDICT_DROP } from '../context.js';
import type { TargetExtension } from '../extension.js';
import { transportOff } from '../kernel-checks.js';
import { needsProtocol } from '../match/ports.js';
import { uintOption } from '../values.js';

const TCP_HEADER_LEN = 20;
/** Bits of TCP's fourteenth byte. */
const ECE = 0x40;
const CWR = 0x80;

/** Options of -j ECN. */
export interface EcnTargetSpec {
  /** Codepoint 0-3; -1 = left alone. */
  ip: number;
  /** 0 or 1; -1 = left alone. */
  ece: number;
  cwr: number;
}

/** -j ECN. Behaviour: net/ipv4/netfilter/ipt_ECN.c ecn_tg. */
export const ECN: TargetExtension<EcnTargetSpec> = {
  name: 'ECN',
  families: [2],
  tables: ['mangle'],
  options: [
    { name: 'ecn-tcp-remove', args: 0, excludes: ['ecn-tcp-cwr', 'ecn-tcp-ece'] },
    { name: 'ecn-tcp-cwr', args: 1, excludes: ['ecn-tcp-remove'] },
    { name: 'ecn-tcp-ece', args: 1, excludes: ['ecn-tcp-remove'] },
    { name: 'ecn-ip-ect', args: 1 },
  ],
  init: () => ({ ip: -1, ece: -1, cwr: -1 }),
  option(spec, option, value, _invert, c) {
    switch (option) {
      case 'ecn-tcp-remove':
        spec.ece = 0;
        spec.cwr = 0;
        // what was given before it is forgotten
        spec.ip = -1;
        break;
      case 'ecn-tcp-cwr':
        spec.cwr = uintOption('ECN', option, value, 0, 1, c);
        break;
      case 'ecn-tcp-ece':
        spec.ece = uintOption('ECN', option, value, 0, 1, c);
        break;
      default:
        spec.ip = uintOption('ECN', option, value, 0, 3, c);
    }
  },
  check(spec, _seen, c) {
    if (spec.ip < 0 && spec.ece < 0 && spec.cwr < 0) c.fail('ECN target: An operation is required');
  },
  save(spec) {
    // Only a spec that sets nothing else prints in the short form.
    if (spec.ece === 0 && spec.cwr === 0 && spec.ip < 0) return '--ecn-tcp-remove';
    const parts: string[] = [];
    if (spec.ece >= 0) parts.push(`--ecn-tcp-ece ${spec.ece}`);
    if (spec.cwr >= 0) parts.push(`--ecn-tcp-cwr ${spec.cwr}`);
    if (spec.ip >= 0) parts.push(`--ecn-ip-ect ${spec.ip}`);
    return parts.join(' ');
  },
  list(spec) {
    if (spec.ece === 0 && spec.cwr === 0 && spec.ip < 0) return ' ECN TCP remove';
    let text = ' ECN';
    if (spec.ece >= 0) text += ` ECE=${spec.ece}`;
    if (spec.cwr >= 0) text += ` CWR=${spec.cwr}`;
    return spec.ip < 0 ? text : `${text} ECT codepoint=${spec.ip}`;
  },
  refusedBy(spec, around) {
    return spec.ece < 0 && spec.cwr < 0 ? null : needsProtocol('ECN', IPPROTO_TCP, around);
  },
  load(spec) {
    const ip = spec.ip;
    const mask = (spec.ece >= 0 ? ECE : 0) | (spec.cwr >= 0 ? CWR : 0);
    const bits = (spec.ece === 1 ? ECE : 0) | (spec.cwr === 1 ? CWR : 0);
    return (p, c) => {
      if (ip >= 0) setCodepoint(p, ip);
      if (mask === 0 || p.protocol !== IPPROTO_TCP) return VERDICT_CONTINUE;
      return setTcpBits(p, c, mask, bits) ? VERDICT_CONTINUE : VERDICT_DROP;
    };
  },
};

function setCodepoint(p: Packet, codepoint: number): void {
  const at = p.l3Off + 1;
  const before = p.bytes[at] as number;
  const after = (before & ~3) | codepoint;
  if (after === before) return;
  p.bytes[at] = after;
  replace16(p.bytes, p.l3Off + IPV4_CHECKSUM_AT, before, after);
}

/** False where there is no TCP header. The kernel does not ask whether the packet is a later fragment. */
function setTcpBits(p: Packet, c: RuleContext, mask: number, bits: number): boolean {
  const at = transportOff(p);
  if (p.end - at < TCP_HEADER_LEN) return false;
  const byte = p.bytes[at + 13] as number;
  const after = (byte & ~mask) | bits;
  if (after === byte) return true;
  p.bytes[at + 13] = after;
  replace16(p.bytes, at + TCP_CHECKSUM_AT, byte, after);
  c.reparse(p);
  return true;
}
