/** Event lines of `conntrack -E`, and those of `conntrack -E expect`. */
import { FlowError, type LinePlace, quoted } from './error.js';
import { expectationFromWords, formatExpectationLine } from './expectation.js';
import { formatFlowLine, type LineOptions } from './line.js';
import { type LineTail, parseFlowFrom } from './parse-line.js';
import type { ExpectationEvent, FlowEvent, FlowEventType } from './record.js';
import { formatExpectationStamp, formatStamp, parseStamp } from './time.js';
import { splitWords, WordScanner } from './words.js';

/** `-o` of an event line. */
export interface EventOptions extends LineOptions {
  /** `[epoch.microseconds]` and a tab in front, where the event has a time. */
  timestamp?: boolean;
}

const TYPES: readonly FlowEventType[] = ['NEW', 'UPDATE', 'DESTROY'];

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
  const scan = new WordScanner(text);
  const { timestampUs, type } = readHead(scan, place);
  const tail: LineTail = { userspace: false, portid: null, progname: null };
  const record = parseFlowFrom(text, scan.end, place, tail);
  return { type, record, timestampUs, portid: tail.portid, progname: tail.progname };
}

/** An event of an expectation as `conntrack -E expect` prints it, without the line end. */
export function formatExpectationEventLine(e: ExpectationEvent, o: { timestamp?: boolean } = {}): string {
  const stamp = o.timestamp && e.timestampUs !== null ? formatExpectationStamp(e.timestampUs) : '';
  return stamp + PREFIX[e.type] + formatExpectationLine(e.record);
}

/** An event of an expectation from a line; FlowError says what is wrong and where. */
export function parseExpectationEventLine(text: string, place: LinePlace): ExpectationEvent {
  const scan = new WordScanner(text);
  const { timestampUs, type } = readHead(scan, place);
  return { type, record: expectationFromWords(splitWords(text.slice(scan.end), scan.end + 1), place), timestampUs };
}

/** Reads what stands before the connection: a stamp perhaps, and what happened. */
function readHead(scan: WordScanner, place: LinePlace): { timestampUs: number | null; type: FlowEventType } {
  scan.next();
  const timestampUs = parseStamp(scan.word());
  if (timestampUs !== null) scan.next();
  const word = scan.word();
  const type = TYPES.find((t) => word.length === t.length + 2 && word === `[${t}]`);
  if (type !== undefined) return { timestampUs, type };
  const got = word === '' ? '' : `, got ${quoted(word)}`;
  throw new FlowError(`expected [NEW], [UPDATE] or [DESTROY]${got}`, place.file, place.line, scan.start + 1);
}
