/**
 * Checks a table as the kernel does when it takes one, and gives each rule's extensions the chance to refuse or to become functions.
 *
 * Both evaluators - the compiled one and the plain interpreter - start from what comes out of here.
 */
import type { Template } from '../conntrack/lifecycle.js';
import type { Tracker } from '../conntrack/tracker.js';
import {
  HAS_BROKEN_CHAIN,
  HAS_LATER_FRAGMENT,
  IPPROTO_AH,
  IPPROTO_DSTOPTS,
  IPPROTO_FRAGMENT,
  IPPROTO_HOPOPTS,
  IPPROTO_ROUTING,
  type Packet,
} from '../wire/packet.js';
import type { HostInterface, LoadContext, RuleContext } from './context.js';
import { RuleError } from './context.js';
import type { Extension, MatchFunction, TargetFunction } from './extension.js';
import { type HostFacts, NO_FACTS } from './host-facts.js';
import { BUILT_IN, type Chain, type Family, HOOK_NAMES, type Position, type Rule, type Table } from './model.js';
import type { SetStore } from './set/store.js';

/** What the rules need of the host that they work for. The host implements it. */
export interface EngineHost {
  /** Handed to every match and target. */
  readonly context: RuleContext;
  readonly tracker: Tracker;
  /** By index; [0] is null. May grow: call RuleEngine.interfacesChanged afterwards. */
  readonly interfaces: readonly (HostInterface | null)[];
  /** What rules share by name (LoadContext.shared); lives as long as the host, so that it survives a reload. */
  readonly shared: Map<string, unknown>;
  /** Templates by number; [0] is not used. Only grows. */
  readonly templates: (Template | null)[];
  /** What the host's description says for rules; absent: nothing. */
  readonly facts?: HostFacts;
  /** Its sets; absent: it has none. */
  readonly setStore?: SetStore;
  /**
   * A packet with `traced` set has passed a rule: the kernel's `TRACE: table:chain:kind:number` line. `table` is an index as in
   * RuleEngine.run, `chain` one into RuleEngine.program(...).chains, `kind` a TRACE_ constant.
   */
  trace(p: Packet, table: number, chain: number, ruleNumber: number, kind: number): void;
}

/** How strict a load is. */
export interface LoadOptions {
  /** Skips rules that cannot be evaluated, with a warning, instead of refusing the ruleset. */
  lenient?: boolean;
  /** Told of each rule that `lenient` skips. */
  warn?(message: string, position: Position | null): void;
}

/** A rule that asks what a simulated host cannot know (Extension.unsupported). */
export interface Doubt {
  /** 2: IPv4, 10: IPv6. */
  family: Family;
  /** The table's name. */
  table: string;
  /** The chain's name. */
  chain: string;
  /** Place in the chain, from 1. */
  number: number;
  /** The rule itself. */
  rule: Rule;
  /** What it asks with: `-m owner`, `-j SYNPROXY`. */
  extension: string;
  /** What the host cannot know, and what is taken instead, in one line. */
  why: string;
  /** Packets that were asked about. */
  packets: number;
}

/** A rule with its extensions turned into functions. */
export interface LoadedRule {
  rule: Rule;
  /** Place in the chain, from 1. */
  number: number;
  /** One for each of rule.matches, in order. */
  matches: readonly MatchFunction[];
  /** Set iff the target is an extension. */
  target: TargetFunction | null;
}

/** A chain with what following the jumps found out about it. */
export interface LoadedChain {
  chain: Chain;
  /** The hook it hangs on, -1 for a user chain. */
  hook: number;
  /** HOOK_ bits from which it can be reached. */
  hooks: number;
  /** Most jumps that can be open at once inside it. */
  depth: number;
  /** Without those that `lenient` skipped. */
  rules: LoadedRule[];
}

/** A table that passed all checks. */
export interface LoadedTable {
  name: string;
  family: Family;
  /** Same order as in the model. */
  chains: LoadedChain[];
  byName: Map<string, LoadedChain>;
  /** Counted while packets run. */
  doubts: Doubt[];
}

/**
 * Checks and loads one table.
 * @throws RuleError: a loop ("Too many levels of symbolic links"), a jump to a chain that is not there, an extension in a wrong
 * table or family, one that cannot be evaluated (unless lenient), or whatever the extension itself refuses.
 */
export function loadTable(table: Table, family: Family, host: EngineHost, options: LoadOptions = {}): LoadedTable {
  const loaded: LoadedTable = { name: table.name, family, chains: [], byName: new Map(), doubts: [] };
  for (const chain of table.chains.values()) {
    const builtIn = BUILT_IN[table.name].includes(chain.name);
    const hook = builtIn ? HOOK_NAMES.indexOf(chain.name as (typeof HOOK_NAMES)[number]) : -1;
    const entry: LoadedChain = { chain, hook, hooks: 0, depth: 0, rules: [] };
    loaded.chains.push(entry);
    loaded.byName.set(chain.name, entry);
  }
  checkJumps(loaded);
  spreadHooks(loaded);
  for (const chain of loaded.chains) loadRules(chain, loaded, host, options);
  return loaded;
}

/** Whether an interface name fits -i or -o; `pattern` may end in `+`. */
export function interfaceFits(pattern: string, name: string): boolean {
  return pattern.endsWith('+') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

/**
 * Whether the kernel cannot find an IPv6 packet's protocol: it drops the packet at the first rule that asks for one
 * (ip6_packet_match). A later fragment is such a packet if its fragment header names another extension header.
 */
export function isChainBroken(p: Packet): boolean {
  if ((p.has & HAS_BROKEN_CHAIN) !== 0) return true;
  if ((p.has & HAS_LATER_FRAGMENT) === 0) return false;
  const next = p.protocol;
  return (
    next === IPPROTO_HOPOPTS ||
    next === IPPROTO_ROUTING ||
    next === IPPROTO_FRAGMENT ||
    next === IPPROTO_AH ||
    next === IPPROTO_DSTOPTS
  );
}

/** No base match, no extension match. */
export function isUnconditional(rule: Rule): boolean {
  return (
    rule.source === null &&
    rule.destination === null &&
    rule.inInterface === null &&
    rule.outInterface === null &&
    rule.protocol === null &&
    rule.fragment === null &&
    rule.matches.length === 0
  );
}

/** Whether nothing behind this rule is ever reached; the kernel does not look further either when it searches for loops. */
function endsChain(rule: Rule): boolean {
  return rule.target?.kind === 'verdict' && isUnconditional(rule);
}

function checkJumps(table: LoadedTable): void {
  for (const { chain } of table.chains) {
    for (const { target, position } of chain.rules) {
      if (target?.kind !== 'jump' && target?.kind !== 'goto') continue;
      const to = table.byName.get(target.chain);
      if (to === undefined) throw new RuleError(`chain "${target.chain}" does not exist`, position, 2);
      if (to.hook >= 0)
        throw new RuleError(`"${target.chain}" is a built-in chain: no rule can jump to it`, position, 1);
    }
  }
}

/**
 * Follows the jumps from every built-in chain, as the kernel's mark_source_chains does: finds loops, and for each chain the hooks
 * from which it is reached and how deep the jumps nest. Chains that no hook reaches are not looked at.
 */
function spreadHooks(table: LoadedTable): void {
  const OPEN = 1;
  const DONE = 2;
  const colour = new Map<LoadedChain, number>();
  const finished: LoadedChain[] = [];
  for (const root of table.chains) {
    if (root.hook < 0) continue;
    root.hooks = 1 << root.hook;
    colour.set(root, OPEN);
    const path = [{ chain: root, next: 0 }];
    while (path.length > 0) {
      const top = path[path.length - 1]!;
      const rule = top.chain.chain.rules[top.next];
      if (rule === undefined || (top.next > 0 && endsChain(top.chain.chain.rules[top.next - 1]!))) {
        colour.set(top.chain, DONE);
        finished.push(top.chain);
        path.pop();
        continue;
      }
      top.next++;
      const to = jumpOf(rule, table);
      if (to === null) continue;
      if (colour.get(to) === OPEN) throw new RuleError('Too many levels of symbolic links', rule.position, 1);
      if (colour.get(to) === DONE) continue;
      colour.set(to, OPEN);
      path.push({ chain: to, next: 0 });
    }
  }
  // A chain finishes after all that it jumps to: forwards for depths, backwards for hooks.
  for (const chain of finished) {
    for (const rule of reachableRules(chain.chain)) {
      const to = jumpOf(rule, table);
      if (to !== null) chain.depth = Math.max(chain.depth, to.depth + (rule.target?.kind === 'jump' ? 1 : 0));
    }
  }
  for (const chain of finished.reverse()) {
    for (const rule of reachableRules(chain.chain)) {
      const to = jumpOf(rule, table);
      if (to !== null) to.hooks |= chain.hooks;
    }
  }
}

function jumpOf(rule: Rule, table: LoadedTable): LoadedChain | null {
  const target = rule.target;
  return target?.kind === 'jump' || target?.kind === 'goto' ? table.byName.get(target.chain)! : null;
}

function reachableRules(chain: Chain): Rule[] {
  const last = chain.rules.findIndex(endsChain);
  return last < 0 ? chain.rules : chain.rules.slice(0, last + 1);
}

const NO_MATCHES: readonly MatchFunction[] = [];

function loadRules(chain: LoadedChain, table: LoadedTable, host: EngineHost, options: LoadOptions): void {
  const reachable = reachableRules(chain.chain).length;
  const context = new ChainContext(chain, table, host);
  const { rules } = chain.chain;
  for (let index = 0; index < rules.length; index++) {
    const rule = rules[index]!;
    if (rule.matches.length === 0 && rule.target?.kind !== 'extension') {
      chain.rules.push({ rule, number: index + 1, matches: NO_MATCHES, target: null });
      continue;
    }
    context.rule = rule;
    context.hooks = index < reachable ? chain.hooks : 0;
    context.number = index + 1;
    const lack = whatIsLacking(rule, table);
    try {
      if (lack !== null) throw new RuleError(lack, rule.position, 1);
      const { place } = context;
      const matches = rule.matches.map((m) =>
        doubted('-m', m, m.extension.load!(m.spec, context), place, table, context),
      );
      const t = rule.target;
      const target =
        t?.kind === 'extension' ? doubted('-j', t, t.extension.load!(t.spec, context), place, table, context) : null;
      chain.rules.push({ rule, number: index + 1, matches, target });
    } catch (error) {
      if (options.lenient !== true || !(error instanceof RuleError)) throw error;
      options.warn?.(`rule skipped: ${error.message}`, rule.position);
    }
  }
}

/** The function itself, or one that also counts the packets that come to it where the host cannot know the answer. */
function doubted<R>(
  option: '-m' | '-j',
  { extension, spec }: { extension: Extension; spec: unknown },
  ask: (p: Packet, c: RuleContext) => R,
  place: Pick<Doubt, 'family' | 'table' | 'chain' | 'number' | 'rule'>,
  table: LoadedTable,
  context: LoadContext,
): (p: Packet, c: RuleContext) => R {
  const { name, unsupported } = extension;
  if (unsupported === undefined || extension.isDoubtful?.(spec, context) === false) return ask;
  const doubt: Doubt = { ...place, extension: `${option} ${name}`, why: unsupported, packets: 0 };
  table.doubts.push(doubt);
  return (p, c) => {
    doubt.packets += 1;
    return ask(p, c);
  };
}

/** Why a rule cannot be evaluated; null if it can. */
function whatIsLacking(rule: Rule, table: LoadedTable): string | null {
  for (const { extension } of rule.matches) {
    const lack = lacking('match', extension, table);
    if (lack !== null) return lack;
    if (extension.load === undefined) return `match "${extension.name}" is not supported`;
  }
  if (rule.target?.kind !== 'extension') return null;
  const { extension } = rule.target;
  if (extension.tables !== undefined && !extension.tables.includes(table.name)) {
    const tables = extension.tables.join(', ');
    throw new RuleError(`target "${extension.name}" may stand in table ${tables} only`, rule.position, 1);
  }
  if (extension.load === undefined) return `target "${extension.name}" is not supported`;
  return lacking('target', extension, table);
}

function lacking(kind: string, extension: Extension, table: LoadedTable): string | null {
  if (extension.families.includes(table.family)) return null;
  return `${kind} "${extension.name}" does not exist for IPv${table.family === 2 ? 4 : 6}`;
}

/** What the extensions of a chain's rules may ask, rule by rule. */
class ChainContext implements LoadContext {
  /** The rule that is being loaded. */
  rule!: Rule;
  /** Its place in the chain, from 1. */
  number = 0;
  hooks = 0;
  readonly family: Family;
  readonly table: string;
  readonly chain: string;
  readonly tracker: Tracker;
  readonly interfaces: EngineHost['interfaces'];
  readonly facts: LoadContext['facts'];
  readonly sets: LoadContext['sets'];

  private readonly doubts: Doubt[];

  constructor(
    chain: LoadedChain,
    table: LoadedTable,
    private readonly host: EngineHost,
  ) {
    this.doubts = table.doubts;
    this.family = table.family;
    this.table = table.name;
    this.chain = chain.chain.name;
    this.tracker = host.tracker;
    this.interfaces = host.interfaces;
    this.facts = host.facts ?? NO_FACTS;
    this.sets = host.setStore ?? null;
  }

  /** Where the rule stands. */
  get place(): Pick<Doubt, 'family' | 'table' | 'chain' | 'number' | 'rule'> {
    return { family: this.family, table: this.table, chain: this.chain, number: this.number, rule: this.rule };
  }

  doubt(why: string): Doubt {
    const { target } = this.rule;
    const extension = target?.kind === 'extension' ? `-j ${target.extension.name}` : '';
    const doubt: Doubt = { ...this.place, extension, why, packets: 0 };
    this.doubts.push(doubt);
    return doubt;
  }

  get protocol(): Rule['protocol'] {
    return this.rule.protocol;
  }

  interfaceIndex(name: string): number {
    return this.interfaces.find((i) => i?.name === name)?.index ?? 0;
  }

  shared<T>(key: string, make: () => T): T {
    const { shared } = this.host;
    if (!shared.has(key)) shared.set(key, make());
    return shared.get(key) as T;
  }

  template(t: Template): number {
    return templateNumber(t, this.host.templates);
  }

  fail(message: string, status: 1 | 2 = 1): never {
    throw new RuleError(message, this.rule.position, status);
  }
}

/** Equal templates share a number, so that reloading the same rules adds none. */
function templateNumber(t: Template, templates: (Template | null)[]): number {
  const text = JSON.stringify(t);
  for (let n = 1; n < templates.length; n++) {
    if (JSON.stringify(templates[n]) === text) return n;
  }
  if (templates.length === 0) templates.push(null);
  templates.push({ ...t });
  return templates.length - 1;
}
