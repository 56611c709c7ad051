/**
 * Connections from messages. What the kernel does not send is null; unknown attributes are passed over, broken ones throw
 * a MessageError.
 *
 * Source: ctnetlink_fill_info in net/netfilter/nf_conntrack_netlink.c.
 */
import type { FlowCounters, FlowDetails, FlowRecord, FlowTuple, SequenceAdjustment } from '../flow/record.js';
import { ATTRIBUTE_LEN, attributeEnd, attributeText, attributeType, needBytes, nextAttribute } from './attribute.js';
import * as C from './constants.js';
import { type LabelNames, labelTexts } from './labels.js';
import { be16, be32, be64, be64Exact, type MessageBuffer, messageFamily, NFGEN_LEN, netfilterEnd } from './message.js';
import { TupleDecoder } from './tuple.js';

/** What a decoder is to do beyond the record itself. */
export interface DecodeOptions {
  /** Names of labels; null: numbers. */
  labelNames?: LabelNames | null;
  /** Fill in FlowRecord.details. */
  details?: boolean;
}

/** Decodes connections; what it gives is the caller's. */
export class FlowDecoder {
  /** Nanoseconds since the epoch that the kernel stamped the last message's event with; null: it did not. */
  eventNs: bigint | null = null;
  /** Seconds since the epoch from which ages are counted; whoever receives sets it. */
  nowSeconds = 0;

  private readonly tuples = new TupleDecoder();
  private readonly labelNames: LabelNames | null;
  private readonly wantsDetails: boolean;
  // of the message that is being read, named as the record's fields
  private original: FlowTuple | null = null;
  private reply: FlowTuple | null = null;
  private protocol = 0;
  private zone = 0;
  private zoneOriginal = 0;
  private zoneReply = 0;
  private status = 0;
  private timeout: number | null = null;
  private mark: number | null = null;
  private use: number | null = null;
  private id: number | null = null;
  private state: number | null = null;
  private vtags: { original: number; reply: number } | null = null;
  private packets: FlowCounters | null = null;
  private packetsBack: FlowCounters | null = null;
  private labels: readonly string[] | null = null;
  private secctx: string | null = null;
  private helper: string | null = null;
  private start: bigint | null = null;
  private stop: bigint | null = null;
  private ageSeconds: number | null = null;
  private details: FlowDetails | null = null;

  constructor(options: DecodeOptions = {}) {
    this.labelNames = options.labelNames ?? null;
    this.wantsDetails = options.details ?? false;
  }

  /** The connection in the message at `at`, of which `end` bytes were received. Throws a MessageError. */
  decode(buffer: MessageBuffer, at: number, end: number): FlowRecord {
    const last = netfilterEnd(buffer, at, end);
    const family = messageFamily(buffer, at);
    this.begin();
    for (let a = at + NFGEN_LEN, next = 0; a < last; a = next) {
      next = nextAttribute(buffer, a, last);
      this.attribute(buffer, a, family);
    }
    return this.finish(family);
  }

  private begin(): void {
    this.eventNs = null;
    this.original = this.reply = null;
    this.protocol = this.zone = this.zoneOriginal = this.zoneReply = this.status = 0;
    this.timeout = this.mark = this.use = this.id = this.state = null;
    this.vtags = null;
    this.packets = this.packetsBack = null;
    this.labels = null;
    this.secctx = this.helper = null;
    this.start = this.stop = null;
    this.ageSeconds = null;
    this.details = this.wantsDetails ? newDetails() : null;
  }

  private finish(family: number): FlowRecord {
    const { packets, packetsBack, tuples } = this;
    const record: FlowRecord = {
      family: family === 10 ? 10 : 2,
      protocol: this.protocol,
      original: this.original ?? tuples.empty(family),
      reply: this.reply ?? tuples.empty(family),
      zoneOriginal: this.zone || this.zoneOriginal,
      zoneReply: this.zone || this.zoneReply,
      state: this.state,
      timeout: this.timeout,
      status: this.status,
      mark: this.mark,
      labels: this.labels,
      secctx: this.secctx,
      helper: this.helper,
      counters: packets && packetsBack ? { original: packets, reply: packetsBack } : null,
      startNs: this.start,
      stopNs: this.stop,
      ageSeconds: this.ageSeconds,
      id: this.id,
      use: this.use,
      vtags: this.vtags,
      greTimeouts: null,
    };
    if (this.details !== null) record.details = this.details;
    return record;
  }

  /** Those of every connection; the others are nests and texts. */
  private attribute(buffer: MessageBuffer, a: number, family: number): void {
    switch (attributeType(buffer, a)) {
      case C.CTA_TUPLE_ORIG:
        this.original = this.tuples.decode(buffer, a, family);
        this.protocol = this.tuples.protocol;
        this.zoneOriginal = this.tuples.zone;
        break;
      case C.CTA_TUPLE_REPLY:
        this.reply = this.tuples.decode(buffer, a, family);
        this.zoneReply = this.tuples.zone;
        break;
      case C.CTA_STATUS:
        this.status = value32(buffer, a);
        break;
      case C.CTA_TIMEOUT:
        this.timeout = value32(buffer, a);
        break;
      case C.CTA_MARK:
        this.mark = value32(buffer, a);
        break;
      case C.CTA_USE:
        this.use = value32(buffer, a);
        break;
      case C.CTA_ID:
        this.id = value32(buffer, a);
        break;
      case C.CTA_ZONE:
        needBytes(buffer, a, 2);
        this.zone = be16(buffer, a + ATTRIBUTE_LEN);
        break;
      default:
        this.nest(buffer, a, family);
    }
  }

  private nest(buffer: MessageBuffer, a: number, family: number): void {
    switch (attributeType(buffer, a)) {
      case C.CTA_PROTOINFO:
        this.protocolInfo(buffer, a);
        break;
      case C.CTA_COUNTERS_ORIG:
        this.packets = counters(buffer, a);
        break;
      case C.CTA_COUNTERS_REPLY:
        this.packetsBack = counters(buffer, a);
        break;
      case C.CTA_TIMESTAMP:
        this.timestamps(buffer, a);
        break;
      case C.CTA_HELP:
        this.helper = nestedText(buffer, a, C.CTA_HELP_NAME);
        break;
      case C.CTA_SECCTX:
        this.secctx = nestedText(buffer, a, C.CTA_SECCTX_NAME);
        break;
      case C.CTA_LABELS:
        this.labels = labelTexts(buffer, a, this.labelNames);
        break;
      default:
        this.rare(buffer, a, family);
    }
  }

  /** CTA_TIMESTAMP: when it began and, in a DESTROY event, ended. */
  private timestamps(buffer: MessageBuffer, outer: number): void {
    const end = attributeEnd(buffer, outer);
    let started = 0;
    for (let a = outer + ATTRIBUTE_LEN, next = 0; a < end; a = next) {
      next = nextAttribute(buffer, a, end);
      const type = attributeType(buffer, a);
      if (type !== C.CTA_TIMESTAMP_START && type !== C.CTA_TIMESTAMP_STOP) continue;
      needBytes(buffer, a, 8);
      const ns = be64Exact(buffer, a + ATTRIBUTE_LEN);
      if (type === C.CTA_TIMESTAMP_STOP) {
        this.stop = ns;
        continue;
      }
      this.start = ns;
      started = wholeSeconds(buffer, a + ATTRIBUTE_LEN);
    }
    if (this.start === null) return;
    this.ageSeconds = this.stop === null ? this.nowSeconds - started : Number((this.stop - this.start) / NANOSECONDS);
  }

  private protocolInfo(buffer: MessageBuffer, outer: number): void {
    const end = attributeEnd(buffer, outer);
    for (let a = outer + ATTRIBUTE_LEN, next = 0; a < end; a = next) {
      next = nextAttribute(buffer, a, end);
      switch (attributeType(buffer, a)) {
        case C.CTA_PROTOINFO_TCP:
          this.tcp(buffer, a);
          break;
        case C.CTA_PROTOINFO_SCTP:
          this.sctp(buffer, a);
          break;
        case C.CTA_PROTOINFO_DCCP:
          this.dccp(buffer, a);
          break;
      }
    }
  }

  private tcp(buffer: MessageBuffer, outer: number): void {
    const end = attributeEnd(buffer, outer);
    const { details } = this;
    const tcp = details === null ? null : { scaleOriginal: 0, scaleReply: 0, flagsOriginal: 0, flagsReply: 0 };
    for (let a = outer + ATTRIBUTE_LEN, next = 0; a < end; a = next) {
      next = nextAttribute(buffer, a, end);
      needBytes(buffer, a, 1);
      const value = buffer.bytes[a + ATTRIBUTE_LEN];
      const type = attributeType(buffer, a);
      if (type === C.CTA_PROTOINFO_TCP_STATE) this.state = value;
      else if (tcp === null) continue;
      else if (type === C.CTA_PROTOINFO_TCP_WSCALE_ORIGINAL) tcp.scaleOriginal = value;
      else if (type === C.CTA_PROTOINFO_TCP_WSCALE_REPLY) tcp.scaleReply = value;
      else if (type === C.CTA_PROTOINFO_TCP_FLAGS_ORIGINAL) tcp.flagsOriginal = value;
      else if (type === C.CTA_PROTOINFO_TCP_FLAGS_REPLY) tcp.flagsReply = value;
    }
    if (details !== null) details.tcp = tcp;
  }

  private sctp(buffer: MessageBuffer, outer: number): void {
    const end = attributeEnd(buffer, outer);
    const vtags = { original: 0, reply: 0 };
    for (let a = outer + ATTRIBUTE_LEN, next = 0; a < end; a = next) {
      next = nextAttribute(buffer, a, end);
      const type = attributeType(buffer, a);
      if (type === C.CTA_PROTOINFO_SCTP_STATE) {
        needBytes(buffer, a, 1);
        this.state = buffer.bytes[a + ATTRIBUTE_LEN];
      } else if (type === C.CTA_PROTOINFO_SCTP_VTAG_ORIGINAL) vtags.original = tag(buffer, a);
      else if (type === C.CTA_PROTOINFO_SCTP_VTAG_REPLY) vtags.reply = tag(buffer, a);
    }
    this.vtags = vtags;
  }

  /** Kernels up to 6.16 track DCCP; its state has no name in conntrack's texts. */
  private dccp(buffer: MessageBuffer, outer: number): void {
    if (this.details === null) return;
    const end = attributeEnd(buffer, outer);
    const dccp = { state: 0, role: 0, handshakeSequence: 0n };
    for (let a = outer + ATTRIBUTE_LEN, next = 0; a < end; a = next) {
      next = nextAttribute(buffer, a, end);
      const type = attributeType(buffer, a);
      if (type === C.CTA_PROTOINFO_DCCP_HANDSHAKE_SEQ) {
        needBytes(buffer, a, 8);
        dccp.handshakeSequence = be64Exact(buffer, a + ATTRIBUTE_LEN);
        continue;
      }
      needBytes(buffer, a, 1);
      if (type === C.CTA_PROTOINFO_DCCP_STATE) dccp.state = buffer.bytes[a + ATTRIBUTE_LEN];
      else if (type === C.CTA_PROTOINFO_DCCP_ROLE) dccp.role = buffer.bytes[a + ATTRIBUTE_LEN];
    }
    this.details.dccp = dccp;
  }

  /** What no text shows. */
  private rare(buffer: MessageBuffer, a: number, family: number): void {
    const type = attributeType(buffer, a);
    if (type === C.CTA_TIMESTAMP_EVENT) {
      needBytes(buffer, a, 8);
      this.eventNs = be64Exact(buffer, a + ATTRIBUTE_LEN);
      return;
    }
    const { details } = this;
    if (details === null) return;
    if (type === C.CTA_SEQ_ADJ_ORIG) details.adjustOriginal = sequence(buffer, a);
    else if (type === C.CTA_SEQ_ADJ_REPLY) details.adjustReply = sequence(buffer, a);
    else if (type === C.CTA_SYNPROXY) {
      const [isn, its, timestampOffset] = three32(buffer, a);
      details.synproxy = { isn, its, timestampOffset: timestampOffset | 0 };
    } else if (type === C.CTA_TUPLE_MASTER) {
      const tuple = this.tuples.decode(buffer, a, family);
      details.master = { tuple, protocol: this.tuples.protocol };
    }
  }
}

const NANOSECONDS = 1_000_000_000n;

function newDetails(): FlowDetails {
  return { tcp: null, dccp: null, adjustOriginal: null, adjustReply: null, synproxy: null, master: null };
}

/** An unsigned value of 32 bits. */
function value32(buffer: MessageBuffer, a: number): number {
  needBytes(buffer, a, 4);
  return be32(buffer, a + ATTRIBUTE_LEN) >>> 0;
}

/** Whole seconds of nanoseconds, which as a double are off by up to 128: both halves are divided exactly. */
function wholeSeconds(buffer: MessageBuffer, at: number): number {
  const high = (be32(buffer, at) >>> 0) * 4294967296;
  const rest = high % 1e9;
  return Math.round((high - rest) / 1e9) + Math.floor((rest + (be32(buffer, at + 4) >>> 0)) / 1e9);
}

function counters(buffer: MessageBuffer, outer: number): FlowCounters {
  const end = attributeEnd(buffer, outer);
  let packets = 0;
  let bytes = 0;
  for (let a = outer + ATTRIBUTE_LEN, next = 0; a < end; a = next) {
    next = nextAttribute(buffer, a, end);
    const type = attributeType(buffer, a);
    if (type !== C.CTA_COUNTERS_PACKETS && type !== C.CTA_COUNTERS_BYTES) continue;
    needBytes(buffer, a, 8);
    if (type === C.CTA_COUNTERS_PACKETS) packets = be64(buffer, a + ATTRIBUTE_LEN);
    else bytes = be64(buffer, a + ATTRIBUTE_LEN);
  }
  return { packets, bytes };
}

/** The text of one attribute in a nest; null where it is not there. */
function nestedText(buffer: MessageBuffer, outer: number, type: number): string | null {
  const end = attributeEnd(buffer, outer);
  for (let a = outer + ATTRIBUTE_LEN, next = 0; a < end; a = next) {
    next = nextAttribute(buffer, a, end);
    if (attributeType(buffer, a) === type) return attributeText(buffer, a);
  }
  return null;
}

/** Values of the attributes 1, 2 and 3 of a nest. */
function three32(buffer: MessageBuffer, outer: number): [number, number, number] {
  const end = attributeEnd(buffer, outer);
  const values: [number, number, number] = [0, 0, 0];
  for (let a = outer + ATTRIBUTE_LEN, next = 0; a < end; a = next) {
    next = nextAttribute(buffer, a, end);
    const type = attributeType(buffer, a);
    if (type >= 1 && type <= 3) values[type - 1] = value32(buffer, a);
  }
  return values;
}

function sequence(buffer: MessageBuffer, outer: number): SequenceAdjustment {
  const [correctionPosition, before, after] = three32(buffer, outer);
  return { correctionPosition, offsetBefore: before | 0, offsetAfter: after | 0 };
}

/** A verification tag as conntrack(8) shows it: the bytes of the wire as a number of this machine. */
function tag(buffer: MessageBuffer, a: number): number {
  needBytes(buffer, a, 4);
  return buffer.words[(a + ATTRIBUTE_LEN) >> 2] >>> 0;
}
