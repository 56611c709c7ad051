/**
 * Extensions of the rule being read: which are loaded, which options they have, and handing options to them.
 */
import type { Extension, OptionContext, OptionSpec } from '../rules/extension.js';
import type { Family, MatchUse, Target } from '../rules/model.js';
import { type Known, MATCHES_TO_COME, type Registry, registryOf } from '../rules/registry.js';
import { BASE_OPTIONS, type BaseOption } from './base-options.js';
import type { Scope } from './command.js';
import { IPTABLES_VERSION, suggest } from './errors.js';
import { expectedValue } from './expected.js';
import { WordReader } from './word-reader.js';

type TargetUse = Extract<Target, { kind: 'extension' }>;

/** An extension of the rule being read. */
export interface Loaded {
  known: Known<MatchUse['extension']> | Known<TargetUse['extension']>;
  spec: unknown;
  seen: Set<string>;
  /** The word that names it, or the option that -p let in. */
  at: number;
}

/** What an abbreviated option may stand for: one of iptables' own or one of a loaded extension. */
export interface Candidate {
  base: BaseOption | null;
  loaded: Loaded | null;
  option: OptionSpec | null;
}

const NO_MATCHES: MatchUse[] = [];
/** REJECT says this on a line of its own before it fails. */
const ECHO_REPLY = '--reject-with echo-reply no longer supported';
/** Messages that end their line themselves: those of the library's own option reader, and some others. */
const ENDED = [
  /^[\w-]+: (bad value|bad integer value|trailing garbage after value|could not map name|Argument to|option) .*[^\n]$/,
  /^Port ".*" does not resolve to anything\.$/,
  /^log level ".*" unknown$/,
  /^Argument must have a m\w+ length of \d+ characters$/,
  /^[\w-]+: Too many components for option /,
  /^getaddrinfo: /,
];

/** Reads options of extensions. */
export class ExtensionReader extends WordReader {
  protected readonly known: Registry;
  protected invert = false;
  protected table = 'filter';
  protected protocol: { number: number; invert: boolean } | null = null;
  /** -p's own word in lower case. */
  protected protocolWord = '';
  /** -j as an extension. */
  protected target: TargetUse | null = null;
  protected matches: MatchUse[] = NO_MATCHES;
  /** In the order of loading; the first `loadedCount` count, the others wait for use. */
  protected readonly loaded: Loaded[] = [];
  protected loadedCount = 0;
  private impliedUsed = false;
  private readonly context: { -readonly [K in keyof OptionContext]: OptionContext[K] };

  constructor(family: Family, file: string, scope: Scope) {
    super(family, file, scope);
    this.known = registryOf(family);
    this.context = {
      family,
      protocol: null,
      table: '',
      fail: (message, word, hint) => this.failExtension(message, word, hint),
      warn: (message) => this.warn(message),
    };
  }

  /** Forgets the rule before. */
  protected resetExtensions(): void {
    this.target = null;
    this.option = '';
    this.loadedCount = 0;
    this.matches = NO_MATCHES;
    this.protocol = null;
    this.impliedUsed = false;
  }

  /** The extensions that the rule names, so far. */
  extensions(): Extension[] {
    return this.loaded.slice(0, this.loadedCount).map((loaded) => loaded.known.extension);
  }

  /** The rule's matches, its own array. */
  protected takeMatches(copy: boolean): MatchUse[] {
    if (this.matches === NO_MATCHES) return [];
    return copy ? this.matches.slice() : this.matches;
  }

  /** Loads a target for -j; false: there is no such extension. */
  protected readTarget(name: string): boolean {
    const known = this.known.targets.get(name);
    if (known === undefined) return false;
    const spec: unknown = known.extension.init(this.family);
    this.target = { kind: 'extension', extension: known.extension, spec };
    this.loadExtension(known, spec);
    return true;
  }

  private loadExtension(known: Loaded['known'], spec: unknown): void {
    if (known.extension.notInKernel === true) {
      this.warn(`Extension ${known.extension.name} revision 0 not supported, missing kernel module?`);
    }
    const free = this.loaded[this.loadedCount++];
    if (free === undefined) {
      this.loaded.push({ known, spec, seen: new Set(), at: this.blame });
      return;
    }
    free.known = known;
    free.spec = spec;
    free.at = this.blame;
    if (free.seen.size > 0) free.seen.clear();
  }

  /** An option of an extension by its whole name. */
  protected readExtension(name: string, attached: string | null): boolean {
    for (let i = this.loadedCount - 1; i >= 0; i--) {
      const loaded = this.loaded[i] as Loaded;
      const option = loaded.known.options.get(name);
      if (option === undefined) continue;
      this.takeOption(loaded, option, attached);
      return true;
    }
    return false;
  }

  /** Different options whose names begin so. */
  protected candidates(beginning: string): Candidate[] {
    const found: Candidate[] = [];
    for (const [name, base] of BASE_OPTIONS) {
      if (base.letter === 'f' && this.family !== 2) continue;
      if (name.startsWith(beginning) && !found.some((f) => f.base?.letter === base.letter)) {
        found.push({ base, loaded: null, option: null });
      }
    }
    for (const loaded of this.loaded.slice(0, this.loadedCount)) {
      for (const [name, option] of loaded.known.options) {
        if (!name.startsWith(beginning)) continue;
        // an extension used twice brings its options once; the later use takes them
        const same = found.find((f) => f.option === option);
        if (same === undefined) found.push({ base: null, loaded, option });
        else same.loaded = loaded;
      }
    }
    return found;
  }

  protected optionHint(name: string): string {
    const names = [...BASE_OPTIONS.keys()].map((n) => `--${n}`);
    for (const { known } of this.loaded.slice(0, this.loadedCount))
      for (const option of known.options.keys()) names.push(`--${option}`);
    const exact: string[] = [];
    for (const [match, known] of this.known.matches) if (known.options.has(name)) exact.push(`-m ${match}`);
    for (const [target, known] of this.known.targets) if (known.options.has(name)) exact.push(`-j ${target}`);
    const where = exact.length === 0 ? suggest(`--${name}`, names) : `; "--${name}" belongs to ${exact.join(', ')}`;
    return `expected an option of iptables or of a -m or -j before it${where}`;
  }

  protected readMatch(name: string): void {
    const known = this.known.matches.get(name);
    if (known === undefined) {
      if (name.length > 28) this.fail(`Invalid match name "${name}" (28 chars max)`);
      // two names of one match: the real program tells the third
      const file = name === 'icmpv6' || name === 'ipv6-icmp' ? 'icmp6' : name;
      this.fail(`Couldn't load match \`${file}':No such file or directory\n`, {
        hint: MATCHES_TO_COME.has(name)
          ? `match "${name}" is not supported yet`
          : `expected the name of a match${suggest(name, this.known.matches.keys())}`,
      });
    }
    this.addMatch(known);
  }

  private addMatch(known: Known<MatchUse['extension']>): void {
    const spec: unknown = known.extension.init(this.family);
    this.loadExtension(known, spec);
    const use: MatchUse = { extension: known.extension, spec };
    if (this.matches === NO_MATCHES) this.matches = [use];
    else this.matches.push(use);
  }

  /** Loads the match of `-p`, once, when an option is unknown so far. */
  protected loadImplied(): boolean {
    if (this.protocol === null || this.impliedUsed) return false;
    this.impliedUsed = true;
    const known = this.known.implied.get(this.protocol.number);
    // found by name: only `-p mh` leads to the mh match, for /etc/protocols calls 135 otherwise
    if (known === undefined || (known.extension.name === 'mh' && this.protocolWord !== 'mh')) return false;
    this.addMatch(known);
    return true;
  }

  protected takeOption(loaded: Loaded, option: OptionSpec, attached: string | null): void {
    const { extension } = loaded.known;
    const at = this.blame;
    let value = '';
    if (option.args === 1) value = attached ?? this.argumentOf();
    else if (option.args === 2) value = this.twoArguments(option, attached);
    else if (attached !== null) this.fail(`unknown option "${this.words.text[at]}"`);
    else if (option.args === 'optional' && this.hasWord()) value = this.argumentOf();
    if (loaded.seen.has(option.name) && option.repeat !== true) {
      this.blame = at;
      this.fail(option.repeatMessage ?? `${extension.name}: option "--${option.name}" can only be used once.\n`);
    }
    if (this.invert && option.invert !== true) {
      this.blame = at;
      this.fail(`${extension.name}: option "--${option.name}" cannot be inverted.\n`);
    }
    loaded.seen.add(option.name);
    this.context.table = this.table;
    this.context.protocol = this.protocol;
    this.reading = extension.name;
    this.option = option.name;
    this.value = value;
    extension.option(loaded.spec, option.name, value, this.invert, this.context);
    this.option = '';
  }

  /** The option whose value an extension looks at, for what it refuses; '' = none. */
  private option = '';
  private reading = '';
  private value = '';

  private twoArguments(option: OptionSpec, attached: string | null): string {
    const first = attached ?? this.argumentOf();
    if (!this.hasWord()) this.fail(option.secondMissing ?? `--${option.name} requires two args.`);
    return `${first} ${this.argumentOf()}`;
  }

  protected checkExtension(loaded: Loaded): void {
    const { extension } = loaded.known;
    this.blame = loaded.at;
    this.context.table = this.table;
    this.context.protocol = this.protocol;
    extension.check?.(loaded.spec, loaded.seen, this.context);
    for (const option of extension.options) {
      if (!loaded.seen.has(option.name)) {
        if (option.required === true) this.fail(`${extension.name}: option "--${option.name}" must be specified\n`);
        continue;
      }
      const lacking = option.also?.find((other) => !loaded.seen.has(other));
      if (lacking !== undefined) {
        this.fail(`${extension.name}: option "--${option.name}" also requires "--${lacking}".\n`);
      }
      const other = option.excludes?.find((name) => loaded.seen.has(name));
      if (other !== undefined) {
        this.fail(`${extension.name}: option "--${option.name}" cannot be used together with "--${other}".\n`);
      }
    }
  }

  private failExtension(message: string, word?: string, explained?: string): never {
    const isValue = this.option !== '' && !/ needs | requires /.test(message);
    const expected = !isValue ? '' : expectedValue(this.reading, this.option, this.value, this.family);
    const hint = explained ?? (expected === '' ? undefined : expected);
    if (word !== undefined) {
      for (let i = Math.min(this.at, this.words.count) - 1; i >= this.first; i--) {
        if (this.words.text[i] !== word) continue;
        this.blame = i;
        break;
      }
    }
    if (ENDED.some((pattern) => pattern.test(message))) message += '\n';
    if (message === ECHO_REPLY) {
      const program = this.family === 2 ? 'iptables' : 'ip6tables';
      const text = `${message}\n${program} ${IPTABLES_VERSION}: unknown reject type "${word}"`;
      this.fail(text, { form: 'bare' });
    }
    this.fail(message, hint === undefined ? {} : { hint });
  }
}
