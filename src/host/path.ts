/**
 * A packet's way through the host, readable top to bottom: hooks in the kernel's order, one line a step, the step's priority
 * (include/uapi/linux/netfilter_ipv4.h, enum nf_ip_hook_priorities) behind it.
 *
 *        arrive                                                           leave
 *   --> PREROUTING --> route --+--> FORWARD ---------------+--> POSTROUTING -->
 *                              |                           |
 *                              v                           |
 *                            INPUT                       OUTPUT <-- route <-- made by the host
 *                              |                           ^
 *                              v                           |
 *                          delivered                     sent
 *
 * Control flow is here; everything called from here only computes. Each function returns a verdict: VERDICT_ACCEPT went on,
 * anything else ended the packet's way (VERDICT_DROP, VERDICT_REJECT: answered and dropped; VERDICT_QUEUED: a fragment that
 * waits for the others).
 */
import { NF_ACCEPT } from '../conntrack/tracker.js';
import { MANIP_DST, MANIP_SRC } from '../nat/range.js';
import { VERDICT_ACCEPT, VERDICT_DROP } from '../rules/context.js';
import { TABLE_FILTER, TABLE_MANGLE, TABLE_NAT, TABLE_RAW, TABLE_SECURITY } from '../rules/evaluate.js';
import {
  AF_INET,
  HOOK_FORWARD,
  HOOK_INPUT,
  HOOK_OUTPUT,
  HOOK_POSTROUTING,
  HOOK_PREROUTING,
  type Packet,
} from '../wire/packet.js';
import type { HostKernel } from './kernel.js';
import { staysHere } from './looped.js';
import { HOST_HELPER_REFUSES, HOST_NAT_FAILED, HOST_NO_ROUTE } from './reasons.js';
import { defragment } from './reassembly.js';
import { WAY_DROP, WAY_ERROR, WAY_FORWARD, WAY_INPUT } from './routing.js';

/** Neither dropped nor passed: kept until the other fragments come. */
export const VERDICT_QUEUED = 4;

/** What became of a packet that passed every hook (`EmitSink`): it arrived, and leaves on another interface. */
export const EMIT_FORWARDED = 0;
/** What became of a packet that passed every hook (`EmitSink`): it arrived, and is for the host itself. */
export const EMIT_DELIVERED = 1;
/** What became of a packet that passed every hook (`EmitSink`): the host made it, and it leaves. */
export const EMIT_SENT = 2;

/** A packet that arrived on an interface (`p.inInterface`). */
export function arrive(h: HostKernel, fragment: Packet): number {
  const p = defragment(h, fragment, HOOK_PREROUTING); // -400
  if (p === null) return VERDICT_QUEUED;
  const verdict = prerouting(h, p);
  if (verdict !== VERDICT_ACCEPT) return verdict;
  const way = h.routing.routeInput(p);
  if (way !== WAY_DROP && hasOptions(p) && !h.takeOptions(p, way === WAY_INPUT)) return VERDICT_DROP;
  if (way === WAY_INPUT) return input(h, p);
  if (way === WAY_FORWARD) return forward(h, p);
  const reason = h.routing.reason;
  if (way === WAY_ERROR && h.routing.errorLimits.allowsNoRoute(p, h.tracker.nowMs))
    h.answerError(p, h.routing.icmpType, h.routing.icmpCode, 0);
  return h.refuse(p, reason);
}

/** A packet that the host makes. It leaves on `p.outInterface` unless routing says otherwise. */
export function make(h: HostKernel, fragment: Packet): number {
  const p = defragment(h, fragment, HOOK_OUTPUT); // -400
  if (p === null) return VERDICT_QUEUED;
  const verdict = output(h, p);
  if (verdict !== VERDICT_ACCEPT) return verdict;
  if (h.looped.isMeant(p, h.routing)) return p.family === AF_INET ? hearThenSend(h, p) : sendThenHear(h, p);
  return postrouting(h, p, EMIT_SENT);
}

/** What comes back to the host, IPv4: the copy is first in POSTROUTING, and arrives when the packet has left. */
function hearThenSend(h: HostKernel, p: Packet): number {
  const isCopied = h.looped.make(p);
  const passed = isCopied ? copyLeaves(h) : VERDICT_DROP;
  const copy = h.looped.packet;
  if (isCopied && p.connection >= 0 && copy.connection < 0) {
    // the copy has found the tuple taken: so would the packet
    p.connection = -1;
    h.looped.end();
    return h.refuse(p, copy.reason);
  }
  const verdict = postrouting(h, p, EMIT_SENT);
  copyArrives(h, passed);
  return verdict;
}

/** IPv6: the packet has passed POSTROUTING when it is copied. */
function sendThenHear(h: HostKernel, p: Packet): number {
  const verdict = afterwards(h, p);
  if (verdict !== VERDICT_ACCEPT) return verdict;
  const passed = h.looped.make(p) ? copyLeaves(h) : VERDICT_DROP;
  if (!staysHere(p)) h.emit(p, EMIT_SENT);
  copyArrives(h, passed);
  return VERDICT_ACCEPT;
}

function copyLeaves(h: HostKernel): number {
  h.answering++; // results are the packet's, not its copy's
  const verdict = afterwards(h, h.looped.packet);
  h.answering--;
  return verdict;
}

function copyArrives(h: HostKernel, passed: number): void {
  const copy = h.looped.packet;
  if (h.looped.turn(passed)) {
    h.answering++;
    if (prerouting(h, copy) === VERDICT_ACCEPT) input(h, copy);
    h.answering--;
  }
  h.looped.end();
}

function prerouting(h: HostKernel, p: Packet): number {
  p.hook = HOOK_PREROUTING;
  const tables = h.tables(p);
  let v = h.table(tables, TABLE_RAW, p); // -300
  if (v !== VERDICT_ACCEPT) return v;
  v = track(h, p); // -200
  if (v !== VERDICT_ACCEPT) return v;
  v = h.table(tables, TABLE_MANGLE, p); // -150
  if (v !== VERDICT_ACCEPT) return v;
  return translate(h, p, MANIP_DST); // -100
}

function input(h: HostKernel, p: Packet): number {
  p.hook = HOOK_INPUT;
  const tables = h.tables(p);
  let v = h.table(tables, TABLE_MANGLE, p); // -150
  if (v !== VERDICT_ACCEPT) return v;
  v = h.filter(tables, TABLE_FILTER, p); // 0
  if (v !== VERDICT_ACCEPT) return v;
  v = h.table(tables, TABLE_SECURITY, p); // 50
  if (v !== VERDICT_ACCEPT) return v;
  v = translate(h, p, MANIP_SRC); // 100
  if (v !== VERDICT_ACCEPT) return v;
  v = h.nftSecurity(tables, p); // 150
  if (v !== VERDICT_ACCEPT) return v;
  v = confirm(h, p); // last
  if (v !== VERDICT_ACCEPT) return v;
  h.emit(p, EMIT_DELIVERED);
  h.delivered(p);
  return VERDICT_ACCEPT;
}

function forward(h: HostKernel, p: Packet): number {
  if (!h.mayForward(p)) return VERDICT_DROP;
  p.hook = HOOK_FORWARD;
  const tables = h.tables(p);
  p.outInterface = h.routing.outInterface;
  let v = h.table(tables, TABLE_MANGLE, p); // -150
  if (v !== VERDICT_ACCEPT) return v;
  v = h.filter(tables, TABLE_FILTER, p); // 0
  if (v !== VERDICT_ACCEPT) return v;
  v = h.table(tables, TABLE_SECURITY, p); // 50
  if (v !== VERDICT_ACCEPT) return v;
  if (hasOptions(p)) h.options.forward(p);
  return postrouting(h, p, EMIT_FORWARDED);
}

function output(h: HostKernel, p: Packet): number {
  p.hook = HOOK_OUTPUT;
  const tables = h.tables(p);
  let v = h.table(tables, TABLE_RAW, p); // -300
  if (v !== VERDICT_ACCEPT) return v;
  v = track(h, p); // -200
  if (v !== VERDICT_ACCEPT) return v;
  v = h.table(tables, TABLE_MANGLE, p); // -150
  if (v !== VERDICT_ACCEPT) return v;
  v = translate(h, p, MANIP_DST); // -100
  if (v !== VERDICT_ACCEPT) return v;
  const way = h.reroute(p); // where the destination has changed; rules of this hook still see the former interface
  if (way < 0) return h.refuse(p, HOST_NO_ROUTE);
  v = h.filter(tables, TABLE_FILTER, p); // 0
  if (v !== VERDICT_ACCEPT) return v;
  v = h.table(tables, TABLE_SECURITY, p); // 50
  p.outInterface = way;
  return v;
}

function postrouting(h: HostKernel, p: Packet, kind: number): number {
  const v = afterwards(h, p);
  if (v === VERDICT_ACCEPT) h.emit(p, kind);
  return v;
}

function afterwards(h: HostKernel, p: Packet): number {
  p.hook = HOOK_POSTROUTING;
  const tables = h.tables(p);
  let v = h.table(tables, TABLE_MANGLE, p); // -150
  if (v !== VERDICT_ACCEPT) return v;
  v = translate(h, p, MANIP_SRC); // 100
  return v === VERDICT_ACCEPT ? confirm(h, p) : v; // last
}

/** IPv4 with a header longer than 20 bytes. */
function hasOptions(p: Packet): boolean {
  return p.family === AF_INET && (p.view.getUint8(p.l3Off) & 15) > 5;
}

function track(h: HostKernel, p: Packet): number {
  return h.tracker.track(p) === NF_ACCEPT ? VERDICT_ACCEPT : h.fall(p);
}

function confirm(h: HostKernel, p: Packet): number {
  if (h.tracker.helping && p.connection >= 0) {
    if (h.tracker.proxying && !h.proxy.pass(p)) return VERDICT_DROP; // last but one
    if (h.helpers.run(p) !== NF_ACCEPT) return h.refuse(p, HOST_HELPER_REFUSES); // last, as confirmation
  }
  return h.tracker.confirm(p) === NF_ACCEPT ? VERDICT_ACCEPT : h.fall(p);
}

/**
 * nf_nat_inet_fn: the nat table sees only the packet that begins a connection, once for each half; what it decided holds for
 * all packets of the connection.
 */
function translate(h: HostKernel, p: Packet, manip: number): number {
  if (p.connection < 0 || !h.hasNat(p.family)) return VERDICT_ACCEPT;
  if (h.nat.isOpen(p, manip)) {
    const v = h.table(h.tables(p), TABLE_NAT, p);
    if (v !== VERDICT_ACCEPT) return v;
    if (h.nat.settle(p, manip) !== NF_ACCEPT) return h.refuse(p, HOST_NAT_FAILED);
  }
  return h.nat.translate(p, manip) === NF_ACCEPT ? VERDICT_ACCEPT : h.refuse(p, HOST_NAT_FAILED);
}
