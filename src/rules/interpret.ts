/**
 * The plain evaluator: walks the model's own objects, rule by rule, in the words of iptables(8). Slow and obvious; it is what the
 * compiled evaluator (evaluate.ts) is compared with.
 */
import { AF_INET, AF_INET6, HAS_LATER_FRAGMENT, type Packet, T_DST, T_SRC } from '../wire/packet.js';
import { type RuleContext, VERDICT_ACCEPT, VERDICT_CONTINUE, VERDICT_DROP, VERDICT_RETURN } from './context.js';
import {
  type EngineHost,
  interfaceFits,
  isChainBroken,
  type LoadedChain,
  type LoadedRule,
  type LoadedTable,
  type LoadOptions,
  loadTable,
} from './load.js';
import type { AddressMatch, Chain, Family, InterfaceMatch, Rule, Table } from './model.js';

/** Packets and bytes, kept apart from the model so that both evaluators can run on one ruleset. */
export interface Counts {
  packets: number;
  bytes: number;
}

/** Thrown inside a walk: a match asked for the packet to be dropped at once. */
class DropAtOnce {}

/** One table, walked as it stands in the model. Counters start with the model's. */
export class Interpreter {
  readonly counts = new Map<Rule | Chain, Counts>();
  private readonly table: LoadedTable;

  constructor(
    table: Table,
    family: Family,
    private readonly host: EngineHost,
    options: LoadOptions = {},
  ) {
    this.table = loadTable(table, family, host, options);
    for (const { chain } of this.table.chains) {
      this.counts.set(chain, { packets: chain.packets, bytes: chain.bytes });
      for (const rule of chain.rules) this.counts.set(rule, { packets: rule.packets, bytes: rule.bytes });
    }
  }

  /** Verdict of the chain that hangs on the hook; ACCEPT where there is none. */
  run(hook: number, p: Packet, c: RuleContext): number {
    const chain = this.table.chains.find((x) => x.hook === hook);
    if (chain === undefined) return VERDICT_ACCEPT;
    c.hook = hook;
    c.hotdrop = false;
    try {
      const verdict = this.walk(chain, p, c);
      return verdict === VERDICT_RETURN ? this.policy(chain.chain, p) : verdict;
    } catch (e) {
      if (e instanceof DropAtOnce) return VERDICT_DROP;
      throw e;
    }
  }

  /** Verdict of a chain, VERDICT_RETURN if the packet comes back from it. */
  private walk(chain: LoadedChain, p: Packet, c: RuleContext): number {
    for (const loaded of chain.rules) {
      if (!this.matches(loaded, p, c)) continue;
      this.count(loaded.rule, p);
      const target = loaded.rule.target;
      let verdict = VERDICT_CONTINUE;
      if (target?.kind === 'verdict') verdict = VERDICTS[target.name];
      else if (target?.kind === 'goto') verdict = this.walk(this.table.byName.get(target.chain)!, p, c);
      else if (target?.kind === 'jump') {
        verdict = this.walk(this.table.byName.get(target.chain)!, p, c);
        if (verdict === VERDICT_RETURN) verdict = VERDICT_CONTINUE;
      } else if (loaded.target !== null) verdict = loaded.target(p, c);
      if (c.hotdrop) throw new DropAtOnce();
      if (verdict !== VERDICT_CONTINUE) return verdict;
    }
    return VERDICT_RETURN;
  }

  private policy(chain: Chain, p: Packet): number {
    this.count(chain, p);
    return chain.policy === 'DROP' ? VERDICT_DROP : VERDICT_ACCEPT;
  }

  private count(what: Rule | Chain, p: Packet): void {
    const counts = this.counts.get(what)!;
    counts.packets += 1;
    counts.bytes += p.l3Len;
  }

  private matches({ rule, matches }: LoadedRule, p: Packet, c: RuleContext): boolean {
    if (!this.baseMatches(rule, p)) return false;
    for (const match of matches) {
      if (match(p, c)) continue;
      if (c.hotdrop) throw new DropAtOnce();
      return false;
    }
    return true;
  }

  private baseMatches(rule: Rule, p: Packet): boolean {
    if (!addressMatches(rule.source, p, T_SRC) || !addressMatches(rule.destination, p, T_DST)) return false;
    if (!this.interfaceMatches(rule.inInterface, p.inInterface)) return false;
    if (!this.interfaceMatches(rule.outInterface, p.outInterface)) return false;
    if (rule.protocol !== null && rule.protocol.number !== 0) {
      if (p.family === AF_INET6 && isChainBroken(p)) throw new DropAtOnce();
      if ((p.protocol === rule.protocol.number) === rule.protocol.invert) return false;
    }
    if (rule.fragment !== null && p.family === AF_INET) {
      const later = (p.has & HAS_LATER_FRAGMENT) !== 0;
      if (later === rule.fragment.invert) return false;
    }
    return true;
  }

  private interfaceMatches(m: InterfaceMatch | null, index: number): boolean {
    if (m === null) return true;
    return interfaceFits(m.name, this.host.interfaces[index]?.name ?? '') !== m.invert;
  }
}

const VERDICTS = { ACCEPT: VERDICT_ACCEPT, DROP: VERDICT_DROP, QUEUE: VERDICT_DROP, RETURN: VERDICT_RETURN };

function addressMatches(m: AddressMatch | null, p: Packet, at: number): boolean {
  if (m === null) return true;
  let same = true;
  for (let w = 0; w < (p.family === AF_INET6 ? 4 : 1); w++) {
    if ((p.tuple[at + w]! & m.mask[w]!) !== (m.address[w]! & m.mask[w]!)) same = false;
  }
  return same !== m.invert;
}
