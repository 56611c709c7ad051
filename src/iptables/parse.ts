/**
 * One command line of iptables, as words, to a Command: what do_command of iptables 1.8.9 accepts, in the order in which it looks at
 * things, so that the first error is the same.
 *
 * Words are read as getopt_long does: a long option is one of iptables' own, else one of the extensions loaded so far (the latest
 * -m or -j first), else the unambiguous beginning of one, else one of the match that `-p` implies, which then is loaded.
 */

import { fillMask, readHost, readMask } from '../rules/address.js';
import type { OptionContext, OptionSpec } from '../rules/extension.js';
import {
  type AddressMatch,
  BUILT_IN,
  type Family,
  type InterfaceMatch,
  type MatchUse,
  type Position,
  type Rule,
  TABLE_NAMES,
  type TableName,
  type Target,
} from '../rules/model.js';
import { protocolName, protocolNameList, protocolNumber } from '../rules/names.js';
import { type Known, type Registry, registryOf } from '../rules/registry.js';
import { readUint } from '../rules/values.js';
import { BASE_LETTERS, BASE_OPTIONS, type BaseOption, ILLEGAL, VERBS } from './base-options.js';
import { type ErrorDetails, RuleTextError, suggest } from './errors.js';
import type { Words } from './tokens.js';

/** A command, checked as far as it can be without the ruleset's rules. */
export interface Command {
  /** A D C I R L S F Z N X E P. */
  verb: string;
  table: TableName;
  /** '' = all chains (L S F Z X). */
  chain: string;
  /** Rule number from 1; 0 = none given. */
  number: number;
  /** -E's new name, -P's policy. */
  argument: string;
  /** A D C I R: one rule for each pair of addresses. */
  rules: Rule[];
  /** -P, rules: whether -c was given. */
  hasCounters: boolean;
  packets: number;
  bytes: number;
  /** -n -v -x and --line-numbers ('0'), for listings. */
  flags: string;
  position: Position;
}

/** What the parser asks about the ruleset that the command is for. */
export interface Scope {
  /** Whether the table has this chain. */
  isChain(table: string, name: string): boolean;
  /** Names of a table's chains, for suggestions. */
  chainNames(table: string): Iterable<string>;
  /** Told of what iptables only warns about. */
  warn(message: string, position: Position): void;
}

/** An extension of the rule being read. */
interface Loaded {
  known: Known<MatchUse['extension']> | Known<Extract<Target, { kind: 'extension' }>['extension']>;
  spec: unknown;
  seen: Set<string>;
}

type Verdict = Extract<Target, { kind: 'verdict' }>['name'];

const MAX_CHAIN_LEN = 28;
const MAX_INTERFACE_LEN = 15;
const NO_MATCHES: MatchUse[] = [];

/** Reads commands; one object serves all lines of a file. */
export class CommandParser {
  private readonly registry: Registry;
  private words!: Words;
  /** The next word. */
  private at = 0;
  /** Word that an error points at. */
  private blame = 0;
  private first = 0;
  private invert = false;
  private table = 'filter';
  private verb = '';
  private chain = '';
  private number = 0;
  private argument = '';
  private jump = '';
  private jumpAt = 0;
  private isGoto = false;
  private target: Loaded | null = null;
  private readonly loaded: Loaded[] = [];
  private matches: MatchUse[] = NO_MATCHES;
  private impliedUsed = false;
  private source = '';
  private sourceAt = -1;
  private sourceInvert = false;
  private destination = '';
  private destinationAt = -1;
  private destinationInvert = false;
  private inInterface: InterfaceMatch | null = null;
  private outInterface: InterfaceMatch | null = null;
  private protocol: { number: number; invert: boolean } | null = null;
  private fragment: { invert: boolean } | null = null;
  private packets = 0;
  private bytes = 0;
  /** Letters of the options given. */
  private given = '';
  private foreign = false;
  private readonly context: { -readonly [K in keyof OptionContext]: OptionContext[K] };

  /** `file` names the text in positions. */
  constructor(
    private readonly family: Family,
    private readonly file: string,
    private readonly scope: Scope,
  ) {
    this.registry = registryOf(family);
    this.context = {
      family,
      protocol: null,
      table: '',
      fail: (message, word) => this.failExtension(message, word),
    };
  }

  /**
   * Reads the command that begins at word `from`. null: it is for the other family (-4 or -6 in iptables-restore's text).
   * @param tableFixed The table was named before (iptables-restore), so that -t may not name another.
   * @throws RuleTextError
   */
  parse(words: Words, from: number, table: string, tableFixed = false): Command | null {
    this.reset(words, from, table);
    while (this.at < words.count) {
      const word = words.text[this.at] as string;
      this.blame = this.at++;
      if (word.charCodeAt(0) !== 45 || word.length === 1) {
        this.readPlain(word);
        continue;
      }
      if (word === '--') break;
      if (word.charCodeAt(1) === 45) this.readLong(word, tableFixed);
      else this.readShort(word, tableFixed);
      this.invert = false;
    }
    if (this.foreign && tableFixed) return null;
    return this.finish();
  }

  private reset(words: Words, from: number, table: string): void {
    this.words = words;
    this.first = this.at = this.blame = from;
    this.invert = false;
    this.table = table;
    this.verb = this.chain = this.argument = this.jump = this.source = this.destination = this.given = '';
    this.number = this.packets = this.bytes = 0;
    this.isGoto = this.impliedUsed = this.foreign = this.sourceInvert = this.destinationInvert = false;
    this.target = null;
    this.loaded.length = 0;
    this.matches = NO_MATCHES;
    this.sourceAt = this.destinationAt = -1;
    this.inInterface = this.outInterface = this.protocol = this.fragment = null;
    this.context.protocol = null;
  }

  // ---- words ----

  private readPlain(word: string): void {
    if (word !== '!') this.fail(`Bad argument \`${word}'`, { form: 'bare', hint: 'expected an option' });
    if (this.invert) this.fail('multiple consecutive ! not allowed');
    this.invert = true;
  }

  private readShort(word: string, tableFixed: boolean): void {
    for (let i = 1; i < word.length; i++) {
      const letter = word[i] as string;
      const option = BASE_LETTERS.get(letter);
      if (option === undefined) {
        if (this.loadImplied()) {
          i--;
          continue;
        }
        this.fail(`unknown option "-${letter}"`);
      }
      if (option.args === 0) {
        this.base(option, '', tableFixed);
        continue;
      }
      const rest = word.slice(i + 1);
      this.base(option, rest !== '' || option.args === 'optional' ? rest : this.argumentOf(), tableFixed);
      return;
    }
  }

  private readLong(word: string, tableFixed: boolean): void {
    const equals = word.indexOf('=');
    const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
    const attached = equals < 0 ? null : word.slice(equals + 1);
    const base = BASE_OPTIONS.get(name);
    if (base !== undefined) {
      this.baseLong(base, attached, word, tableFixed);
      return;
    }
    if (this.readExtension(name, attached)) return;
    this.readAbbreviated(name, attached, word, tableFixed);
  }

  private baseLong(base: BaseOption, attached: string | null, word: string, tableFixed: boolean): void {
    if (base.args === 0 && attached !== null) this.fail(`unknown option "${word}"`);
    this.base(base, base.args === 1 ? (attached ?? this.argumentOf()) : (attached ?? ''), tableFixed);
  }

  /** An option of an extension by its whole name. */
  private readExtension(name: string, attached: string | null): boolean {
    for (let i = this.loaded.length - 1; i >= 0; i--) {
      const loaded = this.loaded[i] as Loaded;
      const option = loaded.known.options.get(name);
      if (option === undefined) continue;
      this.extension(loaded, option, attached);
      return true;
    }
    return false;
  }

  private readAbbreviated(name: string, attached: string | null, word: string, tableFixed: boolean): void {
    for (;;) {
      const found = this.candidates(name);
      if (found.length === 1) {
        const { base, loaded, option } = found[0] as Candidate;
        if (base !== null) this.baseLong(base, attached, word, tableFixed);
        else this.extension(loaded as Loaded, option as OptionSpec, attached);
        return;
      }
      if (!this.loadImplied()) break;
      if (this.readExtension(name, attached)) return;
    }
    this.fail(`unknown option "${word}"`, { hint: this.optionHint(name) });
  }

  /** Different options whose names begin so. */
  private candidates(beginning: string): Candidate[] {
    const found: Candidate[] = [];
    for (const [name, base] of BASE_OPTIONS) {
      if (name.startsWith(beginning) && !found.some((f) => f.base?.letter === base.letter)) {
        found.push({ base, loaded: null, option: null });
      }
    }
    for (const loaded of this.loaded) {
      for (const [name, option] of loaded.known.options) {
        if (name.startsWith(beginning) && !found.some((f) => f.loaded === loaded && f.option === option)) {
          found.push({ base: null, loaded, option });
        }
      }
    }
    return found;
  }

  private optionHint(name: string): string {
    const names = [...BASE_OPTIONS.keys()].map((n) => `--${n}`);
    for (const { known } of this.loaded) for (const option of known.options.keys()) names.push(`--${option}`);
    const exact: string[] = [];
    for (const [match, known] of this.registry.matches) if (known.options.has(name)) exact.push(`-m ${match}`);
    for (const [target, known] of this.registry.targets) if (known.options.has(name)) exact.push(`-j ${target}`);
    const where = exact.length === 0 ? suggest(`--${name}`, names) : `; "--${name}" belongs to ${exact.join(', ')}`;
    return `expected an option of iptables or of a -m or -j before it${where}`;
  }

  /** The word after an option that needs one. */
  private argumentOf(): string {
    if (this.at >= this.words.count) {
      const option = this.words.text[this.words.count - 1] as string;
      this.fail(`option "${option}" requires an argument`);
    }
    this.blame = this.at;
    return this.words.text[this.at++] as string;
  }

  /** Whether a word follows that is neither an option nor `!`. */
  private hasWord(): boolean {
    const next = this.words.text[this.at];
    return next !== undefined && next.charCodeAt(0) !== 45 && next.charCodeAt(0) !== 33;
  }

  // ---- options ----

  private base(option: BaseOption, value: string, tableFixed: boolean): void {
    const letter = option.letter;
    if (VERBS.includes(letter)) {
      this.command(letter, value);
      return;
    }
    switch (letter) {
      case 's':
        this.once('s');
        this.source = value;
        this.sourceAt = this.blame;
        this.sourceInvert = this.invert;
        return;
      case 'd':
        this.once('d');
        this.destination = value;
        this.destinationAt = this.blame;
        this.destinationInvert = this.invert;
        return;
      case 'p':
        this.once('p');
        this.readProtocol(value);
        return;
      case 'i':
        this.once('i');
        this.inInterface = this.readInterface(value);
        return;
      case 'o':
        this.once('o');
        this.outInterface = this.readInterface(value);
        return;
      case 'j':
        // 1.8.9 takes the word before the next option as it stands: `--jump=X` and `-jX` name a target of that spelling.
        this.readJump(this.words.text[this.at - 1] as string, false);
        return;
      case 'g':
        this.readJump(value, true);
        return;
      case 'm':
        if (this.invert) this.fail('unexpected ! flag before --match');
        this.readMatch(value);
        return;
      default:
        this.rareOption(letter, value, tableFixed);
    }
  }

  private rareOption(letter: string, value: string, tableFixed: boolean): void {
    switch (letter) {
      case 'f':
        if (this.family !== 2) this.fail("`-f' is not supported in IPv6, use -m frag instead");
        this.once('f');
        this.fragment = { invert: this.invert };
        return;
      case 't':
        if (this.invert) this.fail('unexpected ! flag before --table');
        if (tableFixed && !this.words.quoted[this.blame]) {
          this.fail('The -t option cannot be used in iptables-restore.');
        }
        this.table = value;
        return;
      case 'c':
        this.readCounters(value);
        return;
      case '4':
      case '6':
        this.foreign = (letter === '4') !== (this.family === 2);
        if (this.foreign && !tableFixed) {
          const program = this.family === 2 ? 'iptables' : 'ip6tables';
          this.fail(`Try \`${program} -h' or '${program} --help' for more information.`, { form: 'bare' });
        }
        return;
      case 'w':
      case 'W':
        if (value === '' && this.hasWord()) value = this.argumentOf();
        if (value !== '' && readUint(value, 0, 0x7fffffff) < 0) this.fail('wait seconds not numeric');
        return;
      case 'M':
        return;
      case 'v':
        if (!this.given.includes('v')) this.once('v');
        return;
      case 'n':
      case 'x':
      case '0':
        if (this.invert) this.fail(`cannot have ! before -${letter}`);
        this.once(letter);
        return;
      default:
        this.fail(`option -${letter} is not for a ruleset`);
    }
  }

  private once(letter: string): void {
    if (this.given.includes(letter)) this.fail(`multiple -${letter} flags not allowed`);
    this.given += letter;
  }

  private command(verb: string, value: string): void {
    if (this.invert) this.fail("unexpected '!' flag");
    if (this.verb !== '') this.fail(`Cannot use -${verb} with -${this.verb}`);
    this.verb = verb;
    this.chain = value;
    switch (verb) {
      case 'D':
        if (this.hasWord()) this.number = this.readNumber();
        return;
      case 'I':
        this.number = this.hasWord() ? this.readNumber() : 1;
        return;
      case 'R':
        if (!this.hasWord()) this.fail('-R requires a rule number');
        this.number = this.readNumber();
        return;
      case 'L':
      case 'S':
      case 'Z':
      case 'F':
      case 'X':
        if (value === '' && this.hasWord()) this.chain = this.argumentOf();
        if ('LSZ'.includes(verb) && this.hasWord()) this.number = this.readNumber();
        return;
      case 'N':
        this.checkNewName(value);
        return;
      case 'E':
        if (!this.hasWord()) this.fail('-E requires old-chain-name and new-chain-name');
        this.argument = this.argumentOf();
        return;
      case 'P':
        if (!this.hasWord()) this.fail('-P requires a chain and a policy');
        this.argument = this.argumentOf();
    }
  }

  private readNumber(): number {
    const text = this.argumentOf();
    const number = readUint(text, 1, 0x7fffffff);
    if (number < 0) this.fail(`Invalid rule number \`${text}'`);
    return number;
  }

  private checkNewName(name: string): void {
    if (name.startsWith('-') || name.startsWith('!')) {
      this.fail(`chain name not allowed to start with \`${name[0]}'`);
    }
    if (isVerdict(name) || this.registry.targets.has(name)) this.fail('chain name may not clash with target name');
    if (/[ \t\n\v\f\r]/.test(name)) this.fail(`Invalid chain name \`${name}'`);
  }

  private readProtocol(value: string): void {
    const name = value.toLowerCase();
    let number = readUint(name, 0, 255);
    if (number < 0) number = protocolNumber(name);
    if (number < 0) {
      this.fail(`unknown protocol "${name}" specified`, {
        hint: `expected a protocol's number or name${suggest(name, protocolNameList())}`,
      });
    }
    if (number === 0 && this.invert) this.fail('rule would never match protocol');
    if (number === 0) return;
    this.protocol = { number, invert: this.invert };
    this.context.protocol = this.protocol;
    // Of the extension headers ip6tables looks through, only ESP and AH can be asked for by number.
    if (this.family !== 2 && !this.invert && (number === 43 || number === 44 || number === 60)) {
      this.warn(`never matched protocol: ${protocolName(number)}. use extension match instead.`);
    }
  }

  private readInterface(name: string): InterfaceMatch | null {
    if (name === '') this.fail('Empty interface is likely to be undesired');
    if (name.length > MAX_INTERFACE_LEN) {
      this.fail(`interface name \`${name}' must be shorter than IFNAMSIZ (${MAX_INTERFACE_LEN})`);
    }
    if (name.includes('/') || name.includes(' ')) {
      this.warn(`weird character in interface \`${name}' ('/' and ' ' are not allowed by the kernel).`);
    }
    return name === '+' && !this.invert ? null : { name, invert: this.invert };
  }

  private readJump(name: string, isGoto: boolean): void {
    if (this.invert) this.fail('cannot have ! before -j');
    if (this.given.includes('j')) this.fail('multiple -j flags not allowed');
    this.given += 'j';
    this.isGoto = isGoto;
    this.jump = name;
    this.jumpAt = this.blame;
    if (isGoto) return;
    if (name === '') this.fail('Invalid target name (too short)');
    if (name.length > MAX_CHAIN_LEN) this.fail(`Invalid target name \`${name}' (${MAX_CHAIN_LEN} chars max)`);
    if (/[ \t\n\v\f\r]/.test(name)) this.fail(`Invalid target name \`${name}'`);
    const known = this.registry.targets.get(name);
    if (known === undefined) return;
    this.target = { known, spec: known.extension.init(this.family), seen: new Set() };
    this.loaded.push(this.target);
  }

  private readMatch(name: string): void {
    const known = this.registry.matches.get(name);
    if (known === undefined) {
      this.fail(`Couldn't load match \`${name}':No such file or directory`, {
        hint: `expected the name of a match${suggest(name, this.registry.matches.keys())}`,
      });
    }
    this.addMatch(known);
  }

  private addMatch(known: Known<MatchUse['extension']>): void {
    const spec: unknown = known.extension.init(this.family);
    this.loaded.push({ known, spec, seen: new Set() });
    const use: MatchUse = { extension: known.extension, spec };
    if (this.matches === NO_MATCHES) this.matches = [use];
    else this.matches.push(use);
  }

  /** Loads the match of `-p`, once, when an option is unknown so far. */
  private loadImplied(): boolean {
    if (this.protocol === null || this.impliedUsed) return false;
    this.impliedUsed = true;
    const known = this.registry.implied.get(this.protocol.number);
    if (known === undefined) return false;
    this.addMatch(known);
    return true;
  }

  private readCounters(value: string): void {
    if (this.invert) this.fail('cannot have ! before -c');
    this.once('c');
    const comma = value.indexOf(',');
    const packets = comma < 0 ? value : value.slice(0, comma);
    let bytes = comma < 0 ? '' : value.slice(comma + 1);
    if (comma < 0) {
      if (!this.hasWord()) this.fail('-c requires packet and byte counter');
      bytes = this.argumentOf();
    }
    this.packets = readUint(packets, 0, Number.MAX_VALUE);
    if (this.packets < 0) this.fail('-c packet counter not numeric');
    this.bytes = readUint(bytes, 0, Number.MAX_VALUE);
    if (this.bytes < 0) this.fail('-c byte counter not numeric');
  }

  private extension(loaded: Loaded, option: OptionSpec, attached: string | null): void {
    const { extension } = loaded.known;
    const at = this.blame;
    let value = '';
    if (option.args === 1) value = attached ?? this.argumentOf();
    else if (option.args === 2) value = this.twoArguments(option.name, attached);
    else if (option.args === 'optional') value = attached ?? (this.hasWord() ? this.argumentOf() : '');
    else if (attached !== null) this.fail(`unknown option "${this.words.text[at]}"`);
    if (loaded.seen.has(option.name) && option.repeat !== true) {
      this.blame = at;
      this.fail(option.repeatMessage ?? `${extension.name}: option "--${option.name}" can only be used once.`);
    }
    if (this.invert && option.invert !== true) {
      this.blame = at;
      this.fail(`${extension.name}: option "--${option.name}" cannot be inverted.`);
    }
    loaded.seen.add(option.name);
    this.context.table = this.table;
    extension.option(loaded.spec, option.name, value, this.invert, this.context);
  }

  private twoArguments(name: string, attached: string | null): string {
    const first = attached ?? this.argumentOf();
    if (!this.hasWord()) this.fail(`--${name} requires two args.`);
    return `${first} ${this.argumentOf()}`;
  }

  // ---- the end ----

  private finish(): Command {
    this.blame = this.jump === '' ? this.first : this.jumpAt;
    if (this.table === 'nat' && (this.jump === 'DROP' || (this.verb === 'P' && this.argument === 'DROP'))) {
      this.fail('\nThe "nat" table is not intended for filtering, the use of DROP is therefore inhibited.');
    }
    this.blame = this.first;
    for (const loaded of this.loaded) this.checkExtension(loaded);
    if (this.at < this.words.count) this.fail('unknown arguments found on commandline');
    if (this.verb === '') this.fail('no command specified', { hint: 'expected -A, -I, -N, -P ...' });
    if (this.invert) this.fail('nothing appropriate following !');
    const takesRule = 'AICR'.includes(this.verb) || (this.verb === 'D' && this.number === 0);
    const sources = takesRule ? this.addresses(this.source, this.sourceAt, this.sourceInvert) : [];
    const destinations = takesRule ? this.addresses(this.destination, this.destinationAt, this.destinationInvert) : [];
    this.checkLists(sources.length, destinations.length);
    this.checkLegal();
    const position = this.positionOf(this.first);
    const table = this.checkTable();
    const rules = takesRule ? this.makeRules(sources, destinations, position) : [];
    return {
      verb: this.verb,
      table,
      chain: this.chain,
      number: this.number,
      argument: this.argument,
      rules,
      hasCounters: this.given.includes('c'),
      packets: this.packets,
      bytes: this.bytes,
      flags: this.given,
      position,
    };
  }

  private checkExtension(loaded: Loaded): void {
    const { extension } = loaded.known;
    this.context.table = this.table;
    extension.check?.(loaded.spec, loaded.seen, this.context);
    for (const option of extension.options) {
      if (!loaded.seen.has(option.name)) {
        if (option.required === true) this.fail(`${extension.name}: option "--${option.name}" must be specified`);
        continue;
      }
      if (option.excludes === undefined) continue;
      for (const other of extension.options) {
        if (!option.excludes.includes(other.name) || !loaded.seen.has(other.name)) continue;
        this.fail(`${extension.name}: option "--${option.name}" cannot be used together with "--${other.name}".`);
      }
    }
  }

  private checkLists(sources: number, destinations: number): void {
    if ((sources > 1 || destinations > 1) && (this.sourceInvert || this.destinationInvert)) {
      this.fail('! not allowed with multiple source or destination IP addresses');
    }
    if (this.verb === 'R' && (sources > 1 || destinations > 1)) {
      this.fail('Replacement rule does not specify a unique address');
    }
  }

  private checkLegal(): void {
    if (this.given !== '') {
      const illegal = ILLEGAL[this.verb === 'D' && this.number > 0 ? 'D1' : this.verb] as string;
      for (const letter of illegal) {
        if (this.given.includes(letter)) this.fail(`Illegal option \`-${letter}' with this command`);
      }
    }
    const name = this.verb === 'E' && this.argument.length > MAX_CHAIN_LEN ? this.argument : this.chain;
    if (name.length > MAX_CHAIN_LEN) {
      this.fail(`chain name \`${name}' too long (must be under ${MAX_CHAIN_LEN + 1} chars)`);
    }
  }

  private checkTable(): TableName {
    if (!(TABLE_NAMES as readonly string[]).includes(this.table)) {
      const text = `can't initialize iptables table \`${this.table}': Table does not exist (do you need to insmod?)`;
      this.fail(text, {
        status: 3,
        hint: `expected one of ${TABLE_NAMES.join(', ')}${suggest(this.table, TABLE_NAMES)}`,
      });
    }
    return this.table as TableName;
  }

  /** The addresses of -s or -d; empty = any. */
  private addresses(text: string, at: number, invert: boolean): AddressMatch[] {
    if (at < 0) return [];
    this.blame = at;
    const list: AddressMatch[] = [];
    for (const part of text.split(',')) {
      const address = new Int32Array(4);
      const mask = new Int32Array(4);
      const slash = part.lastIndexOf('/');
      if (slash < 0) {
        fillMask(this.family === 2 ? 32 : 128, mask);
      } else if (!readMask(part.slice(slash + 1), this.family, mask)) {
        this.fail(`invalid mask \`${part.slice(slash + 1)}' specified`);
      }
      // With an empty mask the name does not matter: any/0.
      const name = slash < 0 ? part : part.slice(0, slash);
      const any = (mask[0] as number) === 0 && mask[1] === 0 && mask[2] === 0 && mask[3] === 0;
      if (!any && !readHost(name, this.family, address)) {
        this.fail(`host/network \`${name}' not found`, {
          hint: `expected an IPv${this.family === 2 ? 4 : 6} address; names of hosts are not looked up`,
        });
      }
      for (let i = 0; i < 4; i++) address[i] = any ? 0 : (address[i] as number) & (mask[i] as number);
      list.push({ address, mask, invert });
    }
    this.blame = this.first;
    return list;
  }

  private makeRules(sources: AddressMatch[], destinations: AddressMatch[], position: Position): Rule[] {
    this.checkInterfaces();
    const target = this.makeTarget();
    const rules: Rule[] = [];
    for (let s = 0; s < Math.max(1, sources.length); s++) {
      for (let d = 0; d < Math.max(1, destinations.length); d++) {
        rules.push({
          source: unlessAny(sources[s]),
          destination: unlessAny(destinations[d]),
          inInterface: this.inInterface,
          outInterface: this.outInterface,
          protocol: this.protocol,
          fragment: this.fragment,
          matches: this.matches === NO_MATCHES ? [] : s + d === 0 ? this.matches : this.matches.slice(),
          target,
          packets: this.packets,
          bytes: this.bytes,
          position,
        });
      }
    }
    return rules;
  }

  private checkInterfaces(): void {
    const chain = this.chain;
    if (this.outInterface !== null && (chain === 'PREROUTING' || chain === 'INPUT')) {
      this.fail(`Can't use -o with ${chain}`);
    }
    if (this.inInterface !== null && (chain === 'POSTROUTING' || chain === 'OUTPUT')) {
      this.fail(`Can't use -i with ${chain}`);
    }
  }

  private makeTarget(): Target | null {
    const name = this.jump;
    if (this.target !== null) {
      const { known, spec } = this.target as {
        known: Known<Extract<Target, { kind: 'extension' }>['extension']>;
        spec: unknown;
      };
      return { kind: 'extension', extension: known.extension, spec };
    }
    if (!this.given.includes('j')) return null;
    if (!this.isGoto && isVerdict(name)) return { kind: 'verdict', name };
    this.blame = this.jumpAt;
    const builtIn = BUILT_IN[this.table as TableName];
    if (!this.scope.isChain(this.table, name)) {
      const names = [...this.registry.targets.keys(), ...VERDICTS, ...this.scope.chainNames(this.table)];
      if (this.isGoto) {
        this.fail(`goto '${name}' is not a chain`, {
          hint: `expected a chain of table ${this.table}${suggest(name, this.scope.chainNames(this.table))}`,
        });
      }
      this.fail(`Couldn't load target \`${name}':No such file or directory`, {
        hint: `expected a target or a chain of table ${this.table}${suggest(name, names)}`,
      });
    }
    if (builtIn.includes(name)) {
      this.fail("Invalid argument. Run `dmesg' for more information.", {
        status: 1,
        hint: `${name} is a built-in chain: no rule can jump to it`,
      });
    }
    return { kind: this.isGoto ? 'goto' : 'jump', chain: name };
  }

  // ---- errors ----

  private positionOf(word: number): Position {
    const last = this.words.count - 1;
    const i = word < last ? word : last;
    return { file: this.file, line: this.words.line[i] ?? 1, column: this.words.column[i] ?? 1 };
  }

  private fail(text: string, details: ErrorDetails = {}): never {
    throw new RuleTextError(text, { position: this.positionOf(this.blame), ...details });
  }

  private failExtension(message: string, word?: string): never {
    if (word !== undefined) {
      for (let i = Math.min(this.at, this.words.count) - 1; i >= this.first; i--) {
        if (this.words.text[i] !== word) continue;
        this.blame = i;
        break;
      }
    }
    // One message of REJECT's goes out without the program's name.
    this.fail(message, message.startsWith('--reject-with echo-reply') ? { form: 'bare' } : {});
  }

  private warn(message: string): void {
    this.scope.warn(message, this.positionOf(this.blame));
  }
}

interface Candidate {
  base: BaseOption | null;
  loaded: Loaded | null;
  option: OptionSpec | null;
}

const VERDICTS: readonly Verdict[] = ['ACCEPT', 'DROP', 'RETURN', 'QUEUE'];

function isVerdict(name: string): name is Verdict {
  return name === 'ACCEPT' || name === 'DROP' || name === 'RETURN' || name === 'QUEUE';
}

/** `0.0.0.0/0` not inverted is no test. */
function unlessAny(a: AddressMatch | undefined): AddressMatch | null {
  if (a === undefined) return null;
  const empty = a.mask[0] === 0 && a.mask[1] === 0 && a.mask[2] === 0 && a.mask[3] === 0;
  return empty && !a.invert ? null : a;
}
