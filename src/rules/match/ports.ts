/**
 * What the matches that look into a transport header share (net/netfilter/xt_tcpudp.c).
 */
import { AF_INET, HAS_CUT, HAS_LATER_FRAGMENT, type Packet } from '../../wire/packet.js';
import type { RuleContext } from '../context.js';
import type { KernelRefusal, OptionContext, RuleAround } from '../extension.js';
import { protocolName } from '../names.js';
import { not, readPort } from '../values.js';

/** Ports `from` to `to`, both in. 0-65535 = not asked for, even when inverted as far as printing goes. */
export interface PortRange {
  from: number;
  to: number;
  invert: boolean;
}

/** All ports. */
export function allPorts(): PortRange {
  return { from: 0, to: 65535, invert: false };
}

/** Reads `port`, `from:to`, `from:`, `:to`; names of services too. */
export function readPortRange(value: string, protocol: number, c: OptionContext): PortRange {
  const colon = value.indexOf(':');
  if (colon < 0) {
    const port = readPort(value, protocol, c);
    return { from: port, to: port, invert: false };
  }
  const from = colon === 0 ? 0 : readPort(value.slice(0, colon), protocol, c, value);
  const rest = value.slice(colon + 1);
  const to = rest === '' ? 65535 : readPort(rest, protocol, c, value);
  return { from, to, invert: false };
}

/** ` --sport 1:1023`, or nothing for all ports. */
export function portText(option: string, range: PortRange): string {
  if (range.from === 0 && range.to === 65535) return '';
  const ports = range.from === range.to ? String(range.from) : `${range.from}:${range.to}`;
  return ` ${not(range.invert)}--${option} ${ports}`;
}

/**
 * The first byte of the packet's transport header, or -1: there is none to look at. A later fragment just does not match; one
 * that begins inside the transport header (offset 1: an attacker's overlap) and a header cut short drop the packet.
 */
export function headerOff(p: Packet, c: RuleContext, headerBytes: number, guardOverlap: boolean): number {
  if ((p.has & HAS_LATER_FRAGMENT) !== 0) {
    if (guardOverlap && p.family === AF_INET && (p.fragment & 0x1fff) === 1) c.hotdrop = true;
    return -1;
  }
  if (p.l4Off < 0 || p.l4Off + headerBytes > p.end) {
    // A capture's snap length is not the sender's doing.
    if ((p.has & HAS_CUT) === 0) c.hotdrop = true;
    return -1;
  }
  return p.l4Off;
}

/** EINVAL unless the rule says `-p` with this protocol, not inverted (xt_check_match). */
export function needsProtocol(extension: string, protocol: number, around: RuleAround): KernelRefusal | null {
  const p = around.protocol;
  if (p !== null && p.number === protocol && !p.invert) return null;
  return { errno: 22, why: `-m ${extension} needs -p ${protocolName(protocol)}` };
}
