/** Tuples and addresses into messages. */
import { parseAddress } from '../flow/address.js';
import { type FlowTuple, PROTO_ICMP } from '../flow/record.js';
import { FlowSourceError } from '../flow/source.js';
import * as C from './constants.js';
import { EINVAL } from './error.js';
import type { MessageWriter } from './writer.js';

/** The bytes of an address text in network order: 4 or 16. Throws a FlowSourceError where it is none. */
export function addressBytes(text: string): Uint8Array {
  const parsed = parseAddress(text);
  if (parsed === null) throw new FlowSourceError(`"${text}" is not an address`, EINVAL);
  const bytes = new Uint8Array(parsed.family === 2 ? 4 : 16);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parsed.words[i >> 2] >>> (24 - 8 * (i & 3));
  return bytes;
}

/** What of a tuple goes into a message. */
export interface TupleParts {
  protocol: number;
  /** 0: the tuple has no zone of its own. */
  zone: number;
}

/** Writes a tuple as the attribute `type`. */
export function writeTuple(w: MessageWriter, type: number, tuple: FlowTuple, parts: TupleParts): void {
  const outer = w.open(type);
  writeAddresses(w, tuple.source, tuple.destination);
  writeTransport(w, tuple, parts.protocol);
  if (parts.zone !== 0) w.be16(C.CTA_TUPLE_ZONE, parts.zone);
  w.close(outer);
}

/** Writes the addresses that are not null. */
export function writeAddresses(w: MessageWriter, source: string | null, destination: string | null): void {
  const nest = w.open(C.CTA_TUPLE_IP);
  if (source !== null) {
    const bytes = addressBytes(source);
    w.raw(bytes.length === 4 ? C.CTA_IP_V4_SRC : C.CTA_IP_V6_SRC, bytes);
  }
  if (destination !== null) {
    const bytes = addressBytes(destination);
    w.raw(bytes.length === 4 ? C.CTA_IP_V4_DST : C.CTA_IP_V6_DST, bytes);
  }
  w.close(nest);
}

function writeTransport(w: MessageWriter, tuple: FlowTuple, protocol: number): void {
  const nest = w.open(C.CTA_TUPLE_PROTO);
  w.u8(C.CTA_PROTO_NUM, protocol);
  const ports = tuple.ports ?? tuple.keys;
  if (ports !== null) {
    w.be16(C.CTA_PROTO_SRC_PORT, ports.source);
    w.be16(C.CTA_PROTO_DST_PORT, ports.destination);
  }
  if (tuple.icmp !== null) {
    const isV4 = protocol === PROTO_ICMP;
    w.be16(isV4 ? C.CTA_PROTO_ICMP_ID : C.CTA_PROTO_ICMPV6_ID, tuple.icmp.id);
    w.u8(isV4 ? C.CTA_PROTO_ICMP_TYPE : C.CTA_PROTO_ICMPV6_TYPE, tuple.icmp.type);
    w.u8(isV4 ? C.CTA_PROTO_ICMP_CODE : C.CTA_PROTO_ICMPV6_CODE, tuple.icmp.code);
  }
  w.close(nest);
}
