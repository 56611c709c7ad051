/**
 * `-o xml`: connections, events and expectations as conntrack(8)'s XML. A document is `XML_HEAD`, `<conntrack>`, one
 * `<flow>` a line, `</conntrack>`.
 */
import { formatOrigin } from './event.js';
import { isName } from './line.js';
import { protocolName, stateNames } from './names.js';
import {
  EXPECT_INACTIVE,
  EXPECT_PERMANENT,
  EXPECT_USERSPACE,
  type ExpectationEvent,
  type ExpectationRecord,
  type FlowCounters,
  type FlowEvent,
  type FlowRecord,
  type FlowTuple,
  PROTO_DCCP,
  PROTO_TCP,
  STATUS_ASSURED,
  STATUS_SEEN_REPLY,
} from './record.js';
import { clockOf, two } from './time.js';

/** First lines of a document of connections. */
export const XML_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<conntrack>\n';
export const XML_FOOT = '</conntrack>\n';
export const XML_EXPECT_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<expect>\n';
export const XML_EXPECT_FOOT = '</expect>\n';

/** What `-o` adds. The connection's id is always there. */
export interface XmlOptions {
  ktimestamp?: boolean;
  labels?: boolean;
  /** Events: `<when>`, the time split into its parts. */
  timestamp?: boolean;
  /** Times of the machine's time zone, as the original prints them, and not UTC. */
  localTime?: boolean;
}

/** A connection as `conntrack -L -o xml` prints it, without the line end. */
export function formatFlowXml(r: FlowRecord, o: XmlOptions = {}): string {
  return flow(r, '', '', o);
}

/** An event as `conntrack -E -o xml` prints it, without the line end. */
export function formatEventXml(e: FlowEvent, o: XmlOptions = {}): string {
  const when = o.timestamp && e.timestampUs !== null ? whenElement(e.timestampUs, o) : '';
  return flow(e.record, ` type="${e.type.toLowerCase()}"`, when, o) + formatOrigin(e);
}

/** An expectation as `conntrack -L expect -o xml` prints it, without the line end; with `-o timestamp` the time is that of the listing. */
export function formatExpectationXml(
  e: ExpectationRecord,
  timestampUs: number | null = null,
  o: XmlOptions = {},
): string {
  return expectation(e, '', timestampUs === null ? '' : whenElement(timestampUs, o));
}

/** An event of an expectation as `conntrack -E expect -o xml` prints it. */
export function formatExpectationEventXml(e: ExpectationEvent, o: XmlOptions = {}): string {
  const when = o.timestamp && e.timestampUs !== null ? whenElement(e.timestampUs, o) : '';
  return expectation(e.record, ` type="${e.type.toLowerCase()}"`, when);
}

function flow(r: FlowRecord, attribute: string, when: string, o: XmlOptions): string {
  let s = `<flow${attribute}>`;
  s += direction(r, 'original', r.original, r.zoneOriginal, r.counters?.original);
  s += direction(r, 'reply', r.reply, r.zoneReply, r.counters?.reply);
  s += `<meta direction="independent">${independent(r, o)}</meta>${when}`;
  if (r.helper !== null) s += `<helper>${escapeXml(r.helper)}</helper>`;
  return `${s}</flow>`;
}

function direction(
  r: FlowRecord,
  name: string,
  t: FlowTuple,
  zone: number,
  counters: FlowCounters | undefined,
): string {
  let s = `<meta direction="${name}">${layer3Open(r.family)}<src>${t.source}</src><dst>${t.destination}</dst></layer3>`;
  // DCCP, as in lines: the kernel tells no ports of it, and the original prints 0.
  const isPortless = r.protocol === PROTO_DCCP && t.ports === null;
  s += `${layer4Open(r.protocol)}${isPortless ? NO_PORTS : transport(t)}</layer4>`;
  if (zone && r.zoneOriginal !== r.zoneReply) s += element('zone', zone);
  if (counters) {
    s += `<counters>${element('packets', counters.packets)}${element('bytes', counters.bytes)}</counters>`;
  }
  return `${s}</meta>`;
}

const NO_PORTS = '<sport>0</sport><dport>0</dport>';

function layer3Open(family: number): string {
  return `<layer3 protonum="${family}" protoname="${family === 10 ? 'ipv6' : 'ipv4'}">`;
}

function layer4Open(protocol: number): string {
  return `<layer4 protonum="${protocol}" protoname="${protocolName(protocol)}">`;
}

function transport(t: FlowTuple): string {
  if (t.ports) return element('sport', t.ports.source) + element('dport', t.ports.destination);
  if (t.keys) {
    return `<srckey>0x${t.keys.source.toString(16)}</srckey><dstkey>0x${t.keys.destination.toString(16)}</dstkey>`;
  }
  // ICMP and ICMPv6: conntrack-tools leaves the element empty.
  return '';
}

function independent(r: FlowRecord, o: XmlOptions): string {
  let s = '';
  // States other than TCP's come out under TCP's names: conntrack-tools looks every number up there.
  if (r.state !== null) s += `<state>${stateNames(PROTO_TCP)[r.state] ?? 'UNKNOWN'}</state>`;
  if (r.timeout !== null) s += element('timeout', r.timeout);
  if (r.mark !== null) s += element('mark', r.mark);
  if (o.labels && r.labels !== null && r.labels.length > 0) {
    s += `<labels>${r.labels.map((l) => (isName(l) ? `<label>${escapeXml(l)}</label>` : '')).join('')}</labels>`;
  }
  if (r.secctx !== null) s += `<secctx>${escapeXml(r.secctx)}</secctx>`;
  if (r.zoneOriginal === r.zoneReply && r.zoneOriginal) s += element('zone', r.zoneOriginal);
  if (r.use !== null) s += element('use', r.use);
  if (r.id !== null) s += element('id', r.id);
  if (r.status & STATUS_ASSURED) s += '<assured/>';
  if (!(r.status & STATUS_SEEN_REPLY)) s += '<unreplied/>';
  if (o.ktimestamp && r.startNs !== null) {
    s += `<timestamp><start>${r.startNs}</start>`;
    if (r.stopNs !== null) s += `<stop>${r.stopNs}</stop>`;
    s += '</timestamp>';
  }
  if (r.ageSeconds !== null) s += element('deltatime', r.ageSeconds);
  return s;
}

function whenElement(us: number, o: XmlOptions): string {
  const d = clockOf(Math.floor(us / 1000), o.localTime === true);
  const parts =
    `<hour>${d.getUTCHours()}</hour><min>${two(d.getUTCMinutes())}</min><sec>${two(d.getUTCSeconds())}</sec>` +
    element('wday', d.getUTCDay() + 1) +
    element('day', d.getUTCDate()) +
    element('month', d.getUTCMonth() + 1) +
    element('year', d.getUTCFullYear());
  return `<when>${parts}</when>`;
}

function expectation(e: ExpectationRecord, attribute: string, when: string): string {
  const addresses = (name: string, t: FlowTuple): string =>
    `<${name}><src>${t.source}</src><dst>${t.destination}</dst></${name}>`;
  const ports = (name: string, t: FlowTuple): string => `<${name}>${transport(t)}</${name}>`;
  let s = `<flow${attribute}>${layer3Open(e.family)}`;
  s += addresses('expected', e.tuple) + addresses('mask', e.mask) + addresses('master', e.master);
  s += `</layer3>${layer4Open(e.protocol)}`;
  s += ports('expected', e.tuple) + ports('mask', e.mask) + ports('master', e.master);
  s += '</layer4><meta>';
  if (e.helper !== null) s += `<helper-name>${escapeXml(e.helper)}</helper-name>`;
  if (e.timeout !== null) s += element('timeout', e.timeout);
  s += element('class', e.class);
  if (e.zone) s += element('zone', e.zone);
  s += when;
  if (e.flags & EXPECT_PERMANENT) s += '<permanent/>';
  if (e.flags & EXPECT_INACTIVE) s += '<inactive/>';
  if (e.flags & EXPECT_USERSPACE) s += '<userspace/>';
  return `${s}</meta></flow>`;
}

function element(name: string, value: number): string {
  return `<${name}>${value}</${name}>`;
}

function escapeXml(text: string): string {
  if (!/[&<>"']/.test(text)) return text;
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&apos;');
}
