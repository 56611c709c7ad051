/** The files that a replay writes. All are opened before the first packet, so that a wrong path shows at once. */
import { DIRECTION_INBOUND, DIRECTION_OUTBOUND } from '../capture/frame-batch.js';
import { PcapngWriter } from '../capture/pcapng-writer.js';
import { formatEventLine, formatExpectationEventLine } from '../flow/event.js';
import { formatExpectationLine } from '../flow/expectation.js';
import { flowToJson } from '../flow/json.js';
import { formatFlowLine, formatProcLine } from '../flow/line.js';
import type { FlowEvent, FlowRecord } from '../flow/record.js';
import { formatSaveLine } from '../flow/save.js';
import { formatFlowXml, XML_FOOT, XML_HEAD } from '../flow/xml.js';
import type { ReplayOptions, TableFormat } from './options.js';
import { Output } from './output.js';
import type { ReplayHost } from './replay-host.js';
import { epochText } from './time.js';

interface Emitted {
  bytes: Uint8Array;
  linkType: number;
  outInterface: number;
  hostMade: boolean;
}

/** The files of the --save options. */
export class Saver {
  private readonly rules: Output | null;
  private readonly rules6: Output | null;
  private readonly rulesNft: Output | null;
  private readonly rules6Nft: Output | null;
  private readonly sets: Output | null;
  private readonly table: Output | null;
  private readonly tableFormat: TableFormat;
  private readonly expectations: Output | null;
  private readonly expectations6: Output | null;
  private readonly events: Output | null;
  private readonly expectationEvents: Output | null;
  private readonly logFile: Output | null;
  private readonly capture: Output | null;
  private readonly writer: PcapngWriter | null;
  /** Interface number in the capture by `linkType/host interface`. */
  private readonly captureInterfaces = new Map<string, number>();
  /** What the packet at hand made the host send; written when its outcome is known. */
  private emitted: Emitted[] = [];
  private logged: string[] = [];

  /** `stdout`: for outputs named `-`. */
  constructor(o: ReplayOptions, stdout: Output) {
    const open = (file: string | null): Output | null =>
      file === null ? null : file === '-' ? stdout : Output.open(file);
    this.rules = open(o.saveRules);
    this.rules6 = open(o.saveRules6);
    this.rulesNft = open(o.saveRulesNft);
    this.rules6Nft = open(o.saveRules6Nft);
    this.sets = open(o.saveSets);
    this.table = open(o.saveTable);
    this.tableFormat = o.tableFormat;
    this.expectations = open(o.saveExpectations);
    this.expectations6 = open(o.saveExpectations6 ?? null);
    this.events = open(o.saveEvents);
    this.expectationEvents = open(o.saveExpectationEvents ?? null);
    this.logFile = open(o.saveLog);
    const capture = open(o.saveCapture);
    this.capture = capture;
    this.writer =
      capture && new PcapngWriter((bytes, start, end) => capture.bytes(bytes.subarray(start, end)), 'statewall replay');
  }

  /** Whether anything but the final state is saved, packet by packet. */
  get perPacket(): boolean {
    return this.logFile !== null || this.writer !== null;
  }

  get wantsEvents(): boolean {
    return this.events !== null;
  }

  /** Whether any file is written. */
  get any(): boolean {
    return this.outputs().length > 0;
  }

  /** Hangs itself on the host's sinks. `logLines`: kernel-log lines are wanted by somebody else too. */
  attach(host: ReplayHost, logLines: boolean): void {
    if (this.writer !== null) {
      host.onEmit = (bytes, start, end, linkType, outInterface, hostMade) => {
        this.emitted.push({ bytes: bytes.slice(start, end), linkType, outInterface, hostMade });
      };
    }
    if (this.logFile !== null || logLines) host.onLog = (line) => this.logged.push(line);
  }

  event(e: FlowEvent): void {
    this.events?.line(formatEventLine(e));
  }

  /** What happened to expectations since the last call; to be called now and then. */
  takeExpectationEvents(host: ReplayHost): void {
    const { expectationEvents } = this;
    if (expectationEvents !== null)
      host.drainExpectationEvents((e) => expectationEvents.line(formatExpectationEventLine(e)));
  }

  /** Kernel-log lines of the packet at hand. */
  get log(): readonly string[] {
    return this.logged;
  }

  /** The packet at hand is done: writes what it caused. `outcome` is asked only where something is written. */
  packet(host: ReplayHost, seconds: number, nanos: number, outcome: () => string): void {
    for (const line of this.logged) this.logFile?.line(`[${epochText(seconds, nanos)}] ${line}`);
    if (this.logged.length > 0) this.logged = [];
    if (this.writer === null || this.emitted.length === 0) return;
    const comment = outcome();
    for (const e of this.emitted) {
      const direction = e.outInterface === 0 ? DIRECTION_INBOUND : DIRECTION_OUTBOUND;
      this.writer.writePacket(
        this.captureInterface(this.writer, host, e),
        seconds,
        nanos,
        e.bytes,
        0,
        e.bytes.length,
        e.bytes.length,
        direction,
        e.hostMade ? `host-made, because of ${comment}` : comment,
      );
    }
    this.emitted = [];
  }

  private captureInterface(writer: PcapngWriter, host: ReplayHost, e: Emitted): number {
    const key = `${e.linkType}/${e.outInterface}`;
    let number = this.captureInterfaces.get(key);
    if (number === undefined) {
      number = writer.addInterface(e.outInterface === 0 ? 'local' : host.interfaceNames[e.outInterface], e.linkType);
      this.captureInterfaces.set(key, number);
    }
    return number;
  }

  /** Writes the final state and closes everything; throws the first OutputError after having tried all. */
  finish(host: ReplayHost): void {
    const attempt = new Attempts();
    attempt.to(() => this.takeExpectationEvents(host));
    attempt.to(() => this.rules?.write(host.saveRules(2)));
    attempt.to(() => this.rules6?.write(host.saveRules(10)));
    attempt.to(() => this.rulesNft?.write(host.saveRules(2, 'nft')));
    attempt.to(() => this.rules6Nft?.write(host.saveRules(10, 'nft')));
    attempt.to(() => this.sets?.write(host.saveSets()));
    attempt.to(() => {
      if (this.table) writeTable(this.table, host.flows(), this.tableFormat);
    });
    attempt.to(() => {
      for (const e of host.expectations()) {
        const output = e.family === 2 ? this.expectations : this.expectations6;
        output?.line(formatExpectationLine(e));
      }
    });
    this.close(attempt);
    if (attempt.failure !== null) throw attempt.failure;
  }

  /**
   * After a failure elsewhere: writes what is held back, on `screen` too, and closes everything, without the final state. Never
   * throws.
   */
  abandon(screen: Output): void {
    const attempt = new Attempts();
    attempt.to(() => screen.flush());
    this.close(attempt);
  }

  private close(attempt: Attempts): void {
    attempt.to(() => this.writer?.flush());
    for (const output of this.outputs()) attempt.to(() => output.close());
  }

  private outputs(): Output[] {
    const rules = [this.rules, this.rules6, this.rulesNft, this.rules6Nft];
    const tracked = [this.table, this.expectations, this.expectations6, this.events, this.expectationEvents];
    const all = [...rules, this.sets, ...tracked, this.logFile, this.capture];
    return all.filter((o) => o !== null);
  }
}

/** Things that are all tried, whatever becomes of those before. */
class Attempts {
  /** The first failure; null: none. */
  failure: unknown = null;

  to(work: () => void): void {
    try {
      work();
    } catch (e) {
      this.failure ??= e;
    }
  }
}

function writeTable(out: Output, flows: Iterable<FlowRecord>, format: TableFormat): void {
  if (format === 'xml') out.write(XML_HEAD);
  for (const r of flows) out.line(PRINT[format](r));
  if (format === 'xml') out.write(XML_FOOT);
}

const PRINT: Record<TableFormat, (r: FlowRecord) => string> = {
  extended: (r) => formatFlowLine(r, { extended: true }),
  save: (r) => formatSaveLine(r),
  xml: (r) => formatFlowXml(r),
  json: (r) => JSON.stringify(flowToJson(r)),
  proc: formatProcLine,
};
