/**
 * What the kernel checks when a whole table is handed over: loops, and each extension against the rule and hooks around it.
 */
import type { Extension, KernelRefusal, RuleAround } from '../rules/extension.js';
import { errnoText } from '../rules/kernel-checks.js';
import { type Chain, type Family, HOOK_NAMES, type Position, type Rule, type Table } from '../rules/model.js';
import { RuleTextError } from './errors.js';

/** How a table is checked. */
export interface CheckOptions {
  /** The line that iptables-restore blames: COMMIT's. */
  line?: number;
  /** Where in its text a rule names an extension; for the error that blames it. */
  place?(rule: Rule, name: string): Position | null;
  /** Takes a rule that the kernel would refuse out of its chain and is told of it, instead of the exception. */
  skip?(error: RuleTextError): void;
}

interface Visit {
  chain: Chain;
  /** Rules that a packet can reach: up to the first unconditional verdict. The kernel does not look at the others here. */
  reachable: number;
  hooks: number;
}

/**
 * Checks one table.
 * @throws RuleTextError with status 1: ELOOP, or the extension's refusal, with the rule's position.
 */
export function checkTable(table: Table, family: Family, options: CheckOptions = {}): void {
  const visits = new Map<string, Visit>();
  for (const chain of table.chains.values()) {
    visits.set(chain.name, { chain, reachable: reachableRules(chain), hooks: 0 });
  }
  for (const [hook, name] of HOOK_NAMES.entries()) {
    const visit = visits.get(name);
    if (visit !== undefined && visit.chain.policy !== null) follow(visit, 1 << hook, visits, options);
  }
  for (const visit of visits.values()) checkRules(visit, table, family, options);
}

function reachableRules(chain: Chain): number {
  const at = chain.rules.findIndex((rule) => rule.target?.kind === 'verdict' && isUnconditional(rule));
  return at < 0 ? chain.rules.length : at + 1;
}

function isUnconditional(rule: Rule): boolean {
  const { source, destination, inInterface, outInterface, protocol, fragment, matches } = rule;
  return (
    source === null &&
    destination === null &&
    inInterface === null &&
    outInterface === null &&
    protocol === null &&
    fragment === null &&
    matches.length === 0
  );
}

/** Walks the jumps from one built-in chain, as mark_source_chains does, without recursion: depth is the ruleset's choice. */
function follow(root: Visit, hook: number, visits: ReadonlyMap<string, Visit>, options: CheckOptions): void {
  root.hooks |= hook;
  const path = [root];
  const next = [0];
  const open = new Set([root]);
  while (path.length > 0) {
    const top = path.length - 1;
    const visit = path[top] as Visit;
    const at = next[top] as number;
    if (at >= visit.reachable) {
      open.delete(visit);
      path.pop();
      next.pop();
      continue;
    }
    next[top] = at + 1;
    const { target, position } = visit.chain.rules[at] as Rule;
    if (target?.kind !== 'jump' && target?.kind !== 'goto') continue;
    const to = visits.get(target.chain);
    if (to === undefined) continue;
    if (open.has(to)) {
      const chains = path.slice(path.indexOf(to)).map((v) => v.chain.name);
      throw new RuleTextError(errnoText(40), {
        position: options.place?.(visit.chain.rules[at] as Rule, to.chain.name) ?? position,
        status: 1,
        hint: `chains jump in a circle: ${[...chains, to.chain.name].join(' -> ')}`,
        ...lineOf(options),
      });
    }
    if ((to.hooks & hook) !== 0) continue;
    to.hooks |= hook;
    open.add(to);
    path.push(to);
    next.push(0);
  }
}

function lineOf(options: CheckOptions): { line?: number } {
  return options.line === undefined ? {} : { line: options.line };
}

function checkRules(visit: Visit, table: Table, family: Family, options: CheckOptions): void {
  const { chain } = visit;
  let bad: Set<Rule> | null = null;
  for (let i = 0; i < chain.rules.length; i++) {
    const rule = chain.rules[i] as Rule;
    if (rule.matches.length === 0 && rule.target?.kind !== 'extension') continue;
    const refusal = refusalOf(rule, family, table, i < visit.reachable ? visit.hooks : 0);
    if (refusal === null) continue;
    const { name, why } = refusal;
    const position = options.place?.(rule, name) ?? rule.position;
    const hint = why.includes(name) ? why : `${name}: ${why}`;
    const details = { position, status: 1, hint, ...lineOf(options) };
    const error = new RuleTextError(errnoText(refusal.errno), details);
    if (options.skip === undefined) throw error;
    options.skip(error);
    bad ??= new Set();
    bad.add(rule);
  }
  if (bad !== null) chain.rules = chain.rules.filter((rule) => !bad.has(rule));
}

function refusalOf(rule: Rule, family: Family, table: Table, hooks: number): BlamedRefusal | null {
  const around: RuleAround = { family, table: table.name, hooks, protocol: rule.protocol, matches: rule.matches };
  for (const { extension, spec } of rule.matches) {
    const refusal = ask(extension, spec, around);
    if (refusal !== null) return refusal;
  }
  if (rule.target?.kind !== 'extension') return null;
  const { extension, spec } = rule.target;
  if (extension.tables !== undefined && !extension.tables.includes(table.name)) {
    return {
      name: extension.name,
      errno: 22,
      why: `${extension.name} may stand in table ${extension.tables.join(', ')} only`,
    };
  }
  return ask(extension, spec, around);
}

/** With the name of the extension. */
interface BlamedRefusal extends KernelRefusal {
  name: string;
}

function ask(extension: Extension, spec: unknown, around: RuleAround): BlamedRefusal | null {
  const refusal = extension.refusedBy?.(spec, around) ?? null;
  return refusal === null ? null : { ...refusal, name: extension.name };
}
