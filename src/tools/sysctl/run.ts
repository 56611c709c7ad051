/**
 * sysctl(8) on the settings of a host: reads, lists and sets, with the messages and exit statuses of procps 4.0.2. What is ours beyond
 * it (hints, warnings) stands in lines of its own. docs/sysctl.md says where the two differ.
 *
 * A *store* is what is asked (store.ts); a *scope* the names that a listing has; a status is a count of failures, as in the original.
 */
import { type ConfLine, globTest, isGlob, parseAssignment, parseConf } from './conf.js';
import type { SysctlValue } from './explain.js';
import { absence, harms, refusal } from './judge.js';
import type { SysctlReader } from './model.js';
import { byPath, dotted, findRenamed, findRow, namesOf, PROC_SYS, toName, toPath } from './settings.js';
import { parseNumber, SysctlFailure, type SysctlStat, type SysctlStore } from './store.js';

/** How settings are shown and set; the letters are sysctl's. */
export interface SysctlMode {
  /** -N: names without values. */
  namesOnly: boolean;
  /** -n: values without names. */
  valuesOnly: boolean;
  /** -b: values without names and without the newline. */
  isBinary: boolean;
  /** -e: unknown names are no failure. */
  ignoresUnknown: boolean;
  /** -q: what was set is not shown. */
  isQuiet: boolean;
  /** -w: all words set. */
  writes: boolean;
  /** Shows what would be set, and sets nothing. */
  isDry: boolean;
  /** -r: only names that match; null: all. */
  pattern: RegExp | null;
}

/** Where text goes. */
export interface SysctlVoice {
  out(text: string): void;
  /** Whole lines for standard error. */
  err(text: string): void;
}

/** One text file of settings that is to be loaded. */
export interface ConfFile {
  file: string;
  /** null: it cannot be opened, for this reason. */
  text: string | null;
  why: string;
}

/** Kernels do not list these: other names of the same settings. */
const DEPRECATED = new Set(['base_reachable_time', 'retrans_time']);

/** Runs commands on one store. */
export class SysctlRun {
  constructor(
    private readonly store: SysctlStore,
    private readonly mode: SysctlMode,
    private readonly voice: SysctlVoice,
  ) {}

  /** NAME or NAME=VALUE words, in order. Gives the exit status. */
  words(words: readonly string[]): number {
    let status = 0;
    for (const word of words) {
      if (this.mode.writes || word.includes('=')) status |= this.assign(word);
      else status += this.show(word);
    }
    return status & 0xff;
  }

  /** The settings of connection tracking (-a). Gives the exit status. */
  all(): number {
    let status = 0;
    for (const name of this.scope()) status |= this.showFile(toPath(name));
    return status;
  }

  /** -p: loads files, all of them read before anything is set. Gives the exit status. */
  load(files: readonly ConfFile[]): number {
    let status = 0;
    const lines: ConfLine[] = [];
    for (const { file, text, why } of files) {
      if (text === null) {
        this.complain(`cannot open "${file}": ${why}`);
        status = 1;
        continue;
      }
      for (const line of parseConf(text)) {
        if (!this.fits(dotted(line.name))) continue;
        if (line.kind === 'bad') this.complain(`${file}(${line.line}): invalid syntax, continuing...`);
        else lines.push(line);
      }
    }
    const named = new Set(lines.filter((l) => !isGlob(l.name)).map((l) => toPath(l.name)));
    for (const line of lines) {
      if (line.kind !== 'set') continue;
      if (!isGlob(line.name)) status |= this.set(line.name, line.value, line.mayFail);
      else for (const path of this.glob(line.name)) if (!named.has(path)) status |= this.setPath(path, line);
    }
    return status;
  }

  /** Names, with dots and in sysctl's order, that listings have: those of the table that the host has, and all of net.netfilter. */
  scope(): string[] {
    const names = new Set(this.pathsBelow('net/netfilter').map(toName));
    for (const name of namesOf(this.interfaces(), this.store.host.kernel)) {
      const stat = this.store.stat(toPath(name));
      if (!(stat instanceof SysctlFailure) && !stat.isFolder) names.add(name);
    }
    return [...names].sort(byPath);
  }

  /** The settings of the given names (folders and all), or of the scope where there is none; unknown ones are complained of. */
  values(words: readonly string[]): { settings: SysctlValue[]; status: number } {
    const settings: SysctlValue[] = [];
    let status = 0;
    const add = (path: string): void => {
      if (!this.fits(toName(path))) return;
      const text = this.store.read(path);
      if (text instanceof SysctlFailure) status += this.readFailed(path, text);
      else settings.push({ name: toName(path), value: text.replace(/\n$/, '') });
    };
    if (words.length === 0) for (const name of this.scope()) add(toPath(name));
    for (const word of words) {
      const found = this.find(word);
      if (typeof found === 'number') status += found;
      else if (found.stat.isFolder) this.pathsBelow(found.path).forEach(add);
      else add(found.path);
    }
    return { settings, status };
  }

  /** Shows settings that `values` gave. */
  print(settings: readonly SysctlValue[]): void {
    for (const { name } of settings) this.showFile(toPath(name));
  }

  /** Another setting's number. */
  readonly read: SysctlReader = (name) => {
    const text = this.store.read(toPath(name));
    const number = text instanceof SysctlFailure ? Number.NaN : parseNumber(text);
    return Number.isNaN(number) ? undefined : number;
  };

  private interfaces(): string[] {
    const both = [...this.store.list('net/ipv4/conf'), ...this.store.list('net/ipv6/conf')];
    return [...new Set(both)].filter((name) => name !== 'all' && name !== 'default');
  }

  private fits(name: string): boolean {
    return this.mode.pattern === null || this.mode.pattern.test(name);
  }

  private complain(text: string): void {
    this.voice.err(`sysctl: ${text}\n`);
  }

  /** A path and what is there, or the status of the failure that was told. */
  private find(word: string): { path: string; stat: SysctlStat } | number {
    if (word === '') {
      this.complain('"" is an unknown key');
      return -1;
    }
    const repeated = /[./]{2}/.exec(word);
    if (repeated !== null) this.complain(`separators should not be repeated: ${word.slice(repeated.index)}`);
    const path = toPath(word);
    if (isOutside(path)) {
      this.complain(`Path is not under ${PROC_SYS}: ${PROC_SYS}${path}`);
      return -1;
    }
    const stat = this.store.stat(path);
    if (!(stat instanceof SysctlFailure)) return { path, stat };
    return this.absent(path, stat);
  }

  private absent(path: string, failure: SysctlFailure): number {
    if (failure.code === 'ENOENT' && this.mode.ignoresUnknown) return 0;
    this.complain(`cannot stat ${PROC_SYS}${path}: ${failure.text}`);
    const hint = this.absenceHint(toName(path));
    if (hint !== null) this.voice.err(`hint: ${hint}\n`);
    return 1;
  }

  private absenceHint(name: string): string | null {
    const renamed = findRenamed(name);
    if (renamed !== null) return `${name} is gone since Linux ${renamed.gone}: use ${renamed.row.name}`;
    const missing = absence(name, this.store.host.kernel);
    if (missing !== null) return `${name} ${missing}`;
    const row = findRow(name);
    if (row === null) return null;
    if (row.needs !== '') return `this kernel was built without ${row.needs}, or its module is not loaded`;
    if (row.access === 'host') return `${name} is one for the whole host: only the initial network namespace has it`;
    if (!(this.store.stat('net/netfilter') instanceof SysctlFailure)) return null;
    return 'connection tracking is not loaded: modprobe nf_conntrack';
  }

  private show(word: string): number {
    const found = this.find(word);
    if (typeof found === 'number') return found;
    if (!found.stat.isFolder) return this.showFile(found.path);
    let status = 0;
    for (const path of this.pathsBelow(found.path)) status |= this.showFile(path);
    return status;
  }

  /** Paths of all settings below a folder, in order. */
  private pathsBelow(folder: string): string[] {
    const base = folder.endsWith('/') ? folder : `${folder}/`;
    const paths: string[] = [];
    for (const name of [...this.store.list(folder)].sort(byBytes)) {
      const path = base + name;
      const stat = this.store.stat(path);
      if (stat instanceof SysctlFailure) continue;
      if (stat.isFolder) paths.push(...this.pathsBelow(path));
      else if (stat.isReadable && !DEPRECATED.has(name)) paths.push(path);
    }
    return paths;
  }

  private showFile(path: string): number {
    const name = toName(path);
    const stat = this.store.stat(path);
    if (stat instanceof SysctlFailure || !stat.isReadable || !this.fits(name)) return 0;
    if (this.mode.namesOnly) {
      this.voice.out(`${name}\n`);
      return 0;
    }
    const text = this.store.read(path);
    if (text instanceof SysctlFailure) return this.readFailed(path, text);
    if (this.mode.isBinary) this.voice.out(text.replace(/\n$/, ''));
    else for (const line of text.replace(/\n$/, '').split('\n')) this.printLine(name, line, this.mode.valuesOnly);
    return 0;
  }

  private readFailed(path: string, failure: SysctlFailure): number {
    const name = toName(path);
    if (failure.code === 'EACCES') this.complain(`permission denied on key '${name}'`);
    else this.complain(`reading key "${name}": ${failure.text}`);
    return 1;
  }

  private printLine(name: string, value: string, isBare: boolean): void {
    this.voice.out(isBare ? `${value}\n` : `${name} = ${value}\n`);
  }

  private assign(word: string): number {
    const { kind, name, value, mayFail } = parseAssignment(word.trim());
    if (kind !== 'set') {
      if (!this.mode.ignoresUnknown) this.complain('command line(0): invalid syntax, continuing...');
      return 1;
    }
    if (name === '' && value === '') return 1;
    if (!this.fits(dotted(name))) return 1;
    return this.set(name, value, mayFail);
  }

  private set(name: string, value: string, mayFail: boolean): number {
    const path = toPath(name);
    if (isOutside(path)) {
      this.complain(`Path is not under ${PROC_SYS}: ${PROC_SYS}${path}`);
      return 1;
    }
    return this.setPath(path, { value, mayFail });
  }

  private setPath(path: string, line: { value: string; mayFail: boolean }): number {
    const stat = this.store.stat(path);
    if (stat instanceof SysctlFailure) return this.absent(path, stat);
    const name = toName(path);
    if (stat.isFolder || !stat.isWritable) {
      this.complain(`setting key "${name}": Invalid argument`);
      this.voice.err(`hint: ${stat.isFolder ? `${name} is a folder of settings` : this.readOnlyHint(name)}\n`);
      return 1;
    }
    const failure = this.mode.isDry ? null : this.writeValue(path, line.value);
    if (failure !== null && !this.isForgiven(name, line, failure)) return 1;
    if (!this.mode.isQuiet) {
      if (this.mode.isBinary) this.voice.out(line.value);
      else this.printLine(name, line.value, this.mode.valuesOnly || this.mode.namesOnly);
    }
    if (failure === null) this.warn(name, line.value);
    return 0;
  }

  /** Nothing is not a value: the kernel would take it as "leave it", sysctl(8) refuses it. */
  private writeValue(path: string, value: string): SysctlFailure | null {
    return value === '' ? new SysctlFailure('EINVAL') : this.store.write(path, value);
  }

  /** Tells of a value that was not set; true: the line says that this is no failure. */
  private isForgiven(name: string, line: { value: string; mayFail: boolean }, failure: SysctlFailure): boolean {
    if (failure.code === 'EACCES') {
      this.complain(`permission denied on key "${name}"${line.mayFail ? ', ignoring' : ''}`);
      return line.mayFail;
    }
    this.complain(`setting key "${name}": ${failure.text}`);
    const row = findRow(name);
    const refused = failure.code === 'EINVAL' && row !== null ? refusal(row, line.value, this.read) : null;
    if (refused !== null) this.voice.err(`hint: ${refused}\n`);
    return false;
  }

  private readOnlyHint(name: string): string {
    const row = findRow(name);
    if (row?.access !== 'host') return `${name} is read-only`;
    return `${name} is one for the whole host: set it in the initial network namespace`;
  }

  private warn(name: string, value: string): void {
    const row = findRow(name);
    if (row === null) return;
    for (const harm of harms(row, value, this.read)) this.voice.err(`warning: ${name} = ${value}: ${harm}\n`);
  }

  /** Paths that match a pattern, part by part. */
  private glob(name: string): string[] {
    let paths = [''];
    for (const part of toPath(name).split('/')) {
      const test = globTest(part);
      paths = paths.flatMap((base) => {
        const names = isGlob(part) ? [...this.store.list(base)].filter(test).sort(byBytes) : [part];
        return names.map((n) => (base === '' ? n : `${base}/${n}`));
      });
    }
    return paths.filter((path) => {
      const stat = this.store.stat(path);
      return !(stat instanceof SysctlFailure) && !stat.isFolder;
    });
  }
}

/** Whether a path leads to /proc/sys itself or out of it. */
function isOutside(path: string): boolean {
  let depth = 0;
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') depth--;
    else depth++;
    if (depth < 0) return true;
  }
  return depth === 0;
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
