/**
 * Compares what a replay wrote with what a kernel was recorded to do.
 *
 * Categories and tolerances:
 *   ruletext      tables, chains, policies and rules as iptables-save prints them
 *   counters      packets and bytes of every rule and policy
 *   table         entries as a set; timeouts within SLACK_SECONDS; not id and use; an entry with less than a second left
 *                 may be missing from the recording
 *   expectations  as a set, timeouts likewise; events of each one in order, a last DESTROY may be missing on either side
 *   events        of each connection in order; a last DESTROY may be missing on either side
 *   packets       bytes from the network header on, in order per interface; not the IP id of packets that the recording
 *                 marks `host-made`, nor their IPv6 flow label (a hash under a key drawn at boot); IPv6 fragment ids only as to which fragments share one; not those on `local` and `lo`;
 *                 SYN/ACKs of SYNPROXY without what its secret and its clock decide (cookies.ts)
 *   log           lines with IN= and OUT=, without time stamps; not ID= and FLOWLBL= of what the host itself sent
 */
import { withoutCookie } from './cookies.js';
import { diff } from './diff.js';
import type { CapturedPacket } from './pcapng.js';

/** Difference allowed between two timeouts, in seconds: replay and recording read the table at slightly different times. */
export const SLACK_SECONDS = 2;

export const CATEGORIES = ['ruletext', 'counters', 'table', 'expectations', 'events', 'packets', 'log'] as const;
export type Category = (typeof CATEGORIES)[number];

/** What a case expects, or what a replay gave; null = that output is not part of the case. */
export interface Outputs {
  rules4: string | null;
  rules6: string | null;
  table: string;
  /** Both families'. */
  expectations: string;
  expectationEvents?: string | null;
  events: string;
  packets: CapturedPacket[];
  log: string | null;
}

/** Messages, one a mismatch, by category; all empty = the two agree. */
export type Mismatches = Record<Category, string[]>;

interface CountedLine {
  text: string;
  packets: number;
  bytes: number;
}

interface SavedTable {
  chains: Map<string, CountedLine>;
  rules: CountedLine[];
}

function parseRules(text: string): Map<string, SavedTable> {
  const tables = new Map<string, SavedTable>();
  let table: SavedTable = { chains: new Map(), rules: [] };
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#') || line === 'COMMIT') continue;
    if (line.startsWith('*')) {
      table = { chains: new Map(), rules: [] };
      tables.set(line.slice(1), table);
      continue;
    }
    const chain = /^:(\S+)\s+(\S+)(?:\s+\[(\d+):(\d+)\])?/.exec(line);
    if (chain !== null) {
      const counted = { text: `${chain[1]} ${chain[2]}`, packets: Number(chain[3] ?? 0), bytes: Number(chain[4] ?? 0) };
      table.chains.set(chain[1]!, counted);
      continue;
    }
    const rule = /^(?:\[(\d+):(\d+)\]\s+)?(.*)$/.exec(line)!;
    table.rules.push({ text: rule[3]!, packets: Number(rule[1] ?? 0), bytes: Number(rule[2] ?? 0) });
  }
  return tables;
}

function compareCounted(where: string, expected: CountedLine, actual: CountedLine, out: Mismatches): void {
  if (expected.text !== actual.text) out.ruletext.push(`${where}: "${expected.text}" is "${actual.text}"`);
  if (expected.packets !== actual.packets || expected.bytes !== actual.bytes) {
    const e = `[${expected.packets}:${expected.bytes}]`;
    out.counters.push(`${where} ${expected.text} ${e} is [${actual.packets}:${actual.bytes}]`);
  }
}

function compareRules(expectedText: string, actualText: string, family: string, out: Mismatches): void {
  const expected = parseRules(expectedText);
  const actual = parseRules(actualText);
  for (const [name, e] of expected) {
    const where = `${family} ${name}`;
    const a = actual.get(name);
    if (a === undefined) {
      out.ruletext.push(`${where}: the table is not there`);
      continue;
    }
    for (const [chain, counted] of e.chains) {
      const other = a.chains.get(chain);
      if (other === undefined) out.ruletext.push(`${where}: chain ${chain} is not there`);
      else compareCounted(where, counted, other, out);
    }
    if (e.rules.length !== a.rules.length)
      out.ruletext.push(`${where}: ${a.rules.length} rules, not ${e.rules.length}`);
    for (let i = 0; i < Math.min(e.rules.length, a.rules.length); i++)
      compareCounted(where, e.rules[i]!, a.rules[i]!, out);
  }
  for (const [name, a] of actual)
    if (!expected.has(name) && a.rules.length > 0) out.ruletext.push(`${family} ${name}: should not be there`);
}

/** One line of a connection table or event, taken apart. */
interface Entry {
  line: string;
  family: string;
  protocol: string;
  /** Seconds; null = none printed. */
  timeout: number | null;
  /** Everything else that must be equal, in the order in which a difference is reported. */
  state: string;
  original: string;
  reply: string;
  flags: string;
  other: string;
  /** Protocol, original tuple without counters, zone: which connection it is. */
  identity: string;
}

const OF_THE_CONNECTION = new Set(['mark', 'zone', 'secctx', 'helper', 'labels', 'start', 'stop']);

function joinSorted(fields: Map<string, string>, without: readonly string[] = []): string {
  const kept = [...fields].filter(([key]) => !without.includes(key));
  return kept
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(' ');
}

function parseEntry(line: string): Entry {
  const words = line.trim().split(/\s+/);
  const hasFamily = words[0] === 'ipv4' || words[0] === 'ipv6';
  const family = hasFamily ? words.splice(0, 2)[0]! : '';
  const protocol = words[1] ?? '';
  words.splice(0, 2);
  const timeout = /^\d+$/.test(words[0] ?? '') ? Number(words.shift()) : null;
  const state = /^[A-Z_0-9]+$/.test(words[0] ?? '') ? words.shift()! : '';
  const tuples = [new Map<string, string>(), new Map<string, string>()];
  const other = new Map<string, string>([['mark', '0']]);
  const flags: string[] = [];
  let direction = -1;
  for (const word of words) {
    if (word.startsWith('[')) flags.push(word);
    const equals = word.indexOf('=');
    if (word.startsWith('[') || equals < 0) continue;
    const key = word.slice(0, equals);
    const value = word.slice(equals + 1).replace(/,$/, '');
    if (key === 'src') direction = Math.min(direction + 1, 1);
    const tuple = direction < 0 ? other : tuples[direction]!;
    if (key === 'use' || key === 'delta-time') continue;
    // an ICMP tuple has an id of its own; any other id is the entry's number
    const icmp = (protocol === '1' || protocol === '58') && direction >= 0 && !tuple.has('id');
    if (key === 'id' && !icmp) continue;
    (OF_THE_CONNECTION.has(key) ? other : tuple).set(key, value);
  }
  if (other.get('zone') === '0') other.delete('zone');
  const identity = `${protocol} ${joinSorted(tuples[0]!, ['packets', 'bytes'])} zone=${other.get('zone') ?? ''}`;
  return {
    line: line.replace(/\s+/g, ' ').trim(),
    ...{ family, protocol, timeout, state, identity },
    original: joinSorted(tuples[0]!),
    reply: joinSorted(tuples[1]!),
    flags: flags.sort().join(' '),
    other: joinSorted(other),
  };
}

/** `late`: seconds by which the recorded one was read later than usual. */
function timeoutDiffers(recorded: number | null, b: number | null, late = 0): boolean {
  if (recorded === null || b === null) return recorded !== b;
  const by = recorded - b;
  return by > SLACK_SECONDS || -by > SLACK_SECONDS + late;
}

/** Names of the fields in which two entries differ. */
function differences(e: Entry, a: Entry, late = 0): string[] {
  const bad: string[] = [];
  if (e.family !== '' && a.family !== '' && e.family !== a.family) bad.push('family');
  for (const key of ['protocol', 'state', 'original', 'reply', 'flags', 'other'] as const)
    if (e[key] !== a[key]) bad.push(key);
  if (timeoutDiffers(e.timeout, a.timeout, late)) bad.push('timeout');
  return bad;
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const k = key(item);
    const group = groups.get(k);
    if (group === undefined) groups.set(k, [item]);
    else group.push(item);
  }
  return groups;
}

function linesWith(text: string, part: string): string[] {
  return text.split('\n').filter((line) => line.includes(part));
}

function compareTable(expected: string, actual: string, late: number, out: string[]): void {
  const left = groupBy(linesWith(actual, 'src=').map(parseEntry), (entry) => entry.identity);
  for (const e of linesWith(expected, 'src=').map(parseEntry)) {
    const candidates = left.get(e.identity) ?? [];
    if (candidates.length === 0) {
      out.push(`not there: ${e.line}`);
      continue;
    }
    let best = 0;
    for (let i = 1; i < candidates.length; i++)
      if (differences(e, candidates[i]!, late).length < differences(e, candidates[best]!, late).length) best = i;
    const a = candidates.splice(best, 1)[0]!;
    const bad = differences(e, a, late);
    if (bad.length > 0) out.push(`${bad.join(',')}: ${e.line} | is | ${a.line}`);
  }
  for (const entries of left.values())
    for (const a of entries) if ((a.timeout ?? 1) > late) out.push(`should not be there: ${a.line}`);
}

interface Expectation {
  line: string;
  timeout: number | null;
  fields: string;
}

function parseExpectation(line: string): Expectation {
  const words = line.trim().split(/\s+/);
  const timeout = /^-?\d+$/.test(words[0] ?? '') ? Number(words.shift()) : null;
  const kept = words.map((word) => word.replace(/,$/, '')).filter((word) => !/^(use|id)=/.test(word));
  return { line, timeout, fields: kept.join(' ') };
}

function compareExpectations(expected: string, actual: string, late: number, out: string[]): void {
  const left = linesWith(actual, 'proto=').map(parseExpectation);
  for (const e of linesWith(expected, 'proto=').map(parseExpectation)) {
    const same = left.filter((a) => a.fields === e.fields);
    const inTime = same.find(
      (a) => a.timeout === null || e.timeout === null || !timeoutDiffers(e.timeout, a.timeout, late),
    );
    const taken = inTime ?? same[0];
    if (taken === undefined) out.push(`not there: ${e.line}`);
    else left.splice(left.indexOf(taken), 1);
    if (taken !== undefined && inTime === undefined) out.push(`timeout: ${e.line} | is | ${taken.line}`);
  }
  for (const a of left) out.push(`should not be there: ${a.line}`);
}

/** Events of expectations; which one it is, its line tells by all that has a value. */
function parseExpectationEvents(text: string): Map<string, (Expectation & { type: string })[]> {
  const events = linesWith(text, 'proto=').map((line) => {
    const [type = '', ...rest] = line.trim().split(/\s+/);
    return { type, ...parseExpectation(rest.join(' ')), line: line.trim() };
  });
  return groupBy(events, ({ fields }) => fields.replace(/ [A-Z,]+ /, ' '));
}

function compareExpectationEvents(expected: string, actual: string, out: string[]): void {
  const left = parseExpectationEvents(actual);
  for (const [identity, own] of parseExpectationEvents(expected)) {
    const e = [...own];
    const a = [...(left.get(identity) ?? [])];
    left.delete(identity);
    if (e.length === a.length + 1 && e.at(-1)!.type === '[DESTROY]') e.pop();
    else if (a.length === e.length + 1 && a.at(-1)!.type === '[DESTROY]') a.pop();
    for (let i = 0; i < Math.max(e.length, a.length); i++) {
      const [x, y] = [e[i], a[i]];
      const isSame =
        x !== undefined && x.type === y?.type && x.fields === y.fields && !timeoutDiffers(x.timeout, y.timeout);
      if (!isSame) out.push(`event: ${x?.line ?? '(none)'} | is | ${y?.line ?? '(none)'}`);
    }
  }
  for (const events of left.values()) for (const a of events) out.push(`event: (none) | is | ${a.line}`);
}

interface Event {
  type: string;
  entry: Entry;
  line: string;
}

function parseEvents(text: string): Map<string, Event[]> {
  const events: Event[] = [];
  for (const line of text.split('\n')) {
    const m = /^\s*(?:\[[\d.]+\s*\]\s*)?\[(NEW|UPDATE|DESTROY)\]\s+(.*)$/.exec(line);
    if (m !== null) events.push({ type: m[1]!, entry: parseEntry(m[2]!), line: line.replace(/\s+/g, ' ').trim() });
  }
  return groupBy(events, (event) => event.entry.identity);
}

function eventDifferences(e: Event, a: Event): string[] {
  let bad = differences(e.entry, a.entry);
  // a DESTROY prints the remaining timeout only where it is not zero
  if (e.type === 'DESTROY' && (e.entry.timeout === null || a.entry.timeout === null))
    bad = bad.filter((name) => name !== 'timeout');
  return e.type === a.type ? bad : ['type', ...bad];
}

function compareEventsOfOne(expected: Event[], actual: Event[], out: string[]): void {
  const e = [...expected];
  const a = [...actual];
  // when exactly an entry at its end is destroyed is not fixed
  if (e.length === a.length + 1 && e.at(-1)!.type === 'DESTROY') e.pop();
  else if (a.length === e.length + 1 && a.at(-1)!.type === 'DESTROY') a.pop();
  if (e.length === a.length) {
    for (let i = 0; i < e.length; i++) {
      const bad = eventDifferences(e[i]!, a[i]!);
      if (bad.length > 0) out.push(`${bad.join(',')}: ${e[i]!.line} | is | ${a[i]!.line}`);
    }
    return;
  }
  let i = 0;
  while (i < e.length && i < a.length && eventDifferences(e[i]!, a[i]!).length === 0) i++;
  const first = `${e[i]?.line ?? '(end)'} | is | ${a[i]?.line ?? '(end)'}`;
  out.push(`${a.length} events, not ${e.length}; first difference: ${first}`);
}

function compareEvents(expected: string, actual: string, out: string[]): void {
  const e = parseEvents(expected);
  const a = parseEvents(actual);
  for (const [identity, events] of e) compareEventsOfOne(events, a.get(identity) ?? [], out);
  for (const [identity, events] of a) if (!e.has(identity)) compareEventsOfOne([], events, out);
}

/** A copy with IPv4 identification and header checksum, or the IPv6 flow label, zero. */
function withoutId(ip: Buffer): Buffer {
  const version = ip.length < 20 ? 0 : ip[0]! >> 4;
  if (version !== 4 && version !== 6) return ip;
  const copy = Buffer.from(ip);
  if (version === 6) {
    copy.writeUInt32BE(copy.readUInt32BE(0) & 0x7ff00000, 0);
    return withoutCookie(copy);
  }
  copy.writeUInt16BE(0, 4);
  copy.writeUInt16BE(0, 10);
  return withoutCookie(copy);
}

/** Where the fragment header of an IPv6 packet begins, behind the headers that may stand before it; -1 = it has none. */
function fragmentHeader(ip: Buffer): number {
  if (ip.length < 48 || ip[0]! >> 4 !== 6) return -1;
  let type = ip[6]!;
  let at = 40;
  // hop-by-hop options, routing, destination options
  while ((type === 0 || type === 43 || type === 60) && at + 8 <= ip.length) {
    type = ip[at]!;
    at += (ip[at + 1]! + 1) * 8;
  }
  return type === 44 && at + 8 <= ip.length ? at : -1;
}

/** Fragment identifications are the sender's choice: numbers them in the order in which they appear. */
function numberFragments(packets: readonly Buffer[]): string[] {
  const seen = new Map<string, number>();
  return packets.map((ip) => {
    const at = fragmentHeader(ip);
    if (at < 0) return ip.toString('hex');
    const key = ip.toString('hex', 8, 40) + ip.toString('hex', at + 4, at + 8);
    const number = seen.get(key) ?? seen.size + 1;
    seen.set(key, number);
    const copy = Buffer.from(ip);
    copy.writeUInt32BE(number, at + 4);
    return copy.toString('hex');
  });
}

function isIp(packet: CapturedPacket): packet is CapturedPacket & { ip: Buffer } {
  return packet.ip !== null;
}

function comparePackets(expected: readonly CapturedPacket[], actual: readonly CapturedPacket[], out: string[]): void {
  const devices = new Set(expected.map((packet) => packet.dev));
  for (const packet of actual) if (packet.dev !== 'local' && packet.dev !== 'lo') devices.add(packet.dev);
  for (const dev of [...devices].sort()) {
    const e = expected.filter((packet) => packet.dev === dev).filter(isIp);
    const a = actual.filter((packet) => packet.dev === dev).filter(isIp);
    const made = new Set<string>();
    const left = e.map((packet) => {
      if (packet.comment !== 'host-made') return packet.ip;
      const masked = withoutId(packet.ip);
      made.add(masked.toString('hex'));
      return masked;
    });
    const right = a.map((packet) => {
      const masked = withoutId(packet.ip);
      return made.has(masked.toString('hex')) ? masked : packet.ip;
    });
    for (const line of diff(numberFragments(left), numberFragments(right))) out.push(`${dev} ${line}`);
  }
}

function logLines(text: string): string[] {
  const lines: string[] = [];
  for (const raw of linesWith(text, ' OUT=')) {
    const line = raw.replace(/^(<\d+>)?\s*(\[\s*[\d.]+\]\s*)?/, '').trimEnd();
    // of what the host sent, drawn or hashed by it; what an error quotes has both of its own
    lines.push(/IN= OUT=\S/.test(line) ? line.replace(/ ID=\d+/g, '').replace(/ FLOWLBL=\d+/, '') : line);
  }
  return lines;
}

/**
 * Compares all outputs; what the case does not have (null) is not looked at. `late`: seconds after the last packet at which the
 * recorded table was read, beyond the usual ones.
 */
export function compareOutputs(expected: Outputs, actual: Outputs, late = 0): Mismatches {
  const out: Mismatches = {
    ruletext: [],
    counters: [],
    table: [],
    expectations: [],
    events: [],
    packets: [],
    log: [],
  };
  if (expected.rules4 !== null) compareRules(expected.rules4, actual.rules4 ?? '', 'ipv4', out);
  if (expected.rules6 !== null) compareRules(expected.rules6, actual.rules6 ?? '', 'ipv6', out);
  compareTable(expected.table, actual.table, late, out.table);
  compareExpectations(expected.expectations, actual.expectations, late, out.expectations);
  if (typeof expected.expectationEvents === 'string')
    compareExpectationEvents(expected.expectationEvents, actual.expectationEvents ?? '', out.expectations);
  compareEvents(expected.events, actual.events, out.events);
  comparePackets(expected.packets, actual.packets, out.packets);
  if (expected.log !== null) out.log.push(...diff(logLines(expected.log), logLines(actual.log ?? '')));
  return out;
}
