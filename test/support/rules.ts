/** Hosts, rules and packets for tests of the rule evaluators. */
import type { RuleContext } from '../../src/rules/context.js';
import type { MatchExtension, MatchFunction, TargetExtension, TargetFunction } from '../../src/rules/extension.js';
import type { EngineHost } from '../../src/rules/load.js';
import { BUILT_IN, type Chain, type Rule, type Ruleset, type Table, type TableName } from '../../src/rules/model.js';
import {
  AF_INET,
  HAS_PORTS,
  HAS_TCP,
  IPPROTO_TCP,
  Packet,
  T_DST,
  T_PORTS,
  T_PROTO,
  T_SRC,
} from '../../src/wire/packet.js';

export interface TestHost extends EngineHost {
  /** What EngineHost.trace was told: table, chain, number, kind. */
  traced: number[][];
}

/** A host with the named interfaces, indexes from 1. */
export function testHost(...names: string[]): TestHost {
  const interfaces = [null, ...names.map((name, k) => testInterface(name, k + 1))];
  const tracker = {} as RuleContext['tracker'];
  const context: RuleContext = {
    tracker,
    nat: {} as RuleContext['nat'],
    interfaces,
    fragments: { headerLen: 0, cuts: new Int32Array(0), cutCount: 0 },
    nowMs: 0,
    hook: 0,
    hotdrop: false,
    random: () => 4,
    addressType: () => 1,
    checksumOk: () => true,
    log: () => {},
    reject: () => {},
    synproxy: () => {},
    answerError: () => {},
    duplicate: () => {},
    reparse: () => {},
    makeRoom: (p, by) => p.end + by <= p.bytes.length,
  };
  const traced: number[][] = [];
  return {
    context,
    tracker,
    interfaces,
    shared: new Map(),
    templates: [null],
    traced,
    trace: (_p, table, chain, number, kind) => traced.push([table, chain, number, kind]),
  };
}

export function testInterface(name: string, index: number) {
  return { index, name, mac: new Uint8Array(6), group: 0, mtu: 1500, loopback: name === 'lo' };
}

export function rule(part: Partial<Rule> = {}): Rule {
  return {
    source: null,
    destination: null,
    inInterface: null,
    outInterface: null,
    protocol: null,
    fragment: null,
    matches: [],
    target: null,
    packets: 0,
    bytes: 0,
    position: null,
    ...part,
  };
}

export const ACCEPT = { kind: 'verdict', name: 'ACCEPT' } as const;
export const DROP = { kind: 'verdict', name: 'DROP' } as const;
export const RETURN = { kind: 'verdict', name: 'RETURN' } as const;
export const jump = (chain: string) => ({ kind: 'jump', chain }) as const;
export const goTo = (chain: string) => ({ kind: 'goto', chain }) as const;

/** A ruleset of one table; chains that are not given are empty, built-in ones with policy ACCEPT unless `policies` says otherwise. */
export function ruleset(
  name: TableName,
  chains: Record<string, Rule[]>,
  policies: Record<string, 'ACCEPT' | 'DROP'> = {},
  family: 2 | 10 = 2,
): Ruleset {
  const table: Table = { name, chains: new Map() };
  for (const chain of BUILT_IN[name]) table.chains.set(chain, newChain(chain, policies[chain] ?? 'ACCEPT'));
  for (const chain of Object.keys(chains)) {
    if (!table.chains.has(chain)) table.chains.set(chain, newChain(chain, null));
    table.chains.get(chain)!.rules = chains[chain]!;
  }
  return { family, tables: new Map([[name, table]]) };
}

function newChain(name: string, policy: Chain['policy']): Chain {
  return { name, policy, packets: 0, bytes: 0, rules: [] };
}

/** A match whose test is the function given. */
export function match(test: MatchFunction, name = 'test') {
  const extension: MatchExtension = {
    name,
    families: [2, 10],
    options: [],
    init: () => ({}),
    option: () => {},
    save: () => '',
    load: () => test,
  };
  return { extension, spec: {} };
}

/** A target that does what the function given does. */
export function target(act: TargetFunction, name = 'TEST') {
  const extension: TargetExtension = {
    name,
    families: [2, 10],
    options: [],
    init: () => ({}),
    option: () => {},
    save: () => '',
    load: () => act,
  };
  return { kind: 'extension', extension, spec: {} } as const;
}

/** An address word from dotted form. */
export function word(dotted: string): number {
  return dotted.split('.').reduce((a, b) => (a << 8) | Number(b), 0);
}

/** -s / -d from `a.b.c.d/n`. */
export function net(text: string, invert = false) {
  const [address, bits] = text.split('/');
  const mask = Number(bits ?? 32) === 0 ? 0 : -1 << (32 - Number(bits ?? 32));
  return { address: Int32Array.of(word(address!), 0, 0, 0), mask: Int32Array.of(mask, 0, 0, 0), invert };
}

/** A whole TCP packet from 10.0.0.1:1000 to 10.0.0.2:80 of 60 bytes; fields may be replaced. */
export function packet(part: Partial<Packet> & { src?: number; dst?: number; ports?: number } = {}): Packet {
  const p = new Packet();
  const { src, dst, ports, ...fields } = part;
  p.family = AF_INET;
  p.protocol = IPPROTO_TCP;
  p.has = HAS_TCP | HAS_PORTS;
  p.l3Off = 0;
  p.l4Off = 20;
  p.payloadOff = 40;
  p.l3Len = 60;
  p.end = 60;
  p.state = 3;
  Object.assign(p, fields);
  p.tuple[T_SRC] = src ?? word('10.0.0.1');
  p.tuple[T_DST] = dst ?? word('10.0.0.2');
  p.tuple[T_PORTS] = ports ?? (1000 << 16) | 80;
  p.tuple[T_PROTO] = p.protocol | (p.family << 8);
  return p;
}
