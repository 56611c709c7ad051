/**
 * -j SYNPROXY with two ends that answer whatever came out: against what a kernel was recorded to do (synproxy.json), and, as root, whether
 * the kernel of this machine is of the same opinion. `STATEWALL_RECORD=1` as root records anew.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { formatFlowLine } from '../../src/flow/line.js';
import { Host } from '../../src/host/host.js';
import { loadRules } from '../../src/iptables/restore.js';
import { printRuleset } from '../../src/iptables/save.js';
import { LINKTYPE_RAW } from '../../src/wire/parse.js';
import { thisMachine, whyNot } from '../judge/surroundings.js';
import { type Heard, play, type Router } from '../support/tcp-ends.js';
import { CATEGORIES, compareOutputs, type Outputs } from './compare.js';
import { SCRIPTS, type Script } from './synproxy-scripts.js';

/** What came of a script; the rules are those of its family. */
interface Outcome {
  heard: Heard[][];
  table: string[];
  rules: string[];
  /** As /proc/net/stat/synproxy has them, of all CPUs. */
  counters: string;
}

type Family = 4 | 6;

const RECORDED = fileURLToPath(new URL('synproxy.json', import.meta.url));
const LIVE = fileURLToPath(new URL('record/live.py', import.meta.url));
const SYSCTL = {
  'net.ipv4.ip_forward': 1,
  'net.ipv6.conf.all.forwarding': 1,
  'net.netfilter.nf_conntrack_acct': 1,
  'net.netfilter.nf_conntrack_tcp_loose': 0,
};
const PLACES = {
  4: { family: 4, client: '10.1.0.2', server: '10.2.0.2', clientPort: 1000, serverPort: 80 },
  6: { family: 6, client: 'fd00:1::2', server: 'fd00:2::2', clientPort: 1000, serverPort: 80 },
} as const;
const STATES = ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED'];

function rulesOf({ target }: Script): string {
  const states = (chain: string): string =>
    STATES.map((state) => `-A ${chain} -p tcp -m conntrack --ctstate ${state}\n`).join('');
  return `*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --dport 80 --tcp-flags FIN,SYN,RST,ACK SYN -j CT --notrack
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -p tcp -m tcp --dport 80 -m conntrack --ctstate INVALID,UNTRACKED -j SYNPROXY ${target}
-A FORWARD -p tcp -m conntrack --ctstate INVALID -j DROP
${states('FORWARD')}${states('OUTPUT')}COMMIT
`;
}

/** Lines of rules with their counters; policies also count what a router says of its own groups and neighbours. */
const countersOf = (saved: string): string[] => saved.split('\n').filter((line) => /^(\*|\[)/.test(line));

async function ours(script: Script, family: Family): Promise<Outcome> {
  const interfaces = [1, 2].map((n) => ({ name: `r${n - 1}`, addresses: [`10.${n}.0.1/24`, `fd00:${n}::1/64`] }));
  const host = new Host({ interfaces, sysctl: SYSCTL });
  const ruleset = loadRules(rulesOf(script), 'rules', family === 4 ? 2 : 10);
  host.load(ruleset);
  let now = 1_700_000_000_000;
  host.advance(now);
  const router: Router = (side, packet) => {
    const out: ['client' | 'server', Uint8Array][] = [];
    now += 5;
    host.advance(now);
    host.onEmit = (bytes, start, end, dev) =>
      out.push([dev === host.interfaceIndex('r0') ? 'client' : 'server', bytes.slice(start, end)]);
    const dev = host.interfaceIndex(side === 'client' ? 'r0' : 'r1');
    host.receive(packet, 0, packet.length, packet.length, LINKTYPE_RAW, dev);
    return Promise.resolve(out);
  };
  const heard = await play(PLACES[family], script.actions, router);
  const table = [...host.flows()].map((flow) => formatFlowLine(flow, { extended: true }));
  host.exportCounters(ruleset);
  const s = host.synproxyStatistics;
  const numbers = [s.synReceived, s.cookieInvalid, s.cookieValid, s.cookieRetrans, s.connReopened];
  const counters = `synproxy ${numbers.join(' ')}`;
  return { heard, table, rules: countersOf(printRuleset(ruleset, { counters: true })), counters };
}

/** A kernel behind live.py. */
class LiveKernel {
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;
  private readonly reader: Interface;
  private readonly folder = mkdtempSync(join(tmpdir(), 'statewall-live-'));

  constructor(rules: string) {
    const file = join(this.folder, 'rules');
    writeFileSync(file, rules);
    const sysctls = Object.entries(SYSCTL).map(([key, value]) => `${key}=${value}`);
    this.child = spawn('python3', [LIVE, file, file, ...sysctls], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.reader = createInterface({ input: this.child.stdout! });
    this.lines = this.reader[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    const next = await this.lines.next();
    if (next.done) throw new Error('live.py ended');
    return next.value;
  }

  readonly router: Router = async (side, packet) => {
    this.child.stdin!.write(`${side === 'client' ? 'a' : 'b'} ${Buffer.from(packet).toString('hex')}\n`);
    const words = (await this.line()).split(' ').filter((word) => word !== '');
    const out: ['client' | 'server', Uint8Array][] = [];
    for (let i = 0; i < words.length; i += 2)
      out.push([words[i] === 'r0' ? 'client' : 'server', new Uint8Array(Buffer.from(words[i + 1]!, 'hex'))]);
    return out;
  };

  /** Table and rules, by line. */
  async end(): Promise<string[]> {
    this.child.stdin!.write('end\n');
    const lines: string[] = [];
    for (let line = await this.line(); line !== ''; line = await this.line()) lines.push(line);
    return lines;
  }

  async close(): Promise<void> {
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.stdin!.end();
    await gone;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function kernels(script: Script, family: Family): Promise<Outcome> {
  const kernel = new LiveKernel(rulesOf(script));
  try {
    if ((await kernel.line()) !== 'ready') throw new Error('live.py is not ready');
    const heard = await play(PLACES[family], script.actions, kernel.router);
    const lines = await kernel.end();
    const second = lines.findIndex((line, i) => i > 0 && line.startsWith('# Generated by ip6tables'));
    const rules = countersOf((family === 4 ? lines.slice(0, second) : lines.slice(second)).join('\n'));
    const counters = lines.find((line) => line.startsWith('synproxy'))!;
    return { heard, table: lines.filter((line) => line.startsWith('ipv')), rules, counters };
  } finally {
    await kernel.close();
  }
}

function outputs({ table, rules }: Outcome): Outputs {
  const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');
  const nothing = { rules6: null, expectations: '', expectationEvents: null, events: '', packets: [], log: null };
  return { rules4: text(rules), table: text(untimed(table)), ...nothing };
}

/** At whose side things came out first says nothing: the two wires are read one after the other. */
const bySide = (heard: Heard[][]): Heard[][][] =>
  heard.map((all) => (['client', 'server'] as const).map((side) => all.filter((h) => h.at === side)));

/** Without the seconds that are left: a live router may have to wait for the machine. The recorded cases have them. */
const untimed = (lines: readonly string[]): string[] => lines.map((line) => line.replace(/ 6 \d+ /, ' 6 0 '));

function differences(expected: Outcome, actual: Outcome): string[] {
  const found = compareOutputs(outputs(expected), outputs(actual));
  const counted = expected.counters === actual.counters ? [] : [`${expected.counters} is ${actual.counters}`];
  return [...CATEGORIES.flatMap((category) => found[category]), ...counted];
}

const keyOf = (script: Script, family: Family): string => `${script.name}, IPv${family}`;
const runs = SCRIPTS.flatMap((script) =>
  ([4, 6] as const).map((family) => ({ key: keyOf(script, family), script, family })),
);
const isRecording = process.env.STATEWALL_RECORD !== undefined;
const reason = whyNot(thisMachine());

describe.runIf(isRecording)('recording', () => {
  it('writes down what the kernel does', { timeout: 300_000 }, async () => {
    const all: Record<string, Outcome> = {};
    for (const { key, script, family } of runs) all[key] = await kernels(script, family);
    writeFileSync(RECORDED, `${JSON.stringify(all, null, 1)}\n`);
    expect(Object.keys(all)).toHaveLength(runs.length);
  });
});

describe.skipIf(isRecording)('SYNPROXY with ends that answer', () => {
  const recorded = isRecording ? {} : (JSON.parse(readFileSync(RECORDED, 'utf8')) as Record<string, Outcome>);

  it('every script is recorded, and nothing else', () => {
    expect(Object.keys(recorded).sort()).toEqual(runs.map(({ key }) => key).sort());
  });

  it.each(runs)('$key: as recorded', async ({ key, script, family }) => {
    const actual = await ours(script, family);
    expect(bySide(actual.heard)).toEqual(bySide(recorded[key]!.heard));
    expect(differences(recorded[key]!, actual)).toEqual([]);
  });

  // a missing program is a failure where everything has to be there
  describe.skipIf(process.env.CI === undefined && reason !== null)('the kernel of this machine', () => {
    it.each(runs)('$key: is of the same opinion', async ({ key, script, family }) => {
      expect(reason).toBeNull();
      const actual = await kernels(script, family);
      expect(bySide(actual.heard)).toEqual(bySide(recorded[key]!.heard));
      expect(differences(recorded[key]!, actual)).toEqual([]);
    });
  });
});
