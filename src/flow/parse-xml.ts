/** conntrack(8)'s XML back into records: connections, expectations, and events of both. */
import { canonicalAddress } from './address.js';
import { FlowError, type LinePlace, parseUnsigned, quoted } from './error.js';
import { stateNumber, tupleKind } from './names.js';
import { type LineTail, readTail } from './parse-line.js';
import {
  EXPECT_INACTIVE,
  EXPECT_PERMANENT,
  EXPECT_USERSPACE,
  type ExpectationEvent,
  type ExpectationRecord,
  type FlowCounters,
  type FlowEvent,
  type FlowEventType,
  type FlowRecord,
  type FlowTuple,
  newRecord,
  PROTO_ICMP,
  PROTO_TCP,
  plainTuple,
  STATUS_ASSURED,
  STATUS_SEEN_REPLY,
} from './record.js';
import { ownText, splitWords } from './words.js';
import { readElement, type XmlNode } from './xml-reader.js';

/**
 * A connection from one `<flow>...</flow>`; FlowError says what is wrong and where. An ICMP tuple has no type, code
 * and id in this form (conntrack-tools leaves them out): it reads as an echo with id 0.
 */
export function parseFlowXml(text: string, place: LinePlace): FlowRecord {
  const { node, end } = flowElement(text, place);
  noMore(text, end, place);
  return new XmlReader(node, place).flow();
}

/** An event of a connection from one `<flow type="...">...</flow>`, behind which the program that made the change may stand. */
export function parseEventXml(text: string, place: LinePlace): FlowEvent {
  const { node, end } = flowElement(text, place);
  const reader = new XmlReader(node, place);
  const type = reader.type();
  const tail: LineTail = { userspace: false, portid: null, progname: null };
  for (const word of splitWords(text.slice(end), end + 1)) readTail(word, tail, place);
  return { type, record: reader.flow(), timestampUs: reader.when(node), portid: tail.portid, progname: tail.progname };
}

/** An expectation from one `<flow>...</flow>` of a list of expectations. */
export function parseExpectationXml(text: string, place: LinePlace): ExpectationRecord {
  const { node, end } = flowElement(text, place);
  noMore(text, end, place);
  return new XmlReader(node, place).expectation();
}

/** An event of an expectation from one `<flow type="...">...</flow>`. */
export function parseExpectationEventXml(text: string, place: LinePlace): ExpectationEvent {
  const { node, end } = flowElement(text, place);
  noMore(text, end, place);
  const reader = new XmlReader(node, place);
  const meta = node.children.find((c) => c.name === 'meta');
  return { type: reader.type(), record: reader.expectation(), timestampUs: meta ? reader.when(meta) : null };
}

function flowElement(text: string, place: LinePlace): { node: XmlNode; end: number } {
  const found = readElement(text, place);
  const { node } = found;
  if (node.name === 'flow') return found;
  throw new FlowError(`expected <flow>, got <${node.name}>`, place.file, place.line, node.column);
}

function noMore(text: string, end: number, place: LinePlace): void {
  if (text.slice(end).trim() !== '') throw new FlowError('text after </flow>', place.file, place.line, end + 1);
}

class XmlReader {
  private readonly root: XmlNode;
  private readonly place: LinePlace;

  constructor(root: XmlNode, place: LinePlace) {
    this.root = root;
    this.place = place;
  }

  private fail(message: string, node: XmlNode): never {
    throw new FlowError(message, this.place.file, this.place.line, node.column);
  }

  private child(node: XmlNode, name: string): XmlNode {
    return node.children.find((c) => c.name === name) ?? this.fail(`<${name}> is missing in <${node.name}>`, node);
  }

  private number(node: XmlNode, name: string, max = 0xffffffff): number | null {
    const found = node.children.find((c) => c.name === name);
    return found ? parseUnsigned(found.text, max, name, this.place, found.column) : null;
  }

  private meta(direction: string): XmlNode {
    const found = this.root.children.find((c) => c.name === 'meta' && c.attributes.get('direction') === direction);
    return found ?? this.fail(`<meta direction="${direction}"> is missing`, this.root);
  }

  type(): FlowEventType {
    const type = this.root.attributes.get('type');
    if (type === 'new' || type === 'update' || type === 'destroy') return type.toUpperCase() as FlowEventType;
    return this.fail(
      `expected type="new", "update" or "destroy"${type === undefined ? '' : `, got ${quoted(type)}`}`,
      this.root,
    );
  }

  /** `<when>`, in whole seconds; taken as UTC. */
  when(parent: XmlNode): number | null {
    const node = parent.children.find((c) => c.name === 'when');
    if (!node) return null;
    const part = (name: string, max: number): number =>
      this.number(node, name, max) ?? this.fail(`<${name}> is missing in <when>`, node);
    const year = part('year', 2105);
    if (year < 1970) this.fail(`expected a year from 1970 to 2105, got ${year}`, node);
    const date = Date.UTC(year, part('month', 12) - 1, part('day', 31));
    return (date + ((part('hour', 23) * 60 + part('min', 59)) * 60 + part('sec', 60)) * 1000) * 1000;
  }

  flow(): FlowRecord {
    const original = this.meta('original');
    const reply = this.meta('reply');
    const family = this.family(original);
    const protocol = this.protocol(original);
    const r = newRecord(family, protocol, this.tuple(original, protocol, family), this.tuple(reply, protocol, family));
    const a = this.counters(original);
    const b = this.counters(reply);
    if (a || b) r.counters = { original: a ?? { packets: 0, bytes: 0 }, reply: b ?? { packets: 0, bytes: 0 } };
    r.zoneOriginal = this.number(original, 'zone', 0xffff) ?? 0;
    r.zoneReply = this.number(reply, 'zone', 0xffff) ?? 0;
    const independent = this.root.children.find((c) => c.attributes.get('direction') === 'independent');
    if (independent) this.independent(r, independent);
    const helper = this.root.children.find((c) => c.name === 'helper');
    if (helper) r.helper = ownText(helper.text);
    return r;
  }

  private family(parent: XmlNode): 2 | 10 {
    const node = this.child(parent, 'layer3');
    const number = node.attributes.get('protonum');
    if (number === '2') return 2;
    return number === '10' ? 10 : this.fail('expected protonum="2" or "10"', node);
  }

  private protocol(parent: XmlNode): number {
    const node = this.child(parent, 'layer4');
    return parseUnsigned(node.attributes.get('protonum') ?? '', 255, 'protonum', this.place, node.column);
  }

  private tuple(meta: XmlNode, protocol: number, family: 2 | 10): FlowTuple {
    const layer3 = this.child(meta, 'layer3');
    const layer4 = this.child(meta, 'layer4');
    const t = plainTuple(this.address(layer3, 'src', family), this.address(layer3, 'dst', family));
    this.transport(t, layer4, protocol);
    if (t.icmp && this.number(layer4, 'type') === null) t.icmp.type = echoType(meta, protocol);
    return t;
  }

  private transport(t: FlowTuple, node: XmlNode, protocol: number): void {
    const get = (name: string, max = 0xffff): number => this.number(node, name, max) ?? 0;
    const kind = tupleKind(protocol);
    if (kind === 'ports') t.ports = { source: get('sport'), destination: get('dport') };
    else if (kind === 'keys') t.keys = { source: get('srckey'), destination: get('dstkey') };
    else if (kind === 'icmp') t.icmp = { type: get('type', 255), code: get('code', 255), id: get('id') };
  }

  private address(layer3: XmlNode, name: string, family: 2 | 10): string {
    const node = this.child(layer3, name);
    const text = canonicalAddress(node.text) ?? this.fail(`${quoted(node.text)} is not an address`, node);
    if (text.includes(':') !== (family === 10)) this.fail(`${quoted(text)} is of another family`, node);
    return text;
  }

  private counters(meta: XmlNode): FlowCounters | null {
    const node = meta.children.find((c) => c.name === 'counters');
    if (!node) return null;
    const get = (name: string): number => this.number(node, name, Number.MAX_SAFE_INTEGER) ?? 0;
    return { packets: get('packets'), bytes: get('bytes') };
  }

  private independent(r: FlowRecord, node: XmlNode): void {
    const has = (name: string): boolean => node.children.some((c) => c.name === name);
    const state = node.children.find((c) => c.name === 'state');
    if (state) {
      // Every protocol's state number is printed under TCP's name for it.
      r.state = stateNumber(PROTO_TCP, state.text);
      if (r.state < 0) this.fail(`unknown state ${quoted(state.text)}`, state);
    }
    r.timeout = this.number(node, 'timeout');
    r.mark = this.number(node, 'mark');
    const labels = node.children.find((c) => c.name === 'labels');
    // An empty list is one of labels without names.
    if (labels) r.labels = labels.children.length === 0 ? [''] : labels.children.map((l) => ownText(l.text));
    const secctx = node.children.find((c) => c.name === 'secctx');
    if (secctx) r.secctx = ownText(secctx.text);
    const zone = this.number(node, 'zone', 0xffff);
    if (zone !== null) r.zoneOriginal = r.zoneReply = zone;
    r.use = this.number(node, 'use');
    r.id = this.number(node, 'id');
    r.status = (has('assured') ? STATUS_ASSURED : 0) | (has('unreplied') ? 0 : STATUS_SEEN_REPLY);
    const timestamp = node.children.find((c) => c.name === 'timestamp');
    if (timestamp) {
      r.startNs = this.nanoseconds(timestamp, 'start');
      r.stopNs = this.nanoseconds(timestamp, 'stop');
    }
    r.ageSeconds = this.number(node, 'deltatime', Number.MAX_SAFE_INTEGER);
  }

  private nanoseconds(node: XmlNode, name: string): bigint | null {
    const found = node.children.find((c) => c.name === name);
    if (!found) return null;
    return /^\d{1,20}$/.test(found.text) ? BigInt(found.text) : this.fail(`${name} is no number`, found);
  }

  expectation(): ExpectationRecord {
    const family = this.family(this.root);
    const protocol = this.protocol(this.root);
    const meta = this.child(this.root, 'meta');
    const helper = meta.children.find((c) => c.name === 'helper-name');
    const has = (name: string): boolean => meta.children.some((c) => c.name === name);
    return {
      family,
      protocol,
      timeout: this.number(meta, 'timeout'),
      tuple: this.expectedTuple('expected', protocol, family),
      mask: this.expectedTuple('mask', protocol, family),
      master: this.expectedTuple('master', protocol, family),
      zone: this.number(meta, 'zone', 0xffff) ?? 0,
      flags:
        (has('permanent') ? EXPECT_PERMANENT : 0) |
        (has('inactive') ? EXPECT_INACTIVE : 0) |
        (has('userspace') ? EXPECT_USERSPACE : 0),
      class: this.number(meta, 'class') ?? 0,
      helper: helper ? ownText(helper.text) : null,
    };
  }

  private expectedTuple(name: string, protocol: number, family: 2 | 10): FlowTuple {
    const layer3 = this.child(this.child(this.root, 'layer3'), name);
    const layer4 = this.child(this.child(this.root, 'layer4'), name);
    const t = plainTuple(this.address(layer3, 'src', family), this.address(layer3, 'dst', family));
    const has = (field: string): boolean => layer4.children.some((c) => c.name === field);
    // The master's protocol stands nowhere: its fields tell which form its tuple has.
    if (has('sport')) this.transport(t, layer4, PROTO_TCP);
    else if (layer4.children.length > 0) this.transport(t, layer4, protocol);
    return t;
  }
}

function echoType(meta: XmlNode, protocol: number): number {
  const isOriginal = meta.attributes.get('direction') === 'original';
  if (protocol === PROTO_ICMP) return isOriginal ? 8 : 0;
  return isOriginal ? 128 : 129;
}
