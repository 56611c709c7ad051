/**
 * Rules at size: loading many, and what a packet costs among them.
 *
 *   node bench/rules.js [--quick]      a part of `npm run bench`
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import {
  AF_INET,
  CT_NEW,
  HOOK_FORWARD,
  Host,
  Interpreter,
  loadRules,
  Packet,
  parseNetwork,
  RuleEngine,
  TABLE_FILTER,
} from '../dist/internals.js';
import { commandTime, compete, installed, table } from './harness.js';
import { below, fitting, INTERFACES, MIXES, makeRuleset, stray } from './rulesets.js';

const SEED = 20_260_301;
/** Packets that fit into the first cache levels, with all that they touch: what repeats. */
const FEW = 256;
/** So many that each comes to places that the caches have forgotten. */
const MANY = 50_000;
/** Packets that both evaluators are compared with before any time is taken. */
const COMPARED = 300;

/** What a rule engine needs of its host. */
function engineHost() {
  const interfaces = [null, ...INTERFACES.map((name, k) => ({ index: k + 1, name }))];
  const context = { tracker: {}, interfaces, nowMs: 0, hook: 0, hotdrop: false };
  return { context, tracker: {}, interfaces, shared: new Map(), templates: [null], trace() {} };
}

function packetOf({ bytes, inInterface }) {
  const p = new Packet();
  parseNetwork(p, bytes, 0, bytes.length);
  p.inInterface = inInterface;
  p.outInterface = 2;
  p.state = CT_NEW;
  return p;
}

/** ns a packet at each size of one mix, beside the plain evaluator up to a thousand rules. */
function measureWalks(name, plan, record, say) {
  const rows = [['rules', 'at the end', 'at random places', 'never the same', 'rule by rule', 'load ms']];
  for (const count of plan.ruleCounts) {
    const { text, wishes } = makeRuleset(name, count, SEED);
    const ruleset = loadRules(text, name, AF_INET);
    const host = engineHost();
    const engine = new RuleEngine(host);
    const began = performance.now();
    engine.load(ruleset);
    const loadMs = performance.now() - began;
    const random = below(SEED + count);
    const at = () => packetOf(fitting(wishes[random(wishes.length)], random));
    const last = Array.from({ length: FEW }, () => packetOf(stray(random)));
    const few = Array.from({ length: FEW }, at);
    const many = Array.from({ length: plan.many }, at);
    const plain = new Interpreter(ruleset.tables.get('filter'), AF_INET, host);
    const compiled = (p) => engine.run(TABLE_FILTER, HOOK_FORWARD, p, host.context);
    const byRule = (p) => plain.run(HOOK_FORWARD, p, host.context);
    checkEqual(name, engine, ruleset, plain, [...last, ...few, ...many].slice(0, COMPARED), compiled, byRule);
    const contenders = [
      walker('at the end', last, compiled, plan.walks),
      walker('at random places', few, compiled, plan.walks),
      walker('never the same', many, compiled, Math.max(plan.walks, plan.many)),
    ];
    const measured = contenders.flatMap((c) => compete([c], plan.rounds, c.packets));
    const slow = walker('rule by rule', few, byRule, Math.max(FEW, Math.round((10 * plan.walks) / count)));
    measured.push(...compete([slow], 2, slow.packets));
    for (const m of measured) record(`rules ${name} ${count}`, m, 'nsPerPacket', m.ns);
    record(`rules ${name} ${count}`, { name: 'load', spread: 1 }, 'ms', loadMs);
    rows.push([count.toLocaleString('en-US'), ...measured.map((m) => m.ns.toFixed(0)), loadMs.toFixed(0)]);
  }
  say(
    `\nRules, ${name}: ns a packet; which rule it fits, and all rules tried one by one (plain evaluator, random places)`,
  );
  say(table(rows));
}

function walker(name, list, run, walks) {
  const repeat = Math.max(1, Math.round(walks / list.length));
  return {
    name,
    packets: repeat * list.length,
    run() {
      let sum = 0;
      for (let n = 0; n < repeat; n++) for (let k = 0; k < list.length; k++) sum += run(list[k]);
      return sum;
    },
  };
}

/** Both evaluators on the same packets: verdicts and every rule's counters. */
function checkEqual(name, engine, ruleset, plain, packets, compiled, byRule) {
  for (const p of packets) if (compiled(p) !== byRule(p)) throw new Error(`${name}: verdicts differ`);
  engine.exportCounters(ruleset);
  for (const [what, counts] of plain.counts) {
    if (what.packets !== counts.packets) throw new Error(`${name}: counters differ`);
  }
}

/** Wall time of loading a large ruleset, beside the real program in a network namespace of its own. */
function measureLoading(plan, record, say) {
  const folder = mkdtempSync(join(tmpdir(), 'statewall-rules-'));
  try {
    const rows = [['', 'ms', 'spread']];
    const file = join(folder, 'rules.v4');
    writeFileSync(file, makeRuleset('typical mix', plan.loaded, SEED).text);
    for (const m of loaders(file, plan)) rows.push(record(`loading ${plan.loaded} rules`, m));
    say(`\nLoading ${plan.loaded.toLocaleString('en-US')} rules of the typical mix: wall time`);
    say(table(rows));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The contenders in turn, wall time in ms: least and spread. */
function loaders(file, plan) {
  const contenders = [
    ['statewall, text to compiled rules', () => loadOnce(file)],
    ['the same, first time in a process, without Node itself', () => loadAlone(file)],
  ];
  const real = `unshare -n iptables-legacy-restore ${file}`;
  if (plan.yardsticks && installed('iptables-legacy-restore') && commandTime(real, 1) !== null) {
    contenders.push(['iptables-legacy-restore', () => wallTime(() => spawnSync('sh', ['-c', real]))]);
  }
  const times = contenders.map(() => []);
  for (let round = -1; round < plan.rounds; round++) {
    for (const [k, [, run]] of contenders.entries()) {
      const ms = run();
      if (round >= 0) times[k].push(ms);
    }
  }
  return contenders.map(([name], k) => {
    const least = Math.min(...times[k]);
    return { name, ns: least * 1e6, spread: Math.max(...times[k]) / least };
  });
}

function wallTime(f) {
  const began = performance.now();
  f();
  return performance.now() - began;
}

/** Milliseconds from the file to rules that packets can meet. */
function loadOnce(file) {
  const host = new Host({ interfaces: INTERFACES.slice(1).map((name) => ({ name })) });
  return wallTime(() => host.load(loadRules(readFileSync(file, 'utf8'), file, AF_INET)));
}

function loadAlone(file) {
  const child = spawnSync(process.execPath, [fileURLToPath(import.meta.url), '--load', file], { encoding: 'utf8' });
  if (child.status !== 0) throw new Error(child.stderr);
  return Number(child.stdout);
}

/**
 * All of it. `record(group, measured, unit, value)` keeps a measurement and gives the row for a table.
 * @param plan { ruleCounts, loaded, walks, many, rounds, yardsticks }
 */
export function measureRules(plan, record, say) {
  const milliseconds = (group, m) => record(group, m, 'ms', m.ns / 1e6);
  measureLoading(plan, milliseconds, say);
  for (const name of Object.keys(MIXES)) measureWalks(name, plan, record, say);
}

/** What is measured, in full and for a smoke test. */
export function rulesPlan(quick) {
  return quick
    ? { ruleCounts: [10, 500], loaded: 2000, walks: 20_000, many: 2000, rounds: 2, yardsticks: true }
    : { ruleCounts: [10, 100, 1000, 10_000], loaded: 50_000, walks: 400_000, many: MANY, rounds: 5, yardsticks: true };
}

const alone = process.argv[1] === fileURLToPath(import.meta.url);
if (alone && process.argv[2] === '--load') {
  console.log(loadOnce(process.argv[3]));
} else if (alone) {
  const row = (_group, m, _unit, value) => [m.name, value.toFixed(0), m.spread.toFixed(2)];
  measureRules(rulesPlan(process.argv.includes('--quick')), row, console.log);
}
