/**
 * One capture through two hosts that differ in nothing but the evaluator of their rules: the compiled one (rules/evaluate) and the
 * plain one (rules/interpret). Both hosts track, translate, answer and log by themselves, so that every match and target has
 * what it asks for; what they do is compared packet by packet, and every counter of every rule and policy with it.
 *
 *   const frames = await framesOf('in.pcapng', config);
 *   const { differences, counted } = compareEvaluators({ config, rules4: text, frames });
 *   expect(differences).toEqual([]);       // sentences: which packet, what the compiled host did, what the plain one did
 *   expect(counted).toBeGreaterThan(0);    // rules that at least one packet has passed: else nothing was compared
 *
 * `compareOnCase` does all of it for a recorded case (test/kernel/case). Another compiled evaluator than the one that a host makes
 * for itself is given as `contender`. Lines of TRACE are not compared: the plain evaluator writes none.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DIRECTION_INBOUND, DIRECTION_OUTBOUND } from '../../src/capture/frame-batch.js';
import type { HostConfig } from '../../src/host/config.js';
import { Host } from '../../src/host/host.js';
import { FRAME_ARRIVES, FRAME_MADE } from '../../src/host/results.js';
import { loadRules } from '../../src/iptables/restore.js';
import { printRule } from '../../src/iptables/save.js';
import { openCapture } from '../../src/replay/capture-source.js';
import { networkOffset } from '../../src/replay/describe.js';
import { parseHostFile } from '../../src/replay/host-file.js';
import { LocalAddresses } from '../../src/replay/local-addresses.js';
import { type RuleContext, VERDICT_ACCEPT } from '../../src/rules/context.js';
import { RuleEngine } from '../../src/rules/evaluate.js';
import { type Counts, Interpreter } from '../../src/rules/interpret.js';
import type { EngineHost, LoadOptions } from '../../src/rules/load.js';
import { BUILT_IN, type Family, HOOK_NAMES, type Ruleset, TABLE_NAMES, type TableName } from '../../src/rules/model.js';
import type { Program } from '../../src/rules/program.js';
import { AF_INET, type Packet } from '../../src/wire/packet.js';
import type { RecordedCase } from '../kernel/case.js';

/** One frame of a capture, as a host takes it. */
export interface Frame {
  /** Milliseconds since the epoch, whole. */
  ms: number;
  /** Copied for each host: both may write into it. */
  bytes: Uint8Array;
  /** Bytes that the frame had on the wire. */
  wireLen: number;
  /** LINKTYPE_ constant. */
  linkType: number;
  /** FRAME_ARRIVES or FRAME_MADE. */
  direction: number;
  /** Name of the interface; one that the host does not have: none. */
  dev: string;
}

/** What both hosts are made of. */
export interface BothOptions {
  config?: HostConfig;
  /** Rule text, in any form that `loadRules` takes. */
  rules4?: string | null;
  rules6?: string | null;
  frames: readonly Frame[];
  /** Skips rules that cannot be taken, on both hosts. */
  lenient?: boolean;
  /** Whether the hosts answer by themselves what is delivered to them. Default: if no frame is one that the host made. */
  answers?: boolean;
  seed?: number;
  /** Makes the evaluator that is compared with the plain one; default: RuleEngine. */
  contender?: (host: EngineHost) => RuleEngine;
  /** Whether all counters are compared after each packet, not only at the end. Default: up to EVERY_PACKET counters. */
  everyPacket?: boolean;
}

/** What a comparison found. */
export interface Comparison {
  /** Empty: the two agree. The first ones, MOST_DIFFERENCES at most. */
  differences: string[];
  /** Frames that went through. */
  packets: number;
  /** Rules that a packet has passed. */
  counted: number;
  /** All rules that were loaded. */
  rules: number;
  /** The compiled host's evaluator, for those who ask which way it went. */
  engine: RuleEngine;
}

const MOST_DIFFERENCES = 10;
const EVERY_PACKET = 300;

/** Runs the frames through both hosts. @throws RuleError, HostConfigError: as loading does. */
export function compareEvaluators(o: BothOptions): Comparison {
  const compiled = new Side(o, o.contender ?? null);
  const plain = new Side(o, (host) => new PlainEngine(host));
  const everyPacket = o.everyPacket ?? compiled.counterCount <= EVERY_PACKET;
  const differences: string[] = [];
  let n = 0;
  for (const frame of o.frames) {
    n++;
    const expected = plain.run(frame);
    const found = compiled.run(frame);
    if (found !== expected) differences.push(`packet ${n}: compiled ${found}, plain ${expected}`);
    if (everyPacket) differences.push(...counterDifferences(compiled, plain).map((d) => `packet ${n}: ${d}`));
    if (differences.length > 0) break;
  }
  if (!everyPacket) differences.push(...counterDifferences(compiled, plain));
  const counters = plain.counters().filter(({ isRule }) => isRule);
  return {
    differences: differences.slice(0, MOST_DIFFERENCES),
    packets: n,
    counted: counters.filter(({ packets }) => packets > 0).length,
    rules: counters.length,
    engine: compiled.host.engine,
  };
}

/** `compareEvaluators` on a recorded case: its host, its rules of both families, its capture. */
export async function compareOnCase(
  c: Pick<RecordedCase, 'capture' | 'rules4' | 'rules6' | 'host'>,
  options: Omit<BothOptions, 'config' | 'rules4' | 'rules6' | 'frames'> = {},
): Promise<Comparison> {
  const { config } = parseHostFile(readFileSync(c.host, 'utf8'), c.host);
  // in a file it is a name, for the host the text
  if (config.osf !== undefined) config.osf = readFileSync(join(dirname(c.host), config.osf), 'utf8');
  const rules4 = readFileSync(c.rules4, 'utf8');
  const rules6 = c.rules6 === null ? null : readFileSync(c.rules6, 'utf8');
  return compareEvaluators({ ...options, config, rules4, rules6, frames: await framesOf(c.capture, config) });
}

/** All frames of a capture. Its word on the direction counts, else whether the source is one of the host's addresses. */
export async function framesOf(capture: string, config: HostConfig): Promise<Frame[]> {
  const own = new LocalAddresses(config);
  const source = openCapture(capture);
  const frames: Frame[] = [];
  try {
    for (let b = await source.read(); b !== null; b = await source.read()) {
      for (let i = 0; i < b.count; i++) {
        const { linkType, name } = source.interfaces[b.interfaceId[i]!]!;
        const bytes = b.bytes.slice(b.start[i]!, b.end[i]!);
        const told = b.direction[i];
        const made =
          told === DIRECTION_OUTBOUND || (told !== DIRECTION_INBOUND && isFrom(own, bytes, linkType, b.wireLen[i]!));
        frames.push({
          ms: b.seconds[i]! * 1000 + Math.floor(b.nanos[i]! / 1e6),
          ...{ bytes, wireLen: b.wireLen[i]!, linkType, dev: name },
          direction: made ? FRAME_MADE : FRAME_ARRIVES,
        });
      }
    }
  } finally {
    source.close();
  }
  if (source.failure !== null) throw new Error(`${capture}: ${source.failure.message}`);
  return frames;
}

function isFrom(own: LocalAddresses, bytes: Uint8Array, linkType: number, wireLen: number): boolean {
  const at = networkOffset(bytes, 0, Math.min(bytes.length, wireLen), linkType);
  if (at < 0) return false;
  return bytes[at]! >> 4 === 4 ? own.has(bytes, at + 12, 2) : own.has(bytes, at + 8, 10);
}

/** A counter as a person finds it again. */
interface Counted {
  where: string;
  isRule: boolean;
  packets: number;
  bytes: number;
}

/** One of the two hosts with its rules. */
class Side {
  readonly host: Host;
  private readonly rulesets: Ruleset[] = [];
  /** What the host did with the packet, as text: what left it, and what it logged. */
  private did: string[] = [];

  constructor(o: BothOptions, makeEngine: ((host: EngineHost) => RuleEngine) | null) {
    const answers = o.answers ?? !o.frames.some((f) => f.direction === FRAME_MADE);
    this.host = new Host(o.config, { seed: o.seed ?? 1, answers });
    if (makeEngine !== null) Object.assign(this.host, { engine: makeEngine(this.host) });
    const options = { lenient: o.lenient === true };
    for (const [text, family] of [
      [o.rules4, 2],
      [o.rules6, 10],
    ] as const) {
      if (text === undefined || text === null) continue;
      const ruleset = loadRules(text, `rules.v${family === 2 ? 4 : 6}`, family, options);
      this.host.load(ruleset, options);
      this.rulesets.push(ruleset);
    }
    this.host.onEmit = (bytes, start, end, outInterface, kind, hostMade) => {
      const hex = Buffer.from(bytes.subarray(start, end)).toString('hex');
      this.did.push(`emits on ${outInterface} as ${kind}${hostMade ? ', made by itself' : ''}: ${hex}`);
    };
    this.host.onLog = (line) => {
      if (!line.startsWith('TRACE: ')) this.did.push(`logs ${line}`);
    };
    if (o.frames[0] !== undefined) this.host.advance(o.frames[0].ms);
  }

  get counterCount(): number {
    let count = 0;
    for (const { tables } of this.rulesets)
      for (const { chains } of tables.values()) for (const { rules } of chains.values()) count += 1 + rules.length;
    return count;
  }

  /** Everything that can be seen of a packet's way but the counters. */
  run(f: Frame): string {
    const { host } = this;
    this.did = [];
    host.advance(f.ms);
    const bytes = f.bytes.slice();
    const dev = host.interfaceIndex(f.dev);
    if (f.direction === FRAME_MADE) host.send(bytes, 0, bytes.length, f.wireLen, f.linkType, dev);
    else host.receive(bytes, 0, bytes.length, f.wireLen, f.linkType, dev);
    const { verdict, state, hook, reason, connection, status, outInterface } = host.result;
    const result = JSON.stringify({ verdict, state, hook, reason, connection, status, outInterface });
    return [result, ...this.did].join(' ');
  }

  /** All counters, in the order of the rules. */
  counters(): Counted[] {
    const { engine } = this.host;
    const out: Counted[] = [];
    for (const ruleset of this.rulesets) {
      engine.exportCounters(ruleset);
      for (const [table, { chains }] of ruleset.tables) {
        for (const chain of chains.values()) {
          const where = `IPv${ruleset.family === 2 ? 4 : 6} ${table} ${chain.name}`;
          out.push({ where, isRule: false, packets: chain.packets, bytes: chain.bytes });
          for (const [k, rule] of chain.rules.entries()) {
            const text = (): string => printRule(chain.name, rule, ruleset.family);
            out.push({
              get where() {
                return `${where} ${k + 1}: ${text()}`;
              },
              ...{ isRule: true, packets: rule.packets, bytes: rule.bytes },
            });
          }
        }
      }
    }
    return out;
  }
}

function counterDifferences(compiled: Side, plain: Side): string[] {
  const found = compiled.counters();
  return plain.counters().flatMap((e, k) => {
    const f = found[k]!;
    if (e.packets === f.packets && e.bytes === f.bytes) return [];
    return [`${e.where}: compiled [${f.packets}:${f.bytes}], plain [${e.packets}:${e.bytes}]`];
  });
}

/** The plain evaluator in the place of a host's compiled one. */
class PlainEngine extends RuleEngine {
  private readonly tables = new Map<string, Interpreter>();

  constructor(private readonly around: EngineHost) {
    super(around);
  }

  override load(ruleset: Ruleset, options: LoadOptions = {}): void {
    for (const [name, table] of ruleset.tables)
      this.tables.set(`${ruleset.family} ${name}`, new Interpreter(table, ruleset.family, this.around, options));
  }

  override present(family: number, hook: number): number {
    const has = (name: TableName): boolean =>
      this.tables.has(`${family === AF_INET ? 2 : 10} ${name}`) && BUILT_IN[name].includes(HOOK_NAMES[hook]!);
    return TABLE_NAMES.reduce((bits, name, t) => bits | (has(name) ? 1 << t : 0), 0);
  }

  /** Asked only whether there is one. */
  override program(family: Family, table: number): Program | null {
    return this.tables.has(`${family} ${TABLE_NAMES[table]}`) ? ({} as Program) : null;
  }

  override run(table: number, hook: number, p: Packet, c: RuleContext): number {
    const plain = this.tables.get(`${p.family === AF_INET ? 2 : 10} ${TABLE_NAMES[table]}`);
    if (plain === undefined || ((this.present(p.family, hook) >> table) & 1) === 0) return VERDICT_ACCEPT;
    const { hook: outerHook, hotdrop: outerHotdrop } = c;
    const verdict = plain.run(hook, p, c);
    c.hook = outerHook;
    c.hotdrop = outerHotdrop;
    return verdict;
  }

  override exportCounters(ruleset: Ruleset): void {
    for (const [name] of ruleset.tables) {
      const { counts } = this.tables.get(`${ruleset.family} ${name}`)!;
      for (const [what, { packets, bytes }] of counts as Map<Counts, Counts>) {
        what.packets = packets;
        what.bytes = bytes;
      }
    }
  }
}
