/**
 * `statewall sysctl`: the settings of connection tracking, of the live kernel or of a host file. The words are sysctl(8)'s, read as it
 * reads them; what is ours beyond it has long options only. The work is done in tools/sysctl.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { isSysctlKnown } from '../host/sysctl-values.js';
import { HostFileError } from '../replay/host-file.js';
import { OutputError, systemMessage } from '../replay/output.js';
import { checkConf, checkLines, findingText, nearestName, type SysctlFinding } from '../tools/sysctl/check.js';
import type { ConfLine } from '../tools/sysctl/conf.js';
import type { SysctlHost } from '../tools/sysctl/defaults.js';
import { confOf, explain, isChanged, jsonOf, type SysctlValue } from '../tools/sysctl/explain.js';
import { TABLE_KERNEL } from '../tools/sysctl/model.js';
import { type ConfFile, SysctlRun } from '../tools/sysctl/run.js';
import { aliasesOf, dotted, findRenamed, findRow, toPath } from '../tools/sysctl/settings.js';
import { SysctlFailure, type SysctlStore } from '../tools/sysctl/store.js';
import { FileLock, LockHeldError } from './file-lock.js';
import { readable } from './message.js';
import { HostStore } from './sysctl-host.js';
import { readOptions, SYSCTL_HELP, type SysctlOptions, SysctlUsageError } from './sysctl-options.js';
import { liveHost, ProcStore } from './sysctl-proc.js';
import { linesOfYaml } from './sysctl-yaml.js';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
/** How long to wait for another command that changes the same file. */
const LOCK_WAIT_MS = 5000;
const DEFAULT_CONF = '/etc/sysctl.conf';
/** Folders of --system; a file of the same name in an earlier one hides a later one's. */
const SYSTEM_FOLDERS = [
  '/etc/sysctl.d',
  '/run/sysctl.d',
  '/usr/local/lib/sysctl.d',
  '/usr/lib/sysctl.d',
  '/lib/sysctl.d',
];

/** A failure that ends the command with a line. */
class SysctlError extends Error {}

/** Runs a command line and gives the exit status (docs/sysctl.md). @param version What --version prints. */
export async function runSysctl(argv: readonly string[], version: string): Promise<number> {
  const voice = new Voice();
  let status = 0;
  try {
    const options = readOptions(argv);
    if (options.help) voice.out(SYSCTL_HELP);
    else if (options.version) voice.out(`sysctl from statewall ${version}\n`);
    else status = run(options, voice);
  } catch (error) {
    const failed = failureStatus(error);
    if (failed === null) throw error;
    status = failed;
    voice.err(`statewall: ${(error as Error).message}\n`);
  }
  try {
    await voice.end();
  } catch (error) {
    if (!(error instanceof OutputError)) throw error;
    process.stderr.write(`statewall: ${error.message}\n`);
    return EXIT_FAILED;
  }
  return status;
}

function failureStatus(error: unknown): number | null {
  if (error instanceof SysctlUsageError) return EXIT_USAGE;
  const known = [SysctlError, HostFileError, OutputError, LockHeldError];
  return known.some((k) => error instanceof k) ? EXIT_FAILED : null;
}

/** Text for both streams, kept until the end: what a host file does not take is not shown as set. */
class Voice {
  private output = '';
  private errors = '';

  out(text: string): void {
    this.output += text;
  }

  err(text: string): void {
    this.errors += text;
  }

  drop(): void {
    this.output = '';
    this.errors = '';
  }

  /** Writes it all. A reader that went away is no error. */
  async end(): Promise<void> {
    if (this.errors !== '') process.stderr.write(readable(this.errors));
    if (this.output === '') return;
    await new Promise<void>((resolve, reject) => {
      process.stdout.write(this.output, (error) => {
        if (error == null || (error as NodeJS.ErrnoException).code === 'EPIPE') resolve();
        else reject(new OutputError('standard output', error));
      });
    });
  }
}

function run(o: SysctlOptions, voice: Voice): number {
  if (o.check) return check(o, voice);
  if (o.host === null) return runOn(liveStore(), o, voice);
  const { host } = o;
  if (!mayWrite(o)) return runOn(new HostStore(readHost(host), host, hostOf(o)), o, voice);
  const lock = FileLock.open(host, LOCK_WAIT_MS);
  try {
    const before = readHost(host);
    const store = new HostStore(before, host, hostOf(o));
    const status = runOn(store, o, voice);
    if (store.text !== before) lock.write(store.text);
    for (const name of store.idle) voice.err(`warning: nothing in a replay depends on ${name}\n`);
    return status;
  } catch (error) {
    voice.drop();
    throw error;
  } finally {
    lock.release();
  }
}

/** The host of a file has the memory of a large one. */
function hostOf(o: SysctlOptions): SysctlHost {
  return { kernel: o.kernel ?? TABLE_KERNEL, memoryBytes: 8 * 2 ** 30 };
}

function mayWrite(o: SysctlOptions): boolean {
  if (o.mode.isDry) return false;
  return o.mode.writes || o.load !== null || o.system || o.operands.some((word) => word.includes('='));
}

function runOn(store: SysctlStore, o: SysctlOptions, voice: Voice): number {
  const sysctl = new SysctlRun(store, o.mode, voice);
  if (o.load !== null) return sysctl.load(o.all ? [] : confFiles(o)) | (o.all ? sysctl.all() : 0);
  if (o.system) return sysctl.load(systemFiles(voice));
  if (o.explains) return explainAll(sysctl, store, o, voice);
  if (o.json || o.changedOnly || o.writeD !== null) return showValues(sysctl, store, o, voice);
  if (o.all) return listAll(sysctl, store, voice);
  if (o.operands.length > 0) return sysctl.words(o.operands);
  if (o.mode.writes) {
    voice.err("sysctl: no variables specified\nTry `statewall sysctl --help' for more information.\n");
    return EXIT_FAILED;
  }
  return listAll(sysctl, store, voice);
}

function listAll(sysctl: SysctlRun, store: SysctlStore, voice: Voice): number {
  const status = sysctl.all();
  return status | needConntrack(store, voice);
}

/** Listings say so where there is no connection tracking to list. */
function needConntrack(store: SysctlStore, voice: Voice): number {
  if (!(store instanceof ProcStore)) return 0;
  if (!(store.stat('net/netfilter/nf_conntrack_acct') instanceof SysctlFailure)) return 0;
  voice.err('statewall: sysctl: connection tracking is not loaded, or this kernel has none: modprobe nf_conntrack\n');
  return EXIT_FAILED;
}

function liveStore(): SysctlStore {
  if (process.platform !== 'linux') {
    throw new SysctlError(
      `sysctl: the live settings are Linux's, and this is ${process.platform}: expected --host FILE`,
    );
  }
  return new ProcStore('/proc/sys', liveHost(release(), readOrNothing('/proc/meminfo')));
}

function readOrNothing(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function readHost(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new SysctlError(`cannot read ${file}: ${systemMessage(error)}`);
  }
}

function confFiles(o: SysctlOptions): ConfFile[] {
  const files = [...(o.load === '' || o.load === null ? [] : [o.load]), ...o.operands];
  return (files.length === 0 ? [DEFAULT_CONF] : files).map(openConf);
}

function openConf(file: string): ConfFile {
  try {
    return { file, text: readFileSync(file === '-' ? 0 : file, 'utf8'), why: '' };
  } catch (error) {
    return { file, text: null, why: new SysctlFailure((error as NodeJS.ErrnoException).code ?? '').text };
  }
}

function systemFiles(voice: Voice): ConfFile[] {
  const byName = new Map<string, string>();
  for (const folder of SYSTEM_FOLDERS) {
    for (const name of namesIn(folder)) {
      if (name.endsWith('.conf') && !byName.has(name)) byName.set(name, `${folder}/${name}`);
    }
  }
  const paths = [...byName.keys()].sort().map((name) => byName.get(name)!);
  const files = [...paths, DEFAULT_CONF].map(openConf).filter((f) => f.text !== null);
  for (const { file } of files) voice.out(`* Applying ${file} ...\n`);
  return files;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** --json, --changed, --write-d. */
function showValues(sysctl: SysctlRun, store: SysctlStore, o: SysctlOptions, voice: Voice): number {
  const { settings, status } = sysctl.values(o.operands);
  const isListing = o.operands.length === 0;
  const lack = isListing ? needConntrack(store, voice) : 0;
  const wanted = settings.filter((s: SysctlValue) => isWanted(s, store, o));
  if (o.writeD !== null) writeConf(wanted, sysctl, store, o.writeD, voice);
  else if (o.json) for (const s of wanted) voice.out(`${JSON.stringify(jsonOf(s, store.host, sysctl.read))}\n`);
  else sysctl.print(wanted);
  return (status & 0xff) | lack;
}

function isWanted({ name, value }: SysctlValue, store: SysctlStore, o: SysctlOptions): boolean {
  const row = findRow(name);
  if (o.changedOnly || (o.writeD !== null && !o.all)) {
    if (row === null || !isChanged(row, value, store.host)) return false;
  }
  return o.writeD === null || row === null || row.access !== 'read-only';
}

/** A setting of two names is written once, under the first. */
function writeConf(settings: SysctlValue[], sysctl: SysctlRun, store: SysctlStore, file: string, voice: Voice): void {
  const names = new Set(settings.map((s) => s.name));
  const once = settings.filter(({ name }) => {
    const [first] = aliasesOf(name);
    return first === undefined || first === name || !names.has(first);
  });
  const text = confOf(once, store.host, sysctl.read);
  if (file === '-') {
    voice.out(text);
    return;
  }
  const lock = FileLock.open(file, LOCK_WAIT_MS);
  lock.write(text);
}

function explainAll(sysctl: SysctlRun, store: SysctlStore, o: SysctlOptions, voice: Voice): number {
  const host = o.kernel === null ? store.host : { ...store.host, kernel: o.kernel };
  const words = o.operands.length > 0 ? o.operands : sysctl.scope();
  const texts: string[] = [];
  let status = 0;
  for (const word of words) {
    const name = dotted(word);
    const stat = store.stat(toPath(word));
    if (stat instanceof SysctlFailure) {
      if (findRow(name) !== null || findRenamed(name) !== null) texts.push(explain(name, null, host, sysctl.read));
      else {
        const near = nearestName(name);
        voice.err(`statewall: sysctl: nothing is known of ${name}${near === null ? '' : `; did you mean ${near}?`}\n`);
        status = EXIT_FAILED;
      }
      continue;
    }
    for (const s of sysctl.values([word]).settings) {
      const row = findRow(s.name);
      // of a folder only what something is known of
      if (row === null && (stat.isFolder || o.changedOnly)) continue;
      if (o.changedOnly && row !== null && !isChanged(row, s.value, store.host)) continue;
      texts.push(explain(s.name, s.value, host, sysctl.read));
    }
  }
  voice.out(texts.join('\n'));
  return status | (o.operands.length === 0 ? needConntrack(store, voice) : 0);
}

function check(o: SysctlOptions, voice: Voice): number {
  const kernel = o.kernel ?? TABLE_KERNEL;
  const findings: SysctlFinding[] = [];
  let status = 0;
  if (o.host !== null) {
    const text = readHost(o.host);
    // a file that is no host file is told of first
    new HostStore(text, o.host);
    const lines = linesOfYaml(text);
    findings.push(...checkLines(lines, o.host, kernel), ...idleFindings(lines, o.host));
    findings.sort((a, b) => a.line - b.line || a.column - b.column);
  }
  const files = [...(o.load === '' || o.load === null ? [] : [o.load]), ...o.operands];
  for (const { file, text, why } of files.map(openConf)) {
    if (text === null) {
      voice.err(`statewall: sysctl: cannot open ${file}: ${why}\n`);
      status = EXIT_FAILED;
    } else findings.push(...checkConf(text, file, kernel));
  }
  for (const finding of findings)
    voice.out(o.json ? `${JSON.stringify(finding)}\n` : readable(`${findingText(finding)}\n`));
  return findings.length > 0 ? EXIT_FAILED : status;
}

/** Settings of a host file that the simulated host does not have a use for. */
function idleFindings(lines: readonly ConfLine[], file: string): SysctlFinding[] {
  const idle = lines.filter(({ name }) => {
    const row = findRow(dotted(name));
    return row !== null && row.gone === null && !isSysctlKnown(dotted(name));
  });
  return idle.map(({ line, column, name }) => {
    return { file, line, column, level: 'warning', text: `nothing in a replay depends on ${dotted(name)}` };
  });
}
