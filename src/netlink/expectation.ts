/** Expectations from and into messages. Source: ctnetlink_exp_fill_info and ctnetlink_new_expect in nf_conntrack_netlink.c. */
import type { ExpectationDetails, ExpectationNat, ExpectationRecord } from '../flow/record.js';
import { ATTRIBUTE_LEN, attributeEnd, attributeText, attributeType, needBytes, nextAttribute } from './attribute.js';
import * as C from './constants.js';
import type { DecodeOptions } from './decode-flow.js';
import { writeTuple } from './encode-tuple.js';
import { be16, be32, type MessageBuffer, messageFamily, NFGEN_LEN, netfilterEnd } from './message.js';
import { TupleDecoder } from './tuple.js';
import type { MessageWriter } from './writer.js';

/** Decodes expectations; what it gives is the caller's. */
export class ExpectationDecoder {
  private readonly tuples = new TupleDecoder();
  private readonly wantsDetails: boolean;

  constructor(options: DecodeOptions = {}) {
    this.wantsDetails = options.details ?? false;
  }

  /** The expectation in the message at `at`, of which `end` bytes were received. Throws a MessageError. */
  decode(buffer: MessageBuffer, at: number, end: number): ExpectationRecord {
    const last = netfilterEnd(buffer, at, end);
    const family = messageFamily(buffer, at);
    const { tuples } = this;
    const record: ExpectationRecord = {
      family: family === 10 ? 10 : 2,
      protocol: 0,
      timeout: null,
      tuple: tuples.empty(family),
      mask: tuples.empty(family),
      master: tuples.empty(family),
      zone: 0,
      flags: 0,
      class: 0,
      helper: null,
    };
    const details: ExpectationDetails = { id: 0, masterProtocol: 0, function: null, nat: null };
    for (let a = at + NFGEN_LEN, next = 0; a < last; a = next) {
      next = nextAttribute(buffer, a, last);
      switch (attributeType(buffer, a)) {
        case C.CTA_EXPECT_TUPLE:
          record.tuple = tuples.decode(buffer, a, family);
          record.protocol = tuples.protocol;
          break;
        case C.CTA_EXPECT_MASK:
          record.mask = tuples.decode(buffer, a, family);
          break;
        case C.CTA_EXPECT_MASTER:
          record.master = tuples.decode(buffer, a, family);
          details.masterProtocol = tuples.protocol;
          break;
        case C.CTA_EXPECT_TIMEOUT:
          record.timeout = value32(buffer, a);
          break;
        case C.CTA_EXPECT_ID:
          details.id = value32(buffer, a);
          break;
        case C.CTA_EXPECT_HELP_NAME:
          record.helper = attributeText(buffer, a);
          break;
        case C.CTA_EXPECT_ZONE:
          needBytes(buffer, a, 2);
          record.zone = be16(buffer, a + ATTRIBUTE_LEN);
          break;
        case C.CTA_EXPECT_FLAGS:
          record.flags = value32(buffer, a);
          break;
        case C.CTA_EXPECT_CLASS:
          record.class = value32(buffer, a);
          break;
        case C.CTA_EXPECT_FN:
          details.function = attributeText(buffer, a);
          break;
        case C.CTA_EXPECT_NAT:
          details.nat = this.nat(buffer, a, family);
          break;
      }
    }
    if (this.wantsDetails) record.details = details;
    return record;
  }

  private nat(buffer: MessageBuffer, outer: number, family: number): ExpectationNat {
    const end = attributeEnd(buffer, outer);
    const nat = { direction: 0, tuple: this.tuples.empty(family) };
    for (let a = outer + ATTRIBUTE_LEN, next = 0; a < end; a = next) {
      next = nextAttribute(buffer, a, end);
      const type = attributeType(buffer, a);
      if (type === C.CTA_EXPECT_NAT_DIR) nat.direction = value32(buffer, a);
      else if (type === C.CTA_EXPECT_NAT_TUPLE) nat.tuple = this.tuples.decode(buffer, a, family);
    }
    return nat;
  }
}

/** Writes what says which expectation is meant: what is expected, the zone, and the id where it is known. */
export function writeExpectationKey(w: MessageWriter, r: ExpectationRecord): void {
  writeTuple(w, C.CTA_EXPECT_TUPLE, r.tuple, { protocol: r.protocol, zone: 0 });
  if (r.zone !== 0) w.be16(C.CTA_EXPECT_ZONE, r.zone);
  if (r.details !== undefined) w.be32(C.CTA_EXPECT_ID, r.details.id);
}

/** Writes an expectation to create; a null timeout takes the kernel's own. */
export function writeExpectation(w: MessageWriter, r: ExpectationRecord): void {
  const { details } = r;
  writeTuple(w, C.CTA_EXPECT_MASTER, r.master, { protocol: details?.masterProtocol ?? r.protocol, zone: 0 });
  writeTuple(w, C.CTA_EXPECT_TUPLE, r.tuple, { protocol: r.protocol, zone: 0 });
  writeTuple(w, C.CTA_EXPECT_MASK, r.mask, { protocol: r.protocol, zone: 0 });
  if (r.timeout !== null) w.be32(C.CTA_EXPECT_TIMEOUT, r.timeout);
  if (r.helper !== null) w.text(C.CTA_EXPECT_HELP_NAME, r.helper);
  if (r.zone !== 0) w.be16(C.CTA_EXPECT_ZONE, r.zone);
  if (r.flags !== 0) w.be32(C.CTA_EXPECT_FLAGS, r.flags);
  if (r.class !== 0) w.be32(C.CTA_EXPECT_CLASS, r.class);
  if (details === undefined) return;
  if (details.function !== null) w.text(C.CTA_EXPECT_FN, details.function);
  if (details.nat === null) return;
  const nest = w.open(C.CTA_EXPECT_NAT);
  w.be32(C.CTA_EXPECT_NAT_DIR, details.nat.direction);
  writeTuple(w, C.CTA_EXPECT_NAT_TUPLE, details.nat.tuple, { protocol: r.protocol, zone: 0 });
  w.close(nest);
}

function value32(buffer: MessageBuffer, a: number): number {
  needBytes(buffer, a, 4);
  return be32(buffer, a + ATTRIBUTE_LEN) >>> 0;
}
