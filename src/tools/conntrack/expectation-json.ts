/** Expectations as plain JSON, beside flow/json's connections. */
import { protocolName } from '../../flow/names.js';
import {
  EXPECT_INACTIVE,
  EXPECT_PERMANENT,
  EXPECT_USERSPACE,
  type ExpectationEvent,
  type ExpectationRecord,
  type FlowTuple,
} from '../../flow/record.js';

/** A tuple: only the fields that its protocol has. */
type TupleObject = Record<string, string | number>;

/** An expectation for JSON.stringify: names instead of numbers where texts have names, nothing that is not known. */
export function expectationToJson(e: ExpectationRecord): Record<string, unknown> {
  const name = protocolName(e.protocol);
  const flags: string[] = [];
  if (e.flags & EXPECT_PERMANENT) flags.push('PERMANENT');
  if (e.flags & EXPECT_INACTIVE) flags.push('INACTIVE');
  if (e.flags & EXPECT_USERSPACE) flags.push('USERSPACE');
  return {
    family: e.family === 10 ? 'ipv6' : 'ipv4',
    protocol: name === 'unknown' ? e.protocol : name,
    ...(e.timeout === null ? {} : { timeout: e.timeout }),
    tuple: tupleObject(e.tuple),
    mask: tupleObject(e.mask),
    master: tupleObject(e.master),
    ...(e.zone === 0 ? {} : { zone: e.zone }),
    flags,
    class: e.class,
    ...(e.helper === null ? {} : { helper: e.helper }),
  };
}

/** An event: the expectation's form with what happened before it. */
export function expectationEventToJson(e: ExpectationEvent): Record<string, unknown> {
  return {
    event: e.type,
    ...(e.timestampUs === null ? {} : { time: e.timestampUs / 1e6 }),
    expectation: expectationToJson(e.record),
  };
}

function tupleObject(t: FlowTuple): TupleObject {
  const o: TupleObject = { src: t.source, dst: t.destination };
  if (t.ports !== null) {
    o.sport = t.ports.source;
    o.dport = t.ports.destination;
  }
  if (t.icmp !== null) Object.assign(o, t.icmp);
  if (t.keys !== null) {
    o.srckey = t.keys.source;
    o.dstkey = t.keys.destination;
  }
  return o;
}
