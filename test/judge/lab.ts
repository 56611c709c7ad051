/**
 * The kernel's side: a router in a network namespace of its own and the wires to it (in a second one), used for many scenarios one after
 * the other. Each run sets the sysctls, empties the connection table, loads rules, has the frames injected (wire.py) and reads
 * everything back.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventLines } from './ctnetlink.js';
import { ruleset } from './rules.js';
import type { Scenario, Side } from './scenario.js';
import { BASE_SYSCTLS, hasPolicies, ipBatch, MACS, policyCommands, QUIET_SYSCTLS, type Sysctls } from './world.js';

const TABLE_MAX = 'net.netfilter.nf_conntrack_max';
const LOG_ALL = 'net.netfilter.nf_log_all_netns';
const SECTION = '\u0001section\n';
const END = '\u0001end ';
/** Swallows what is delivered, behind everything else in INPUT; conntrack's own last hook is registered later and is not last then. */
const SINK = 'table inet sink {\n chain in {\n  type filter hook input priority 2147483647; policy drop;\n }\n}\n';
const SIDES: Record<Side, number> = { a: 0, b: 1, r: 2 };

/** A frame as it passed one of the router's interfaces. */
export interface Seen {
  /** Nanoseconds since the epoch. */
  time: bigint;
  dev: 'r0' | 'r1' | 'lo';
  way: 'came' | 'went' | 'made';
  frame: Buffer;
}

/** What the kernel did. */
export interface Recording {
  seen: Seen[];
  rules4: string;
  rules6: string;
  table: string;
  /** Both families'. */
  expectations: string;
  expectations6: string;
  expectationEvents: string;
  events: string;
  /** null: not asked for. */
  log: string | null;
  /** Whole seconds between the last packet and the reading of the table. */
  lateSeconds: number;
}

/** Something in the surroundings that does not work as it should; the text says what. */
export class LabError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'LabError';
  }
}

/** Text that a child writes, with waiting for a part of it. */
class Heard {
  text = '';
  private wake: () => void = () => {};
  private ended: string | null = null;

  constructor(child: ChildProcess, name: string) {
    child.stdout!.setEncoding('utf8').on('data', (part: string) => {
      this.text += part;
      this.wake();
    });
    child.on('exit', (code, signal) => {
      this.ended = `${name} ended (${code ?? signal})`;
      this.wake();
    });
  }

  /** Waits until `find` finds something in the text. */
  async until<T>(find: (text: string) => T | null, what: string, timeoutMs = 20_000): Promise<T> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = find(this.text);
      if (found !== null) return found;
      if (this.ended !== null) throw new LabError(`${this.ended} while waiting for ${what}`);
      const left = deadline - Date.now();
      if (left <= 0) throw new LabError(`no ${what} in ${timeoutMs / 1000} s`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Takes the text up to an offset away. */
  take(end: number): string {
    const taken = this.text.slice(0, end);
    this.text = this.text.slice(end);
    return taken;
  }
}

/** A shell in the router's namespace. */
class Shell {
  private readonly child: ChildProcess;
  private readonly out: Heard;

  constructor(namespace: string, env: NodeJS.ProcessEnv) {
    this.child = spawn('nsenter', [`--net=/run/netns/${namespace}`, 'sh'], {
      env,
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
    });
    this.out = new Heard(this.child, 'the shell of the router');
  }

  /** Runs commands; the text of each section (`section` between them) of their output. Throws where `script` ends with a status. */
  async run(script: string): Promise<string[]> {
    this.child.stdin!.write(`(\n${script}\n) 2>&1\nprintf '\\001end %s\\n' $?\n`);
    const end = await this.out.until((text) => {
      const at = text.indexOf(END);
      const stop = at < 0 ? -1 : text.indexOf('\n', at);
      return stop < 0 ? null : { at, stop };
    }, 'answer of the shell');
    const text = this.out.take(end.stop + 1);
    const status = text.slice(end.at + END.length).trim();
    if (status !== '0') throw new LabError(`status ${status}: ${text.slice(0, end.at).trim().slice(-500)}`);
    return text.slice(0, end.at).split(SECTION);
  }

  close(): void {
    this.child.kill('SIGKILL');
  }
}

const section = "printf '\\001section\\n'";
const withoutComments = (saved: string): string => saved.replace(/^#.*\n/gm, '');

let made = 0;

/** Removes namespaces of runs that ended without doing it themselves. */
export function sweep(): void {
  for (const name of readdirSync('/run/netns')) {
    const owner = /^judge_(\d+)_\d+_[or]$/.exec(name);
    if (owner === null || existsSync(`/proc/${owner[1]}`)) continue;
    execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
  }
}

/** One router. */
export class Lab {
  /** Runs that it has seen. */
  runs = 0;
  private readonly namespaces: { outside: string; router: string };
  private readonly folder: string;
  private readonly settings = new Map<string, string>();
  private hasPolicies = false;
  private shell!: Shell;
  private wire!: ChildProcess;
  private wireOut!: Heard;

  /** Makes the namespaces; throws LabError where something does not work. */
  static async open(isDeaf: boolean): Promise<Lab> {
    const lab = new Lab();
    try {
      await lab.setUp(isDeaf);
    } catch (e) {
      lab.close();
      throw e;
    }
    return lab;
  }

  private constructor() {
    made++;
    const tag = `judge_${process.pid}_${made}`;
    this.namespaces = { outside: `${tag}_o`, router: `${tag}_r` };
    this.folder = mkdtempSync(join(tmpdir(), 'statewall-lab-'));
  }

  private async setUp(isDeaf: boolean): Promise<void> {
    const { outside, router } = this.namespaces;
    const ip = (args: string[], input = ''): void => {
      try {
        execFileSync('ip', args, { input, stdio: ['pipe', 'pipe', 'pipe'] });
      } catch (e) {
        throw new LabError(`ip ${args.join(' ')}: ${String((e as { stderr?: Buffer }).stderr ?? e).trim()}`);
      }
    };
    ip(['netns', 'add', outside]);
    ip(['netns', 'add', router]);
    const env = { ...process.env, XTABLES_LOCKFILE: join(this.folder, 'lock') };
    this.shell = new Shell(router, env);
    await this.shell.run(this.sysctlScript({ ...QUIET_SYSCTLS, ...BASE_SYSCTLS }));
    const pair = (out: 'a0' | 'b0', dev: 'r0' | 'r1'): string =>
      `link add ${out} netns ${outside} address ${MACS[out]} type veth peer name ${dev} netns ${router} address ${MACS[dev]}\n`;
    ip(['-batch', '-'], pair('a0', 'r0') + pair('b0', 'r1'));
    const quiet = 'for d in all default; do echo 1 > /proc/sys/net/ipv6/conf/$d/disable_ipv6; done';
    execFileSync('nsenter', [`--net=/run/netns/${outside}`, 'sh', '-c', quiet]);
    ip(['-n', outside, '-batch', '-'], 'link set a0 arp off up\nlink set b0 arp off up\n');
    ip(['-n', router, '-batch', '-'], ipBatch());
    await this.shell.run(
      this.sysctlScript({ 'net.ipv6.conf.r0.addr_gen_mode': 1, 'net.ipv6.conf.r1.addr_gen_mode': 1 }),
    );
    if (isDeaf) await this.shell.run(`nft -f - <<'END'\n${SINK}END`);
    const script = join(dirname(fileURLToPath(import.meta.url)), 'wire.py');
    this.wire = spawn('python3', [process.env.STATEWALL_WIRE ?? script, outside, router], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
    });
    this.wireOut = new Heard(this.wire, 'wire.py');
    await this.answer();
    // the router reports its multicast groups once
    await new Promise((resolve) => setTimeout(resolve, 200));
  }

  /** One line of wire.py. */
  private async answer(): Promise<string> {
    const end = await this.wireOut.until(
      (text) => (text.includes('\n') ? text.indexOf('\n') + 1 : null),
      'answer of wire.py',
      120_000,
    );
    return this.wireOut.take(end).trim();
  }

  /** Commands that give these sysctls their values, and those that an earlier run changed their old ones. */
  private sysctlScript(wanted: Sysctls): string {
    const lines: string[] = [];
    const path = (key: string): string => `/proc/sys/${key.replaceAll('.', '/')}`;
    for (const [key, value] of Object.entries(wanted)) lines.push(`echo '${value}' > ${path(key)}`);
    return lines.join(' &&\n') || ':';
  }

  private async set({ [TABLE_MAX]: _max, ...sysctls }: Sysctls): Promise<string> {
    const unknown = Object.keys(sysctls).filter((key) => !this.settings.has(key));
    if (unknown.length > 0) {
      const paths = unknown.map((key) => `/proc/sys/${key.replaceAll('.', '/')}`);
      const values = await this.shell.run(paths.map((path) => `cat ${path}`).join(`; ${section}; `));
      for (const [i, key] of unknown.entries()) this.settings.set(key, values[i]!.trim());
    }
    return this.sysctlScript({ ...Object.fromEntries(this.settings), ...sysctls });
  }

  /** Runs a scenario. Throws LabError where the recording is not whole. */
  async run(scenario: Scenario): Promise<Recording> {
    this.runs++;
    const at = (name: string): string => join(this.folder, name);
    writeFileSync(at('rules.v4'), scenario.rules4);
    writeFileSync(at('rules.v6'), scenario.rules6);
    writeFileSync(at('steps'), stepBytes(scenario));
    // lists that rules share by name stay while a rule of the old or the new ones names them
    const isShared = /-m (?:recent|hashlimit)/.test(scenario.rules4 + scenario.rules6);
    const empty = ruleset({ hasProbe: false });
    writeFileSync(at('empty'), empty);
    const prepare = [
      await this.set(scenario.sysctls),
      ...(isShared ? [`iptables-legacy-restore ${at('empty')}`, `ip6tables-legacy-restore ${at('empty')}`] : []),
      `iptables-legacy-restore ${at('rules.v4')}`,
      `ip6tables-legacy-restore ${at('rules.v6')}`,
      'conntrack -F >/dev/null 2>&1',
    ];
    if (hasPolicies(scenario) && !this.hasPolicies) {
      prepare.splice(1, 0, ...policyCommands());
      this.hasPolicies = true;
    }
    await this.shell.run(prepare.join(' &&\n'));
    const shared = { [TABLE_MAX]: scenario.sysctls[TABLE_MAX], [LOG_ALL]: scenario.hasLog ? 1 : undefined };
    const [, lost, lostEvents] = await this.shared(shared, async () => {
      const log = scenario.hasLog ? ` ${at('log')}` : '';
      this.wire.stdin!.write(`${at('steps')} ${at('seen')} ${at('events')}${log}\n`);
      return (await this.answer()).split(' ');
    });
    const [table] = await this.shell.run('conntrack -L -o extended 2>/dev/null');
    const tableMs = Date.now();
    const [expectations, expectations6, rules4, rules6] = await this.shell.run(
      `conntrack -L expect 2>/dev/null; ${section}
       conntrack -L expect -f ipv6 2>/dev/null; ${section}
       iptables-legacy-save -c; ${section}; ip6tables-legacy-save -c`,
    );
    if (lost !== '0') throw new LabError(`the capture lost ${lost} packets`);
    if (lostEvents !== '0') throw new LabError('events or lines of the log were lost');
    const events = eventLines(readFileSync(at('events')));
    const seen = readSeen(readFileSync(at('seen')));
    const lastMs = Number((seen.at(-1)?.time ?? 0n) / 1_000_000n);
    return {
      lateSeconds: lastMs === 0 ? 0 : Math.max(0, Math.floor((tableMs - lastMs) / 1000)),
      seen,
      table: table!,
      expectations: expectations!,
      expectations6: expectations6!,
      expectationEvents: events.expectations,
      rules4: withoutComments(rules4!),
      rules6: withoutComments(rules6!),
      events: events.connections,
      log: scenario.hasLog ? readFileSync(at('log'), 'latin1') : null,
    };
  }

  /** Settings of the first namespace, which are those of all others too: changed only while frames are on their way. */
  private async shared<T>(
    settings: Readonly<Record<string, number | string | undefined>>,
    run: () => Promise<T>,
  ): Promise<T> {
    const before = new Map<string, string>();
    try {
      for (const [key, value] of Object.entries(settings)) {
        if (value === undefined) continue;
        const path = `/proc/sys/${key.replaceAll('.', '/')}`;
        const old = readFileSync(path, 'utf8');
        try {
          writeFileSync(path, `${value}\n`);
        } catch (e) {
          throw new LabError(`${key} cannot be set: ${(e as Error).message}`);
        }
        before.set(path, old);
      }
      return await run();
    } finally {
      for (const [path, old] of before) writeFileSync(path, old);
    }
  }

  /** Removes everything that was made. */
  close(): void {
    this.wire?.kill('SIGKILL');
    this.shell?.close();
    for (const name of Object.values(this.namespaces)) {
      try {
        execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
      } catch {
        // was not made
      }
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const macBytes = (text: string): Buffer => Buffer.from(text.replaceAll(':', ''), 'hex');
const HEADS: Record<'a' | 'b', Buffer> = {
  a: Buffer.concat([macBytes(MACS.r0), macBytes(MACS.a0)]),
  b: Buffer.concat([macBytes(MACS.r1), macBytes(MACS.b0)]),
};

/** The steps as wire.py reads them. */
function stepBytes({ steps }: Scenario): Buffer {
  const parts: Buffer[] = [];
  for (const { waitMs, side, packet } of steps) {
    const six = packet.length > 0 && packet[0]! >> 4 === 6;
    const type = Buffer.from(six ? [0x86, 0xdd] : [8, 0]);
    const frame = side === 'r' ? packet : Buffer.concat([HEADS[side], type, packet]);
    const head = Buffer.alloc(7);
    head.writeUInt32LE(Math.round(waitMs * 1000), 0);
    head[4] = SIDES[side];
    head.writeUInt16LE(frame.length, 5);
    parts.push(head, frame);
  }
  return Buffer.concat(parts);
}

/** Multicast reports of the router itself. */
function isOwnReport(frame: Buffer): boolean {
  return (
    frame.length > 62 &&
    frame.readUInt16BE(12) === 0x86dd &&
    frame[20] === 0 &&
    frame[54] === 58 &&
    [131, 132, 143].includes(frame[62]!)
  );
}

function readSeen(data: Buffer): Seen[] {
  const seen: Seen[] = [];
  for (let at = 0; at < data.length; ) {
    const length = data.readUInt16LE(at + 10);
    const frame = data.subarray(at + 12, at + 12 + length);
    const way = (['came', 'went', 'made'] as const)[data[at + 9]!]!;
    if (way !== 'went' || !isOwnReport(frame))
      seen.push({ time: data.readBigUInt64LE(at), dev: (['r0', 'r1', 'lo'] as const)[data[at + 8]!]!, way, frame });
    at += 12 + length;
  }
  return seen;
}
