/**
 * The helpers of one host and where they run: last but confirmation in INPUT and POSTROUTING (nf_confirm of nf_conntrack_proto.c).
 */
import type { ConnHelp } from '../conntrack/helper.js';
import { F_HELP, IPS_SEQ_ADJUST, R_STATUS, RECORD_SHIFT } from '../conntrack/layout.js';
import { adjustSegment } from '../conntrack/seqadj.js';
import { NF_ACCEPT, NF_DROP, type Tracker } from '../conntrack/tracker.js';
import type { Nat } from '../nat/nat.js';
import { CT_RELATED, type Packet } from '../wire/packet.js';
import { HelpContext, type Helper, type HelperHost } from './helper.js';
import { moduleHelpers } from './modules.js';
import { helperParameters } from './parameters.js';

/** See the head of this file. */
export class Helpers {
  private readonly c: HelpContext;

  /** @param modules of the host's description; null: it names none, and all are there */
  constructor(tracker: Tracker, nat: Nat, host: HelperHost, modules: readonly string[] | null) {
    const parameters = helperParameters(modules);
    this.c = new HelpContext(tracker, nat, host, parameters);
    for (const { helper, hasNat } of moduleHelpers(modules, parameters)) {
      tracker.helpers.set(helper.name, helper);
      if (hasNat) this.c.natHelpers.add(helper);
    }
    tracker.ending = (slot, help) => this.ended(slot, help);
  }

  /**
   * A packet that has a connection is about to leave or be delivered: its helper reads it, and its sequence numbers are adjusted.
   * NF_ACCEPT, or NF_DROP.
   */
  run(p: Packet): number {
    const { c } = this;
    const slot = p.connection >> 1;
    const { table } = c.tracker;
    const status = table.words[(slot << RECORD_SHIFT) + R_STATUS]!;
    if ((status & F_HELP) === 0) return NF_ACCEPT;
    // an ICMP error has no payload of the connection
    if (p.state === CT_RELATED && (p.connection & 1) === 1) return NF_ACCEPT;
    const help = table.coldOf(slot).help;
    if (help === null || p.l4Off < 0) return NF_ACCEPT;
    const helper = help.helper as Helper | null;
    if (helper !== null) {
      c.attach(p, help);
      if (c.isNatted && !c.natHelpers.has(helper)) c.isNatted = false;
      const verdict = helper.help(c);
      if (verdict !== NF_ACCEPT) return verdict;
    }
    if ((status & IPS_SEQ_ADJUST) === 0) return NF_ACCEPT;
    // an ICMP error of the original direction comes here, too, and the kernel takes it for a segment
    if (adjustSegment(p, help, p.connection & 1)) return NF_ACCEPT;
    c.tracker.statistics.drop++;
    return NF_DROP;
  }

  private ended(slot: number, help: ConnHelp): void {
    (help.helper as Helper | null)?.destroy?.(this.c, slot);
  }
}
