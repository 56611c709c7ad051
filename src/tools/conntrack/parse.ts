/**
 * A command line of conntrack(8) into what it says. What is wrong ends it at once, in the order and the words of the original; so does
 * what does not go together (options.ts, protocols.ts).
 */
import { type MaskedFilter, statusFilter } from '../../flow/filter.js';
import { type Address, maskOfPrefix, readAddress, splitPort } from './address.js';
import { checkLine } from './check.js';
import { type AddressPair, type CommandLine, emptyOutput, type NatValue, type OutputForm } from './line.js';
import { EVENT_WORDS, lookUp, OUTPUT_WORDS, readList, STATUS_WORDS } from './lists.js';
import type { SystemNames } from './names.js';
import { readLong, readUnsigned } from './number.js';
import {
  COMMANDS,
  type CommandLetter,
  DEPRECATED,
  EXPECT_USAGE,
  OPTIONS,
  TABLE_NAMES,
  type TableName,
} from './options.js';
import { OWN_OPTIONS, readOwnOption } from './own.js';
import { PROTOCOLS, type ProtocolRow, plainProtocol, type TransportField, type TransportOption } from './protocols.js';
import { ConntrackError, STATUS_FAILED } from './usage-error.js';
import { WordReader } from './words.js';

/** Options whose address may have a prefix, and the mask that it stands for. */
const PREFIX_MASKS: Record<string, '{' | '}'> = { s: '{', d: '}', '[': '{', ']': '}' };

/** How a line stands in a file of -R. */
export interface FileContext {
  /** What -o of the lines before has asked for. */
  output: OutputForm;
  /** Whether our own options are unknown. */
  isInFile: boolean;
}

/** Reads one command line. Throws a ConntrackError; help and version are commands like others. */
export function parseLine(words: readonly string[], names: SystemNames, context?: FileContext): CommandLine {
  return new LineParser(words, names, context ?? { output: emptyOutput(), isInFile: false }).parse();
}

class LineParser {
  private readonly words: WordReader;
  private readonly names: SystemNames;
  private readonly given = new Set<string>();
  private readonly transportGiven = new Set<string>();
  private readonly transport = new Map<TransportField, number>();
  private command: CommandLetter | null = null;
  private table: TableName = 'conntrack';
  private labelsAdd: string[] = [];
  private labels: string[] = [];
  private readonly line: CommandLine;
  private readonly hasOwn: boolean;

  constructor(words: readonly string[], names: SystemNames, context: FileContext) {
    this.names = names;
    this.hasOwn = !context.isInFile;
    this.words = new WordReader(words, 'conntrack');
    this.words.add(COMMANDS);
    this.words.add(OPTIONS);
    this.words.add(DEPRECATED);
    this.line = { ...emptyLine(), output: context.output };
  }

  parse(): CommandLine {
    for (;;) {
      const own = this.hasOwn ? this.words.exact(OWN_OPTIONS) : null;
      if (own !== null) {
        readOwnOption(own.row.key, own.value, this.line.own);
        continue;
      }
      const step = this.words.next();
      if (step.kind === 'end') break;
      if (step.kind === 'unknown') this.fail(`unknown option \`${step.text}'`);
      if (step.kind === 'incomplete') this.fail(`option \`${step.text}' requires an argument`);
      this.option(step.row.key, step.row, step.value);
    }
    return this.finish();
  }

  private fail(message: string, status?: number): never {
    throw new ConntrackError(message, status, this.line.warnings);
  }

  private option(key: string, row: object, value: string | null): void {
    if ((COMMANDS as readonly object[]).includes(row)) this.setCommand(key as CommandLetter);
    else if ((DEPRECATED as readonly object[]).includes(row)) {
      this.line.warnings += `WARNING: ignoring -${key}, deprecated option.\n`;
    } else if ('field' in row) this.transportOption(row as TransportOption, value ?? '');
    else this.filter(key, value);
  }

  private setCommand(letter: CommandLetter): void {
    if (this.command !== null) this.fail('Invalid commands combination');
    this.command = letter;
    const word = this.words.peek();
    if (word === null) return;
    const table = TABLE_NAMES.find((name) => name.startsWith(word));
    if (table === undefined) this.fail(`unknown type \`${word}'`);
    this.words.take();
    this.table = table;
    if (table === 'expect' && !(letter in EXPECT_USAGE)) {
      this.fail(`Can't do --${COMMANDS.find((c) => c.key === letter)!.names[0]} on expectations`);
    }
    if (table !== 'conntrack' && table !== 'expect' && letter !== 'L') {
      this.fail("Can't do that command with tables `dying' and `unconfirmed'");
    }
  }

  private filter(key: string, value: string | null): void {
    const { line } = this;
    const text = value ?? '';
    this.given.add(key);
    switch (key) {
      case 's':
      case 'd':
        this.setAddress(line.original, key, text, key === 's');
        return;
      case 'r':
      case 'q':
        this.setAddress(line.reply, key, text, key === 'r');
        return;
      case '[':
      case ']':
        this.setAddress(line.expected, key, text, key === '[');
        return;
      case '{':
      case '}':
        this.setAddress(line.masks, key, text, key === '{');
        return;
      case 'p':
        this.setProtocol(text);
        return;
      case 'f':
        if (text !== 'ipv4' && text !== 'ipv6') this.fail(`\`${text}' unsupported protocol`);
        this.setFamily(text === 'ipv4' ? 2 : 10);
        return;
      case 'n':
        line.sourceNat = this.nat(key, line.sourceNat);
        return;
      case 'g':
        line.destinationNat = this.nat(key, line.destinationNat);
        return;
      case 'j':
        line.anyNat = this.nat(key, line.anyNat);
        return;
      default:
        this.value(key, value);
    }
  }

  private value(key: string, value: string | null): void {
    const { line } = this;
    const text = value ?? '';
    switch (key) {
      case 't':
        line.timeout = readUnsigned(text, 10, 32);
        return;
      case 'u':
        this.setStatus(text);
        return;
      case 'e':
        this.setEvents(text);
        return;
      case 'm':
        line.mark = readMark(text);
        return;
      case 'i':
        line.id = readUnsigned(text, 0, 32);
        return;
      case 'c':
        line.secmark = readUnsigned(text, 0, 32);
        return;
      case 'b':
        line.bufferBytes = BigInt.asUintN(64, readLong(text, 10).value);
        return;
      case 'w':
        line.zone = readUnsigned(text, 0, 16);
        return;
      case '(':
        line.zoneOriginal = readUnsigned(text, 0, 16);
        return;
      case ')':
        line.zoneReply = readUnsigned(text, 0, 16);
        return;
      case 'o':
        this.setOutput(text);
        return;
      case 'l':
      case '<':
      case '>':
        this.setLabels(key, value);
        return;
    }
  }

  private setAddress(pair: AddressPair, key: string, text: string, isSource: boolean): void {
    const slash = text.indexOf('/');
    const address = this.address(slash < 0 ? text : text.slice(0, slash), text);
    this.setFamily(address.family);
    if (isSource) pair.source = address.text;
    else pair.destination = address.text;
    if (slash < 0) return;
    const maskKey = PREFIX_MASKS[key];
    if (maskKey === undefined) this.noPrefix(key);
    const mask = maskOfPrefix(text.slice(slash + 1), address.family);
    if (mask === null) this.fail('Invalid netmask');
    this.given.add(maskKey);
    if (maskKey === '{') this.line.masks.source = mask;
    else this.line.masks.destination = mask;
  }

  private address(text: string, whole: string): Address {
    return readAddress(text) ?? this.fail(`Invalid IP address \`${whole}'`);
  }

  private noPrefix(key: string): never {
    this.fail(`CIDR notation unavailable for \`--${OPTIONS.find((o) => o.key === key)!.names[0]}'`);
  }

  private setFamily(family: 2 | 10): void {
    if (this.line.family !== 0 && this.line.family !== family) this.fail('mismatched address family');
    this.line.family = family;
  }

  /**
   * An address with a port behind a colon; IPv6 with a port stands in brackets. It is the next word: one that is joined to the
   * option (`-n192.0.2.1`, `--src-nat=192.0.2.1`) is not looked at.
   */
  private nat(key: string, before: NatValue | null): NatValue {
    const text = this.words.take();
    if (text === null) return before ?? { address: null, port: null };
    const split = splitPort(text);
    if (typeof split === 'string') this.fail(split);
    const { address: addressText, port } = split;
    const slash = addressText.indexOf('/');
    const address = this.address(slash < 0 ? addressText : addressText.slice(0, slash), addressText);
    this.setFamily(address.family);
    if (slash >= 0) this.noPrefix(key);
    return { address: address.text, port: port ?? before?.port ?? null };
  }

  private setProtocol(text: string): void {
    const row = this.protocol(text);
    this.line.protocol = row;
    this.words.add(row.options);
  }

  private protocol(text: string): ProtocolRow {
    const lower = text.toLowerCase();
    const named = PROTOCOLS.find((p) => p.name === lower);
    if (named !== undefined) return named;
    let number = this.names.protocols.numberOf(text);
    if (number < 0) {
      const { value, length } = readLong(text, 0);
      if (text === '' || length !== text.length || value > 255n) this.fail(`\`${text}' unsupported protocol`);
      number = Number(value);
    }
    const known = PROTOCOLS.find((p) => p.number === number);
    return known ?? plainProtocol(this.names.protocols.nameOf(number) || 'unknown', number);
  }

  private transportOption(row: TransportOption, text: string): void {
    const { protocol } = this.line;
    // an option of a protocol that another -p replaced says nothing
    if (protocol === null || !protocol.options.includes(row)) return;
    this.transportGiven.add(row.key);
    this.transport.set(row.field, this.transportValue(row, protocol, text));
  }

  private transportValue(row: TransportOption, protocol: ProtocolRow, text: string): number {
    switch (row.reads) {
      case 'number8':
        return readUnsigned(text, 10, 8);
      case 'number16':
        return readUnsigned(text, 10, 16);
      case 'number32':
        return readUnsigned(text, 10, 32);
      case 'key16':
        return readUnsigned(text, 0, 16);
      case 'state': {
        const state = protocol.name === 'tcp' && text === 'LISTEN' ? 9 : protocol.states.indexOf(text);
        return state >= 0 ? state : this.fail(`${protocol.stateMessage} \`${text}'`);
      }
      case 'role': {
        const role = ['client', 'server'].indexOf(text);
        return role >= 0 ? role : this.fail(`Unknown DCCP role \`${text}'`);
      }
    }
  }

  private list(text: string, use: (word: string) => boolean): void {
    const { bad, warnings } = readList(text, use);
    this.line.warnings += warnings;
    if (bad !== null) this.fail(`Bad parameter \`${bad}'`);
  }

  private setStatus(text: string): void {
    let bits = 0;
    let isUnreplied = false;
    this.list(text, (word) => {
      if (word === 'UNREPLIED') {
        isUnreplied = true;
        return true;
      }
      const bit = lookUp(STATUS_WORDS, word);
      bits |= bit ?? 0;
      return bit !== null;
    });
    this.line.status = statusFilter(this.line.status, bits, isUnreplied);
  }

  private setEvents(text: string): void {
    const before = this.line.events;
    let mask = before === null ? 0 : Number(before.isNew) + 2 * Number(before.isUpdate) + 4 * Number(before.isDestroy);
    this.list(text, (word) => {
      const bit = lookUp(EVENT_WORDS, word);
      mask |= bit ?? 0;
      return bit !== null;
    });
    this.line.events = { isNew: (mask & 1) !== 0, isUpdate: (mask & 2) !== 0, isDestroy: (mask & 4) !== 0 };
  }

  private setOutput(text: string): void {
    const { output } = this.line;
    this.list(text, (word) => {
      const form = lookUp(OUTPUT_WORDS, word);
      if (form !== null) output[form] = true;
      return form !== null;
    });
    const { save, ...others } = output;
    if (save && Object.values(others).includes(true)) {
      this.fail('cannot combine save output with any other output type, use -o save only', STATUS_FAILED);
    }
  }

  private setLabels(key: string, joined: string | null): void {
    if (this.names.labels === null) this.line.warnings += 'nfct_labelmap_new: No such file or directory\n';
    const text = key === '>' ? this.words.take() : joined;
    const other = key === '<' ? '>' : '<';
    if (key !== 'l' && this.given.has(other)) {
      this.fail('cannot use --label-add and --label-del at the same time', STATUS_FAILED);
    }
    const names = text === null ? [] : text.split(',');
    const unknown = names.find((name) => !this.names.labels?.has(name));
    if (unknown !== undefined) this.fail(`unknown label '${unknown}'`);
    if (key === 'l') this.labels.push(...names);
    else if (key === '<') this.labelsAdd.push(...names);
    else this.line.labelsDel = text === null ? [] : [...(this.line.labelsDel ?? []), ...names];
  }

  private finish(): CommandLine {
    const line: CommandLine = {
      ...this.line,
      command: this.command ?? 'h',
      table: this.table,
      given: this.given,
      transport: this.transport,
      labels: this.labels,
      labelsAdd: this.labelsAdd,
    };
    const wrong = checkLine(line, this.command !== null, this.transportGiven);
    if (wrong !== null) this.fail(wrong);
    return line;
  }
}

function readMark(text: string): MaskedFilter {
  const { value, length } = readLong(text, 0);
  const mask = text[length] === '/' ? readUnsigned(text.slice(length + 1), 0, 32) : 0xffffffff;
  return { value: Number(BigInt.asUintN(32, value)), mask };
}

function emptyLine(): CommandLine {
  const none = (): AddressPair => ({ source: null, destination: null });
  return {
    command: 'h',
    table: 'conntrack',
    given: new Set(),
    family: 0,
    protocol: null,
    original: none(),
    reply: none(),
    expected: none(),
    masks: none(),
    sourceNat: null,
    destinationNat: null,
    anyNat: null,
    timeout: null,
    status: null,
    mark: null,
    secmark: null,
    id: null,
    zone: null,
    zoneOriginal: null,
    zoneReply: null,
    labels: [],
    labelsAdd: [],
    labelsDel: null,
    events: null,
    bufferBytes: null,
    output: emptyOutput(),
    transport: new Map(),
    own: {
      json: false,
      top: null,
      dryRun: false,
      explain: false,
      undo: null,
      table: null,
      write: false,
      namespace: null,
    },
    warnings: '',
  };
}
