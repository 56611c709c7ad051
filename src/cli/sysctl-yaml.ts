/**
 * The `sysctl` key of a host file, edited in its text: what is changed is the value's own characters, or one line more. Comments, order,
 * quotes and blank lines stay as they are.
 */
import { type Document, isMap, isScalar, type Node, type Pair, parseDocument, type YAMLMap } from 'yaml';
import type { ConfLine } from '../tools/sysctl/conf.js';
import { dotted } from '../tools/sysctl/settings.js';

/** One part of the text that is replaced. */
interface Patch {
  from: number;
  to: number;
  text: string;
}

/**
 * The text with one setting changed or added.
 * @param name With dots; a key that writes it with slashes is found, too.
 * @param value What `yaml` reads as it is written: a number or a word.
 */
export function setInYaml(text: string, name: string, value: string): string {
  const document = parseDocument(text);
  const patch = patchOf(text, document, name, scalarText(value));
  if (patch !== null) {
    const edited = text.slice(0, patch.from) + patch.text + text.slice(patch.to);
    if (isAsMeant(document, edited, name, value)) return edited;
  }
  // a shape that has no place to write in (an alias, a flow over odd lines): laid out anew, comments kept
  const key = keyIn(document, name) ?? name;
  document.setIn(['sysctl', key], plainValue(value));
  return document.toString();
}

/** The settings of a host file as lines of sysctl.d(5), with their places in the file. */
export function linesOfYaml(text: string): ConfLine[] {
  const document = parseDocument(text);
  const settings = sysctlNode(document);
  if (!isMap<Node, Node | null>(settings)) return [];
  return settings.items.map((pair) => {
    const { line, column } = placeOf(text, pair.key.range![0]);
    const value = isScalar(pair.value) ? String(pair.value.value ?? '') : '';
    const valueColumn = pair.value?.range ? placeOf(text, pair.value.range[0]).column : column;
    return { line, column, kind: 'set', name: keyText(pair), value, valueColumn, mayFail: false };
  });
}

function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: before[before.length - 1]!.length + 1 };
}

function sysctlNode(document: Document): unknown {
  return isMap(document.contents) ? document.contents.get('sysctl', true) : undefined;
}

function keyText(pair: Pair<Node, unknown>): string {
  return isScalar(pair.key) ? String(pair.key.value) : '';
}

/** The key that a setting has in the file, however it is separated. */
function keyIn(document: Document, name: string): string | null {
  const settings = sysctlNode(document);
  if (!isMap<Node, unknown>(settings)) return null;
  const pair = settings.items.find((p) => dotted(keyText(p)) === name);
  return pair === undefined ? null : keyText(pair);
}

function patchOf(text: string, document: Document, name: string, value: string): Patch | null {
  const top = document.contents;
  const settings = sysctlNode(document);
  if (isMap<Node, Node | null>(settings)) return patchMap(text, settings, name, value);
  if (top === null || (isScalar(top) && top.value === null)) return append(text, `sysctl:\n  ${name}: ${value}`);
  if (!isMap<Node, Node | null>(top)) return null;
  const pair = top.items.find((p) => keyText(p) === 'sysctl');
  if (pair === undefined) {
    if (top.flow) return intoFlow(top, `sysctl: {${name}: ${value}}`);
    return after(text, top, `${indentOf(text, top)}sysctl:`, `${indentOf(text, top)}  ${name}: ${value}`);
  }
  // "sysctl:" with nothing, or null, behind it
  if (!isScalar(pair.value) || pair.value.value !== null || top.flow) return null;
  const [from, to] = pair.value.range!;
  if (from !== to) return { from, to, text: `{${name}: ${value}}` };
  const end = lineEnd(text, pair.key.range![1]);
  return { from: end, to: end, text: `${newline(text)}${indentOf(text, top)}  ${name}: ${value}` };
}

function patchMap(text: string, map: YAMLMap<Node, Node | null>, name: string, value: string): Patch | null {
  const pair = map.items.find((p) => dotted(keyText(p)) === name);
  if (pair !== undefined) {
    if (!isScalar(pair.value) || !pair.value.range) return null;
    const [from, to] = pair.value.range;
    // "name:" with nothing behind it
    return { from, to, text: from === to ? ` ${value}` : value };
  }
  if (map.flow) return intoFlow(map, `${name}: ${value}`);
  return after(text, map, `${indentOf(text, map)}${name}: ${value}`);
}

/** A further item of `{a: 1}`. */
function intoFlow(map: YAMLMap<Node, Node | null>, item: string): Patch | null {
  const last = map.items.at(-1);
  if (last === undefined) {
    const [from, to] = map.range!;
    return { from, to, text: `{${item}}` };
  }
  const end = (last.value?.range ?? last.key.range)![1];
  return { from: end, to: end, text: `, ${item}` };
}

/** Lines behind a block's last item, before the comments and empty lines that follow it. */
function after(text: string, map: YAMLMap<Node, Node | null>, ...lines: string[]): Patch {
  const last = map.items.at(-1)!;
  const end = lineEnd(text, lastOffset(last));
  const at = text[end - 1] === '\r' ? end - 1 : end;
  return { from: at, to: at, text: lines.map((line) => newline(text) + line).join('') };
}

/** One past the last character of an item's content, comments behind it left out. */
function lastOffset(pair: Pair<Node, Node | null>): number {
  const { value } = pair;
  if (isMap<Node, Node | null>(value) && !value.flow && value.items.length > 0) return lastOffset(value.items.at(-1)!);
  const end = (value?.range ?? pair.key.range)![1];
  return Math.max(end, pair.key.range![1]);
}

function append(text: string, what: string): Patch {
  const line = newline(text);
  const gap = text === '' || text.endsWith('\n') ? '' : line;
  return { from: text.length, to: text.length, text: `${gap}${what.replaceAll('\n', line)}${line}` };
}

function newline(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n';
}

function lineEnd(text: string, offset: number): number {
  // a block scalar's content ends behind its newline
  const from = text[offset - 1] === '\n' ? offset - 1 : offset;
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end;
}

/** The blanks before a block's first key. */
function indentOf(text: string, map: YAMLMap<Node, Node | null>): string {
  const start = map.items[0]?.key.range?.[0] ?? 0;
  const line = text.lastIndexOf('\n', start - 1) + 1;
  return ' '.repeat(start - line);
}

function plainValue(value: string): number | string {
  return /^-?(0|[1-9]\d*)$/.test(value) && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function scalarText(value: string): string {
  if (typeof plainValue(value) === 'number' || /^[A-Za-z_][\w.]*$/.test(value)) {
    return /^(true|false|null|yes|no|on|off)$/i.test(value) ? JSON.stringify(value) : value;
  }
  return JSON.stringify(value);
}

/** Whether an edit changed that setting and nothing else. */
function isAsMeant(before: Document, edited: string, name: string, value: string): boolean {
  try {
    return isEditOf(before, edited, name, value);
  } catch {
    // more aliases than can be resolved
    return false;
  }
}

function isEditOf(before: Document, edited: string, name: string, value: string): boolean {
  const after = parseDocument(edited);
  if (after.errors.length > 0) return false;
  const wanted = (before.toJS() ?? {}) as { sysctl?: Record<string, unknown> | null };
  const key = keyIn(before, name) ?? name;
  wanted.sysctl = { ...wanted.sysctl, [key]: plainValue(value) };
  return JSON.stringify(sorted(after.toJS())) === JSON.stringify(sorted(wanted));
}

/** With the keys of each mapping in order: `sysctl` may have been added last. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).map(([k, v]) => [k, sorted(v)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
