/**
 * Walking rules: ns a packet for 10, 20, 100 and 1000 rules of a typical mix, the compiled evaluator beside the plain one, and
 * garbage collections (none) beside those of a control that allocates.
 *
 *   node bench/rules.js [DIST]      DIST: where the compiled modules are, build/ by default
 */
import { resolve } from 'node:path';
import { PerformanceObserver } from 'node:perf_hooks';
import { compete, table } from './harness.js';

const dist = resolve(process.argv[2] ?? new URL('../build', import.meta.url).pathname);
const load = (file) => import(`${dist}/${file}`);
const { RuleEngine, TABLE_FILTER } = await load('rules/evaluate.js');
const { Interpreter } = await load('rules/interpret.js');
const { tcp } = await load('rules/match/tcp.js');
const { udp } = await load('rules/match/udp.js');
const { multiport } = await load('rules/match/multiport.js');
const { conntrack } = await load('rules/match/conntrack.js');
const W = await load('wire/packet.js');
const { parseNetwork } = await load('wire/parse.js');

const PACKETS = 256;
const ROUNDS = 7;
const INTERFACES = ['lo', 'eth0', 'eth1', 'eth2', 'wg0'];

/** A small seeded generator (xorshift32). */
let seed = 20250101;
function random(n) {
  seed ^= seed << 13;
  seed ^= seed >>> 17;
  seed ^= seed << 5;
  return (seed >>> 0) % n;
}

const all = () => ({ from: 0, to: 65535, invert: false });
const one = (port, to = port) => ({ from: port, to, invert: false });
const state = (mask) => ({
  extension: conntrack,
  spec: { ...conntrack.init(2), ctstate: { value: mask, invert: false } },
});
const NEW = 1 << W.CT_NEW;
const net = (address, bits) => ({
  address: Int32Array.of(address & (-1 << (32 - bits)), 0, 0, 0),
  mask: Int32Array.of(-1 << (32 - bits), 0, 0, 0),
  invert: false,
});
const rule = (part) => ({
  source: null,
  destination: null,
  inInterface: null,
  outInterface: null,
  protocol: null,
  fragment: null,
  matches: [],
  target: { kind: 'verdict', name: 'ACCEPT' },
  packets: 0,
  bytes: 0,
  position: null,
  ...part,
});

/** Nets, ports, interfaces and states, as in a firewall's FORWARD chain; none of the first `count - 1` fits a stray packet. */
function mix(count) {
  const rules = [];
  for (let k = 0; rules.length < count - 1; k++) {
    const protocol = { number: k % 4 === 3 ? 17 : 6, invert: false };
    const spec = { source: all(), destination: one(1024 + random(40000)), flags: null, option: null };
    const ports = { extension: protocol.number === 6 ? tcp : udp, spec };
    switch (k % 5) {
      case 0:
        rules.push(rule({ protocol, matches: [ports, state(NEW)] }));
        break;
      case 1:
        rules.push(rule({ source: net(0xcb000000 + random(1 << 24), 24), target: { kind: 'verdict', name: 'DROP' } }));
        break;
      case 2:
        rules.push(rule({ protocol, inInterface: { name: 'eth2', invert: false }, matches: [state(NEW), ports] }));
        break;
      case 3:
        rules.push(rule({ protocol, destination: net(0x0a000000 + random(1 << 24), 28), matches: [ports] }));
        break;
      default: {
        const ranges = [110, 110, 143, 143, 993, 995];
        rules.push(
          rule({ protocol, matches: [{ extension: multiport, spec: { which: 'dports', ranges, invert: false } }] }),
        );
      }
    }
  }
  rules.push(rule({}));
  return rules;
}

/** What a ruleset for a server has: established first. */
function stateful(count) {
  const established = (1 << W.CT_ESTABLISHED) | (1 << W.CT_RELATED);
  const first = [
    rule({ matches: [state(1 << W.CT_INVALID)], target: { kind: 'verdict', name: 'DROP' } }),
    rule({ matches: [state(established)] }),
  ];
  return [...first, ...mix(count - 2)];
}

function rulesetOf(rules) {
  const chain = (name, list) => [name, { name, policy: 'DROP', packets: 0, bytes: 0, rules: list }];
  const chains = new Map([chain('INPUT', []), chain('FORWARD', rules), chain('OUTPUT', [])]);
  return { family: 2, tables: new Map([['filter', { name: 'filter', chains }]]) };
}

function packets(newShare) {
  const list = [];
  for (let k = 0; k < PACKETS; k++) {
    const isUdp = random(4) === 0;
    const bytes = new Uint8Array(isUdp ? 28 : 40);
    const view = new DataView(bytes.buffer);
    bytes.set([0x45, 0, 0, bytes.length, 0, 1, 0, 0, 64, isUdp ? 17 : 6]);
    view.setUint32(12, 0x0a000000 + random(1 << 24));
    view.setUint32(16, 0x0a000000 + random(1 << 24));
    view.setUint16(20, 1024 + random(60000));
    view.setUint16(22, 30 + random(50));
    if (isUdp) view.setUint16(24, 8);
    else view.setUint16(32, 0x5010);
    const p = new W.Packet();
    parseNetwork(p, bytes, 0, bytes.length);
    p.inInterface = 1 + random(INTERFACES.length);
    p.outInterface = 1 + random(INTERFACES.length);
    p.state = random(100) < newShare ? W.CT_NEW : W.CT_ESTABLISHED;
    list.push(p);
  }
  return list;
}

function host() {
  const interfaces = [null, ...INTERFACES.map((name, k) => ({ index: k + 1, name }))];
  const context = { tracker: {}, interfaces, nowMs: 0, hook: 0, hotdrop: false };
  return { context, tracker: {}, interfaces, shared: new Map(), templates: [null], trace() {} };
}

const rows = [['rules, packets', 'compiled ns', 'spread', 'plain ns', 'ns a rule']];
for (const [name, rules, share] of [
  ['10, last matches', mix(10), 100],
  ['20, last matches', mix(20), 100],
  ['20 stateful, 5 % new', stateful(20), 5],
  ['20 stateful, all new', stateful(20), 100],
  ['100, last matches', mix(100), 100],
  ['1000, last matches', mix(1000), 100],
]) {
  const list = packets(share);
  const h = host();
  const engine = new RuleEngine(h);
  const ruleset = rulesetOf(rules);
  engine.load(ruleset);
  const plain = new Interpreter(ruleset.tables.get('filter'), 2, h);
  const repeat = Math.ceil(1_000_000 / PACKETS / Math.max(1, rules.length / 20));
  const walk = (times, run) => {
    let sum = 0;
    for (let n = 0; n < times; n++) for (let k = 0; k < PACKETS; k++) sum += run(list[k]);
    return sum;
  };
  const compiled = (p) => engine.run(TABLE_FILTER, W.HOOK_FORWARD, p, h.context);
  const expected = walk(1, compiled);
  if (walk(1, (p) => plain.run(W.HOOK_FORWARD, p, h.context)) !== expected) throw new Error(`${name}: verdicts differ`);
  const check = (times) => (sum) => {
    if (sum !== expected * times) throw new Error(`${name}: verdicts changed`);
  };
  const contenders = [{ name: 'compiled', run: () => walk(repeat, compiled), check: check(repeat) }];
  const [fast] = compete(contenders, ROUNDS, repeat * PACKETS);
  const slowTimes = Math.max(1, Math.ceil(repeat / 20));
  const slow = {
    name: 'plain',
    run: () => walk(slowTimes, (p) => plain.run(W.HOOK_FORWARD, p, h.context)),
    check: check(slowTimes),
  };
  const [reference] = compete([slow], 3, slowTimes * PACKETS);
  const perRule = name.includes('5 %') ? '' : (fast.ns / rules.length).toFixed(2);
  rows.push([name, fast.ns.toFixed(1), fast.spread.toFixed(2), reference.ns.toFixed(0), perRule]);
}
console.log(table(rows));

/** Garbage collections while `work` runs; their entries come in later turns of the event loop. */
async function collections(work) {
  let count = 0;
  const observer = new PerformanceObserver((list) => {
    count += list.getEntries().length;
  });
  observer.observe({ entryTypes: ['gc'] });
  work();
  for (let turn = 0; turn < 5; turn++) await new Promise((done) => setImmediate(done));
  observer.disconnect();
  return count;
}

const h = host();
const engine = new RuleEngine(h);
engine.load(rulesetOf(stateful(20)));
const list = packets(50);
const millions = (each) => {
  for (let n = 0; n < 16000; n++) for (let k = 0; k < PACKETS; k++) each(list[k]);
};
let kept = null;
const walks = await collections(() => millions((p) => engine.run(TABLE_FILTER, W.HOOK_FORWARD, p, h.context)));
const control = await collections(() =>
  millions((p) => {
    kept = { verdict: engine.run(TABLE_FILTER, W.HOOK_FORWARD, p, h.context) };
  }),
);
console.log(
  `garbage collections in 4 million walks: ${walks}; control that keeps an object each: ${control} (${kept.verdict})`,
);
