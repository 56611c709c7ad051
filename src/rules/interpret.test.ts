/** The compiled evaluator against the plain one, on random rulesets and packets. */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import * as K from '../../test/support/rules.js';
import { HOOK_FORWARD, Packet } from '../wire/packet.js';
import { parseNetwork } from '../wire/parse.js';
import { Candidates } from './classify.js';
import { RuleEngine, TABLE_FILTER } from './evaluate.js';
import type { MatchExtension, MatchFunction } from './extension.js';
import { Interpreter } from './interpret.js';
import { comment } from './match/comment.js';
import { conntrack } from './match/conntrack.js';
import { mark } from './match/mark.js';
import { multiport } from './match/multiport.js';
import { state } from './match/state.js';
import { tcp } from './match/tcp.js';
import { udp } from './match/udp.js';
import type { MatchUse, Rule, Ruleset, Target } from './model.js';
import * as P from './program.js';

const INTERFACES = ['lo', 'eth0', 'eth1', 'ppp0', 'ppp1'];

const seldom = <T>(a: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: a });

const invert = fc.constantFrom(false, false, true);
const port = fc.constantFrom(0, 22, 80, 443, 1024, 65535);
const range = fc.record({ from: port, to: port, invert });
const every = fc.constant({ from: 0, to: 65535, invert: false });
const maybeRange = fc.oneof(range, every);
const byte = fc.nat(255);
const flags = seldom(fc.record({ mask: fc.nat(63), wanted: fc.constantFrom(0, 2, 16, 18), invert }));
const option = seldom(fc.record({ kind: fc.constantFrom(2, 3, 8), invert }));

const tcpUse = fc
  .record({ source: fc.oneof(every, every, range), destination: maybeRange, flags, option })
  .map((s) => use(tcp, s));
const udpUse = fc.record({ source: fc.oneof(every, every, range), destination: maybeRange }).map((s) => use(udp, s));
const multiportUse = fc
  .record({
    which: fc.constantFrom('sports', 'dports', 'ports'),
    ranges: fc
      .array(port, { minLength: 1, maxLength: 7 })
      .map((ports) => ports.flatMap((x) => [x, Math.min(x + 3, 65535)])),
    invert,
  })
  .map((s) => use(multiport, s));
const markUse = fc.record({ mark: fc.nat(3), mask: fc.constantFrom(-1, 1, 2, 3), invert }).map((s) => use(mark, s));
const states = fc.constantFrom(1, 2 | 4, 8, 16, 1 | 16, 64, 2 | 128);
const stateUse = fc
  .record({ mask: states, invert })
  .map(({ mask, invert: i }) => use(state, { mask: mask & 31, invert: i }));
const conntrackUse = fc
  .record({ value: states, invert, dir: seldom(fc.constantFrom(0, 1)) })
  .map(({ value, invert: i, dir }) =>
    use(conntrack, { ...conntrack.init(2), ctstate: { value, invert: i }, ctdir: dir }),
  );
const commentUse = fc.constant(use(comment, { text: 'x' }));
/** Matches without opcode; one drops at once. */
const oddUse = fc.constant(K.match((p) => p.l3Len % 2 === 1, 'odd'));
/** Matches of which many rules may ask the same. */
const question = (name: string, test: MatchFunction) =>
  K.match(Object.assign(test, { question: { text: name, ask: test } }), name);
const questionUse = fc.constantFrom(
  question('short', (p) => p.l3Len < 44),
  question('marked', (p) => p.mark !== 0),
  question('low', (p) => (p.tuple[7]! & 1) === 0),
);
const dropUse = fc.constant(
  K.match((p, c) => {
    c.hotdrop = p.mark === 3;
    return p.mark === 2;
  }, 'drop'),
);

function use(extension: MatchExtension, spec: unknown): MatchUse {
  return { extension, spec };
}

function address(words: number) {
  const bits = fc.constantFrom(0, 8, 32, 33, 64, 96, 127, 128);
  return fc.record({ last: fc.nat(2), bits, invert }).map((a) => ({
    address: Int32Array.from({ length: 4 }, (_, w) => ADDRESS[a.last]![w]!),
    mask: Int32Array.from({ length: 4 }, (_, w) => maskWord(words === 1 ? Math.min(a.bits, 32) : a.bits, w)),
    invert: a.invert,
  }));
}

const ADDRESS = [
  [0x0a000001, 1, 2, 3],
  [0x0a000002, 1, 2, 4],
  [0x20010db8, 1, 2, 3],
];

function maskWord(bits: number, w: number): number {
  const n = Math.max(0, Math.min(32, bits - 32 * w));
  return n === 0 ? 0 : -1 << (32 - n);
}

const name = fc.record({ name: fc.constantFrom(...INTERFACES, 'ppp+', '+', 'wlan0'), invert });

function ruleOf(family: 2 | 10, targets: fc.Arbitrary<Target | null>): fc.Arbitrary<Rule> {
  const words = family === 2 ? 1 : 4;
  const extensions = (protocol: Rule['protocol']) => {
    const plain = [
      commentUse,
      questionUse,
      questionUse,
      markUse,
      stateUse,
      conntrackUse,
      conntrackUse,
      oddUse,
      dropUse,
    ];
    if (protocol?.invert === false && protocol.number === 6) return fc.oneof(tcpUse, tcpUse, multiportUse, ...plain);
    if (protocol?.invert === false && protocol.number === 17) return fc.oneof(udpUse, udpUse, multiportUse, ...plain);
    return fc.oneof(...plain);
  };
  return fc
    .record({ number: fc.constantFrom(0, 1, 6, 6, 6, 17, 17, 58), invert: fc.constantFrom(false, false, true) })
    .chain((protocol) => {
      const p = protocol.number === 0 ? null : protocol;
      return fc
        .record({
          source: seldom(address(words)),
          destination: seldom(address(words)),
          inInterface: seldom(name),
          outInterface: seldom(name),
          fragment: seldom(fc.record({ invert })),
          matches: fc.array(extensions(p), { maxLength: 3 }),
          target: targets,
        })
        .map((part) => K.rule({ ...part, protocol: p }));
    });
}

const addMark = K.target((p) => {
  p.mark = (p.mark + 1) & 3;
  return -1;
});
const targetOf: fc.Arbitrary<Target | null> = fc.oneof(
  { weight: 4, arbitrary: fc.constant(null) },
  { weight: 3, arbitrary: fc.constantFrom<Target>(K.ACCEPT, K.DROP, K.RETURN) },
  { weight: 2, arbitrary: fc.constant<Target>(addMark) },
  { weight: 3, arbitrary: fc.constantFrom<Target>(K.jump('a'), K.jump('b'), K.jump('c'), K.goTo('a'), K.goTo('c')) },
);

/** Targets of long chains: nearly every packet gets to their ends. */
const mostlyNone: fc.Arbitrary<Target | null> = fc.oneof(
  { weight: 40, arbitrary: fc.constant(null) },
  { weight: 2, arbitrary: fc.constant<Target>(addMark) },
  { weight: 1, arbitrary: targetOf },
);

/** Nested nets in which packets have their last 12 bits, and ranges of ports: every level of a tree has something to ask. */
function netRule(family: 2 | 10): fc.Arbitrary<Rule> {
  const whole = family === 2 ? 32 : 128;
  const netOf = seldom(fc.record({ value: fc.nat(4095), bits: fc.integer({ min: 20, max: 32 }), invert: rarely }));
  const asMatch = (n: { value: number; bits: number; invert: boolean } | null) => {
    if (n === null) return null;
    const bits = whole - 32 + n.bits;
    const mask = Int32Array.from({ length: 4 }, (_, w) => maskWord(bits, w));
    const address = netAddress(family, n.value);
    return { address: address.map((word, w) => word & mask[w]!), mask, invert: n.invert };
  };
  const span = fc.tuple(fc.nat(300), fc.nat(40)).map(([from, more]) => ({ from, to: from + more, invert: false }));
  return fc
    .record({
      source: netOf,
      destination: netOf,
      spans: fc.record({ source: fc.oneof(every, span), destination: fc.oneof(every, span), invert: rarely }),
      inInterface: seldom(name),
      isNew: fc.boolean(),
      target: mostlyNone,
    })
    .map(({ source, destination, spans, isNew, ...rest }) => {
      const matches = [use(tcp, { ...spans, flags: null, option: null })];
      if (isNew) matches.push(use(state, { mask: 2, invert: false }));
      const protocol = { number: 6, invert: false };
      return K.rule({ ...rest, source: asMatch(source), destination: asMatch(destination), protocol, matches });
    });
}
const rarely = fc.nat(9).map((n) => n === 0);

function netAddress(family: 2 | 10, value: number): Int32Array {
  return family === 2 ? Int32Array.of(0x0a000000 | value, 0, 0, 0) : Int32Array.of(0x20010db8, 0, 0, value);
}

/** A TCP packet between two addresses of netRule's nets. */
function netPacket(family: 2 | 10): fc.Arbitrary<() => Packet> {
  return fc.tuple(fc.nat(4095), fc.nat(4095), fc.nat(340), fc.nat(340), fc.nat(5), fc.nat(5)).map((f) => () => {
    const payload = [f[2] >> 8, f[2] & 255, f[3] >> 8, f[3] & 255, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 1, 0, 0, 0, 0, 0];
    const ends = [netAddress(family, f[0]), netAddress(family, f[1])];
    const words = family === 2 ? ends.flatMap((a) => bytesOf(a[0]!)) : ends.flatMap((a) => [...a].flatMap(bytesOf));
    const head4 = [0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0];
    const head6 = [0x60, 0, 0, 0, 0, 20, 6, 64];
    const bytes = Uint8Array.from([...(family === 2 ? head4 : head6), ...words, ...payload]);
    const p = new Packet();
    parseNetwork(p, bytes, 0, bytes.length);
    p.inInterface = f[4];
    p.state = f[5];
    return p;
  });
}

/** Jumps go forward only (FORWARD, a, b, c), so that there are no loops. */
function rulesetOf(rule: fc.Arbitrary<Rule>, family: 2 | 10, least: number, most: number): fc.Arbitrary<Ruleset> {
  const rules = fc.array(rule, { minLength: least, maxLength: most, size: 'max' });
  return fc
    .record({
      FORWARD: rules,
      a: rules,
      b: rules,
      c: rules,
      policy: fc.constantFrom<'ACCEPT' | 'DROP'>('ACCEPT', 'DROP'),
    })
    .map(({ policy, ...chains }) => {
      const order = ['FORWARD', 'a', 'b', 'c'];
      for (const [k, chain] of order.entries()) {
        for (const r of chains[chain as 'a']) {
          const to = r.target?.kind === 'jump' || r.target?.kind === 'goto' ? r.target.chain : 'c ';
          if (order.includes(to) && order.indexOf(to) <= k) r.target = null;
        }
      }
      return K.ruleset('filter', chains, { FORWARD: policy }, family);
    });
}

/** Real bytes, parsed, so that the extensions' functions have something to read. */
function packetOf(family: 2 | 10): fc.Arbitrary<() => Packet> {
  return fc
    .record({
      from: fc.nat(2),
      to: fc.nat(2),
      protocol: fc.constantFrom(1, 6, 6, 6, 17, 17, 58),
      ports: fc.tuple(port, port),
      flags: byte,
      doff: fc.constantFrom(5, 5, 5, 6, 4, 15),
      options: fc.constantFrom([1, 1, 1, 0], [2, 4, 5, 0xb4], [3, 3, 7, 1]),
      length: fc.constantFrom(24, 24, 24, 25, 20, 19, 8, 7, 4, 0),
      fragment: fc.constantFrom(0, 0, 0, 0, 0x2000, 1, 5),
      extension: fc.constantFrom(0, 0, 0, 60, 999),
      inInterface: fc.nat(5),
      outInterface: fc.nat(5),
      mark: fc.nat(3),
      state: fc.nat(5),
      template: fc.constantFrom(0, 0, 0, 1),
    })
    .map((f) => () => {
      const l4 = [f.ports[0] >> 8, f.ports[0] & 255, f.ports[1] >> 8, f.ports[1] & 255, 0, 0, 0, 1, 0, 0, 0, 0];
      l4.push(f.doff << 4, f.flags, 1, 0, 0, 0, 0, 0, ...f.options, 7);
      const payload = l4.slice(0, f.length);
      const bytes = family === 2 ? bytes4(f, payload) : bytes6(f, payload);
      const p = new Packet();
      parseNetwork(p, Uint8Array.from(bytes), 0, bytes.length);
      p.inInterface = f.inInterface;
      p.outInterface = f.outInterface;
      p.mark = f.mark;
      p.state = f.state;
      p.template = f.template;
      return p;
    });
}

const bytesOf = (word: number) => [word >>> 24, (word >> 16) & 255, (word >> 8) & 255, word & 255];

function bytes4(f: { from: number; to: number; protocol: number; fragment: number }, payload: number[]): number[] {
  const head = [0x45, 0, 0, 20 + payload.length, 0, 1, f.fragment >> 8, f.fragment & 255, 64, f.protocol, 0, 0];
  return [...head, ...bytesOf(ADDRESS[f.from]![0]!), ...bytesOf(ADDRESS[f.to]![0]!), ...payload];
}

function bytes6(
  f: { from: number; to: number; protocol: number; fragment: number; extension: number },
  payload: number[],
): number[] {
  let next = f.protocol;
  let rest = payload;
  if (f.fragment !== 0) {
    const field = ((f.fragment & 0x1fff) << 3) | (f.fragment >> 13);
    rest = [next, 0, field >> 8, field & 255, 0, 0, 0, 1, ...rest];
    next = 44;
  }
  if (f.extension !== 0) {
    // 999: a header that says it is longer than the packet.
    rest = f.extension === 999 ? [next] : [next, 0, 1, 4, 0, 0, 0, 0, ...rest];
    next = 60;
  }
  const addresses = [...ADDRESS[f.from]!, ...ADDRESS[f.to]!].flatMap(bytesOf);
  return [0x60, 0, 0, 0, rest.length >> 8, rest.length & 255, next, 64, ...addresses, ...rest];
}

/** Operands of each operation; OP_ADDRESS, OP_NOT_ADDRESS and OP_PORT_SET say themselves how many more they have. */
const OPERANDS = [1, 2, 2, 2, 0, 2, 2, 1, 1, 3, 3, 3, 3, 2];

/** Opcodes in the lists for regular packets; PORT and STATE where the record tests ports and class bits of states. */
function whatRuns(program: P.Program, into: Map<number, number>): void {
  const count = (op: number) => into.set(op, (into.get(op) ?? 0) + 1);
  const code = program.code;
  const states = program.stateBits.reduce((a, b) => a | b, 0);
  for (let r = 0; r < program.chainOf.length * P.RECORD_WORDS; r += P.RECORD_WORDS) {
    if (code[r + P.W_PORT_FROM] !== 0 || code[r + P.W_PORT_TO] !== 65535) count(PORT);
    if ((code[r + P.W_MASK]! & states) !== 0) count(STATE);
    for (let o = code[r + P.W_LIST]!; o < code[r + P.W_LIST + 1]!; ) {
      const op = code[o]!;
      count(op);
      o += 1 + OPERANDS[op]!;
      if (op === P.OP_ADDRESS || op === P.OP_NOT_ADDRESS) o += 2 * (code[o - 1]! - code[o - 2]!);
      if (op === P.OP_PORT_SET) o += code[o - 1]!;
    }
  }
}
const PORT = -1;
const STATE = -2;

/** Runs packets through both evaluators and compares verdicts and all counters; returns the engine and the rules that matched. */
function compare(family: 2 | 10, rules: Ruleset, packets: (() => Packet)[], shape = P.TREES) {
  const table = rules.tables.get('filter')!;
  for (const chain of table.chains.values()) {
    for (const x of [chain, ...chain.rules]) x.packets = x.bytes = 0;
  }
  const host = K.testHost(...INTERFACES);
  const engine = new RuleEngine(host, shape);
  engine.load(rules);
  const plain = new Interpreter(table, family, host);
  for (const make of packets) {
    const verdict = engine.run(TABLE_FILTER, HOOK_FORWARD, make(), host.context);
    expect(verdict).toBe(plain.run(HOOK_FORWARD, make(), host.context));
  }
  engine.exportCounters(rules);
  let matched = 0;
  for (const [what, counts] of plain.counts) {
    expect({ packets: what.packets, bytes: what.bytes }).toEqual(counts);
    if ('matches' in what && what.matches.length > 0 && counts.packets > 0) matched++;
  }
  return { engine, matched };
}

describe.each([2, 10] as const)('family %i', (family) => {
  it.each([
    ['of all kinds', ruleOf(family, mostlyNone), packetOf(family)],
    ['of nested nets and ports', netRule(family), netPacket(family)],
  ])('long chains of rules %s: the same by trees and from rule to rule', (_name, rule, packet) => {
    const collect = vi.spyOn(Candidates.prototype, 'collect');
    let matched = 0;
    let trees = 0;
    const property = fc.property(
      rulesetOf(rule, family, 40, 200),
      fc.array(packet, { minLength: 10, maxLength: 40 }),
      (rules, packets) => {
        const seen = compare(family, rules, packets, { least: 12, first: 3, every: 9, leaf: 1 });
        matched += seen.matched;
        trees += seen.engine.program(family, TABLE_FILTER)!.tree.length > 0 ? 1 : 0;
      },
    );
    fc.assert(property, { numRuns: 60, seed: 11 });
    expect(trees).toBeGreaterThan(50);
    expect(collect.mock.calls.length).toBeGreaterThan(500);
    expect(matched).toBeGreaterThan(1000);
    collect.mockRestore();
  });

  it('compiled and plain evaluation agree in verdicts and counters', () => {
    const ran = new Map<number, number>();
    let matched = 0;
    const property = fc.property(
      rulesetOf(ruleOf(family, targetOf), family, 0, 8),
      fc.array(packetOf(family), { minLength: 1, maxLength: 12 }),
      (rules, packets) => {
        const seen = compare(family, rules, packets);
        matched += seen.matched;
        whatRuns(seen.engine.program(family, TABLE_FILTER)!, ran);
      },
    );
    fc.assert(property, { numRuns: 3000, seed: 7 });
    // The comparison is worth something only if rules matched and every kind of opcode was there.
    expect(matched).toBeGreaterThan(1500);
    const address = family === 2 ? [] : [P.OP_ADDRESS];
    const expected = [
      PORT,
      STATE,
      P.OP_STATE,
      ...address,
      P.OP_NOT_ADDRESS,
      P.OP_PROTOCOL,
      P.OP_SOURCE_PORT,
      P.OP_DESTINATION_PORT,
    ];
    for (const op of [...expected, P.OP_FUNCTION, P.OP_TCP_FLAGS, P.OP_MARK, P.OP_PORT_SET]) {
      expect({ op, uses: ran.get(op) ?? 0 }).toEqual({ op, uses: expect.toSatisfy((n: number) => n > 100) });
    }
  });
});
