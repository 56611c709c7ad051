/**
 * One command line of iptables, as words, to a Command: what do_command of iptables 1.8.9 accepts, in the order in which it looks at
 * things, so that the first error is the same.
 *
 * Words are read as getopt_long does: a long option is one of iptables' own, else one of the extensions loaded so far (the latest
 * -m or -j first), else the unambiguous beginning of one, else one of the match that `-p` implies, which then is loaded.
 */

import type { OptionSpec } from '../rules/extension.js';
import {
  type AddressMatch,
  type InterfaceMatch,
  type Position,
  type Rule,
  TABLE_NAMES,
  type TableName,
  type Target,
} from '../rules/model.js';
import { TARGETS_TO_COME } from '../rules/registry.js';
import { readUint } from '../rules/values.js';
import { BASE_LETTERS, BASE_OPTIONS, type BaseOption, ILLEGAL, VERBS } from './base-options.js';
import { BaseReader, NO_ADDRESSES, unlessAny } from './base-reader.js';
import type { Command } from './command.js';
import { type ErrorDetails, suggest } from './errors.js';
import type { Candidate, Loaded } from './extension-reader.js';
import type { Words } from './tokens.js';

type Verdict = Extract<Target, { kind: 'verdict' }>['name'];

/** One object each: most rules end in one of them. */
const VERDICT_TARGETS: Readonly<Record<Verdict, Target>> = {
  ACCEPT: { kind: 'verdict', name: 'ACCEPT' },
  DROP: { kind: 'verdict', name: 'DROP' },
  RETURN: { kind: 'verdict', name: 'RETURN' },
  QUEUE: { kind: 'verdict', name: 'QUEUE' },
};

const MAX_CHAIN_LEN = 28;

/** Reads commands; one object serves all lines of a file. */
export class CommandParser extends BaseReader {
  private verb = '';
  /** A chain's name was given, and it is empty. */
  private isChainEmpty = false;
  private zero: Command['zero'] = '';
  private chain = '';
  private chainAt = 0;
  private tableAt = 0;
  /** The word with a rule's number, a policy, a new name. */
  private argumentAt = 0;
  private inAt = 0;
  private outAt = 0;
  private number = 0;
  private argument = '';
  private jump = '';
  private jumpAt = 0;
  private isGoto = false;
  private source = '';
  private sourceAt = -1;
  private sourceInvert = false;
  private destination = '';
  private destinationAt = -1;
  private destinationInvert = false;
  private inInterface: InterfaceMatch | null = null;
  private outInterface: InterfaceMatch | null = null;
  private fragment: { invert: boolean } | null = null;
  private foreign = false;
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
      if (this.foreign && tableFixed) return null;
      if (this.verb === 'h' || this.verb === 'V') return this.made([], 'filter');
    }
    return this.finish();
  }

  private reset(words: Words, from: number, table: string): void {
    this.words = words;
    this.first = this.at = this.blame = this.chainAt = this.tableAt = this.argumentAt = from;
    this.invert = false;
    this.table = table;
    this.verb = this.chain = this.argument = this.jump = this.source = this.destination = this.given = '';
    this.number = this.packets = this.bytes = 0;
    this.zero = '';
    this.isChainEmpty = this.isGoto = this.foreign = this.sourceInvert = this.destinationInvert = false;
    this.resetExtensions();
    this.sourceAt = this.destinationAt = -1;
    this.inInterface = this.outInterface = this.fragment = null;
  }

  // ---- words ----

  private readPlain(word: string): void {
    if (word !== '!') this.fail(`Bad argument \`${word}'`, { form: 'bare', hint: this.argumentHint(word) });
    if (this.invert) this.fail('multiple consecutive ! not allowed');
    this.invert = true;
  }

  /** What may be meant by a word that is no option's. */
  private argumentHint(word: string): string {
    const { at, first, words, table } = this;
    const before = at >= 2 ? words.text[at - 2] : '';
    if (before === '!' && at >= 3)
      return `expected an option; ! stands before the option: ! ${words.text[at - 3]} ${word}`;
    const isTarget = isVerdict(word) || this.known.targets.has(word) || this.scope.isChain(table, word);
    if (isTarget && at - 1 > first) return `expected an option; did you mean "-j ${word}"?`;
    if (/^(.*\/)?ip6?tables/.test(word))
      return "expected an option: in iptables-save's format no program stands before a rule";
    return 'expected an option';
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
        // Inside a cluster of bytes iptables names the word before it; iptables-restore puts `-t TABLE` before the first one.
        const isLast = i === word.length - 1 && letter < '\x80';
        const before = this.words.text[this.blame - 1] ?? (tableFixed ? this.table : word);
        this.fail(`unknown option "${isLast ? word : before}"`, { hint: `"-${letter}" is not known` });
      }
      if (option.args === 0) {
        this.base(option, '', tableFixed);
        if (this.verb === 'V') return;
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
    if (base !== undefined && (base.letter !== 'f' || this.family === 2)) {
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

  private readAbbreviated(name: string, attached: string | null, word: string, tableFixed: boolean): void {
    for (;;) {
      const found = this.candidates(name);
      if (found.length === 1) {
        const { base, loaded, option } = found[0] as Candidate;
        // getopt's complaint about a missing value makes iptables load the match of -p: twice there, the beginning is ambiguous
        const lacks = option?.args === 1 && attached === null && this.at >= this.words.count;
        if (lacks && this.loadImplied() && this.loaded[this.loadedCount - 1]?.known === loaded?.known) break;
        if (base !== null) this.baseLong(base, attached, word, tableFixed);
        else this.takeOption(loaded as Loaded, option as OptionSpec, attached);
        return;
      }
      if (!this.loadImplied()) break;
      if (this.readExtension(name, attached)) return;
    }
    this.fail(`unknown option "${word}"`, this.unknownOption(name));
  }

  /** An option may be unknown because its target is. */
  private unknownOption(name: string): ErrorDetails {
    const { jump, table } = this;
    if (jump === '' || this.target !== null || isVerdict(jump) || this.scope.isChain(table, jump)) {
      return { hint: this.optionHint(name) };
    }
    const near = suggest(jump, this.known.targets.keys());
    return {
      position: this.positionOf(this.jumpAt),
      hint: TARGETS_TO_COME.has(jump)
        ? `target "${jump}" is not supported yet`
        : `"${jump}" is not known: expected a target or a chain of table ${table}${near}`,
    };
  }

  // ---- options ----

  private base(option: BaseOption, value: string, tableFixed: boolean): void {
    const letter = option.letter;
    // With some options 1.8.9 takes the word before the next one as it stands: `-jX` and `--jump=X` name a target of that spelling.
    const lastWord = this.words.text[this.at - 1] as string;
    if (VERBS.includes(letter)) {
      this.command(letter, value);
      return;
    }
    switch (letter) {
      case 's':
        this.once('s');
        this.source = lastWord;
        this.sourceAt = this.blame;
        this.sourceInvert = this.invert;
        return;
      case 'd':
        this.once('d');
        this.destination = lastWord;
        this.destinationAt = this.blame;
        this.destinationInvert = this.invert;
        return;
      case 'p':
        this.once('p');
        this.readProtocol(lastWord);
        return;
      case 'i':
        this.once('i');
        this.inInterface = this.readInterface(lastWord);
        this.inAt = this.at - 1;
        return;
      case 'o':
        this.once('o');
        this.outInterface = this.readInterface(lastWord);
        this.outAt = this.at - 1;
        return;
      case 'j':
        this.readJump(lastWord, false);
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
        if (tableFixed) {
          this.fail(`The -t option cannot be used in ${this.family === 2 ? 'iptables' : 'ip6tables'}-restore.\n`);
        }
        this.table = value;
        this.tableAt = this.blame;
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
        if (tableFixed) this.fail(`You cannot use \`-${letter}' from iptables-restore`);
        this.readWait(value);
        return;
      case 'M':
        return;
      case 'v':
        if (!this.given.includes('v')) this.once('v');
        return;
      case 'n':
      case 'x':
      case '0':
        this.once(letter);
        return;
      default:
        if (tableFixed) this.fail(`option -${letter} is not for a ruleset`);
        this.verb = letter;
    }
  }

  private readWait(attached: string): void {
    if (attached === '' && !this.hasWord()) return;
    const value = attached === '' ? this.argumentOf() : attached;
    if (!/^\s*[+-]?\d/.test(value)) this.fail('wait seconds not numeric');
  }

  private command(verb: string, value: string): void {
    if (verb === 'N' && (value.startsWith('-') || value.startsWith('!'))) {
      this.fail(`chain name not allowed to start with \`${value[0]}'`);
    }
    if (this.invert) this.fail("unexpected '!' flag");
    const before = this.verb;
    const lists = verb === 'L' || verb === 'S';
    const listed = before === 'L' || before === 'S';
    if (before === '') this.verb = verb;
    else if (this.zero === '' && ((lists && before === 'Z') || (verb === 'Z' && listed))) {
      this.zero = lists && this.number > 0 ? 'rule' : 'chains';
      if (lists) this.verb = verb;
    } else {
      // of two commands before it, the one that iptables numbers higher is named
      const other = this.zero === '' || lists || (before === 'S' && verb !== 'Z') ? before : 'Z';
      this.fail(`Cannot use -${verb} with -${other}`);
    }
    if (value !== '') this.chain = value;
    this.chainAt = this.at - 1;
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
        if (value === '' && this.hasWord()) {
          this.chainAt = this.at;
          this.chain = this.argumentOf();
          this.isChainEmpty = this.chain === '';
        }
        if (!'LSZ'.includes(verb) || !this.hasWord()) return;
        this.number = this.readNumber();
        // 1.8.9 forgets the listing then.
        if (verb === 'Z') {
          this.verb = 'Z';
          this.zero = '';
        }
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
        this.argumentAt = this.blame;
    }
  }

  private readNumber(): number {
    const text = this.argumentOf();
    this.argumentAt = this.blame;
    const number = readUint(text, 1, 0x7fffffff);
    if (number < 0) this.fail(`Invalid rule number \`${text}'`);
    return number;
  }

  private checkNewName(name: string): void {
    if (name === '' || isVerdict(name) || this.known.targets.has(name))
      this.fail('chain name may not clash with target name');
    // a longer one is refused for its length, later
    if (name.length <= MAX_CHAIN_LEN && /[\s"\\]/.test(name)) this.fail(`Invalid chain name \`${name}'`);
  }

  private readJump(name: string, isGoto: boolean): void {
    this.once('j');
    this.isGoto = isGoto;
    this.jump = name;
    this.jumpAt = this.blame;
    if (name === '') this.fail('Invalid target name (too short)');
    if (name.length > MAX_CHAIN_LEN) this.fail(`Invalid target name \`${name}' (${MAX_CHAIN_LEN} chars max)`);
    if (/[ \t\n\v\f\r]/.test(name)) this.fail(`Invalid target name \`${name}'`);
    if (!isGoto && this.scope.hidesTarget?.(name) !== true) this.readTarget(name);
  }

  // ---- the end ----

  private finish(): Command {
    this.blame = this.jump === '' ? this.first : this.jumpAt;
    if (this.table === 'nat' && (this.jump === 'DROP' || (this.verb === 'P' && this.argument === 'DROP'))) {
      this.fail('\nThe "nat" table is not intended for filtering, the use of DROP is therefore inhibited.\n\n');
    }
    this.blame = this.first;
    for (let i = 0; i < this.loadedCount; i++) this.checkExtension(this.loaded[i] as Loaded);
    if (this.at < this.words.count) this.fail('unknown arguments found on commandline');
    if (this.verb === '') this.fail('no command specified', { hint: 'expected -A, -I, -N, -P ...' });
    if (this.invert) this.fail('nothing appropriate following !');
    const takesRule = 'AICR'.includes(this.verb) || (this.verb === 'D' && this.number === 0);
    const sources = takesRule ? this.addresses(this.source, this.sourceAt, this.sourceInvert) : NO_ADDRESSES;
    const destinations = takesRule
      ? this.addresses(this.destination, this.destinationAt, this.destinationInvert)
      : NO_ADDRESSES;
    this.checkLists(sources.length, destinations.length);
    this.checkLegal();
    if (takesRule) this.checkInterfaces();
    const table = this.checkTable();
    // `-F "$chain"` with the variable unset must not flush all
    if (this.isChainEmpty)
      this.fail('No chain/target/match by that name.', { status: 1, hint: 'the name of the chain is empty' });
    const rules = takesRule ? this.makeRules(sources, destinations, this.positionOf(this.first)) : [];
    return this.made(rules, table);
  }

  private made(rules: Rule[], table: TableName): Command {
    return {
      verb: this.verb,
      zero: this.zero,
      table,
      chain: this.chain,
      number: this.number,
      argument: this.argument,
      rules,
      hasCounters: this.given.includes('c'),
      packets: this.packets,
      bytes: this.bytes,
      flags: this.given,
      position: this.positionOf(this.first),
      chainAt: this.chainAt,
      argumentAt: this.argumentAt,
      targetAt: this.jump === '' ? this.first : this.jumpAt,
      places: this,
    };
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
    if (this.chain.length > MAX_CHAIN_LEN) {
      this.fail(`chain name \`${this.chain}' too long (must be under ${MAX_CHAIN_LEN + 1} chars)`);
    }
  }

  private checkTable(): TableName {
    if (!(TABLE_NAMES as readonly string[]).includes(this.table)) {
      this.blame = this.tableAt;
      const text = `can't initialize ${this.family === 2 ? 'iptables' : 'ip6tables'} table \`${this.table}': Table does not exist (do you need to insmod?)`;
      this.fail(text, {
        status: 3,
        hint: `expected one of ${TABLE_NAMES.join(', ')}${suggest(this.table, TABLE_NAMES)}`,
      });
    }
    return this.table as TableName;
  }

  private makeRules(
    sources: readonly AddressMatch[],
    destinations: readonly AddressMatch[],
    position: Position,
  ): Rule[] {
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
          matches: this.takeMatches(s + d > 0),
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
    if (this.given.includes('o') && (chain === 'PREROUTING' || chain === 'INPUT')) {
      this.blame = this.outAt;
      this.fail(`Can't use -o with ${chain}\n`, { hint: 'packets have no outgoing interface there yet' });
    }
    if (this.given.includes('i') && (chain === 'POSTROUTING' || chain === 'OUTPUT')) {
      this.blame = this.inAt;
      this.fail(`Can't use -i with ${chain}\n`, { hint: 'packets have no incoming interface there' });
    }
  }

  private makeTarget(): Target | null {
    const name = this.jump;
    if (this.target !== null) {
      if (!this.scope.isChain(this.table, name)) return this.target;
      this.blame = this.jumpAt;
      this.warn(`using chain ${name}, not extension`);
    }
    if (!this.given.includes('j')) return null;
    if (!this.isGoto && isVerdict(name)) return VERDICT_TARGETS[name];
    this.blame = this.jumpAt;
    if (!this.scope.isChain(this.table, name)) {
      const names = [...this.known.targets.keys(), ...VERDICTS, ...this.scope.chainNames(this.table)];
      if (this.isGoto) {
        this.fail(`goto '${name}' is not a chain`, {
          hint: `expected a chain of table ${this.table}${suggest(name, this.scope.chainNames(this.table))}`,
        });
      }
      this.fail(`Couldn't load target \`${name}':No such file or directory\n`, {
        hint: TARGETS_TO_COME.has(name)
          ? `target "${name}" is not supported yet`
          : `expected a target or a chain of table ${this.table}${suggest(name, names)}`,
      });
    }
    return { kind: this.isGoto ? 'goto' : 'jump', chain: name };
  }
}

const VERDICTS: readonly Verdict[] = ['ACCEPT', 'DROP', 'RETURN', 'QUEUE'];

function isVerdict(name: string): name is Verdict {
  return name === 'ACCEPT' || name === 'DROP' || name === 'RETURN' || name === 'QUEUE';
}
