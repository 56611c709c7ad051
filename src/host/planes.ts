/**
 * The second plane of a host: rules that iptables-nft (or nft with the same hooks) put into the kernel beside those of iptables-legacy.
 *
 * A packet passes the tables of both planes at each hook and priority. Of two at the same one the kernel runs that first which was
 * registered last (nf_hook_entries_grow puts a new entry before those of equal priority); here the order is an option of the host, and
 * nft's is first unless it says otherwise, as where nft's rules were loaded into a host that used iptables-legacy before. A drop in
 * either is the end; an ACCEPT is the end of its own table only. A new connection's nat tables are asked one after the other until one
 * of them has settled the half in question (nf_nat_inet_fn); the other one is not asked then, and counts nothing.
 *
 * iptables-nft gives its security table priority 150 where iptables-legacy's has 50, so that it always is the second of the two; in
 * INPUT source translation stands between them.
 *
 * Both planes share what rules share by name (recent lists, hashlimit tables, sets), as in the kernel.
 */
import type { Nat } from '../nat/nat.js';
import { MANIP_DST, MANIP_SRC } from '../nat/range.js';
import { type RuleContext, VERDICT_ACCEPT } from '../rules/context.js';
import { type Decision, RuleEngine, TABLE_NAT, TABLE_SECURITY } from '../rules/evaluate.js';
import type { EngineHost } from '../rules/load.js';
import { TABLE_NAMES } from '../rules/model.js';
import { HOOK_INPUT, HOOK_OUTPUT, HOOK_PREROUTING, type Packet } from '../wire/packet.js';

/** The planes of a host. */
export type Plane = 'legacy' | 'nft';

/** What decided a packet, in words. */
export interface PlaneDecision extends Decision {
  /** The plane whose rule or policy it was; absent while only one is loaded. */
  plane?: Plane;
}

/** Bits of `present`: a table is in iptables-legacy's plane, and behind PLANE_SHIFT in that of nft. */
export const IN_LEGACY = 1;
const PLANE_SHIFT = 8;
const IN_NFT = 1 << PLANE_SHIFT;
/** A table in either plane. */
export const IN_ANY = IN_LEGACY | IN_NFT;
/** result.rule: record below, number of the table above; those of nft's plane follow those of the other's, IPv4 and IPv6. */
export const RULE_SHIFT = 24;
const NFT_TABLES = 2 * TABLE_NAMES.length;

/** The number in result.rule of an engine's last decision; -1 = there is none. */
export function ruleNumber(engine: RuleEngine, firstTable = 0): number {
  return engine.decidedTable < 0 ? -1 : ((engine.decidedTable + firstTable) << RULE_SHIFT) | engine.decidedRecord;
}

/** The bit of nft's security table, whose priority is 150, behind that of source translation; iptables-legacy's has 50. */
export const NFT_SECURITY = 1 << (PLANE_SHIFT + TABLE_SECURITY);

/** Both planes; made when rules of nft's are loaded first. */
export class Planes {
  readonly nft: RuleEngine;
  /** result.rule of what `run` decided last. */
  decided = -1;

  constructor(
    private readonly host: EngineHost & { readonly nat: Nat; readonly engine: RuleEngine },
    private readonly nftFirst: boolean,
  ) {
    this.nft = new RuleEngine(silently(host));
  }

  /** The tables that a packet meets in a hook: those of RuleEngine.present, and nft's shifted. */
  present(family: number, hook: number): number {
    return this.host.engine.present(family, hook) | (this.nft.present(family, hook) << PLANE_SHIFT);
  }

  /** Runs a table of both planes in their order; `decided` says what decided: of two that accepted the last, policies least. */
  run(table: number, p: Packet, c: RuleContext): number {
    const nftFirst = this.nftFirst && table !== TABLE_SECURITY;
    const first = nftFirst ? this.nft : this.host.engine;
    const firstVerdict = this.ask(first, table, p, c);
    const firstRule = ruleNumber(first, first === this.nft ? NFT_TABLES : 0);
    const firstNames = namesRule(first);
    const isLast = table === TABLE_NAT ? !this.isOpen(p) : table === TABLE_SECURITY && p.hook === HOOK_INPUT;
    if (firstVerdict !== VERDICT_ACCEPT || isLast) {
      this.decided = firstRule;
      return firstVerdict;
    }
    const second = nftFirst ? this.host.engine : this.nft;
    const verdict = this.ask(second, table, p, c);
    const rule = ruleNumber(second, second === this.nft ? NFT_TABLES : 0);
    this.decided = rule < 0 || (verdict === VERDICT_ACCEPT && firstNames && !namesRule(second)) ? firstRule : rule;
    return verdict;
  }

  /** Runs nft's security table in INPUT. */
  runLate(p: Packet, c: RuleContext): number {
    const verdict = this.ask(this.nft, TABLE_SECURITY, p, c);
    this.decided = ruleNumber(this.nft, NFT_TABLES);
    return verdict;
  }

  private ask(engine: RuleEngine, table: number, p: Packet, c: RuleContext): number {
    engine.forget();
    return engine.run(table, p.hook, p, c);
  }

  /** Whether no table has settled the half of the connection that this hook's nat tables are asked about. */
  private isOpen(p: Packet): boolean {
    const isDestination = p.hook === HOOK_PREROUTING || p.hook === HOOK_OUTPUT;
    return this.host.nat.isOpen(p, isDestination ? MANIP_DST : MANIP_SRC);
  }

  /** What a number in result.rule means (cold). */
  decision(rule: number): PlaneDecision | null {
    const table = rule >> RULE_SHIFT;
    const record = rule & ((1 << RULE_SHIFT) - 1);
    const isNft = table >= NFT_TABLES;
    const decision = isNft ? this.nft.decision(table - NFT_TABLES, record) : this.host.engine.decision(table, record);
    return decision === null ? null : { ...decision, plane: isNft ? 'nft' : 'legacy' };
  }
}

/** Whether a rule, not a policy, gave the engine's last verdict. */
function namesRule(engine: RuleEngine): boolean {
  return engine.decidedTable >= 0 && engine.isRule(engine.decidedTable, engine.decidedRecord);
}

/** The host as nft's rules see it: their TRACE goes to listeners of nfnetlink, not to the kernel log. */
function silently(host: EngineHost): EngineHost {
  return Object.create(host, { trace: { value: () => {} } }) as EngineHost;
}
