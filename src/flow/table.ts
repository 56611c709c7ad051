/** A whole connection table as text, in any of the forms of this room. */
import { FlowError, type LinePlace } from './error.js';
import { type FlowJson, flowFromJson } from './json.js';
import { parseFlowLine } from './parse-line.js';
import { parseFlowXml } from './parse-xml.js';
import type { FlowRecord } from './record.js';
import { parseSaveLine } from './save.js';

/** What of a dump is not a connection: empty lines, comments, conntrack's summary, the frame of an XML document. */
const NOT_A_FLOW = /^\s*(#.*|conntrack v\d.*|<\?xml.*|<\/?conntrack>|\[|\])?\s*$/;

/**
 * Reads a dump: `conntrack -L` in every `-o` form, -o save, -o xml, /proc/net/nf_conntrack, ip_conntrack, or one JSON object a
 * line. Each line shows its own form. Throws a FlowError at the first line that is none. `firstLine`: number of the first line, where
 * a file is read in parts that end with whole lines.
 */
export function parseTable(text: string, file: string, firstLine = 1): FlowRecord[] {
  const records: FlowRecord[] = [];
  const place: LinePlace = { file, line: firstLine - 1 };
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\n', at);
    const line = text.slice(at, end < 0 ? text.length : end).replace(/\r$/, '');
    at = end < 0 ? text.length : end + 1;
    place.line++;
    if (!NOT_A_FLOW.test(line)) records.push(parseTableLine(line, place));
  }
  return records;
}

function parseTableLine(line: string, place: LinePlace): FlowRecord {
  const first = line.trimStart();
  if (first.startsWith('<')) return parseFlowXml(line, place);
  if (first.startsWith('-')) return parseSaveLine(line, place);
  if (first.startsWith('{')) return parseJsonLine(line, place);
  return parseFlowLine(line, place);
}

function parseJsonLine(line: string, place: LinePlace): FlowRecord {
  try {
    return flowFromJson(JSON.parse(line.trim().replace(/,$/, '')) as FlowJson);
  } catch (e) {
    throw new FlowError(e instanceof Error ? e.message : String(e), place.file, place.line, 1);
  }
}
