/** Fragments on their way through a host: put together before connection tracking sees them, and given up when their time is over. */
import {
  DEFRAG_COMPLETE,
  DEFRAG_CONNTRACK_IN,
  DEFRAG_CONNTRACK_OUT,
  DEFRAG_PASS,
  DEFRAG_QUEUED,
} from '../conntrack/defrag.js';
import { AF_INET, AF_INET6, HAS_FRAGMENT, HAS_LOCAL_ORIGIN, HOOK_PREROUTING, type Packet } from '../wire/packet.js';
import { ICMP_TIME_EXCEEDED, ICMPV6_TIME_EXCEED } from './answers.js';
import type { HostKernel } from './kernel.js';
import { HOST_FRAGMENT_QUEUED, HOST_FRAGMENT_REFUSED } from './reasons.js';
import { WAY_INPUT } from './routing.js';

/** Code of ICMP and ICMPv6 time exceeded: in reassembly. */
const REASSEMBLY_TIME = 1;

/** The packet to go on with: itself, or what it completes; null: it waits for other fragments. */
export function defragment(h: HostKernel, p: Packet, hook: number): Packet | null {
  if ((p.has & HAS_FRAGMENT) === 0) return p;
  p.hook = hook;
  const d = h.fragments;
  const user = hook === HOOK_PREROUTING ? DEFRAG_CONNTRACK_IN : DEFRAG_CONNTRACK_OUT;
  const result = d.receive(p, user, h.nowMs);
  if (result === DEFRAG_PASS) return p;
  if (result !== DEFRAG_COMPLETE) {
    p.reason = result === DEFRAG_QUEUED ? HOST_FRAGMENT_QUEUED : HOST_FRAGMENT_REFUSED;
    return null;
  }
  const whole = d.packet;
  whole.inInterface = p.inInterface;
  whole.outInterface = p.outInterface;
  whole.packetType = p.packetType;
  whole.has |= p.has & HAS_LOCAL_ORIGIN;
  h.tracker.prepare(whole);
  h.current = whole;
  return whole;
}

/** Packets of which fragments never came: the sender is told if the first one did (ip_expire, nf_ct_frag6_expire). */
export function expireFragments(h: HostKernel): void {
  const d = h.fragments;
  while (d.expire(h.nowMs)) {
    const p = d.packet;
    if (p.family === AF_INET && h.routing.routeInput(p) === WAY_INPUT)
      h.answerError(p, ICMP_TIME_EXCEEDED, REASSEMBLY_TIME, 0);
    else if (p.family === AF_INET6) h.answerError(p, ICMPV6_TIME_EXCEED, REASSEMBLY_TIME, 0);
  }
}
