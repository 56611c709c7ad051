/**
 * Timeout policies (cttimeout): named sets of timeouts for one protocol, which `-j CT --timeout NAME` gives to connections; and the
 * timeouts that all other connections of a protocol have.
 *
 * Source: include/uapi/linux/netfilter/nfnetlink_cttimeout.h, net/netfilter/nfnetlink_cttimeout.c.
 */
import { FlowSourceError } from '../flow/source.js';
import { ATTRIBUTE_LEN, attributeEnd, attributeText, attributeType, needBytes, nextAttribute } from './attribute.js';
import * as C from './constants.js';
import { EINVAL, ENOENT } from './error.js';
import { be16, be32, type MessageBuffer, NFGEN_LEN, netfilterEnd } from './message.js';
import type { Requests } from './requests.js';
import type { MessageWriter } from './writer.js';

/** A policy. */
export interface TimeoutPolicy {
  /** At most 31 characters. */
  name: string;
  /** AF_INET 2 or AF_INET6 10. */
  family: 2 | 10;
  /** IP protocol number; 255 stands for all that have no timeouts of their own. */
  protocol: number;
  /** Seconds by state, as timeoutStates names them; when setting, those that are absent stay the kernel's own. */
  timeouts: Record<string, number>;
  /** Rules that use it, and one; 0 where not told. */
  use: number;
}

const UNREPLIED_REPLIED = ['unreplied', 'replied'];
const ONE = ['timeout'];

/** State names of a protocol by attribute number from 1. */
const STATES: Readonly<Record<number, readonly string[]>> = {
  1: ONE,
  6: [
    'syn_sent',
    'syn_recv',
    'established',
    'fin_wait',
    'close_wait',
    'last_ack',
    'time_wait',
    'close',
    'syn_sent2',
    'retrans',
    'unack',
  ],
  17: UNREPLIED_REPLIED,
  33: ['request', 'respond', 'partopen', 'open', 'closereq', 'closing', 'timewait'],
  47: UNREPLIED_REPLIED,
  58: ONE,
  132: [
    'closed',
    'cookie_wait',
    'cookie_echoed',
    'established',
    'shutdown_sent',
    'shutdown_recd',
    'shutdown_ack_sent',
    'heartbeat_sent',
    'heartbeat_acked',
  ],
  136: UNREPLIED_REPLIED,
};

/** Names of the states that a protocol has timeouts for, in the kernel's order. */
export function timeoutStates(protocol: number): readonly string[] {
  return STATES[protocol] ?? ONE;
}

const TIMEOUT = C.SUBSYS_TIMEOUT << 8;

/** The policies of a network namespace. */
export class TimeoutPolicies {
  private readonly requests: Requests;

  /** @internal A table makes its own. */
  constructor(requests: Requests) {
    this.requests = requests;
  }

  /** All policies. Throws a FlowSourceError, as everything here may. */
  async list(): Promise<TimeoutPolicy[]> {
    const all: TimeoutPolicy[] = [];
    const batches = this.requests.dump(
      'list timeout policies',
      (w, flags, sequence) => {
        w.begin(TIMEOUT | C.MSG_GET, flags, sequence).end();
      },
      decodePolicy,
    );
    for await (const batch of batches) all.push(...batch);
    return all;
  }

  /** One policy; errno 2 (ENOENT) where there is none. */
  async get(name: string): Promise<TimeoutPolicy> {
    const [found] = await this.requests.command(
      `get the timeout policy ${name}`,
      (w, flags, sequence) => {
        w.begin(TIMEOUT | C.MSG_GET, flags, sequence)
          .text(C.CTA_TIMEOUT_NAME, name)
          .end();
      },
      decodePolicy,
    );
    if (found === undefined) throw new FlowSourceError(`there is no timeout policy ${name}`, ENOENT);
    return found;
  }

  /** Adds a policy (errno 17, EEXIST, where there is one) or, with `replace`, changes it. */
  async set(policy: Omit<TimeoutPolicy, 'use'>, replace = false): Promise<void> {
    const extraFlags = C.NLM_F_CREATE | (replace ? C.NLM_F_REPLACE : C.NLM_F_EXCL);
    await this.requests.command(`set the timeout policy ${policy.name}`, (w, flags, sequence) => {
      w.begin(TIMEOUT | C.MSG_NEW, flags | extraFlags, sequence);
      w.text(C.CTA_TIMEOUT_NAME, policy.name);
      writeTimeouts(w, policy);
      w.end();
    });
  }

  /** Takes a policy away; errno 16 (EBUSY) while rules use it. */
  async delete(name: string): Promise<void> {
    await this.requests.command(`delete the timeout policy ${name}`, (w, flags, sequence) => {
      w.begin(TIMEOUT | C.MSG_DELETE, flags, sequence)
        .text(C.CTA_TIMEOUT_NAME, name)
        .end();
    });
  }

  /** The timeouts of a protocol's connections that have no policy; its name is ''. */
  async defaults(family: 2 | 10, protocol: number): Promise<TimeoutPolicy> {
    const [found] = await this.requests.command(
      'get the default timeouts',
      (w, flags, sequence) => {
        w.begin(TIMEOUT | C.MSG_TIMEOUT_DEFAULT_GET, flags, sequence);
        w.be16(C.CTA_TIMEOUT_L3PROTO, family).u8(C.CTA_TIMEOUT_L4PROTO, protocol).end();
      },
      decodePolicy,
    );
    if (found === undefined) throw new FlowSourceError(`protocol ${protocol} has no timeouts`, ENOENT);
    return found;
  }

  /** Changes those of `timeouts` that are named. */
  async setDefaults(family: 2 | 10, protocol: number, timeouts: Record<string, number>): Promise<void> {
    await this.requests.command('set the default timeouts', (w, flags, sequence) => {
      w.begin(TIMEOUT | C.MSG_TIMEOUT_DEFAULT_SET, flags, sequence);
      writeTimeouts(w, { family, protocol, timeouts });
      w.end();
    });
  }
}

function writeTimeouts(w: MessageWriter, policy: Pick<TimeoutPolicy, 'family' | 'protocol' | 'timeouts'>): void {
  w.be16(C.CTA_TIMEOUT_L3PROTO, policy.family).u8(C.CTA_TIMEOUT_L4PROTO, policy.protocol);
  const states = timeoutStates(policy.protocol);
  const nest = w.open(C.CTA_TIMEOUT_DATA);
  for (const [name, seconds] of Object.entries(policy.timeouts)) {
    const state = states.indexOf(name);
    if (state < 0) {
      const known = states.join(', ');
      throw new FlowSourceError(`protocol ${policy.protocol} has no state "${name}", it has ${known}`, EINVAL);
    }
    w.be32(state + 1, seconds);
  }
  w.close(nest);
}

/** A policy from a message. Throws a MessageError. */
export function decodePolicy(buffer: MessageBuffer, at: number, end: number): TimeoutPolicy {
  const last = netfilterEnd(buffer, at, end);
  const policy: TimeoutPolicy = { name: '', family: 2, protocol: 0, timeouts: {}, use: 0 };
  let data = -1;
  for (let a = at + NFGEN_LEN, next = 0; a < last; a = next) {
    next = nextAttribute(buffer, a, last);
    switch (attributeType(buffer, a)) {
      case C.CTA_TIMEOUT_NAME:
        policy.name = attributeText(buffer, a);
        break;
      case C.CTA_TIMEOUT_L3PROTO:
        needBytes(buffer, a, 2);
        policy.family = be16(buffer, a + ATTRIBUTE_LEN) === 10 ? 10 : 2;
        break;
      case C.CTA_TIMEOUT_L4PROTO:
        needBytes(buffer, a, 1);
        policy.protocol = buffer.bytes[a + ATTRIBUTE_LEN];
        break;
      case C.CTA_TIMEOUT_USE:
        needBytes(buffer, a, 4);
        policy.use = be32(buffer, a + ATTRIBUTE_LEN) >>> 0;
        break;
      case C.CTA_TIMEOUT_DATA:
        data = a;
        break;
    }
  }
  if (data >= 0) policy.timeouts = readTimeouts(buffer, data, timeoutStates(policy.protocol));
  return policy;
}

function readTimeouts(buffer: MessageBuffer, outer: number, states: readonly string[]): Record<string, number> {
  const timeouts: Record<string, number> = {};
  const end = attributeEnd(buffer, outer);
  for (let a = outer + ATTRIBUTE_LEN, next = 0; a < end; a = next) {
    next = nextAttribute(buffer, a, end);
    const name = states[attributeType(buffer, a) - 1];
    if (name === undefined) continue;
    needBytes(buffer, a, 4);
    timeouts[name] = be32(buffer, a + ATTRIBUTE_LEN) >>> 0;
  }
  return timeouts;
}
