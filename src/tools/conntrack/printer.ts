/** How connections, expectations and their events are printed, by -o and --json. */
import { formatEventLine, formatExpectationEventLine } from '../../flow/event.js';
import { formatExpectationLine } from '../../flow/expectation.js';
import { eventToJson, flowToJson } from '../../flow/json.js';
import { formatFlowLine } from '../../flow/line.js';
import type { ExpectationEvent, ExpectationRecord, FlowEvent, FlowRecord } from '../../flow/record.js';
import { formatSaveEvent, formatSaveLine } from '../../flow/save.js';
import {
  formatEventXml,
  formatExpectationEventXml,
  formatExpectationXml,
  formatFlowXml,
  XML_EXPECT_FOOT,
  XML_EXPECT_HEAD,
  XML_FOOT,
  XML_HEAD,
} from '../../flow/xml.js';
import { expectationEventToJson, expectationToJson } from './expectation-json.js';
import type { CommandLine, OutputForm } from './line.js';
import type { CommandLetter } from './options.js';

/** Makes lines of records. */
export interface Printer {
  /** What stands before the first one, and behind the last one if there was one. */
  head: string;
  foot: string;
  /** With its line end. */
  flow(record: FlowRecord): string;
  flowEvent(event: FlowEvent): string;
  expectation(record: ExpectationRecord): string;
  expectationEvent(event: ExpectationEvent): string;
}

/** The printer that a command line asks for. */
export function printerOf(line: CommandLine, nowUs: () => number): Printer {
  if (line.own.json) return JSON_PRINTER;
  // who names labels sees them, but for those that go
  const hasLabels = line.command !== 'D' && [...'l<>'].some((key) => line.given.has(key));
  const output = { ...line.output, labels: line.output.labels || hasLabels, localTime: true, nowUs };
  if (line.table === 'expect') return output.xml ? expectXmlPrinter(output) : linePrinter(output);
  if (output.xml) return xmlPrinter(output, line.command);
  return output.save ? savePrinter(output, line.command) : linePrinter(output);
}

type Form = OutputForm & { localTime: boolean; nowUs: () => number };

const linePrinter = (output: Form): Printer => ({
  head: '',
  foot: '',
  flow: (record) => `${formatFlowLine(record, output)}\n`,
  flowEvent: (event) => `${formatEventLine(event, output)}\n`,
  // it has no time of its own: what is shown is when it was read
  expectation: (record) => `${formatExpectationLine(record, output.timestamp ? output.nowUs() : null)}\n`,
  expectationEvent: (event) => `${formatExpectationEventLine(event, output)}\n`,
});

/** Only listings and events are whole documents; -G has no end, -D and -U not even a beginning. */
function xmlPrinter(output: Form, command: CommandLetter): Printer {
  return {
    ...expectXmlPrinter(output),
    head: 'LGE'.includes(command) ? XML_HEAD : '',
    foot: 'LE'.includes(command) ? XML_FOOT : '',
    flow: (record) => `${formatFlowXml(record, output)}\n`,
    flowEvent: (event) => `${formatEventXml(event, output)}\n`,
  };
}

const expectXmlPrinter = (output: Form): Printer => ({
  head: XML_EXPECT_HEAD,
  foot: XML_EXPECT_FOOT,
  flow: (record) => `${formatFlowXml(record)}\n`,
  flowEvent: (event) => `${formatEventXml(event)}\n`,
  // as in lines, the time of a listing
  expectation: (record) => `${formatExpectationXml(record, output.timestamp ? output.nowUs() : null, output)}\n`,
  expectationEvent: (event) => `${formatExpectationEventXml(event, output)}\n`,
});

function savePrinter(output: Form, command: CommandLetter): Printer {
  const letter = command === 'D' ? '-D' : '-A';
  return {
    ...linePrinter(output),
    flow: (record) => `${formatSaveLine(record, letter)}\n`,
    flowEvent: (event) => `${formatSaveEvent(event)}\n`,
  };
}

const JSON_PRINTER: Printer = {
  head: '',
  foot: '',
  flow: (record) => `${JSON.stringify(flowToJson(record))}\n`,
  flowEvent: (event) => `${JSON.stringify(eventToJson(event))}\n`,
  expectation: (record) => `${JSON.stringify(expectationToJson(record))}\n`,
  expectationEvent: (event) => `${JSON.stringify(expectationEventToJson(event))}\n`,
};
