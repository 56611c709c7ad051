/**
 * A whole connection table as text, in any of the forms of this room: all at once, or in parts of any size as they come from a
 * file, with no more in memory than one part and the piece of a line that it ends with.
 */
import { FlowError, type LinePlace } from './error.js';
import { parseEventLine, parseExpectationEventLine } from './event.js';
import { parseExpectationLine, parseProcExpectationLine } from './expectation.js';
import { eventFromJson, type FlowEventJson, type FlowJson, flowFromJson } from './json.js';
import { parseFlowLine } from './parse-line.js';
import { parseEventXml, parseExpectationEventXml, parseExpectationXml, parseFlowXml } from './parse-xml.js';
import type { ExpectationEvent, ExpectationRecord, FlowEvent, FlowRecord } from './record.js';
import { parseSaveEvent, parseSaveLine } from './save.js';

/** A line, or an element of XML, may have as many characters: far more than any has, and little to keep. */
const MAX_LENGTH = 1 << 16;

/** What a dump has besides connections, after leading blanks: comments, conntrack's summary, the frame of a JSON list. */
const NOT_A_FLOW = /^(#.*|conntrack v\d.*|\[|\])$/;

/** What a part of a text held, each in the order in which it stands. */
export interface TableItems {
  /** Connections. */
  flows: FlowRecord[];
  /** Events of connections (`conntrack -E`). */
  events: FlowEvent[];
  /** Expectations. */
  expectations: ExpectationRecord[];
  /** Events of expectations (`conntrack -E expect`). */
  expectationEvents: ExpectationEvent[];
}

/**
 * Reads a dump: `conntrack -L` in every `-o` form, -o save, -o xml, /proc/net/nf_conntrack, ip_conntrack, or one JSON object a
 * line. Each line shows its own form. Throws a FlowError at the first line that is no connection.
 */
export function parseTable(text: string, file: string): FlowRecord[] {
  const reader = new TableReader(file, true);
  const { flows } = reader.push(text);
  for (const r of reader.end().flows) flows.push(r);
  return flows;
}

/** Reads a text that comes in parts, as TableReader does, and gives what each part held. */
export async function* readTable(parts: AsyncIterable<string>, file: string): AsyncGenerator<TableItems, void> {
  const reader = new TableReader(file);
  for await (const part of parts) yield reader.push(part);
  yield reader.end();
}

/** A reader of tables, events and expectations in all forms. Its methods throw a FlowError where a line is none of them. */
export class TableReader {
  private readonly place: LinePlace;
  private readonly isStrict: boolean;
  /** The piece of a line that the last part ended with. */
  private rest = '';
  /** Whether that piece may be one of XML, which ends elsewhere than at the line's end. */
  private isElement = true;
  private items: TableItems = emptyItems();

  /** `file`: for messages. `isStrict`: connections only; anything else is an error too. */
  constructor(file: string, isStrict = false) {
    this.place = { file, line: 1 };
    this.isStrict = isStrict;
  }

  /** Takes the next part of the text and gives what is complete by now. */
  push(part: string): TableItems {
    const text = this.rest === '' ? part : this.rest + part;
    // What only makes a line longer is not looked at each time.
    const ends = this.isElement ? /[\n<>]/ : /\n/;
    if (text.length > part.length && text.length <= MAX_LENGTH && !ends.test(part)) {
      this.rest = text;
      return emptyItems();
    }
    return this.take(text, false);
  }

  /** Takes the end of the text and gives what was left. */
  end(): TableItems {
    return this.take(this.rest, true);
  }

  private take(text: string, isEnd: boolean): TableItems {
    this.items = emptyItems();
    let at = 0;
    while (at < text.length) {
      const next = text.charCodeAt(at) === 60 /* < */ ? this.element(text, at, isEnd) : this.line(text, at, isEnd);
      if (next < 0) break;
      at = next;
    }
    this.rest = text.slice(at);
    this.isElement = /^\s*(<|$)/.test(this.rest);
    this.bound(this.rest.length);
    return this.items;
  }

  /** Reads a line (or the blanks before an element); where the next thing begins, -1: the rest of it is still to come. */
  private line(text: string, at: number, isEnd: boolean): number {
    const newline = text.indexOf('\n', at);
    const end = newline < 0 ? text.length : newline;
    let first = at;
    while (first < end && text.charCodeAt(first) <= 32) first++;
    if (first < end && text.charCodeAt(first) === 60) return first;
    if (newline < 0 && !isEnd) return -1;
    this.bound(end - at);
    if (first < end) {
      const last = text.charCodeAt(end - 1) === 13 /* \r */ ? end - 1 : end;
      this.read(text.slice(at, last), first - at);
    }
    this.place.line++;
    return end + 1;
  }

  /** Reads an element of XML with what follows it on its line. */
  private element(text: string, at: number, isEnd: boolean): number {
    const isFlow = text.startsWith('<flow', at);
    // A tag that is still to come may be <flow.
    if (!isEnd && text.length - at < 5) return -1;
    const close = text.indexOf(isFlow ? '</flow>' : '>', at);
    if (close < 0) {
      if (!isEnd) return -1;
      this.fail(isFlow ? '<flow> has no end' : 'broken tag');
    }
    if (!isFlow) {
      if (!/^<(\?xml .*\?|\/?conntrack|\/?expect)>/.test(text.slice(at, close + 1))) this.fail('expected <flow>');
      return close + 1;
    }
    let end = close + 7;
    while (end < text.length && text.charCodeAt(end) !== 10 && text.charCodeAt(end) !== 60) end++;
    if (end === text.length && !isEnd) return -1;
    this.bound(end - at);
    const unit = text.slice(at, end);
    this.readXml(unit);
    for (let i = unit.indexOf('\n'); i >= 0; i = unit.indexOf('\n', i + 1)) this.place.line++;
    return end;
  }

  private readXml(text: string): void {
    const isEvent = /^<flow\s+type=/.test(text);
    if (/^<flow[^>]*>\s*<layer3/.test(text)) {
      if (isEvent) this.expectationEvent(parseExpectationEventXml(text, this.place));
      else this.expectation(parseExpectationXml(text, this.place));
    } else if (isEvent) this.event(parseEventXml(text, this.place));
    else this.items.flows.push(parseFlowXml(text, this.place));
  }

  /** A line that is not empty; `first`: where its first character stands. */
  private read(line: string, first: number): void {
    const c = line.charCodeAt(first);
    // Most lines begin with the name of a protocol.
    if (c >= 97 && c <= 122 && c !== 99 && c !== 112) this.items.flows.push(parseFlowLine(line, this.place));
    else if (NOT_A_FLOW.test(first === 0 ? line.trimEnd() : line.trim())) return;
    else if (c === 45 /* - */) this.readDash(line);
    else if (c === 123 /* { */) this.readJson(line);
    else if (c === 91 /* [ */) this.readBracket(line, first);
    else if ((c >= 48 && c <= 57) || line.startsWith('proto=', first)) this.readExpectation(line);
    else this.items.flows.push(parseFlowLine(line, this.place));
  }

  private readDash(line: string): void {
    if (/^\s*-\s/.test(line)) this.readExpectation(line);
    else if (/^\s*-[UD]\s/.test(line)) this.event(parseSaveEvent(line, this.place));
    else if (/\s\[USERSPACE\]/.test(line)) this.event(parseSaveEvent(line, this.place));
    else this.items.flows.push(parseSaveLine(line, this.place));
  }

  private readExpectation(line: string): void {
    if (/^\s*\S+\s+l3proto\b/.test(line)) this.expectation(parseProcExpectationLine(line, this.place));
    else this.expectation(parseExpectationLine(line, this.place));
  }

  /** `[stamp]` before an expectation or an event, or `[NEW]` and its like. */
  private readBracket(line: string, first: number): void {
    const stamp = /^\[\d+\.\d+ *\]/.exec(line.slice(first));
    const rest = stamp === null ? line : line.slice(first + stamp[0].length);
    if (!/^\s*\[/.test(rest)) this.readExpectation(line);
    else if (/^\s*\[[A-Z]+\]\s+(\d+\s+)?proto=/.test(rest)) {
      this.expectationEvent(parseExpectationEventLine(line, this.place));
    } else this.event(parseEventLine(line, this.place));
  }

  private readJson(line: string): void {
    try {
      const value = JSON.parse(line.trim().replace(/,$/, '')) as FlowJson | FlowEventJson;
      if ('event' in value) this.event(eventFromJson(value));
      else this.items.flows.push(flowFromJson(value));
    } catch (e) {
      if (e instanceof FlowError) throw e;
      this.fail(e instanceof Error ? e.message : String(e));
    }
  }

  private event(e: FlowEvent): void {
    if (this.isStrict) this.fail('an event, where connections are expected');
    this.items.events.push(e);
  }

  private expectation(e: ExpectationRecord): void {
    if (this.isStrict) this.fail('an expectation, where connections are expected');
    this.items.expectations.push(e);
  }

  private expectationEvent(e: ExpectationEvent): void {
    if (this.isStrict) this.fail('an event, where connections are expected');
    this.items.expectationEvents.push(e);
  }

  private bound(length: number): void {
    if (length > MAX_LENGTH) this.fail(`a line of more than ${MAX_LENGTH} characters`);
  }

  private fail(message: string): never {
    throw new FlowError(message, this.place.file, this.place.line, 1);
  }
}

function emptyItems(): TableItems {
  return { flows: [], events: [], expectations: [], expectationEvents: [] };
}
