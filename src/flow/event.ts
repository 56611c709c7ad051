/** Event lines of `conntrack -E`, and those of `conntrack -E expect`. */
import { FlowError, type LinePlace, quoted, splitWords, type Word } from './error.js';
import { expectationFromWords, formatExpectationLine } from './expectation.js';
import { formatFlowLine, type LineOptions } from './line.js';
import { type LineTail, parseFlowWords } from './parse-line.js';
import type { ExpectationEvent, FlowEvent, FlowEventType } from './record.js';
import { formatExpectationStamp, formatStamp, parseStamp } from './time.js';

/** `-o` of an event line. */
export interface EventOptions extends LineOptions {
  /** `[epoch.microseconds]` and a tab in front, where the event has a time. */
  timestamp?: boolean;
}

const PREFIX: Record<FlowEventType, string> = {
  NEW: '    [NEW] ',
  UPDATE: ' [UPDATE] ',
  DESTROY: '[DESTROY] ',
};

/** An event as `conntrack -E` prints it, without the line end. */
export function formatEventLine(e: FlowEvent, o: EventOptions = {}): string {
  const stamp = o.timestamp && e.timestampUs !== null ? formatStamp(e.timestampUs) : '';
  return stamp + PREFIX[e.type] + formatFlowLine(e.record, o) + formatOrigin(e);
}

/** ` [USERSPACE] portid=N progname=NAME` of a change that a program made; '' for all others. */
export function formatOrigin(e: FlowEvent): string {
  if (e.portid === null) return '';
  return ` [USERSPACE] portid=${e.portid}${e.progname === null ? '' : ` progname=${e.progname}`}`;
}

/** An event from a line; FlowError says what is wrong and where. */
export function parseEventLine(text: string, place: LinePlace): FlowEvent {
  const words = splitWords(text);
  const timestampUs = takeStamp(words);
  const type = takeType(words, place);
  const tail: LineTail = { userspace: false, portid: null, progname: null };
  const record = parseFlowWords(words, place, tail);
  return { type, record, timestampUs, portid: tail.portid, progname: tail.progname };
}

/** An event of an expectation as `conntrack -E expect` prints it, without the line end. */
export function formatExpectationEventLine(e: ExpectationEvent, o: { timestamp?: boolean } = {}): string {
  const stamp = o.timestamp && e.timestampUs !== null ? formatExpectationStamp(e.timestampUs) : '';
  return stamp + PREFIX[e.type] + formatExpectationLine(e.record);
}

/** An event of an expectation from a line; FlowError says what is wrong and where. */
export function parseExpectationEventLine(text: string, place: LinePlace): ExpectationEvent {
  const words = splitWords(text);
  const timestampUs = takeStamp(words);
  const type = takeType(words, place);
  return { type, record: expectationFromWords(words, place), timestampUs };
}

function takeStamp(words: Word[]): number | null {
  const us = words.length > 0 ? parseStamp(words[0].text) : null;
  if (us !== null) words.shift();
  return us;
}

function takeType(words: Word[], place: LinePlace): FlowEventType {
  const word = words.shift();
  const name = word?.text.slice(1, -1);
  if (word && word.text === `[${name}]` && (name === 'NEW' || name === 'UPDATE' || name === 'DESTROY')) return name;
  const got = word ? `, got ${quoted(word.text)}` : '';
  throw new FlowError(`expected [NEW], [UPDATE] or [DESTROY]${got}`, place.file, place.line, word?.column ?? 1);
}
