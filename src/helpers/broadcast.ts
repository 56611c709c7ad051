/** Questions to everybody on a network, which anybody there may answer (nf_conntrack_broadcast.c): NetBIOS names, SNMP. */
import { EXPECT_PERMANENT, RELATE_OK } from '../conntrack/expect.js';
import { NF_ACCEPT } from '../conntrack/tracker.js';
import { HAS_LOCAL_ORIGIN, HAS_LOOPED, T_DST, T_PORTS, T_SRC } from '../wire/packet.js';
import type { HelpContext } from './helper.js';

/**
 * Expects answers from `port` of any address of the network that the host's own question went to, for `timeoutMs`; the question itself is
 * remembered for so long. Questions that are only forwarded are not looked at.
 */
export function expectAnswers(c: HelpContext, port: number, timeoutMs: number): number {
  const { p } = c;
  if ((p.has & (HAS_LOCAL_ORIGIN | HAS_LOOPED)) !== HAS_LOCAL_ORIGIN || c.direction !== 0) return NF_ACCEPT;
  const mask = c.host.broadcastMask(p.outInterface, p.tuple[T_DST]!);
  if (mask === 0) return NF_ACCEPT;
  const e = c.make();
  const reply = c.tuples[1];
  e.tuple.set(reply);
  e.tuple[T_PORTS] = (port << 16) | (reply[T_PORTS]! & 0xffff);
  e.mask.fill(-1);
  for (let i = 1; i < 4; i++) e.mask[T_SRC + i] = e.mask[T_DST + i] = 0;
  e.mask[T_SRC] = mask;
  e.flags = EXPECT_PERMANENT;
  if (c.relate(e) !== RELATE_OK) c.expectations.discard(e);
  c.tracker.setTimeout(c.slot, timeoutMs);
  return NF_ACCEPT;
}
