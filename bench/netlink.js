/**
 * The live table beside conntrack(8): listing many connections, and following events.
 *
 *   node bench/netlink.js [--quick]      as root, a part of `npm run bench`
 *
 * Everything happens in a network namespace of its own; for as long as it is measured the first one's nf_conntrack_max is raised.
 * Both programs run in turn on the same table, their output goes to /dev/null.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { installed, table } from './harness.js';

const here = dirname(fileURLToPath(import.meta.url));
const STORM = join(here, 'netlink-storm.js');
const COMMAND = [process.execPath, join(here, '../dist/cli/main.js'), 'conntrack'];
const MAX_FILE = '/proc/sys/net/netfilter/nf_conntrack_max';
/** A large table's listing may take so many times what conntrack -L takes, and so much memory. */
const MOST_TIME = 1.25;
const MOST_MEMORY_MB = 200;
/** All of 10.0.0.0/8 is this host, where packets end when their connection is known. */
const NETWORK = `ip link set lo up && ip address add 10.0.0.1/8 dev lo &&
  iptables-legacy -A INPUT -m conntrack --ctstate NEW -j DROP`;
const TICKS_A_SECOND = 100;
const SIGNALS = ['SIGINT', 'SIGTERM'];

/** What is measured, in full and for a smoke test. */
export function netlinkPlan(quick) {
  return quick
    ? { connections: 20_000, rounds: 1, rates: [2_000], stormMs: 300, warmMs: 200 }
    : {
        connections: 1_000_000,
        rounds: 3,
        rates: [5_000, 10_000, 20_000, 40_000, 80_000, 120_000, 160_000, 240_000],
        stormMs: 1500,
        warmMs: 2000,
      };
}

/** Measures where there is a kernel to measure on; says why where there is none. */
export async function measureNetlink(plan, record, say) {
  const missing = ['conntrack', 'unshare', 'nsenter', 'iptables-legacy'].filter((program) => !installed(program));
  if (process.getuid?.() !== 0 || missing.length > 0) {
    say(`\nThe live table is not measured: ${missing.length > 0 ? `${missing.join(', ')} missing` : 'not root'}`);
    return;
  }
  const before = readFileSync(MAX_FILE, 'utf8');
  const folder = mkdtempSync(join(tmpdir(), 'statewall-bench-'));
  const holder = spawn('unshare', ['-n', 'sleep', 'infinity'], { stdio: 'ignore' });
  const restore = () => {
    holder.kill('SIGKILL');
    writeFileSync(MAX_FILE, before);
    rmSync(folder, { recursive: true, force: true });
  };
  const interrupted = () => {
    restore();
    process.exit(1);
  };
  for (const signal of SIGNALS) process.once(signal, interrupted);
  try {
    const most = Math.max(Number(before), Math.ceil(plan.connections * 1.1));
    writeFileSync(MAX_FILE, String(most));
    const namespace = await namespaceOf(holder.pid);
    inside(namespace, ['sysctl', '-qw', 'net.netfilter.nf_conntrack_acct=1', 'net.netfilter.nf_conntrack_timestamp=1']);
    inside(namespace, ['sh', '-c', NETWORK]);
    await measureEvents(namespace, plan, record, say);
    inside(namespace, ['conntrack', '-F']);
    measureListing(namespace, plan, folder, record, say);
  } finally {
    for (const signal of SIGNALS) process.off(signal, interrupted);
    restore();
  }
}

/** The namespace's file, once the process is in it. */
async function namespaceOf(pid) {
  const file = `/proc/${pid}/ns/net`;
  while (readlinkSync(file) === readlinkSync('/proc/self/ns/net')) await sleep(5);
  return file;
}

const entering = (namespace, words) => ['nsenter', `--net=${namespace}`, '--', ...words];

function inside(namespace, words) {
  const [program, ...rest] = entering(namespace, words);
  const result = spawnSync(program, rest, { encoding: 'utf8', maxBuffer: 1 << 30 });
  if (result.status !== 0) throw new Error(`${words.join(' ')}: ${result.stderr}`);
  return result.stdout;
}

/** Processor seconds of a listing to /dev/null, and of a Node program its peak of resident memory in MB. */
function listing(namespace, words, folder) {
  const memory = join(folder, 'memory');
  const report = `import{writeFileSync}from'node:fs';process.on('exit',()=>writeFileSync('${memory}',String(process.resourceUsage().maxRSS)))`;
  const command = entering(namespace, words)
    .map((word) => `'${word}'`)
    .join(' ');
  const isNode = words[0] === process.execPath;
  const options = { encoding: 'utf8', env: { ...process.env } };
  if (isNode) options.env.NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(report)}`;
  const script = `TIMEFORMAT='%U %S'; time ${command} >/dev/null`;
  const result = spawnSync('bash', ['-c', script], options);
  const shown = /(\d+) flow entries have been shown/.exec(result.stderr);
  const time = /([\d.]+) ([\d.]+)\s*$/.exec(result.stderr);
  if (result.status !== 0 || shown === null || time === null) throw new Error(`${words.join(' ')}: ${result.stderr}`);
  return {
    count: Number(shown[1]),
    seconds: Number(time[1]) + Number(time[2]),
    memoryMb: isNode ? Number(readFileSync(memory, 'utf8')) / 1024 : 0,
  };
}

/** A listing's lines without what ticks, sorted; of as many connections as are quickly compared. */
function lines(namespace, words) {
  const text = inside(namespace, words).replace(/^(\S+ +\d+) \d+ /gm, '$1 T ');
  return text
    .replace(/delta-time=\d+/g, 'delta-time=T')
    .split('\n')
    .sort()
    .join('\n');
}

/** Fills the table; a kernel that is short of memory refuses some connections for the moment, they are asked for again. */
function fill(namespace, count) {
  for (let tries = 0; tries < 10; tries++) {
    inside(namespace, [process.execPath, STORM, 'fill', String(count)]);
    if (Number(inside(namespace, ['conntrack', '-C'])) === count) return;
  }
  throw new Error(`the table cannot be filled with ${count} connections`);
}

function measureListing(namespace, plan, folder, record, say) {
  const contenders = [
    { name: 'conntrack -L', words: ['conntrack', '-L'], times: [], memoryMb: 0 },
    { name: 'statewall conntrack -L', words: [...COMMAND, '-L'], times: [], memoryMb: 0 },
  ];
  fill(namespace, 2000);
  if (lines(namespace, contenders[0].words) !== lines(namespace, contenders[1].words))
    throw new Error('statewall conntrack -L prints other lines than conntrack -L');
  inside(namespace, ['conntrack', '-F']);
  fill(namespace, plan.connections);
  for (let round = 0; round < plan.rounds; round++) {
    for (const contender of contenders) {
      const { count, seconds, memoryMb } = listing(namespace, contender.words, folder);
      if (count !== plan.connections) throw new Error(`${contender.name}: ${count} connections`);
      contender.times.push(seconds);
      contender.memoryMb = Math.max(contender.memoryMb, memoryMb);
    }
  }
  const [theirs, ours] = contenders.map((c) => Math.min(...c.times));
  const rows = contenders.map((c) => {
    const least = Math.min(...c.times);
    const spread = Math.max(...c.times) / least;
    const [name, , spreadText] = record(`listing ${plan.connections}`, { name: c.name, spread }, 'seconds', least);
    return [
      name,
      least.toFixed(2),
      spreadText,
      (least / theirs).toFixed(2),
      c.memoryMb === 0 ? '' : c.memoryMb.toFixed(0),
    ];
  });
  const what = `${plan.connections.toLocaleString('en-US')} connections to /dev/null`;
  say(`\nListing the kernel's table, ${what}: processor seconds`);
  say(table([['', 's', 'spread', 'ratio', 'MB resident'], ...rows]));
  const memory = contenders[1].memoryMb;
  const isLarge = plan.connections >= 1_000_000;
  if (isLarge && (ours > MOST_TIME * theirs || memory > MOST_MEMORY_MB))
    say(`(wanted: at most ${MOST_TIME} and ${MOST_MEMORY_MB} MB)`);
}

/** Runs two storms while a program follows, the first to warm it: what it showed and lost of the second, and its processor time. */
async function follow(namespace, words, plan, rate) {
  const [program, ...rest] = entering(namespace, [...words, '-E']);
  const child = spawn(program, rest, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  await joined(namespace, child);
  const warmed = await storm(namespace, child, Math.min(rate, 5_000), plan.warmMs);
  const before = processorSeconds(child.pid);
  const measured = await storm(namespace, child, rate, plan.stormMs);
  const seconds = processorSeconds(child.pid) - before;
  child.kill('SIGINT');
  await ended;
  const shown = Number(/(\d+) flow events have been shown/.exec(said)?.[1] ?? 0);
  const made = warmed.made + measured.made;
  if (shown + measured.drops !== made)
    throw new Error(`${words.at(-1)}: ${made} events, ${shown} shown, ${measured.drops} lost`);
  const lost = measured.drops - warmed.drops;
  return { rate: (measured.made * 1000) / measured.ms, shown: measured.made - lost, lost, seconds };
}

/** Makes events until all of them were read; how many, and what the follower's socket has lost since it is there. */
async function storm(namespace, child, rate, ms) {
  const words = entering(namespace, [process.execPath, STORM, 'storm', String(rate), String(ms)]);
  const generator = spawn(words[0], words.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  generator.stdout.setEncoding('utf8').on('data', (text) => {
    printed += text;
  });
  await new Promise((resolve) => generator.on('close', resolve));
  let socket = await joined(namespace, child);
  while (socket.waiting > 0) {
    await sleep(50);
    socket = await joined(namespace, child);
  }
  return { ...JSON.parse(printed), drops: socket.drops };
}

/** The follower's socket: /proc/net/netlink has address, protocol, port, groups, bytes that wait, ..., drops, inode. */
async function joined(namespace, child) {
  for (let tries = 0; tries < 2000; tries++) {
    if (child.exitCode !== null) throw new Error('a follower of events ended before there were any');
    for (const line of inside(namespace, ['cat', '/proc/net/netlink']).split('\n')) {
      const [, protocol, , groups, waiting, , , , drops] = line.trim().split(/\s+/);
      if (protocol === '12' && /[1-9a-f]/.test(groups)) return { waiting: Number(waiting), drops: Number(drops) };
    }
    await sleep(10);
  }
  throw new Error('a follower of events does not join');
}

function processorSeconds(pid) {
  const columns = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(columns[11]) + Number(columns[12])) / TICKS_A_SECOND;
}

/** Raises the rate until events are lost; processor time is that of all events shown. */
async function measureEvents(namespace, plan, record, say) {
  const contenders = [
    { name: 'conntrack -E', words: ['conntrack'], best: 0, shown: 0, seconds: 0, losesAt: 0 },
    { name: 'statewall conntrack -E', words: COMMAND, best: 0, shown: 0, seconds: 0, losesAt: 0 },
  ];
  for (const rate of plan.rates) {
    for (const contender of contenders) {
      if (contender.losesAt !== 0) continue;
      const run = await follow(namespace, contender.words, plan, rate);
      inside(namespace, ['conntrack', '-F']);
      contender.shown += run.shown;
      contender.seconds += run.seconds;
      if (run.lost !== 0) contender.losesAt = run.rate;
      else contender.best = Math.max(contender.best, run.rate);
    }
  }
  const rows = contenders.map((c) => {
    const [name, rate] = record('events', { name: c.name, spread: 1 }, 'perSecondWithoutLoss', c.best);
    const losesAt = c.losesAt === 0 ? '-' : Math.round(c.losesAt).toLocaleString('en-US');
    return [name, rate, losesAt, ((c.seconds * 1e6) / c.shown).toFixed(2)];
  });
  say('\nFollowing events to /dev/null: the highest rate without a loss (2 cores: the maker of events takes one)');
  say(table([['', 'a second', 'loses at', 'us of processor time each'], ...rows]));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const say = (text) => process.stdout.write(`${text}\n`);
  const record = (_group, measured, _unit, value) => [
    measured.name,
    Math.round(value).toLocaleString('en-US'),
    measured.spread.toFixed(2),
  ];
  await measureNetlink(netlinkPlan(process.argv.includes('--quick')), record, say);
}
