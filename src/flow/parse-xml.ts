/** conntrack(8)'s XML back into records: one `<flow>` a line, as the program writes it. */
import { canonicalAddress } from './address.js';
import { FlowError, type LinePlace, parseUnsigned } from './error.js';
import { stateNumber, tupleKind } from './names.js';
import {
  type FlowCounters,
  type FlowRecord,
  type FlowTuple,
  newRecord,
  PROTO_ICMP,
  PROTO_TCP,
  plainTuple,
  STATUS_ASSURED,
  STATUS_SEEN_REPLY,
} from './record.js';

interface XmlNode {
  name: string;
  attributes: Map<string, string>;
  children: XmlNode[];
  text: string;
  column: number;
}

/**
 * A connection from one `<flow>...</flow>` line; FlowError says what is wrong and where. An ICMP tuple has no type, code
 * and id in this form (conntrack-tools leaves them out): it reads as an echo with id 0.
 */
export function parseFlowXml(text: string, place: LinePlace): FlowRecord {
  const root = parseElement(text, place);
  if (root.name !== 'flow')
    throw new FlowError(`expected <flow>, got <${root.name}>`, place.file, place.line, root.column);
  return new FlowReader(root, place).read();
}

/** The first element of a text with all that is in it. */
function parseElement(text: string, place: LinePlace): XmlNode {
  const top: XmlNode = { name: '', attributes: new Map(), children: [], text: '', column: 1 };
  const open: XmlNode[] = [top];
  for (const m of text.matchAll(/<(\/?)([A-Za-z][\w-]*)((?:\s+[\w-]+="[^"]*")*)\s*(\/?)>|([^<]+)|</g)) {
    const column = m.index + 1;
    const current = open[open.length - 1];
    if (m[5] !== undefined) current.text += m[5];
    else if (m[2] === undefined) throw new FlowError('broken tag', place.file, place.line, column);
    else if (m[1] === '/') {
      if (current.name !== m[2]) {
        throw new FlowError(`</${m[2]}> ends <${current.name}>`, place.file, place.line, column);
      }
      open.pop();
      if (open.length === 1) break;
    } else {
      const node: XmlNode = { name: m[2], attributes: parseAttributes(m[3]), children: [], text: '', column };
      current.children.push(node);
      if (m[4] !== '/') open.push(node);
    }
  }
  if (open.length > 1) {
    throw new FlowError(`<${open[open.length - 1].name}> has no end`, place.file, place.line, text.length + 1);
  }
  if (!top.children[0]) throw new FlowError('expected <flow>', place.file, place.line, 1);
  return top.children[0];
}

function parseAttributes(text: string): Map<string, string> {
  const map = new Map<string, string>();
  for (const m of text.matchAll(/([\w-]+)="([^"]*)"/g)) map.set(m[1], unescapeXml(m[2]));
  return map;
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescapeXml(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|apos);/g, (_, name: string) => ENTITIES[name]);
}

class FlowReader {
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

  read(): FlowRecord {
    const original = this.meta('original');
    const reply = this.meta('reply');
    const layer3 = this.child(original, 'layer3');
    const layer4 = this.child(original, 'layer4');
    const family = layer3.attributes.get('protonum') === '10' ? 10 : 2;
    const number = layer4.attributes.get('protonum') ?? '';
    const protocol = parseUnsigned(number, 255, 'protonum', this.place, layer4.column);
    const r = newRecord(family, protocol, this.tuple(original, protocol), this.tuple(reply, protocol));
    const a = this.counters(original);
    const b = this.counters(reply);
    if (a || b) r.counters = { original: a ?? { packets: 0, bytes: 0 }, reply: b ?? { packets: 0, bytes: 0 } };
    r.zoneOriginal = this.number(original, 'zone', 0xffff) ?? 0;
    r.zoneReply = this.number(reply, 'zone', 0xffff) ?? 0;
    const independent = this.root.children.find((c) => c.attributes.get('direction') === 'independent');
    if (independent) this.independent(r, independent);
    const helper = this.root.children.find((c) => c.name === 'helper');
    if (helper) r.helper = unescapeXml(helper.text);
    return r;
  }

  private tuple(meta: XmlNode, protocol: number): FlowTuple {
    const layer3 = this.child(meta, 'layer3');
    const layer4 = this.child(meta, 'layer4');
    const t = plainTuple(this.address(layer3, 'src'), this.address(layer3, 'dst'));
    const get = (name: string): number => this.number(layer4, name, 0xffff) ?? 0;
    const kind = tupleKind(protocol);
    if (kind === 'ports') t.ports = { source: get('sport'), destination: get('dport') };
    else if (kind === 'keys') t.keys = { source: get('srckey'), destination: get('dstkey') };
    else if (kind === 'icmp')
      t.icmp = { type: this.icmpType(meta, layer4, protocol), code: get('code'), id: get('id') };
    return t;
  }

  private icmpType(meta: XmlNode, layer4: XmlNode, protocol: number): number {
    const original = meta.attributes.get('direction') === 'original';
    const echo = protocol === PROTO_ICMP ? (original ? 8 : 0) : original ? 128 : 129;
    return this.number(layer4, 'type', 255) ?? echo;
  }

  private address(layer3: XmlNode, name: string): string {
    const node = this.child(layer3, name);
    return canonicalAddress(node.text) ?? this.fail(`"${node.text}" is not an address`, node);
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
      if (r.state < 0) this.fail(`unknown state "${state.text}"`, state);
    }
    r.timeout = this.number(node, 'timeout');
    r.mark = this.number(node, 'mark');
    const labels = node.children.find((c) => c.name === 'labels');
    if (labels) r.labels = labels.children.map((l) => unescapeXml(l.text));
    const secctx = node.children.find((c) => c.name === 'secctx');
    if (secctx) r.secctx = unescapeXml(secctx.text);
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
}
