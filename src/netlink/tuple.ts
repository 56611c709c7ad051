/** Tuples: addresses, protocol with its ports, ids or keys, and a zone that only this direction has. */
import { type FlowTuple, PROTO_GRE } from '../flow/record.js';
import { AddressTexts, noAddress } from './address-texts.js';
import { ATTRIBUTE_LEN, attributeEnd, attributeType, needBytes, nextAttribute } from './attribute.js';
import * as C from './constants.js';
import { be16, type MessageBuffer } from './message.js';

/** Which fields of a transport part were there. */
const HAS_PORTS = 1;
const HAS_ICMP = 2;

/** Decodes tuples; protocol and zone of the last one are beside it. */
export class TupleDecoder {
  /** IP protocol number; 0 where the message has none. */
  protocol = 0;
  /** The direction's own zone; 0: none. */
  zone = 0;

  private readonly texts = new AddressTexts();
  private source = '';
  private destination = '';
  private fields = 0;
  private first = 0;
  private second = 0;
  private id = 0;

  /** The tuple in the attribute at `outer` of a message of `family`. */
  decode(buffer: MessageBuffer, outer: number, family: number): FlowTuple {
    this.protocol = 0;
    this.zone = 0;
    this.source = this.destination = '';
    this.fields = this.first = this.second = this.id = 0;
    const end = attributeEnd(buffer, outer);
    for (let a = outer + ATTRIBUTE_LEN, next = 0; a < end; a = next) {
      next = nextAttribute(buffer, a, end);
      switch (attributeType(buffer, a)) {
        case C.CTA_TUPLE_IP:
          this.addresses(buffer, a);
          break;
        case C.CTA_TUPLE_PROTO:
          this.transport(buffer, a);
          break;
        case C.CTA_TUPLE_ZONE:
          needBytes(buffer, a, 2);
          this.zone = be16(buffer, a + ATTRIBUTE_LEN);
          break;
      }
    }
    return this.finish(family);
  }

  /** A tuple of which nothing is known. */
  empty(family: number): FlowTuple {
    const none = noAddress(family);
    return { source: none, destination: none, ports: null, icmp: null, keys: null };
  }

  private finish(family: number): FlowTuple {
    const { first, second } = this;
    const isGre = this.protocol === PROTO_GRE;
    return {
      source: this.source || noAddress(family),
      destination: this.destination || noAddress(family),
      ports: this.fields & HAS_PORTS && !isGre ? { source: first, destination: second } : null,
      icmp: this.fields & HAS_ICMP ? { type: first, code: second, id: this.id } : null,
      keys: this.fields & HAS_PORTS && isGre ? { source: first, destination: second } : null,
    };
  }

  private addresses(buffer: MessageBuffer, outer: number): void {
    const end = attributeEnd(buffer, outer);
    for (let a = outer + ATTRIBUTE_LEN, next = 0; a < end; a = next) {
      next = nextAttribute(buffer, a, end);
      const at = a + ATTRIBUTE_LEN;
      switch (attributeType(buffer, a)) {
        case C.CTA_IP_V4_SRC:
          needBytes(buffer, a, 4);
          this.source = this.texts.v4(buffer, at);
          break;
        case C.CTA_IP_V4_DST:
          needBytes(buffer, a, 4);
          this.destination = this.texts.v4(buffer, at);
          break;
        case C.CTA_IP_V6_SRC:
          needBytes(buffer, a, 16);
          this.source = this.texts.v6(buffer, at);
          break;
        case C.CTA_IP_V6_DST:
          needBytes(buffer, a, 16);
          this.destination = this.texts.v6(buffer, at);
          break;
      }
    }
  }

  private transport(buffer: MessageBuffer, outer: number): void {
    const end = attributeEnd(buffer, outer);
    for (let a = outer + ATTRIBUTE_LEN, next = 0; a < end; a = next) {
      next = nextAttribute(buffer, a, end);
      const type = attributeType(buffer, a);
      const at = a + ATTRIBUTE_LEN;
      switch (type) {
        case C.CTA_PROTO_NUM:
          needBytes(buffer, a, 1);
          this.protocol = buffer.bytes[at];
          break;
        case C.CTA_PROTO_SRC_PORT:
        case C.CTA_PROTO_DST_PORT:
          needBytes(buffer, a, 2);
          this.fields |= HAS_PORTS;
          if (type === C.CTA_PROTO_SRC_PORT) this.first = be16(buffer, at);
          else this.second = be16(buffer, at);
          break;
        case C.CTA_PROTO_ICMP_ID:
        case C.CTA_PROTO_ICMPV6_ID:
          needBytes(buffer, a, 2);
          this.fields |= HAS_ICMP;
          this.id = be16(buffer, at);
          break;
        case C.CTA_PROTO_ICMP_TYPE:
        case C.CTA_PROTO_ICMPV6_TYPE:
        case C.CTA_PROTO_ICMP_CODE:
        case C.CTA_PROTO_ICMPV6_CODE:
          needBytes(buffer, a, 1);
          this.fields |= HAS_ICMP;
          if (type === C.CTA_PROTO_ICMP_TYPE || type === C.CTA_PROTO_ICMPV6_TYPE) this.first = buffer.bytes[at];
          else this.second = buffer.bytes[at];
          break;
      }
    }
  }
}
