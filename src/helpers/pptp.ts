/**
 * PPTP: the control connection on port 1723 sets up calls, whose frames come in GRE with a call id for each side (RFC 2637;
 * nf_conntrack_pptp.c, nf_nat_pptp.c). The client is taken to be the one who opened the control connection.
 *
 * NAT: behind one address two clients may have the same call id, so the client's is replaced by the port that the control connection
 * has outside. `PNS_ID` is what the server knows, `NAT_PNS_ID` what the client said.
 */
import type { Expectation } from '../conntrack/expect.js';
import { invertTuple } from '../conntrack/icmp.js';
import { IPS_DST_NAT, IPS_SRC_NAT, R_STATUS, RECORD_SHIFT } from '../conntrack/layout.js';
import { NF_ACCEPT, NF_DROP } from '../conntrack/tracker.js';
import { MANIP_DST, MANIP_SRC, RANGE_MAP_IPS, RANGE_PORTS } from '../nat/range.js';
import { AF_INET, IPPROTO_GRE, IPPROTO_TCP, T_DST, T_PORTS, T_PROTO, T_SRC } from '../wire/packet.js';
import { destinationPort, type HelpContext, type Helper } from './helper.js';

/** A message: length, type 1 (control), magic cookie, message type, reserved, then what belongs to the type. */
const MAGIC = 0x1a2b3c4d;
const CONTROL = 1;
const HEADER_LEN = 12;

const START_REQUEST = 1;
const START_REPLY = 2;
const STOP_REQUEST = 3;
const STOP_REPLY = 4;
const OUT_CALL_REQUEST = 7;
const OUT_CALL_REPLY = 8;
const IN_CALL_REQUEST = 9;
const IN_CALL_REPLY = 10;
const IN_CALL_CONNECT = 11;
const CALL_CLEAR_REQUEST = 12;
const CALL_DISCONNECT_NOTIFY = 13;
const WAN_ERROR_NOTIFY = 14;
const SET_LINK_INFO = 15;
/** Bytes behind the header that a message of each type has; 0: any. */
const LENGTHS = [0, 144, 144, 4, 4, 0, 0, 156, 20, 208, 12, 16, 4, 136, 28, 12];
/** Result codes of replies that say yes. */
const OK = 1;

/** Words of ConnHelp.data. */
const CONTROL_STATE = 0;
const CALL = 1;
/** Call ids: the server's (PAC) and the client's (PNS) ... */
const PAC_ID = 2;
const PNS_ID = 3;
/** ... and what they are on the client's side, where NAT changes them. */
const NAT_PAC_ID = 4;
const NAT_PNS_ID = 5;

const CONTROL_NONE = 0;
const CONTROL_ERROR = 1;
const CONTROL_STOPREQ = 2;
const CONTROL_REQUESTED = 3;
const CONTROL_CONFIRMED = 4;

const CALL_NONE = 0;
const CALL_OUT_REQ = 2;
const CALL_OUT_CONF = 3;
const CALL_IN_REQ = 4;
const CALL_IN_REP = 5;
const CALL_IN_CONF = 6;
const CALL_CLEAR_REQ = 7;

/** What a message answers: it does not fit what was before, and nothing is done about it. */
const UNFIT = false;
const FIT = true;

/** The `pptp` helper. */
export const pptp: Helper = {
  name: 'pptp',
  protocols: [IPPROTO_TCP],
  families: [AF_INET],
  ports: [1723],
  policies: [{ maxExpected: 2, timeoutMs: 300_000 }],
  natModule: 'nf_nat_pptp',
  help,
  expected,
  destroy: (c, slot) => destroyCalls(c, slot),
};

function help(c: HelpContext): number {
  if (!c.isEstablished || c.to - c.from < HEADER_LEN) return NF_ACCEPT;
  const { view } = c.p;
  if (view.getUint16(c.from + 2) !== CONTROL || view.getInt32(c.from + 4) !== MAGIC) return NF_ACCEPT;
  const type = view.getUint16(c.from + 8);
  if (type < LENGTHS.length && c.to - c.from - HEADER_LEN < LENGTHS[type]!) return NF_ACCEPT;
  const at = c.from + HEADER_LEN;
  if (c.direction === 0) {
    if (fromClient(c, type, at) === UNFIT || !c.isNatted) return NF_ACCEPT;
    return mangleFromClient(c, type, at);
  }
  if (fromServer(c, type, at) === UNFIT || !c.isNatted) return NF_ACCEPT;
  return mangleFromServer(c, type, at);
}

function fromClient(c: HelpContext, type: number, at: number): boolean {
  const { data } = c.help;
  const { view } = c.p;
  switch (type) {
    case START_REQUEST:
      if (data[CONTROL_STATE] !== CONTROL_NONE) return UNFIT;
      data[CONTROL_STATE] = CONTROL_REQUESTED;
      return FIT;
    case STOP_REQUEST:
      data[CONTROL_STATE] = CONTROL_STOPREQ;
      return FIT;
    case OUT_CALL_REQUEST:
      if (data[CONTROL_STATE] !== CONTROL_CONFIRMED) return UNFIT;
      data[CALL] = CALL_OUT_REQ;
      data[PNS_ID] = view.getUint16(at);
      return FIT;
    case IN_CALL_REPLY:
      if (data[CALL] !== CALL_IN_REQ && data[CALL] !== CALL_IN_REP) return UNFIT;
      if (data[PAC_ID] !== view.getUint16(at + 2)) return UNFIT;
      if (view.getUint8(at + 4) === OK) {
        data[CALL] = CALL_IN_REP;
        data[PNS_ID] = view.getUint16(at);
      } else data[CALL] = CALL_NONE;
      return FIT;
    case CALL_CLEAR_REQUEST:
      if (data[CONTROL_STATE] !== CONTROL_CONFIRMED) return UNFIT;
      data[CALL] = CALL_CLEAR_REQ;
      return FIT;
    default:
      return UNFIT;
  }
}

function fromServer(c: HelpContext, type: number, at: number): boolean {
  const { data } = c.help;
  const { view } = c.p;
  switch (type) {
    case START_REPLY:
      if (data[CONTROL_STATE]! < CONTROL_REQUESTED) return UNFIT;
      data[CONTROL_STATE] = view.getUint8(at + 2) === OK ? CONTROL_CONFIRMED : CONTROL_ERROR;
      return FIT;
    case STOP_REPLY:
      if (data[CONTROL_STATE]! > CONTROL_STOPREQ) return UNFIT;
      data[CONTROL_STATE] = view.getUint8(at) === OK ? CONTROL_NONE : CONTROL_ERROR;
      return FIT;
    case OUT_CALL_REPLY:
      return outCallReply(c, at);
    case IN_CALL_REQUEST:
      if (data[CONTROL_STATE] !== CONTROL_CONFIRMED) return UNFIT;
      data[CALL] = CALL_IN_REQ;
      data[PAC_ID] = view.getUint16(at);
      return FIT;
    case IN_CALL_CONNECT:
      if (data[CONTROL_STATE] !== CONTROL_CONFIRMED) return UNFIT;
      if (data[CALL] !== CALL_IN_REP && data[CALL] !== CALL_IN_CONF) return UNFIT;
      if (data[PNS_ID] !== view.getUint16(at)) return UNFIT;
      data[CALL] = CALL_IN_CONF;
      expectCall(c, data[PAC_ID]!, data[PNS_ID]!);
      return FIT;
    case CALL_DISCONNECT_NOTIFY:
      data[CALL] = CALL_NONE;
      destroyCalls(c, c.slot);
      return FIT;
    case WAN_ERROR_NOTIFY:
    case SET_LINK_INFO:
      return FIT;
    default:
      return UNFIT;
  }
}

/** The server takes the call: frames may come from now on. */
function outCallReply(c: HelpContext, at: number): boolean {
  const { data } = c.help;
  const { view } = c.p;
  if (data[CONTROL_STATE] !== CONTROL_CONFIRMED) return UNFIT;
  if (data[CALL] !== CALL_OUT_REQ && data[CALL] !== CALL_OUT_CONF) return UNFIT;
  const server = view.getUint16(at);
  const client = view.getUint16(at + 2);
  if (data[PNS_ID] !== client) return UNFIT;
  if (view.getUint8(at + 4) !== OK) {
    data[CALL] = CALL_NONE;
    return FIT;
  }
  data[CALL] = CALL_OUT_CONF;
  data[PAC_ID] = server;
  expectCall(c, server, client);
  return FIT;
}

/** Expects the frames of a call, from either side: whoever comes first takes the other one's expectation away. */
function expectCall(c: HelpContext, server: number, client: number): void {
  const there = callExpectation(c, 0, client, server);
  const back = callExpectation(c, 1, server, client);
  if (c.isNatted) {
    const { data } = c.help;
    data[NAT_PAC_ID] = data[PAC_ID]!;
    there.savedPort = data[PNS_ID]!;
    there.tuple[T_PORTS] = (data[NAT_PNS_ID]! << 16) | data[PAC_ID]!;
    back.savedPort = data[NAT_PNS_ID]!;
    back.tuple[T_PORTS] = (data[NAT_PAC_ID]! << 16) | data[PNS_ID]!;
  }
  if (!c.expect(there)) {
    c.expectations.discard(back);
    return;
  }
  if (!c.expect(back)) {
    c.expectations.unrelate(there);
    return;
  }
  const { greKeys } = c.tracker;
  if (greKeys.add(c.slot, 0, there.tuple)) {
    if (greKeys.add(c.slot, 1, back.tuple)) return;
    greKeys.removeOf(c.slot);
  }
  c.expectations.unrelate(back);
  c.expectations.unrelate(there);
}

function callExpectation(c: HelpContext, direction: 0 | 1, sourceKey: number, destinationKey: number): Expectation {
  const tuple = c.tuples[direction];
  const e = c.make();
  const proto = IPPROTO_GRE | (AF_INET << 8);
  c.expectations.init(e, 0, proto, tuple, T_SRC, sourceKey, tuple, T_DST, destinationKey);
  e.direction = direction;
  e.expectfn = c.expectedByHelper;
  return e;
}

/** The first frame of a call has come. */
function expected(c: HelpContext, slot: number, e: Expectation): void {
  const { table } = c.tracker;
  const status = table.words[(e.master << RECORD_SHIFT) + R_STATUS]!;
  const { scratchTuple } = c;
  if ((status & (IPS_SRC_NAT | IPS_DST_NAT)) === 0 || !c.natHelpers.has(table.coldOf(e.master).help!.helper)) {
    invertTuple(e.tuple, scratchTuple);
    removeExpectation(c, e.zone, scratchTuple);
    return;
  }
  const { data } = table.coldOf(e.master).help!;
  const { masterTuple, range } = c;
  table.readTuple(e.master, e.direction ^ 1, masterTuple);
  // the expectation of the other direction goes; where the server's frame is the first, the kernel takes its keys from the place
  // where the new connection would have them, which is empty
  scratchTuple.set(masterTuple);
  scratchTuple[T_PROTO] = IPPROTO_GRE | (AF_INET << 8);
  scratchTuple[T_PORTS] = e.direction === 0 ? (data[PAC_ID]! << 16) | data[PNS_ID]! : 0;
  removeExpectation(c, e.zone, scratchTuple);
  range.minPort = range.maxPort = e.savedPort;
  range.flags = e.direction === 0 ? RANGE_MAP_IPS | RANGE_PORTS : RANGE_MAP_IPS;
  range.setAddress(masterTuple, T_DST);
  c.nat.setup(slot, range, MANIP_SRC);
  range.flags = e.direction === 1 ? RANGE_MAP_IPS | RANGE_PORTS : RANGE_MAP_IPS;
  range.setAddress(masterTuple, T_SRC);
  c.nat.setup(slot, range, MANIP_DST);
}

function removeExpectation(c: HelpContext, zone: number, tuple: Int32Array): void {
  const other = c.expectations.peek(tuple, zone);
  if (other !== null) c.expectations.unrelate(other);
}

/** The calls of a control connection end, with it or before. */
function destroyCalls(c: HelpContext, slot: number): void {
  const { tracker, scratchTuple } = c;
  tracker.greKeys.removeOf(slot);
  const help = tracker.table.coldOf(slot).help;
  if (help === null) return;
  const { data } = help;
  const zones = tracker.table.zonesOf(slot);
  for (let direction = 0; direction < 2; direction++) {
    tracker.table.readTuple(slot, direction, scratchTuple);
    scratchTuple[T_PROTO] = IPPROTO_GRE | (AF_INET << 8);
    scratchTuple[T_PORTS] =
      direction === 0 ? (data[PNS_ID]! << 16) | data[PAC_ID]! : (data[PAC_ID]! << 16) | data[PNS_ID]!;
    const zone = direction === 0 ? zones & 0xffff : zones >>> 16;
    const ref = tracker.search(scratchTuple, tracker.table.hash(scratchTuple, zone), zones & 0xffff, zones >>> 16);
    if (ref >= 0) tracker.kill(ref >> 1);
    else removeExpectation(c, zones & 0xffff || zones >>> 16, scratchTuple);
  }
}

/** What the server gets to see of the client's call id. */
function mangleFromClient(c: HelpContext, type: number, at: number): number {
  const { data } = c.help;
  if (type === OUT_CALL_REQUEST) {
    data[NAT_PNS_ID] = data[PNS_ID]!;
    data[PNS_ID] = destinationPort(c.tuples[1]);
  } else if (type !== IN_CALL_REPLY && type !== CALL_CLEAR_REQUEST) return NF_ACCEPT;
  return writeId(c, at, data[PNS_ID]!);
}

/** What the client gets to see of its own call id in the server's messages. */
function mangleFromServer(c: HelpContext, type: number, at: number): number {
  const id = c.help.data[NAT_PNS_ID]!;
  switch (type) {
    case OUT_CALL_REPLY:
      return writeId(c, at + 2, id);
    case IN_CALL_CONNECT:
    case CALL_DISCONNECT_NOTIFY:
    case WAN_ERROR_NOTIFY:
    case SET_LINK_INFO:
      return writeId(c, at, id);
    default:
      return NF_ACCEPT;
  }
}

function writeId(c: HelpContext, at: number, id: number): number {
  c.mangler
    .begin()
    .byte(id >> 8)
    .byte(id & 0xff);
  return c.mangler.replace(at, 2) ? NF_ACCEPT : NF_DROP;
}
