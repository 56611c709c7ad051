/**
 * Drives one extension with recorded rule lines, without the option parser: `-p`, the extension's own section, and other
 * sections as bare text. Enough of iptables' checks to compare with its answers.
 */
import type { Extension, KernelRefusal, OptionContext, OptionSpec, RuleAround } from '../../src/rules/extension.js';
import type { Family, MatchUse } from '../../src/rules/model.js';

export interface OptionLine {
  family: Family;
  table: string;
  /** What stands behind `-A CHAIN`. */
  rule: string;
  /** The saved form, or `exit N: message`. */
  result: string;
}

/** The lines of a fixture: family, table, rule, result with tabs between; result `=` is the rule itself. */
export function readOptionLines(text: string): OptionLine[] {
  const rows = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return rows.map((row) => {
    const [family, table, rule, result] = row.split('\t') as [string, string, string, string];
    return { family: family === '6' ? 10 : 2, table, rule, result: result === '=' ? rule : result };
  });
}

/** Words as a shell splits them, as far as the fixtures need it. */
export function shellWords(line: string): string[] {
  const words = line.match(/(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/g) ?? [];
  return words.map((word) =>
    word.replace(/"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/g, (_, double?: string, single?: string, bare?: string) =>
      double !== undefined ? double.replace(/\\(["\\$`])/g, '$1') : (single ?? bare ?? ''),
    ),
  );
}

class Exit extends Error {}

/** The spec that an extension makes of its options, `--mss 5 --x y`; `-p` and the table count as fitting. */
export function specOf<S>(extension: Extension<S>, options: string, family: Family): S {
  const c: OptionContext = { family, protocol: null, table: 'mangle', fail: (message) => exit(2, message) };
  return readOptions(extension, shellWords(options), c) as S;
}

/** What iptables would answer, in OptionLine's form. */
export function answer(line: OptionLine, extensions: readonly Extension[]): string {
  try {
    return readLine(line, extensions);
  } catch (error) {
    if (error instanceof Exit) return error.message;
    throw error;
  }
}

interface Section {
  word: string;
  name: string;
  words: string[];
}

function readLine(line: OptionLine, extensions: readonly Extension[]): string {
  const words = shellWords(line.rule);
  let base = '';
  let protocol: RuleAround['protocol'] = null;
  const sections: Section[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === '-p') {
      protocol = { number: PROTOCOLS[words[i + 1]!]!, invert: words[i - 1] === '!' };
      base = `${protocol.invert ? '! ' : ''}-p ${words[++i]} `;
    } else if (word === '-m' || word === '-j') {
      sections.push({ word, name: words[++i]!, words: [] });
    } else if (sections.length > 0) {
      sections[sections.length - 1]!.words.push(word);
    }
  }
  return base + readSections(line, protocol, sections, extensions);
}

function readSections(
  line: OptionLine,
  protocol: RuleAround['protocol'],
  sections: readonly Section[],
  extensions: readonly Extension[],
): string {
  const around: RuleAround = {
    family: line.family,
    table: line.table,
    hooks: line.table === 'mangle' ? 1 << 4 : 1 << 2,
    protocol,
    matches: sections.filter((s) => s.word === '-m').map(otherMatch),
  };
  const c: OptionContext = { family: line.family, protocol, table: line.table, fail: (message) => exit(2, message) };
  const texts: string[] = [];
  let refusal: KernelRefusal | null = null;
  for (const section of sections) {
    const extension = extensions.find((e) => e.name === section.name && e.families.includes(line.family));
    if (extension === undefined) {
      texts.push(`${section.word} ${section.name} ${section.words.join(' ')}`.trimEnd());
      continue;
    }
    const spec = readOptions(extension, section.words, c);
    refusal ??= extension.refusedBy?.(spec, around) ?? wrongTable(extension, line.table);
    const text = extension.save(spec, line.family);
    texts.push(`${section.word} ${section.name}${text === '' ? '' : ` ${text}`}`);
  }
  if (refusal !== null) exit(1, refusal.errno === 2 ? NO_SUCH : INVALID);
  return texts.join(' ');
}

const NO_SUCH = 'No chain/target/match by that name.';
const INVALID = "Invalid argument. Run `dmesg' for more information.";
const PROTOCOLS: Record<string, number> = { tcp: 6, udp: 17, dccp: 33, esp: 50, ah: 51, sctp: 132 };

function exit(status: number, message: string): never {
  // some messages have a line end of their own
  throw new Exit(`exit ${status}: ${message.replace(/\n$/, '')}`);
}

function wrongTable(extension: Extension, table: string): KernelRefusal | null {
  const tables = (extension as { tables?: readonly string[] }).tables;
  return tables === undefined || tables.includes(table) ? null : { errno: 22, why: 'table' };
}

/** A match that only its text is known of. */
function otherMatch(section: Section): MatchUse {
  const text = section.words.join(' ');
  const options: readonly OptionSpec[] = [];
  const noop = (): void => {};
  const extension = {
    name: section.name,
    families: [2, 10] as const,
    options,
    init: noop,
    option: noop,
    save: () => text,
  };
  return { extension, spec: null };
}

function readOptions(extension: Extension, words: readonly string[], c: OptionContext): unknown {
  const { name } = extension;
  const spec = extension.init(c.family);
  const seen = new Set<string>();
  for (let i = 0; i < words.length; i++) {
    const invert = words[i] === '!';
    if (invert) i++;
    const word = words[i] as string;
    const option = extension.options.find(
      (o) => (o.family ?? c.family) === c.family && [o.name, ...(o.aliases ?? [])].includes(word.slice(2)),
    );
    if (option === undefined) exit(2, `unknown option "${word}"`);
    if (invert && option.invert !== true) exit(2, `${name}: option "--${option.name}" cannot be inverted.`);
    if (seen.has(option.name) && option.repeat !== true) {
      exit(2, option.repeatMessage ?? `${name}: option "--${option.name}" can only be used once.`);
    }
    seen.add(option.name);
    const count = option.args === 'optional' ? 0 : option.args;
    if (count === 2 && /^[-!]/.test(words[i + 2] ?? '-')) exit(2, option.secondMissing ?? '');
    extension.option(spec, option.name, words.slice(i + 1, i + 1 + count).join(' '), invert, c);
    i += count;
  }
  extension.check?.(spec, seen, c);
  for (const option of extension.options) {
    if (option.required === true && !seen.has(option.name))
      exit(2, `${name}: option "--${option.name}" must be specified`);
    if (!seen.has(option.name)) continue;
    const lacking = option.also?.find((o) => !seen.has(o));
    if (lacking !== undefined) exit(2, `${name}: option "--${option.name}" also requires "--${lacking}".`);
    const other = option.excludes?.find((o) => seen.has(o));
    if (other !== undefined) exit(2, `${name}: option "--${option.name}" cannot be used together with "--${other}".`);
  }
  return spec;
}
