/**
 * `iptables -L` and the lines that `-v` prints beside -A, -I, -D, -R and -C, as iptables 1.8.9 prints them.
 *
 * Names are never looked up in the network. Where the real program asks the machine's files (hosts, networks), the names of a fresh
 * Debian are taken: `localhost`, `loopback`, `link-local`.
 */
import { hostText, networkText, prefixLength } from '../rules/address.js';
import type { AddressMatch, Chain, Family, InterfaceMatch, Rule, Table } from '../rules/model.js';
import { protocolName } from '../rules/names.js';
import { counterText } from './save.js';

/** How a listing looks. */
export interface ListOptions {
  /** -n: numbers in place of names. */
  numeric: boolean;
  /** -v: counters, interfaces, options. */
  verbose: boolean;
  /** -x: counters in full. */
  exact: boolean;
  /** --line-numbers. */
  lineNumbers: boolean;
}

/**
 * The listing of some chains of a table.
 * @param chains In the order of printing.
 * @param number A rule's number, whose line alone is printed; 0 = all with their headings.
 */
export function listChains(
  table: Table,
  chains: readonly Chain[],
  number: number,
  family: Family,
  options: ListOptions,
): string {
  const lines: string[] = [];
  for (const chain of chains) {
    if (number > 0) {
      const rule = chain.rules[number - 1];
      if (rule !== undefined) lines.push(ruleLine(rule, number, family, options));
      continue;
    }
    if (lines.length > 0) lines.push('');
    lines.push(heading(table, chain, options), columns(options));
    chain.rules.forEach((rule, i) => {
      lines.push(ruleLine(rule, i + 1, family, options));
    });
  }
  return lines.length === 0 ? '' : lines.join('\n') + '\n';
}

/** The line that `-v` prints for a rule that is added, inserted, replaced, deleted or checked. */
export function verboseLine(rule: Rule, family: Family): string {
  const { inInterface, outInterface, protocol } = rule;
  const name = LIBRARY_PROTOCOLS.get(protocol?.number ?? 0) ?? String(protocol?.number);
  const parts = [
    `${targetName(rule)} ${protocol?.invert === true ? '!' : ' '}${name} opt ${optionColumn(rule)}`,
    ` in ${interfaceText(inInterface, '*')} out ${interfaceText(outInterface, '*')} `,
    `${bang(rule.source)}${addressText(rule.source, family, true)} `,
    `${bang(rule.destination)}-> ${addressText(rule.destination, family, true)}  `,
    extensionTexts(rule, family, true),
  ];
  return parts.join('') + '\n';
}

function heading(table: Table, chain: Chain, options: ListOptions): string {
  if (chain.policy === null) return `Chain ${chain.name} (${references(table, chain.name)} references)`;
  if (!options.verbose) return `Chain ${chain.name} (policy ${chain.policy})`;
  const packets = counter(chain.packets, options.exact).trim();
  return `Chain ${chain.name} (policy ${chain.policy} ${packets} packets, ${counter(chain.bytes, options.exact).trim()} bytes)`;
}

function references(table: Table, name: string): number {
  let count = 0;
  for (const chain of table.chains.values()) {
    for (const { target } of chain.rules) {
      if ((target?.kind === 'jump' || target?.kind === 'goto') && target.chain === name) count++;
    }
  }
  return count;
}

function columns(options: ListOptions): string {
  let text = options.lineNumbers ? 'num  ' : '';
  if (options.verbose) text += options.exact ? '    pkts      bytes ' : ' pkts bytes ';
  text += 'target     prot opt';
  if (options.verbose) text += ' in     out    ';
  return `${text} source               destination         `;
}

function ruleLine(rule: Rule, number: number, family: Family, options: ListOptions): string {
  let line = options.lineNumbers ? `${String(number).padEnd(4)} ` : '';
  if (options.verbose) line += counter(rule.packets, options.exact) + counter(rule.bytes, options.exact);
  const { protocol } = rule;
  const name = protocolText(protocol?.number ?? 0, options.numeric);
  line += `${targetName(rule).padEnd(9)} ${protocol?.invert === true ? '!' : ' '}${name.padEnd(4)} ${optionColumn(rule)} `;
  if (options.verbose) {
    const any = options.numeric ? '*' : 'any';
    line += ` ${interfaceText(rule.inInterface, any).padEnd(6)} ${interfaceText(rule.outInterface, any).padEnd(6)} `;
  }
  line += `${bang(rule.source)}${addressText(rule.source, family, options.numeric).padEnd(19)} `;
  line += `${bang(rule.destination)}${addressText(rule.destination, family, options.numeric).padEnd(19)} `;
  return line + extensionTexts(rule, family, options.numeric);
}

/** A counter in its column with a blank behind; above 99999 in K, M, G or T, rounded at each step as iptables does. */
function counter(value: number, exact: boolean): string {
  if (exact) return `${counterText(value).padStart(8)} `;
  if (value <= 99999) return `${String(value).padStart(5)} `;
  let n = value;
  for (const unit of 'KMG') {
    n = Math.floor((n + 500) / 1000);
    if (n <= 9999) return `${String(n).padStart(4)}${unit} `;
  }
  return `${String(Math.floor((n + 500) / 1000)).padStart(4)}T `;
}

function targetName({ target }: Rule): string {
  if (target === null) return '';
  if (target.kind === 'verdict') return target.name;
  if (target.kind !== 'extension') return target.chain;
  // one target under two names
  return target.extension.name === 'NOTRACK' ? 'CT' : target.extension.name;
}

function protocolText(number: number, numeric: boolean): string {
  if (numeric) return String(number);
  return number === 0 ? 'all' : protocolName(number);
}

/** The names that iptables knows without asking the machine. */
const LIBRARY_PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [0, 'all'],
  [1, 'icmp'],
  [6, 'tcp'],
  [17, 'udp'],
  [50, 'esp'],
  [51, 'ah'],
  [58, 'ipv6-icmp'],
  [132, 'sctp'],
  [135, 'mobility-header'],
  [136, 'udplite'],
]);

function optionColumn({ fragment }: Rule): string {
  if (fragment === null) return '--';
  return fragment.invert ? '!f' : '-f';
}

function interfaceText(match: InterfaceMatch | null, any: string): string {
  if (match === null) return any;
  return (match.invert ? '!' : '') + match.name;
}

function bang(match: AddressMatch | null): string {
  return match?.invert === true ? '!' : ' ';
}

const LOCALHOST = 0x7f000001;
/** /etc/networks of a fresh Debian, by the network's address. */
const NETWORKS: ReadonlyMap<number, string> = new Map([
  [0, 'default'],
  [0x7f000000, 'loopback'],
  [0xa9fe0000 | 0, 'link-local'],
]);

function addressText(match: AddressMatch | null, family: Family, numeric: boolean): string {
  const bits = match === null ? 0 : prefixLength(match.mask, family);
  const isAny = !numeric && family !== 2 && match?.address.every((word) => word === 0) === true;
  if (match === null || bits === 0 || isAny) {
    if (!numeric) return 'anywhere';
    return family === 2 ? '0.0.0.0/0' : '::/0';
  }
  const full = bits === (family === 2 ? 32 : 128);
  const text = full ? hostText(match.address, family) : networkText(match.address, match.mask, family);
  if (numeric || family !== 2) return text;
  const word = match.address[0] as number;
  if (full && word === LOCALHOST) return 'localhost';
  const name = NETWORKS.get(word);
  return name === undefined ? text : name + text.slice(text.indexOf('/'));
}

function extensionTexts(rule: Rule, family: Family, numeric: boolean): string {
  const { target } = rule;
  let text = target?.kind === 'goto' ? '[goto] ' : '';
  for (const { extension, spec } of rule.matches) text += extension.list?.(spec, family, numeric) ?? '';
  if (target?.kind === 'extension') text += target.extension.list?.(target.spec, family, numeric) ?? '';
  return text;
}
