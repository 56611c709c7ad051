/**
 * The settings of a simulated host, read from its file. They look like the /proc/sys of that host in its first network namespace: what the
 * file does not name has the kernel's default. What is written goes into the text (sysctl-yaml.ts), and from there to the file at the end.
 */
import type { HostConfig } from '../host/config.js';
import { isSysctlKnown, sysctlProblem } from '../host/sysctl-values.js';
import { parseHostFile } from '../replay/host-file.js';
import { defaultOf, PLENTIFUL, type SysctlHost } from '../tools/sysctl/defaults.js';
import { refusal } from '../tools/sysctl/judge.js';
import { aliasesOf, dotted, findRow, namesOf, toName, toPath } from '../tools/sysctl/settings.js';
import { parseNumber, SysctlFailure, type SysctlStat, type SysctlStore } from '../tools/sysctl/store.js';
import { setInYaml } from './sysctl-yaml.js';

/** One host file. */
export class HostStore implements SysctlStore {
  readonly host: SysctlHost;
  /** The file's text as it is to be. */
  text: string;
  /** Names that were written although nothing in a replay depends on them. */
  readonly idle = new Set<string>();
  /** By name with dots. */
  private readonly own = new Map<string, string>();
  private readonly names: ReadonlySet<string>;
  private readonly folders = new Map<string, Set<string>>();

  /**
   * @param text YAML.
   * @param file Its name, for messages.
   * @throws HostFileError: it is no host file.
   */
  constructor(text: string, file: string, host: SysctlHost = PLENTIFUL) {
    this.host = host;
    this.text = text;
    const { config } = parseHostFile(text, file);
    for (const [name, value] of Object.entries(config.sysctl ?? {})) this.own.set(dotted(name), String(value));
    this.names = new Set([...namesOf(interfacesOf(config), host.kernel), ...this.own.keys()]);
    for (const name of this.names) this.addFolders(toPath(name));
  }

  stat(path: string): SysctlStat | SysctlFailure {
    const clean = path.split('/').filter((part) => part !== '');
    const name = toName(clean.join('/'));
    if (this.folders.has(clean.join('/'))) return { isFolder: true, isReadable: true, isWritable: false };
    if (this.names.has(name)) {
      if (path.endsWith('/')) return new SysctlFailure('ENOTDIR');
      const access = findRow(name)?.access;
      return { isFolder: false, isReadable: true, isWritable: access !== 'read-only' };
    }
    const isBelow = clean.some((_, i) => i > 0 && this.names.has(toName(clean.slice(0, i).join('/'))));
    return new SysctlFailure(isBelow ? 'ENOTDIR' : 'ENOENT');
  }

  list(path: string): readonly string[] {
    return [
      ...(this.folders.get(
        path
          .split('/')
          .filter((part) => part !== '')
          .join('/'),
      ) ?? []),
    ];
  }

  read(path: string): string | SysctlFailure {
    const name = toName(path.replace(/^\/+/, ''));
    if (!this.names.has(name)) return new SysctlFailure('ENOENT');
    return `${this.value(name)}\n`;
  }

  write(path: string, written: string): SysctlFailure | null {
    const name = toName(path.replace(/^\/+/, ''));
    if (!this.names.has(name)) return new SysctlFailure('ENOENT');
    const row = findRow(name);
    // as it is read back from a kernel: `0x10 and more` is 16
    const number = row === null || row.limit === null ? Number.NaN : parseNumber(written);
    const value = Number.isSafeInteger(number) ? String(number) : written;
    const read = (other: string): number | undefined => this.number(other);
    // what a replay would not load is refused, too
    if (row !== null && refusal(row, value, read) !== null) return new SysctlFailure('EINVAL');
    if (sysctlProblem(name, value) !== null) return new SysctlFailure('EINVAL');
    const group = aliasesOf(name).filter((alias) => this.own.has(alias));
    for (const alias of group.length === 0 ? [name] : group) {
      this.text = setInYaml(this.text, alias, value);
      this.own.set(alias, value);
    }
    if (!isSysctlKnown(name)) this.idle.add(name);
    return null;
  }

  /** What the engine takes: the file's value, that of the same setting's other name, all interfaces', the kernel's default. */
  private value(name: string): string {
    for (const alias of [name, ...aliasesOf(name)]) {
      const own = this.own.get(alias);
      if (own !== undefined) return own;
    }
    const forwarding = /^(net\.ipv[46]\.conf\.).+\.forwarding$/.exec(name)?.[1];
    if (forwarding !== undefined && name !== `${forwarding}all.forwarding`) {
      return this.value(`${forwarding}all.forwarding`);
    }
    const row = findRow(name);
    const initial = row === null ? null : defaultOf(row, this.host);
    return String(initial ?? 0);
  }

  private number(name: string): number | undefined {
    const value = this.names.has(name) ? parseNumber(this.value(name)) : Number.NaN;
    return Number.isNaN(value) ? undefined : value;
  }

  private addFolders(path: string): void {
    const parts = path.split('/');
    for (let i = 0; i < parts.length; i++) {
      const folder = parts.slice(0, i).join('/');
      if (!this.folders.has(folder)) this.folders.set(folder, new Set());
      this.folders.get(folder)!.add(parts[i]!);
    }
  }
}

function interfacesOf(config: HostConfig): string[] {
  return (config.interfaces ?? []).map((i) => i.name);
}
