/**
 * Commands of ipset on a store: the lines that `ipset save` prints and `ipset restore` takes, with the file, line and column of whatever
 * is wrong. Lines before the wrong one stay done, as with ipset.
 */
import { RuleError } from '../context.js';
import type { Position } from '../model.js';
import { setCodeText } from './codes.js';
import { checkElement, readElement, setName } from './entry-text.js';
import { SetFault } from './fault.js';
import { SET_KINDS, setKind } from './kinds.js';
import { readCreateOptions, readEntryOptions } from './set-options.js';
import type { SetStore } from './store.js';

/** Commands, each with its other names; the first that begins like the word counts. */
const COMMANDS: readonly (readonly [name: string, letter: string, words: number])[] = [
  ['create', 'N', 2],
  ['add', 'A', 2],
  ['del', 'D', 2],
  ['test', 'T', 2],
  ['destroy', 'X', 0],
  ['list', 'L', 0],
  ['save', 'S', 0],
  ['restore', 'R', 0],
  ['flush', 'F', 0],
  ['rename', 'E', 2],
  ['swap', 'W', 2],
  ['help', 'H', 0],
  ['version', 'V', 0],
  ['quit', 'Q', 0],
];
const EXIST = ['-exist', '-!', '--exist'];
const QUIET = ['-quiet', '-q', '--quiet'];
const DASH = 45;
const ORDINALS = ['', ' second'];

interface Word {
  text: string;
  /** From 1. */
  column: number;
}

/** Runs all lines of a text; `file` is its name for messages. @throws RuleError at the first line that cannot be done. */
export function runSetScript(store: SetStore, text: string, file: string): void {
  const lines = text.split('\n');
  for (let n = 0; n < lines.length; n++) {
    const line = lines[n]!.replace(/\r$/, '');
    if (/^\s*(#|$)/.test(line) || line === 'COMMIT') continue;
    const words: Word[] = [];
    try {
      splitLine(line, words);
      if (
        !runSetCommand(
          store,
          words.map((w) => w.text),
        )
      )
        return;
    } catch (error) {
      throw placed(error, words, { file, line: n + 1, column: 1 });
    }
  }
}

/** The RuleError of a fault, at the word that it blames. */
function placed(error: unknown, words: readonly Word[], position: Position): unknown {
  if (!(error instanceof SetFault)) return error;
  const word = [...words].reverse().find((w) => error.word !== '' && w.text === error.word);
  const column = word?.column ?? words[0]?.column ?? 1;
  return setError(error, { ...position, column });
}

/** A fault as the error that users see. */
export function setError(fault: SetFault, position: Position | null): RuleError {
  const message = fault.hint === '' ? fault.message : `${fault.message}\n${fault.hint}`;
  return new RuleError(message, position, fault.status);
}

/** Words between blanks; a double quote begins a word that may hold them. */
function splitLine(line: string, words: Word[]): void {
  const pattern = /\s*(?:"([^"]*)"|(\S+))/gy;
  for (let m = pattern.exec(line); m !== null; m = pattern.exec(line)) {
    const text = m[1] ?? m[2]!;
    const column = m.index + m[0].length - text.length - (m[1] === undefined ? 0 : 1) + (m[1] === undefined ? 1 : 0);
    words.push({ text, column });
    if (m[1] === undefined && text.startsWith('"')) throw new SetFault('Missing close quote', text);
  }
}

/**
 * Runs one command line without its program's name; false: it was `quit`. What only prints does nothing.
 * @throws SetFault
 */
export function runSetCommand(store: SetStore, all: readonly string[]): boolean {
  let exist = false;
  const words = all.filter((word) => {
    if (word.charCodeAt(0) !== DASH) return true;
    if (EXIST.includes(word)) exist = true;
    return !EXIST.includes(word) && !QUIET.includes(word);
  });
  const name = commandOf(words[0] ?? '');
  if (name === 'quit') return false;
  const needed = COMMANDS.find((c) => c[0] === name)![2];
  for (let i = 0; i < needed; i++) {
    if (words[i + 1] === undefined)
      throw new SetFault(`Missing${ORDINALS[i]} mandatory argument to command ${name}`, words[0], 2);
  }
  const [, first = '', second = ''] = words;
  switch (name) {
    case 'create':
      create(store, first, second, words.slice(3), exist);
      return true;
    case 'add':
    case 'del':
      change(store, name, first, second, words.slice(3), exist);
      return true;
    case 'destroy':
      if (first === '') check(store.destroyAll(), '');
      else if (!exist || store.get(first) !== null) check(store.destroy(first), first);
      return true;
    case 'flush':
      for (const set of first === '' ? store.all() : [setOf(store, first)]) set.flush();
      return true;
    case 'rename':
      check(store.rename(first, setName(second)), first);
      return true;
    case 'swap':
      check(store.swap(first, second), first);
      return true;
    case 'test':
    case 'list':
    case 'save':
      return true;
    default:
      throw new SetFault(`Command \`${name}' is invalid in restore mode.`, words[0], 2);
  }
}

function commandOf(word: string): string {
  const bare = word.replace(/^--?/, '');
  for (const [name, letter] of COMMANDS) {
    if (word === `-${letter}` || (bare !== '' && (name.startsWith(bare) || letter.toLowerCase() === bare))) return name;
  }
  const hint = `expected one of ${COMMANDS.map((c) => c[0]).join(', ')}`;
  throw new SetFault(`No command specified: unknown argument ${word}`, word, 2, hint);
}

function check(problem: string, word: string): void {
  if (problem !== '') throw new SetFault(problem, word);
}

function setOf(store: SetStore, name: string) {
  const set = store.get(name);
  if (set === null) throw new SetFault('The set with the given name does not exist', name);
  return set;
}

function create(store: SetStore, name: string, type: string, words: readonly string[], exist: boolean): void {
  const kind = setKind(type);
  if (kind === undefined) {
    const hint = `expected one of ${SET_KINDS.map((k) => k.name).join(', ')}`;
    throw new SetFault(`Syntax error: typename '${type}' is unknown`, type, 1, hint);
  }
  check(store.create(setName(name), kind, readCreateOptions(kind, words), exist), name);
}

/** ipset add and del. @throws SetFault */
export function change(
  store: SetStore,
  verb: 'add' | 'del',
  name: string,
  element: string,
  words: readonly string[],
  exist: boolean,
): void {
  const set = setOf(store, name);
  const { family } = set.options;
  const entry = readElement(element, set.kind, family);
  readEntryOptions(set.kind, words, verb, entry);
  checkElement(entry, element, set.kind, family, verb);
  const code = verb === 'add' ? set.add(entry, exist) : set.del(entry, exist);
  if (code < 0) throw new SetFault(setCodeText(code, verb), element);
}

/** ipset test. @throws SetFault */
export function testElement(store: SetStore, name: string, words: readonly string[]): number {
  const set = setOf(store, name);
  const { family } = set.options;
  const element = words[0] ?? '';
  const entry = readElement(element, set.kind, family);
  readEntryOptions(set.kind, words.slice(1), 'test', entry);
  checkElement(entry, element, set.kind, family, 'test');
  return set.test(entry);
}
