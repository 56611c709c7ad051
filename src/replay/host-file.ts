/**
 * The YAML file of --host: text to HostConfig, with the file, line and column of whatever is wrong. What the values mean is
 * checked when the host is compiled (host/config); its complaints name a path, and `HostFile.at` finds the path's place.
 */
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type YAMLMap } from 'yaml';
import type {
  AccountingConfig,
  HostConfig,
  InterfaceConfig,
  NeighbourConfig,
  RouteConfig,
  SetConfig,
} from '../host/config.js';
import type { SocketConfig } from '../host/socket-config.js';
import { type TimeoutConfig, timeoutKeys } from '../host/timeouts.js';
import { didYouMean } from './nearest.js';

/** A host file that cannot be taken. Prints as `FILE:LINE:COLUMN: MESSAGE`. */
export class HostFileError extends Error {
  readonly file: string;
  readonly line: number;
  readonly column: number;

  constructor(message: string, file: string, line: number, column: number) {
    super(`${file}:${line}:${column}: ${message}`);
    this.name = 'HostFileError';
    this.file = file;
    this.line = line;
    this.column = column;
  }
}

/** A parsed host file. */
export interface HostFile {
  config: HostConfig;
  /** An error at a path such as `interfaces[1].addresses[0]`; the nearest place above it where the path is not in the file. */
  at(path: string, message: string): HostFileError;
}

/** Parses a host file's text; throws HostFileError at the first thing that is wrong. */
export function parseHostFile(text: string, file: string): HostFile {
  return new HostFileReader(text, file).read();
}

const TOP = [
  'interfaces',
  'routes',
  'neighbours',
  'sysctl',
  'modules',
  'sets',
  'timeouts',
  'sockets',
  'labels',
  'nfacct',
  'osf',
  'cpu',
];
const INTERFACE = ['name', 'mac', 'addresses', 'group', 'mtu', 'cpu'];
const ROUTE = ['to', 'via', 'dev', 'type', 'metric', 'src', 'realm', 'mark'];
const NEIGHBOUR = ['address', 'mac', 'dev'];
const SET_WORDS = ['type', 'family', 'bitmask', 'range'];
const SET_FLAGS = ['counters', 'comment', 'skbinfo', 'forceadd'];
const SET_NUMBERS = ['timeout', 'maxelem', 'hashsize', 'netmask', 'markmask', 'size'];
const SET = [...SET_WORDS, ...SET_FLAGS, ...SET_NUMBERS, 'entries'];
const SOCKET_WORDS = ['protocol', 'local', 'remote', 'cgroup'];
const SOCKET = [...SOCKET_WORDS, 'uid', 'gid', 'groups', 'classid', 'transparent', 'mark'];
const ACCOUNTING = ['quota', 'unit'];

/** Every key that a host file may have, by where it stands; '' = outermost. Those of a timeout policy: host/timeouts. */
export const HOST_FILE_KEYS: Readonly<Record<string, readonly string[]>> = {
  '': TOP,
  interfaces: INTERFACE,
  routes: ROUTE,
  neighbours: NEIGHBOUR,
  sets: SET,
  sockets: SOCKET,
  nfacct: ACCOUNTING,
};

class HostFileReader {
  private readonly text: string;
  private readonly file: string;
  private readonly lines = new LineCounter();
  private readonly places = new Map<string, Node>();

  constructor(text: string, file: string) {
    this.text = text;
    this.file = file;
  }

  read(): HostFile {
    const document = parseDocument(this.text, { lineCounter: this.lines, prettyErrors: false });
    const broken = document.errors[0];
    if (broken) {
      const { line, col } = this.lines.linePos(broken.pos[0]);
      throw new HostFileError(broken.message, this.file, line, col);
    }
    const config: HostConfig = {};
    if (document.contents !== null) this.top(document.contents, config);
    return { config, at: (path, message) => this.at(path, message) };
  }

  private top(node: Node, config: HostConfig): void {
    if (isScalar(node) && node.value === null) return;
    const map = this.map(node, '', TOP);
    for (const [key, value] of this.pairs(map, '')) {
      if (isScalar(value) && value.value === null) continue;
      if (key === 'interfaces') config.interfaces = this.list(value, key, (n, p) => this.interface(n, p));
      else if (key === 'routes') config.routes = this.list(value, key, (n, p) => this.route(n, p));
      else if (key === 'neighbours') config.neighbours = this.list(value, key, (n, p) => this.neighbour(n, p));
      else if (key === 'sysctl') config.sysctl = this.sysctl(value, key);
      else if (key === 'modules') config.modules = this.list(value, key, (n, p) => this.string(n, p));
      else if (key === 'sets') config.sets = this.sets(value, key);
      else if (key === 'timeouts') config.timeouts = this.timeouts(value, key);
      else if (key === 'sockets') config.sockets = this.list(value, key, (n, p) => this.socket(n, p));
      else if (key === 'labels') config.labels = this.named(value, key, (n, p) => this.number(n, p));
      else if (key === 'nfacct') config.nfacct = this.named(value, key, (n, p) => this.accounting(n, p));
      else if (key === 'osf') config.osf = this.string(value, key);
      else config.cpu = this.number(value, key);
    }
  }

  private interface(node: Node, path: string): InterfaceConfig {
    const item: InterfaceConfig = { name: '' };
    for (const [key, value, at] of this.pairs(this.map(node, path, INTERFACE), path)) {
      if (key === 'name') item.name = this.string(value, at);
      else if (key === 'mac') item.mac = this.string(value, at);
      else if (key === 'addresses') item.addresses = this.list(value, at, (n, p) => this.string(n, p));
      else if (key === 'group') item.group = this.number(value, at);
      else if (key === 'cpu') item.cpu = this.number(value, at);
      else item.mtu = this.number(value, at);
    }
    if (item.name === '') throw this.error('an interface needs a name', node);
    return item;
  }

  private route(node: Node, path: string): RouteConfig {
    const item: RouteConfig = { to: '' };
    for (const [key, value, at] of this.pairs(this.map(node, path, ROUTE), path)) {
      if (key === 'to') item.to = this.string(value, at);
      else if (key === 'via') item.via = this.string(value, at);
      else if (key === 'dev') item.dev = this.string(value, at);
      else if (key === 'src') item.src = this.string(value, at);
      else if (key === 'metric') item.metric = this.number(value, at);
      else if (key === 'realm' || key === 'mark') item[key] = this.plain(value, at);
      else item.type = this.string(value, at) as NonNullable<RouteConfig['type']>;
    }
    if (item.to === '') throw this.error('a route needs "to"', node);
    return item;
  }

  private neighbour(node: Node, path: string): NeighbourConfig {
    const item: NeighbourConfig = { address: '', mac: '', dev: '' };
    for (const [key, value, at] of this.pairs(this.map(node, path, NEIGHBOUR), path)) {
      item[key as keyof NeighbourConfig] = this.string(value, at);
    }
    for (const key of NEIGHBOUR) {
      if (item[key as keyof NeighbourConfig] === '') throw this.error(`a neighbour needs "${key}"`, node);
    }
    return item;
  }

  private sysctl(node: Node, path: string): Record<string, number | string> {
    const values: Record<string, number | string> = {};
    for (const [key, value, at] of this.pairs(this.map(node, path, null), path)) {
      values[key] = isScalar(value) && typeof value.value === 'boolean' ? Number(value.value) : this.plain(value, at);
    }
    return values;
  }

  private sets(node: Node, path: string): Record<string, SetConfig> {
    const sets: Record<string, SetConfig> = {};
    for (const [name, value, at] of this.pairs(this.map(node, path, null), path)) {
      const item: SetConfig & Record<string, unknown> = { type: '' };
      for (const [key, v, p] of this.pairs(this.map(value, at, SET), at)) {
        if (key === 'entries') item.entries = this.list(v, p, (n, q) => this.string(n, q));
        else if (SET_FLAGS.includes(key)) item[key] = this.flag(v, p);
        else item[key] = SET_WORDS.includes(key) ? this.string(v, p) : this.number(v, p);
      }
      if (item.type === '') throw this.error(`set "${name}" needs a type such as "hash:net"`, value);
      sets[name] = item;
    }
    return sets;
  }

  private timeouts(node: Node, path: string): Record<string, TimeoutConfig> {
    const timeouts: Record<string, TimeoutConfig> = {};
    for (const [name, value, at] of this.pairs(this.map(node, path, null), path)) {
      const protocol = isMap(value) ? String(value.get('protocol') ?? '') : '';
      const map = this.map(value, at, timeoutKeys(protocol));
      if (protocol === '') throw this.error(`timeout policy "${name}" needs a protocol`, value);
      const item: Record<string, number | string> = {};
      for (const [key, v, p] of this.pairs(map, at)) {
        item[key] = key === 'family' || key === 'protocol' ? this.string(v, p) : this.number(v, p);
      }
      timeouts[name] = item as unknown as TimeoutConfig;
    }
    return timeouts;
  }

  private socket(node: Node, path: string): SocketConfig {
    const item: SocketConfig & Record<string, unknown> = {};
    for (const [key, value, at] of this.pairs(this.map(node, path, SOCKET), path)) {
      if (key === 'groups') item.groups = this.list(value, at, (n, p) => this.plain(n, p));
      else if (key === 'transparent') item.transparent = this.flag(value, at);
      else if (key === 'mark') item.mark = this.number(value, at);
      else item[key] = SOCKET_WORDS.includes(key) ? this.string(value, at) : this.plain(value, at);
    }
    return item;
  }

  private accounting(node: Node, path: string): AccountingConfig | null {
    if (isScalar(node) && node.value === null) return null;
    const item: AccountingConfig = {};
    for (const [key, value, at] of this.pairs(this.map(node, path, ACCOUNTING), path)) {
      if (key === 'quota') item.quota = this.number(value, at);
      else item.unit = this.string(value, at) as NonNullable<AccountingConfig['unit']>;
    }
    return item;
  }

  /** A mapping of names that the file chooses. */
  private named<T>(node: Node, path: string, item: (node: Node, path: string) => T): Record<string, T> {
    const named: Record<string, T> = {};
    for (const [name, value, at] of this.pairs(this.map(node, path, null), path)) named[name] = item(value, at);
    return named;
  }

  /** Remembers where a path stands. */
  private note(path: string, node: Node): void {
    this.places.set(path, node);
  }

  private at(path: string, message: string): HostFileError {
    for (let p = path; p !== ''; p = p.replace(/(^|\.)[^.[\]]+$|\[\d+\]$/, '')) {
      const node = this.places.get(p);
      if (node) return this.error(p === path ? message : `${path}: ${message}`, node);
    }
    return new HostFileError(`${path}: ${message}`, this.file, 1, 1);
  }

  private error(message: string, node: Node): HostFileError {
    const { line, col } = this.lines.linePos(node.range?.[0] ?? 0);
    return new HostFileError(message, this.file, line, col);
  }

  /** A mapping whose keys are all among `keys` (null: any). */
  private map(node: Node, path: string, keys: readonly string[] | null): YAMLMap<Node, Node> {
    if (path !== '') this.note(path, node);
    if (!isMap<Node, Node>(node)) throw this.error(`${path || 'the file'}: expected "name: value" pairs`, node);
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : '';
      if (keys !== null && !keys.includes(key)) {
        const hint = didYouMean(key, keys) || ` (known: ${keys.join(', ')})`;
        throw this.error(`unknown key "${key}"${hint}`, pair.key);
      }
    }
    return node;
  }

  private *pairs(map: YAMLMap<Node, Node>, path: string): Generator<[string, Node, string]> {
    for (const pair of map.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : '';
      const at = path === '' ? key : `${path}.${key}`;
      if (!pair.value) throw this.error(`${at} has no value`, pair.key);
      this.note(at, pair.value);
      yield [key, pair.value, at];
    }
  }

  private list<T>(node: Node, path: string, item: (node: Node, path: string) => T): T[] {
    this.note(path, node);
    if (!isSeq<Node>(node)) throw this.error(`${path}: expected a list`, node);
    return node.items.map((n, i) => item(n, `${path}[${i}]`));
  }

  /** A word as it stands in the file: `10.1` or `02` are not numbers here. */
  private string(node: Node, path: string): string {
    this.note(path, node);
    if (isScalar(node) && typeof node.value === 'string') return node.value;
    if (isScalar(node) && typeof node.value === 'number' && node.source !== undefined) return node.source;
    throw this.error(`${path}: expected a word`, node);
  }

  private number(node: Node, path: string): number {
    this.note(path, node);
    if (isScalar(node) && typeof node.value === 'number' && Number.isInteger(node.value)) return node.value;
    throw this.error(`${path}: expected a whole number`, node);
  }

  private flag(node: Node, path: string): boolean {
    if (isScalar(node) && typeof node.value === 'boolean') return node.value;
    throw this.error(`${path}: expected true or false`, node);
  }

  private plain(node: Node, path: string): number | string {
    if (isScalar(node) && (typeof node.value === 'number' || typeof node.value === 'string')) return node.value;
    throw this.error(`${path}: expected a number or a word`, node);
  }
}
