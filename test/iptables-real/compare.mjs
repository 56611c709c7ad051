/**
 * Runs made-up sequences of commands on iptables-legacy, in a network namespace of its own, and on Statewall's, and compares exit
 * status, standard output, standard error and the rules at the end. Needs root and iptables-legacy 1.8.9.
 *
 *     node test/iptables-real/compare.mjs [--seed N] [--count M] [--modules build] [--most 20] [--at K]
 *
 * Statewall's lines that begin with `hint: ` are its own and are left out; known.mjs has what else may differ.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Generator, readPieces } from './generate.mjs';
import { isKnown } from './known.mjs';
import { Ours } from './ours.mjs';

const PROGRAM = '/usr/sbin/xtables-legacy-multi';
const TABLES = ['raw', 'mangle', 'nat', 'filter', 'security'];
const BUILT_IN = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  security: ['INPUT', 'FORWARD', 'OUTPUT'],
};
const EMPTY = TABLES.map((t) => `*${t}\n${BUILT_IN[t].map((c) => `:${c} ACCEPT [0:0]\n`).join('')}COMMIT\n`).join('');

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '300' },
    modules: { type: 'string', default: fileURLToPath(new URL('../../build', import.meta.url)) },
    most: { type: 'string', default: '20' },
    at: { type: 'string' },
  },
});

if (process.env.STATEWALL_COMPARE !== 'inside') {
  const env = { ...process.env, STATEWALL_COMPARE: 'inside' };
  const script = fileURLToPath(import.meta.url);
  const r = spawnSync('unshare', ['-n', '--', process.execPath, script, ...process.argv.slice(2)], {
    env,
    stdio: 'inherit',
  });
  if (r.error) console.error(`unshare: ${r.error.message}`);
  process.exit(r.status ?? 1);
}

// Other users of iptables on this machine, in other namespaces, take the same lock.
const folder = mkdtempSync(join(tmpdir(), 'statewall-iptables-'));
const ENV = { ...process.env, XTABLES_LOCKFILE: join(folder, 'lock'), LC_ALL: 'C' };

function real(name, argv, input = '') {
  const r = spawnSync(PROGRAM, [name, ...argv], { input, env: ENV, encoding: 'utf8', timeout: 20_000 });
  if (r.error && r.error.code !== 'EPIPE') throw r.error;
  return { status: r.status, out: r.stdout, err: r.stderr };
}

function runReal(sequence) {
  const base = sequence.family === 4 ? 'iptables' : 'ip6tables';
  const reset = real(`${base}-restore`, [], EMPTY);
  if (reset.status !== 0) throw new Error(`${base}-restore cannot empty the tables: ${reset.err}`);
  const outcomes = sequence.steps.map((s) => real(base + s.tool, s.argv, s.input));
  return { outcomes, save: real(`${base}-save`, ['-c']).out };
}

/** What -vv tells of the library's memory is nothing that a ruleset has. */
function clean(text) {
  return text
    .replace(/^libiptc v[\s\S]*/m, '')
    .replace(/^# (Generated|Completed).*\n/gm, '')
    .replace(/^(hint: |Warning: cannot open ).*\n/gm, '');
}

/** Tables by name, each a text. */
function tablesOf(save) {
  const tables = {};
  for (const block of clean(save).split(/^(?=\*)/m)) {
    const name = /^\*(\w+)/.exec(block)?.[1];
    if (name !== undefined) tables[name] = block;
  }
  return tables;
}

function sorted(save) {
  const tables = tablesOf(save);
  return TABLES.filter((t) => tables[t] !== undefined && !EMPTY.includes(tables[t]))
    .map((t) => tables[t])
    .join('');
}

/** The first difference: `{step, what, real, ours}`, or null. */
export function difference(sequence, ours) {
  const wanted = runReal(sequence);
  const got = ours.run(sequence);
  for (const [i, step] of sequence.steps.entries()) {
    const w = wanted.outcomes[i];
    // nothing can be said of what this kernel lacks, nor of what comes after it
    if (/^Warning: Extension \S+ revision \d+ not supported/m.test(w.err)) return null;
    const g = got.outcomes[i];
    // what a file cannot hold is refused
    if (/^cannot be kept: /.test(g.err) && (w.status === 0 || w.status === 1)) return unkept(g.err);
    for (const what of ['status', 'out', 'err']) {
      const tidy = step.tool === '-save' && what === 'out' ? sorted : clean;
      const a = what === 'status' ? w.status : tidy(w[what]);
      const b = what === 'status' ? g.status : tidy(g[what]);
      if (a === b || isKnown(step, what, String(a), String(b), { real: w, ours: g })) continue;
      const more = `\n(${w.err.trim().split('\n')[0]} | ${g.err.trim().split('\n')[0]})`;
      return { step: i, what, real: a, ours: b, more };
    }
  }
  const a = sorted(wanted.save);
  const b = sorted(got.save);
  return a === b ? null : { step: sequence.steps.length - 1, what: 'rules at the end', real: a, ours: b };
}

function unkept(text) {
  unkeptTexts.push(text);
  return null;
}

/** The same difference with as few steps as leaving out one at a time reaches. */
function shrink(sequence, found, ours) {
  let steps = sequence.steps.slice(0, found.step + 1);
  let best = found;
  for (let i = steps.length - 2; i >= 0; i--) {
    const fewer = { ...sequence, steps: steps.filter((_, k) => k !== i) };
    const d = difference(fewer, ours);
    if (d === null || d.what !== found.what) continue;
    steps = fewer.steps;
    best = d;
  }
  return { steps, found: best };
}

function firstDifferent(a, b) {
  const x = String(a).split('\n');
  const y = String(b).split('\n');
  const i = x.findIndex((line, k) => line !== y[k]);
  return i < 0 ? [`(${x.length} lines)`, `(${y.length} lines) ${y[x.length] ?? ''}`] : [x[i], y[i]];
}

function show(sequence, found) {
  const program = sequence.family === 4 ? 'iptables' : 'ip6tables';
  const lines = sequence.steps.map((s) => {
    const words = s.argv.map((w) => (/^[\w./:,=!+-]+$/.test(w) ? w : `'${w.replaceAll("'", "'\\''")}'`)).join(' ');
    return `  ${program}${s.tool} ${words}${s.input === '' ? '' : ` <<'END'\n${s.input}END`}`;
  });
  const [a, b] = firstDifferent(found.real, found.ours);
  return `${lines.join('\n')}\n    ${found.what}\n    real: ${a}\n    ours: ${b}${found.more ?? ''}`;
}

const ours = await Ours.load(resolve(values.modules));
const pieces = readPieces();
const unkeptTexts = [];
let differing = 0;
let steps = 0;
const seen = new Map();
const first = Number(values.seed);
try {
  for (let i = 0; i < Number(values.count); i++) {
    if (values.at !== undefined && i !== Number(values.at)) continue;
    const sequence = new Generator(first * 1_000_003 + i, pieces).sequence();
    steps += sequence.steps.length;
    const found = difference(sequence, ours);
    if (found === null) continue;
    differing++;
    const [a, b] = firstDifferent(found.real, found.ours);
    const kind = `${found.what} ${a} / ${b}`.replace(/\d+/g, 'N').slice(0, 160);
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
    if (seen.get(kind) > 1 || seen.size > Number(values.most)) continue;
    const small = shrink(sequence, found, ours);
    console.log(`${values.seed}:${i}\n${show({ ...sequence, steps: small.steps }, small.found)}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (unkeptTexts.length > 0) console.log(`${unkeptTexts.length} cannot be kept in a file, as: ${unkeptTexts[0]}`);
console.log(`${values.count} sequences, ${steps} commands, ${differing} differ`);
process.exitCode = differing === 0 ? 0 : 1;
