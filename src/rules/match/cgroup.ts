/** -m cgroup: the control group of the socket that sends the packet, or that a delivered one is for (xt_cgroup.c). */
import { AF_INET, AF_INET6, HOOK_INPUT, HOOK_OUTPUT, HOOK_POSTROUTING, type Packet } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { NO_SOCKET, type SocketFacts } from '../host-facts.js';
import { EINVAL, wantsHooks } from '../kernel-checks.js';
import { not, quote, uintOption } from '../values.js';

/** Options of -m cgroup; null = not given. */
export interface CgroupSpec {
  /** Below the root of cgroup v2. */
  path: { path: string; invert: boolean } | null;
  /** Of net_cls (cgroup v1), unsigned. */
  classid: { id: number; invert: boolean } | null;
}

const HOOKS = (1 << HOOK_OUTPUT) | (1 << HOOK_POSTROUTING) | (1 << HOOK_INPUT);
const TCP_SYN_ACK = 0x12;
const TCP_FIN_SYN_RST_ACK = 0x17;

/** The `cgroup` match. */
export const cgroup: MatchExtension<CgroupSpec> = {
  name: 'cgroup',
  families: [AF_INET, AF_INET6],
  options: [
    { name: 'path', args: 1, invert: true },
    { name: 'cgroup', args: 1, invert: true },
  ],
  init: () => ({ path: null, classid: null }),
  option(spec, option, value, invert, c) {
    if (option === 'path') spec.path = { path: value, invert };
    else spec.classid = { id: uintOption('cgroup', option, value, 0, 0xffffffff, c), invert };
  },
  save({ path, classid }) {
    if (path !== null) return `${not(path.invert)}--path ${quote(path.path)}`;
    return classid === null ? '' : `${not(classid.invert)}--cgroup ${classid.id}`;
  },
  list({ path, classid }) {
    if (path !== null) return ` cgroup ${not(path.invert)}${path.path}`;
    return classid === null ? '' : ` cgroup ${not(classid.invert)}${classid.id}`;
  },
  refusedBy(spec, around) {
    if ((spec.path === null) === (spec.classid === null))
      return { errno: EINVAL, why: 'cgroup wants either --path or --cgroup' };
    return wantsHooks('cgroup', HOOKS, around, 'INPUT, OUTPUT and POSTROUTING');
  },
  unsupported: 'the host file names no sockets: no packet counts as one of a control group',
  isDoubtful: (_spec, c) => c.facts.sockets === null,
  load(spec, { facts: { sockets } }) {
    if (sockets === null) return () => false;
    if (spec.path !== null) {
      const group = sockets.cgroup(spec.path.path);
      const { invert } = spec.path;
      return (p) => {
        const socket = socketOf(p, sockets);
        return socket !== NO_SOCKET && sockets.isUnder(socket, group) !== invert;
      };
    }
    const id = spec.classid!.id | 0;
    const { invert } = spec.classid!;
    return (p) => {
      const socket = socketOf(p, sockets);
      return socket !== NO_SOCKET && (sockets.classid(socket) === id) !== invert;
    };
  },
};

/** A packet without a socket matches nothing, inverted or not; so does a SYN-ACK, which no full socket sends (sk_fullsock). */
function socketOf(p: Packet, sockets: SocketFacts): number {
  if (p.hook === HOOK_INPUT) return sockets.receiver(p);
  return (p.tcpFlags & TCP_FIN_SYN_RST_ACK) === TCP_SYN_ACK ? NO_SOCKET : sockets.sender(p);
}
