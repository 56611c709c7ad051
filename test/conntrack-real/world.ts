/**
 * The same command line through conntrack(8) and through ours, on equal tables: in a namespace of its own (world.sh), or, for ours alone,
 * on a table that was saved there.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openConntrack } from '../../src/conntrack-live.js';
import type { FlowSource } from '../../src/flow/source.js';
import { LabelNames } from '../../src/netlink/labels.js';
import { readSystemNames } from '../../src/tools/conntrack/names.js';
import { runConntrack } from '../../src/tools/conntrack/run.js';
import type { ConntrackWorld } from '../../src/tools/conntrack/world.js';

const here = fileURLToPath(new URL('.', import.meta.url));

/** Whether the comparison can run here; where all has to be checked, a missing program is a failure. */
export const canCompare =
  process.env.CI !== undefined || (process.getuid?.() === 0 && existsSync('/usr/sbin/conntrack'));

/** What a command line came to. */
export interface Answer {
  status: number;
  out: string;
  err: string;
}

/** What world.sh calls labels, and what a system calls protocols. */
const LABELS = '0 zero\n1 one\n2 two\n5 eth0-in\n127 last\n';
export const NAMES = readSystemNames(readFileSync(`${here}/protocols`, 'utf8'), LABELS);

/** Words of a row: blanks part them, double quotes hold them together. */
export function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|\S+/g)].map((m) => m[1] ?? m[0]);
}

/** The namespace. */
export class World {
  private readonly child: ChildProcess;
  private readonly folder = mkdtempSync(join(tmpdir(), 'conntrack-real-'));
  private readonly inputFile = join(this.folder, 'input');
  private source: FlowSource | null = null;

  private constructor(child: ChildProcess) {
    this.child = child;
  }

  /** Starts it. */
  static async start(): Promise<World> {
    const child = spawn('unshare', ['-n', '-m', 'sh', `${here}/world.sh`], { stdio: ['pipe', 'pipe', 'inherit'] });
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', (code) => reject(new Error(`world.sh ended with status ${code}`)));
    });
    return new World(child);
  }

  /** Ends it. */
  stop(): void {
    this.child.stdin?.end();
    rmSync(this.folder, { recursive: true });
  }

  /** Runs a program in it. */
  run(command: readonly string[], input = ''): Answer {
    // a program cannot open /dev/stdin where it is a socket, as spawn makes it
    writeFileSync(this.inputFile, input);
    const stdin = openSync(this.inputFile, 'r');
    const r = spawnSync('nsenter', this.entered(command), { encoding: 'utf8', stdio: [stdin, 'pipe', 'pipe'] });
    closeSync(stdin);
    return { status: r.status ?? 128, out: r.stdout, err: r.stderr };
  }

  /** A program of it that runs on; its process is the program's own. */
  start(command: readonly string[]): ChildProcess {
    return spawn('nsenter', this.entered(command));
  }

  private entered(command: readonly string[]): string[] {
    return ['-t', String(this.child.pid), '-n', '-m', `--wd=${here}`, '--', ...command];
  }

  /** Makes the table anew; with expectations where `hasFtp`. */
  reset(hasFtp: boolean): void {
    const steps =
      'conntrack -F; conntrack -F expect; conntrack -R base.save; conntrack -U -s 10.0.0.7 --label-add one; ' +
      `conntrack -U -s 10.0.0.3 --label-add one,eth0-in,last${hasFtp ? '; python3 ftp.py' : ''}`;
    this.run(['sh', '-c', `{ ${steps}; } >/dev/null 2>&1`]);
  }

  /** The real program's answer. */
  real(line: string, input = ''): Answer {
    return withoutHelp(this.run(['conntrack', ...wordsOf(line)], input));
  }

  /** Ours, in this process but on that namespace's table. */
  async ours(line: string, input = ''): Promise<Answer> {
    this.source ??= await this.open();
    return runOurs(line, this.source, input);
  }

  /** The namespace's table. */
  open(): Promise<FlowSource> {
    const labelNames = LabelNames.parse(LABELS);
    return openConntrack({ namespace: `/proc/${this.child.pid}/ns/net`, labelNames });
  }
}

/** Runs our command line on a table. */
export async function runOurs(
  line: string,
  source: FlowSource,
  input = '',
  stop: AbortSignal = new AbortController().signal,
): Promise<Answer> {
  const answer: Answer = { status: 0, out: '', err: '' };
  const world: ConntrackWorld = {
    names: NAMES,
    open: () => source,
    commit: () => {},
    out: async (text) => {
      answer.out += text;
      return true;
    },
    nowUs: () => Date.now() * 1000,
    err: (text) => {
      answer.err += text;
    },
    read: async (file) => (file === '-' ? input : readOrNull(file)),
    openUndo: () => {
      throw new Error('no files here');
    },
    stop,
  };
  answer.status = await runConntrack(wordsOf(line), world);
  return withoutHelp(answer);
}

/** Help is in other words than the original's; when it is shown, and of which protocol, is compared. */
function withoutHelp(answer: Answer): Answer {
  if (!/^(Command line interface|Usage: conntrack)/.test(answer.out)) return answer;
  const protocol = /^(?:Proto `(.*)' help|With -p (.*)):$/m.exec(answer.out);
  return { ...answer, out: `[help${protocol === null ? '' : ` of ${protocol[1] ?? protocol[2]}`}]` };
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(`${here}/${file}`, 'utf8');
  } catch {
    return null;
  }
}

/** Numbers that the clock changes: seconds that are left, seconds of age. */
const CLOCK = [
  /^((?:ipv[46] +\d+ )?[a-z0-9]+ +\d+ )(\d+)(?= )/gm,
  /^()(\d+)(?= proto=)/gm,
  /(delta-time=)(\d+)/g,
  /^(-[AUD] -t )(\d+)/gm,
  /(<timeout>)(\d+)/g,
  /(<deltatime>)(\d+)/g,
  /("timeout":)(\d+)/g,
  /("age":)(\d+)/g,
  /^(\[)(\d+)(?=\.)/gm,
];

/** The text without those numbers, and the numbers. */
export function withoutClock(text: string): { text: string; numbers: number[] } {
  const numbers: number[] = [];
  // fractions of seconds, and how often TCP of the FTP client acknowledged
  let still = text.replace(/^(\[\d+\.)\d+ */gm, '$1F').replace(/packets=\d+ bytes=\d+(?=.*helper=ftp)/g, 'packets=P');
  for (const pattern of CLOCK) {
    still = still.replace(pattern, (_, before: string, number: string) => {
      numbers.push(Number(number));
      return `${before}T`;
    });
  }
  return { text: still, numbers };
}

/** How two answers differ, in words; '' = not but for `seconds` on the clock. */
export function difference(real: Answer, ours: Answer, seconds = 4): string {
  const a = withoutClock(real.out);
  const b = withoutClock(ours.out);
  const parts: string[] = [];
  if (real.status !== ours.status) parts.push(`status ${real.status}, ours ${ours.status}`);
  if (real.err !== ours.err) parts.push(`standard error${changedLines(real.err, ours.err)}`);
  if (a.text !== b.text) parts.push(`standard output${changedLines(a.text, b.text)}`);
  else if (a.numbers.some((n, i) => Math.abs(n - b.numbers[i]!) > seconds)) {
    parts.push(`seconds\n${a.numbers.join(' ')}\nours\n${b.numbers.join(' ')}`);
  }
  return parts.join('\n');
}

/** Lines that only one of both has; where all are in both, their order differs. */
function changedLines(real: string, ours: string): string {
  const a = real.split('\n');
  const b = ours.split('\n');
  const lines = [
    ...a.filter((line) => !b.includes(line)).map((line) => `real: ${line}`),
    ...b.filter((line) => !a.includes(line)).map((line) => `ours: ${line}`),
  ];
  return `\n${lines.length > 0 ? lines.join('\n') : `another order:\n${real}\n${ours}`}`;
}
