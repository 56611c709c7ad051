/**
 * One replay from options to exit status: opens everything, makes the host, drives the captures through it, writes the
 * outputs. Exit status 0: fine; 1: the run failed, or a capture was damaged (all before the damage was processed and written);
 * above 128: a signal ended it (all before was processed and written).
 */
import { parseTable } from '../flow/table.js';
import { type HostConfig, HostConfigError } from '../host/config.js';
import { Arrival } from './arrival.js';
import { isReadOnce, openCapture } from './capture-source.js';
import { checkDistinct } from './distinct-files.js';
import { Driver, type PacketSink } from './driver.js';
import type { FrameSource } from './frames.js';
import { guessLocalAddress } from './guess.js';
import { isHostHeard } from './host-voice.js';
import { Interruption } from './interruption.js';
import { LocalAddresses } from './local-addresses.js';
import {
  checkInterface,
  checkLocal,
  checkSysctl,
  idleSysctls,
  plainHost,
  readHostFile,
  readText,
  withSysctl,
} from './network.js';
import { type HostMaker, type NamedText, ReplayError, type ReplayOptions } from './options.js';
import { Output } from './output.js';
import { outcomeText, packetJson, packetLine } from './packet-line.js';
import { Progress } from './progress.js';
import type { DoubtInfo, ReplayHost } from './replay-host.js';
import { Saver } from './saver.js';
import { Summary } from './summary.js';

/** Runs a replay; `warn` takes lines for standard error. Throws what a person can put right (see cli/main). */
export async function runReplay(
  o: ReplayOptions,
  makeHost: HostMaker,
  warn: (line: string) => void,
  stdout: Output = Output.stdout(),
): Promise<number> {
  const sources: FrameSource[] = [];
  try {
    checkArguments(o);
    const hostFile = readHostFile(o);
    const rules = named(o.rules);
    const rules6 = named(o.rules6);
    const rulesNft = named(o.rulesNft);
    const rules6Nft = named(o.rules6Nft);
    const table = named(o.loadTable);
    const sets = named(o.sets);
    const addresses = hostFile === null ? await localAddresses(o, warn) : [];
    for (const file of o.captures) sources.push(openCapture(file));
    const driver = new Driver(sources);
    const first = await driver.begin();
    const config = withSysctl(hostFile ? hostFile.config : plainHost(addresses, o, sources), o.sysctl);
    const idle = idleSysctls(config);
    if (idle !== null) warn(idle);
    let host: ReplayHost;
    try {
      const answers = hostFile === null ? o.answers === 'yes' : await isAnswering(o, config, warn);
      const texts = { rules, rules6, rulesNft, rules6Nft, firstPlane: o.firstPlane, sets };
      host = makeHost({ config, ...texts, lenient: o.lenient, events: wantsEvents(o), answers, warn });
    } catch (e) {
      if (e instanceof HostConfigError && hostFile) throw hostFile.at(e.path, e.message.slice(e.path.length + 2));
      throw e;
    }
    if (first !== null) host.advance(first.seconds * 1000 + first.nanos / 1e6);
    if (table !== null) {
      const refused = host.loadFlows(parseTable(table.text, table.file));
      if (refused > 0) warn(`${table.file}: ${refused} connections found no place (tuple taken twice, or table full)`);
    }
    const summary = new Summary();
    const interruption = new Interruption(() => {
      // Nobody waits for a pipe any longer.
      for (const s of sources) s.close();
      stdout.release();
    });
    await drive({ o, host, driver, sources, summary, interruption, warn, stdout });
    if (interruption.signal !== null)
      warn(`stopped by ${interruption.signal} after ${summary.packets} packets; all up to there is written`);
    return reportDamage(sources, warn) ? 1 : interruption.exitStatus;
  } finally {
    for (const s of sources) s.close();
  }
}

function wantsEvents(o: ReplayOptions): boolean {
  return o.saveEvents !== null || (o.saveExpectationEvents ?? null) !== null;
}

function checkArguments(o: ReplayOptions): void {
  const inputs = [...o.captures, o.rules, o.rules6, o.rulesNft, o.rules6Nft, o.host, o.loadTable, o.sets];
  const stdin = inputs.filter((f) => f === '-').length;
  for (const a of o.local) checkLocal(a);
  if (o.inInterface !== null) checkInterface(o.inInterface);
  for (const [name, value] of o.sysctl) checkSysctl(name, value);
  checkDistinct(o);
  if (stdin > 1) throw new ReplayError('standard input (-) can be read only once', 2);
}

function named(file: string | null): NamedText | null {
  return file === null ? null : { file: file === '-' ? 'standard input' : file, text: readText(file) };
}

/** --local, or the address found in a first pass over the captures. */
async function localAddresses(o: ReplayOptions, warn: (line: string) => void): Promise<readonly string[]> {
  if (o.local.length > 0) return o.local;
  const once = o.captures.find(isReadOnce);
  if (once !== undefined) {
    const name = once === '-' ? 'standard input' : once;
    const remedy = 'which can be read only once: say --local ADDRESS or --host FILE';
    throw new ReplayError(`whose capture this is cannot be found out from ${name}, ${remedy}`, 2);
  }
  const sources = o.captures.map(openCapture);
  try {
    const guess = await guessLocalAddress(sources);
    if (guess === null) return [];
    const share = `${guess.conversations} of ${guess.of} conversations`;
    warn(`the host is taken to be ${guess.address}, which takes part in ${share} (--local or --host says otherwise)`);
    return [guess.address];
  } finally {
    for (const s of sources) s.close();
  }
}

/** Whether the host that --host describes answers by itself what is delivered to it. */
async function isAnswering(o: ReplayOptions, config: HostConfig, warn: (line: string) => void): Promise<boolean> {
  if (o.answers !== 'auto') return o.answers === 'yes';
  const once = o.captures.find(isReadOnce);
  if (once !== undefined) {
    const name = once === '-' ? 'standard input' : once;
    warn(
      `${name} cannot be looked at ahead: the host answers nothing that is delivered to it (--answers says otherwise)`,
    );
    return false;
  }
  const sources = o.captures.map(openCapture);
  try {
    return !(await isHostHeard(sources, new LocalAddresses(config)));
  } finally {
    for (const s of sources) s.close();
  }
}

interface Run {
  o: ReplayOptions;
  host: ReplayHost;
  driver: Driver;
  sources: readonly FrameSource[];
  summary: Summary;
  interruption: Interruption;
  warn: (line: string) => void;
  stdout: Output;
}

async function drive(run: Run): Promise<void> {
  const { o, host, driver, sources, summary, interruption, stdout } = run;
  const arrival = new Arrival(o, host, run.warn);
  // Opened only now: a mistake in the rules leaves what an earlier run has saved.
  const saver = new Saver(o, stdout);
  // A capture on standard output has it for itself.
  const screen = o.saveCapture === '-' ? Output.stderr() : stdout;
  const progress = o.progress ? new Progress(sources) : null;
  const lines = o.show === 'lines' || o.show === 'json';
  saver.attach(host, o.show === 'json');
  interruption.watch();
  try {
    await driver.run({
      host,
      summary,
      packet: lines || saver.perPacket ? packetSink(o, host, screen, saver) : null,
      event: saver.wantsEvents ? (e) => saver.event(e) : null,
      interfaceFor: (source, name) => arrival.interfaceFor(source, name),
      pause: (n) => {
        progress?.update(n);
        saver.takeExpectationEvents(host);
        return interruption.signal === null ? (stdout.drained ?? interruption.turn()) : null;
      },
      idle: () => screen.flush(),
      stop: () => interruption.signal !== null || (stdout.broken && !saver.any),
    });
    progress?.end();
    if (o.show === 'summary-json') screen.line(JSON.stringify(summary.report(host)));
    else if (o.show !== 'json') screen.write((lines && summary.packets > 0 ? '\n' : '') + summary.text(host, o.colour));
    screen.flush();
    for (const doubt of host.doubts()) run.warn(doubtText(doubt));
    saver.finish(host);
    await stdout.settle();
  } catch (e) {
    progress?.end();
    // One output failed: what the others hold back is written all the same.
    saver.abandon(screen);
    throw e;
  } finally {
    interruption.end();
  }
}

/** `rules.v4:7: 12 packets came to -m owner, ...: -A OUTPUT ...`. */
function doubtText({ file, line, packets, extension, why, text }: DoubtInfo): string {
  const place = file === null ? '' : `${file}:${line}: `;
  return `${place}${packets} packet${packets === 1 ? '' : 's'} in doubt at ${extension} (${why}): ${text}`;
}

function packetSink(o: ReplayOptions, host: ReplayHost, stdout: Output, saver: Saver): PacketSink {
  return (batch, i, linkType, results, n) => {
    if (!stdout.broken) {
      if (o.show === 'lines') stdout.line(packetLine(host, batch, i, linkType, results, o.colour));
      else if (o.show === 'json') stdout.line(packetJson(host, batch, i, results, n, saver.log));
    }
    const outcome = (): string => `packet ${n}: ${outcomeText(host, results, i)}`;
    saver.packet(host, batch.seconds[i], batch.nanos[i], outcome);
  };
}

/** Says which captures ended before their end; true: there was one. */
function reportDamage(sources: readonly FrameSource[], warn: (line: string) => void): boolean {
  let damaged = false;
  for (const { name, failure } of sources) {
    if (failure === null) continue;
    damaged = true;
    warn(`${name}: packet ${failure.packet} at byte ${failure.offset}: ${failure.message}`);
  }
  return damaged;
}
