/** TFTP: a request to port 69 is answered from a port of the server's choice (nf_conntrack_tftp.c, nf_nat_tftp.c; RFC 1350). */
import { NF_ACCEPT } from '../conntrack/tracker.js';
import { AF_INET, AF_INET6, IPPROTO_UDP, T_DST, T_SRC } from '../wire/packet.js';
import { destinationPort, type HelpContext, type Helper, sourcePort } from './helper.js';

const OPCODE_READ = 1;
const OPCODE_WRITE = 2;

/** The `tftp` helper. */
export const tftp: Helper = {
  name: 'tftp',
  protocols: [IPPROTO_UDP],
  families: [AF_INET, AF_INET6],
  ports: [69],
  policies: [{ maxExpected: 1, timeoutMs: 300_000 }],
  natModule: 'nf_nat_tftp',
  help,
};

function help(c: HelpContext): number {
  if (c.to - c.from < 2) return NF_ACCEPT;
  const opcode = c.p.view.getUint16(c.from);
  if (opcode !== OPCODE_READ && opcode !== OPCODE_WRITE) return NF_ACCEPT;
  const reply = c.tuples[1];
  const e = c.make();
  const proto = IPPROTO_UDP | (c.p.family << 8);
  c.expectations.init(e, 0, proto, reply, T_SRC, -1, reply, T_DST, destinationPort(reply));
  if (c.isNatted) {
    e.savedPort = sourcePort(c.tuples[0]);
    e.direction = 1;
    e.expectfn = c.nat.followMaster;
  }
  return c.expectOrDrop(e, NF_ACCEPT);
}
