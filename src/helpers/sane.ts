/** SANE: the answer to a request to start scanning names the port of the data connection (nf_conntrack_sane.c). */
import { NF_ACCEPT } from '../conntrack/tracker.js';
import { AF_INET, AF_INET6, IPPROTO_TCP, T_DST, T_SRC } from '../wire/packet.js';
import type { HelpContext, Helper } from './helper.js';

const NET_START = 7;
/** A request is a procedure and a handle, an answer status, zero and port. */
const MESSAGE_LEN = 8;
/** Word of ConnHelp.data: whether the next answer is to a request to start. */
const STARTED = 0;

/** The `sane` helper; it has no part for NAT, for the answer names no address. */
export const sane: Helper = {
  name: 'sane',
  protocols: [IPPROTO_TCP],
  families: [AF_INET, AF_INET6],
  ports: [6566],
  policies: [{ maxExpected: 1, timeoutMs: 300_000 }],
  natModule: '',
  help,
};

function help(c: HelpContext): number {
  if (!c.isEstablished || c.from >= c.to) return NF_ACCEPT;
  const { view } = c.p;
  const { data } = c.help;
  const length = c.to - c.from;
  if (c.direction === 0) {
    if (length === MESSAGE_LEN) data[STARTED] = view.getInt32(c.from) === NET_START ? 1 : 0;
    return NF_ACCEPT;
  }
  if (data[STARTED] === 0) return NF_ACCEPT;
  data[STARTED] = 0;
  if (length < MESSAGE_LEN || view.getInt32(c.from) !== 0 || view.getUint16(c.from + 4) !== 0) return NF_ACCEPT;
  const original = c.tuples[0];
  const e = c.make();
  const proto = IPPROTO_TCP | (c.p.family << 8);
  c.expectations.init(e, 0, proto, original, T_SRC, -1, original, T_DST, view.getUint16(c.from + 6));
  return c.expectOrDrop(e, NF_ACCEPT);
}
