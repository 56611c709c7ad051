/**
 * The host's sockets as the host file names them, checked and turned into numbers (sockets.ts looks packets up in these).
 */
import { accountNumber } from '../rules/accounts.js';
import { protocolNumber } from '../rules/names.js';
import { ADDRESS_WORDS, parseAddress } from '../wire/address.js';
import { AF_INET6 } from '../wire/packet.js';

/**
 * A socket, or several that have the same owner: whatever is not given fits everything. The entry that says most about a packet is
 * taken: first those with a remote end.
 */
export interface SocketConfig {
  /** tcp, udp, sctp, dccp, udplite, icmp, icmpv6, another name of /etc/protocols, or its number; all where absent. */
  protocol?: string;
  /** The host's end: `10.0.0.1:80`, `[fd00::1]:80`, `*:80`, `10.0.0.1`. Of ICMP the number is the id of its queries. */
  local?: string;
  /** The other end, in the same forms, of a connected socket; none: it listens. */
  remote?: string;
  /** User of its process, a number or a name of Debian's own; absent: a socket of the kernel, which no process owns. */
  uid?: number | string;
  /** Group of its process; absent: the number of the user. */
  gid?: number | string;
  /** Supplementary groups of its process. */
  groups?: (number | string)[];
  /** Path below the root of cgroup v2; `/` where absent. */
  cgroup?: string;
  /** Class of net_cls (cgroup v1): a number, or `10:1` as tc(8) writes it; 0 where absent. */
  classid?: number | string;
  /** IP_TRANSPARENT: whether it takes packets for addresses that are not the host's. */
  transparent?: boolean;
  /** SO_MARK; 0 where absent. */
  mark?: number;
}

/** Tells what is wrong and where: `sockets[0].local`. */
export type SocketComplaint = (path: string, message: string) => never;

/** One end of a socket. */
export interface SocketEnd {
  /** AF_ constant; 0 = both. */
  family: number;
  /** Four words; null = all addresses. */
  address: Int32Array | null;
  /** -1 = all ports. */
  port: number;
}

/** A checked socket. */
export interface SocketEntry {
  /** -1 = all. */
  protocol: number;
  local: SocketEnd;
  /** null: it listens. */
  remote: SocketEnd | null;
  /** -1 = no process. */
  uid: number;
  gid: number;
  groups: number[];
  /** Names from the root on; none = the root. */
  cgroup: string[];
  classid: number;
  transparent: boolean;
  mark: number;
}

const ANY_END: SocketEnd = { family: 0, address: null, port: -1 };
const MAX_ID = 0xfffffffe;

/** Checks a socket; whatever is wrong goes to `complain` with its place. */
export function compileSocket(item: SocketConfig, path: string, complain: SocketComplaint): SocketEntry {
  const protocol = item.protocol === undefined ? -1 : readProtocol(String(item.protocol));
  if (protocol === null) complain(`${path}.protocol`, `expected a protocol, got ${JSON.stringify(item.protocol)}`);
  const end = (key: 'local' | 'remote') => {
    const found = readEnd(String(item[key]));
    if (found === null) {
      complain(
        `${path}.${key}`,
        `expected ADDRESS:PORT, [ADDRESS]:PORT, *:PORT or ADDRESS, got ${JSON.stringify(item[key])}`,
      );
    }
    return found;
  };
  const local = item.local === undefined ? ANY_END : end('local');
  const remote = item.remote === undefined ? null : end('remote');
  if (remote !== null && local.family !== 0 && remote.family !== 0 && local.family !== remote.family)
    complain(`${path}.remote`, 'is not of the family of "local"');
  const id = (kind: 'user' | 'group', key: string, value: number | string) => {
    const number = typeof value === 'string' ? accountNumber(kind, value) : value;
    if (Number.isInteger(number) && number >= 0 && number <= MAX_ID) return number;
    return complain(
      `${path}.${key}`,
      `expected a number or a name that every system has, got ${JSON.stringify(value)}`,
    );
  };
  const uid = item.uid === undefined ? -1 : id('user', 'uid', item.uid);
  const gid = item.gid === undefined ? uid : id('group', 'gid', item.gid);
  if (item.gid !== undefined && item.uid === undefined) complain(`${path}.gid`, 'a group without "uid"');
  const classid = readClass(item.classid ?? 0);
  if (classid === null)
    complain(`${path}.classid`, `expected a number or MAJOR:MINOR, got ${JSON.stringify(item.classid)}`);
  const mark = item.mark ?? 0;
  if (!Number.isInteger(mark) || mark < 0 || mark > 0xffffffff)
    complain(`${path}.mark`, `expected 32 bits, got ${JSON.stringify(mark)}`);
  return {
    protocol,
    local,
    remote,
    uid,
    gid,
    groups: (item.groups ?? []).map((value, n) => id('group', `groups[${n}]`, value)),
    cgroup: cgroupNames(item.cgroup ?? '/'),
    classid,
    transparent: item.transparent === true,
    mark: mark | 0,
  };
}

/** The names of a path from the root on; `/`, `.` and double slashes are none. */
export function cgroupNames(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

function readProtocol(text: string): number | null {
  if (/^\d{1,3}$/.test(text)) return Number(text) < 256 ? Number(text) : null;
  const number = protocolNumber(text.toLowerCase());
  return number < 0 ? null : number;
}

function readEnd(text: string): SocketEnd | null {
  const m = /^(?:\[([^\]]*)\]|([^:[\]]*)|([^[\]]*:[^[\]]*:[^[\]]*))(?::(\d{1,5}))?$/.exec(text);
  if (m === null) return null;
  // an address of IPv6 without brackets has no port
  if (m[3] !== undefined && m[4] !== undefined) return readEnd(`[${text}]`);
  const port = m[4] === undefined ? -1 : Number(m[4]);
  if (port > 65535) return null;
  const name = m[1] ?? m[2] ?? m[3] ?? '';
  if (name === '*' || (name === '' && port >= 0)) return { family: 0, address: null, port };
  const address = new Int32Array(ADDRESS_WORDS);
  const family = parseAddress(name, address);
  if (family === 0) return null;
  // who listens on :: is called by IPv4, too (net.ipv6.bindv6only)
  if (address.every((word) => word === 0)) return { family: family === AF_INET6 ? 0 : family, address: null, port };
  return { family, address, port };
}

function readClass(value: number | string): number | null {
  if (typeof value === 'number') return Number.isInteger(value) && value >= 0 && value <= 0xffffffff ? value | 0 : null;
  const m = /^([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(value);
  return m === null ? null : (Number.parseInt(m[1]!, 16) << 16) | Number.parseInt(m[2]!, 16);
}
