/** Elements of conntrack(8)'s XML: as much of the language as the program writes. */
import { FlowError, type LinePlace } from './error.js';

/** An element with all that is in it. */
export interface XmlNode {
  /** Name of the element. */
  name: string;
  /** Attributes, unescaped. */
  attributes: ReadonlyMap<string, string>;
  /** Elements in it, in order. */
  children: XmlNode[];
  /** Text between them, unescaped. */
  text: string;
  /** Column of its tag, from 1. */
  column: number;
}

/** Deeper than this nothing is: no text makes the reader nest without end. */
const MAX_DEPTH = 16;

/** The first element of a text, and where the text goes on after it. Throws a FlowError at what is no element. */
export function readElement(text: string, place: LinePlace): { node: XmlNode; end: number } {
  const top: XmlNode = { name: '', attributes: NO_ATTRIBUTES, children: [], text: '', column: 1 };
  const open: XmlNode[] = [top];
  for (let at = 0; ; ) {
    const tag = text.indexOf('<', at);
    const current = open[open.length - 1];
    const between = tag < 0 ? '' : text.slice(at, tag);
    if (current !== top) current.text += between;
    else if (tag < 0 || between.trim() !== '') throw new FlowError('expected <flow>', place.file, place.line, at + 1);
    if (tag < 0) throw new FlowError(`<${current.name}> has no end`, place.file, place.line, text.length + 1);
    const close = text.indexOf('>', tag);
    if (close < 0) throw new FlowError('broken tag', place.file, place.line, tag + 1);
    at = close + 1;
    if (text.charCodeAt(tag + 1) !== 47 /* / */) {
      const node = readTag(text.slice(tag + 1, close), tag, place);
      current.children.push(node);
      if (text.charCodeAt(close - 1) !== 47 && open.push(node) > MAX_DEPTH) {
        throw new FlowError('elements too deep', place.file, place.line, tag + 1);
      }
      if (open.length === 1) return { node, end: at };
      continue;
    }
    const name = text.slice(tag + 2, close).trim();
    if (name !== current.name || current === top) {
      const what = current === top ? 'nothing' : `<${current.name}>`;
      throw new FlowError(`</${name.slice(0, 40)}> ends ${what}`, place.file, place.line, tag + 1);
    }
    current.text = unescapeXml(current.text);
    open.pop();
    if (open.length === 1) return { node: current, end: at };
  }
}

const NO_ATTRIBUTES: ReadonlyMap<string, string> = new Map();

/** Whether a tag is nothing but a short name of letters: most are. */
function isPlainName(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i) | 32;
    if (c < 97 || c > 122) return false;
  }
  return text.length > 0 && text.length <= 40;
}

function readTag(inside: string, at: number, place: LinePlace): XmlNode {
  if (isPlainName(inside)) return { name: inside, attributes: NO_ATTRIBUTES, children: [], text: '', column: at + 1 };
  const m = /^([A-Za-z][\w-]{0,40})((?:\s+[\w-]+="[^"<]*")*)\s*\/?$/.exec(inside);
  if (m === null) throw new FlowError('broken tag', place.file, place.line, at + 1);
  const attributes = new Map<string, string>();
  if (m[2] !== '') for (const a of m[2].matchAll(/([\w-]+)="([^"]*)"/g)) attributes.set(a[1], unescapeXml(a[2]));
  return { name: m[1], attributes, children: [], text: '', column: at + 1 };
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescapeXml(text: string): string {
  return text.includes('&') ? text.replace(/&(amp|lt|gt|quot|apos);/g, (_, name: string) => ENTITIES[name]) : text;
}
