/** -m owner: the process that a packet of the host's own comes from (xt_owner.c, owner_mt). */
import { AF_INET, AF_INET6, HOOK_OUTPUT, HOOK_POSTROUTING } from '../../wire/packet.js';
import { type AccountKind, accountName, accountNumber } from '../accounts.js';
import type { MatchExtension, OptionContext } from '../extension.js';
import { NO_SOCKET } from '../host-facts.js';
import { EINVAL, wantsHooks } from '../kernel-checks.js';
import { not, readUint } from '../values.js';

/** Numbers of users or groups, both ends included. */
interface IdRange {
  from: number;
  to: number;
  invert: boolean;
}

/** Options of -m owner; null = not given. */
export interface OwnerSpec {
  uid: IdRange | null;
  gid: IdRange | null;
  supplementary: boolean;
  socketExists: { invert: boolean } | null;
}

const HOOKS = (1 << HOOK_OUTPUT) | (1 << HOOK_POSTROUTING);
/** The greatest number of a user; one more means none. */
const ID_MAX = 0xfffffffe;

/** The `owner` match. */
export const owner: MatchExtension<OwnerSpec> = {
  name: 'owner',
  families: [AF_INET, AF_INET6],
  options: [
    { name: 'uid-owner', args: 1, invert: true },
    { name: 'gid-owner', args: 1, invert: true },
    { name: 'socket-exists', args: 0, invert: true },
    { name: 'suppl-groups', args: 0 },
  ],
  init: () => ({ uid: null, gid: null, supplementary: false, socketExists: null }),
  option(spec, option, value, invert, c) {
    if (option === 'uid-owner') spec.uid = readIds('user', option, value, invert, c);
    else if (option === 'gid-owner') spec.gid = readIds('group', option, value, invert, c);
    else if (option === 'socket-exists') spec.socketExists = { invert };
    else if (spec.gid === null) badValue('suppl-groups', 'you need to use --gid-owner first', c);
    else spec.supplementary = true;
  },
  check(spec, _seen, c) {
    if (spec.uid === null && spec.gid === null && spec.socketExists === null)
      c.fail('owner: At least one of --uid-owner, --gid-owner or --socket-exists is required');
  },
  save(spec) {
    const parts: string[] = [];
    if (spec.socketExists !== null) parts.push(`${not(spec.socketExists.invert)}--socket-exists`);
    if (spec.uid !== null) parts.push(`${not(spec.uid.invert)}--uid-owner ${rangeText(spec.uid)}`);
    if (spec.gid !== null) parts.push(`${not(spec.gid.invert)}--gid-owner ${rangeText(spec.gid)}`);
    if (spec.supplementary) parts.push('--suppl-groups');
    return parts.join(' ');
  },
  list(spec, _family, numeric) {
    let text = '';
    if (spec.socketExists !== null) text += ` ${not(spec.socketExists.invert)}owner socket exists`;
    if (spec.uid !== null) text += ` ${not(spec.uid.invert)}owner UID match ${listed('user', spec.uid, numeric)}`;
    if (spec.gid !== null) text += ` ${not(spec.gid.invert)}owner GID match ${listed('group', spec.gid, numeric)}`;
    return spec.supplementary ? `${text} incl. suppl. groups` : text;
  },
  refusedBy(spec, around) {
    if ((spec.uid !== null && spec.uid.from > spec.uid.to) || (spec.gid !== null && spec.gid.from > spec.gid.to))
      return { errno: EINVAL, why: 'owner: a range that ends before it begins' };
    return wantsHooks('owner', HOOKS, around, 'OUTPUT and POSTROUTING');
  },
  unsupported: 'the host file names no sockets: packets count as sent by none',
  isDoubtful: (_spec, c) => c.facts.sockets === null,
  load(spec, { facts: { sockets } }) {
    const { uid, gid, supplementary, socketExists } = spec;
    const allInverted = uid?.invert !== false && gid?.invert !== false && !supplementary;
    const withoutSocket = allInverted && socketExists?.invert !== false;
    const withoutOwner = uid?.invert !== false && gid?.invert !== false;
    if (sockets === null) return () => withoutSocket;
    const neverExists = socketExists?.invert === true;
    return (p) => {
      const socket = sockets.sender(p);
      if (socket === NO_SOCKET) return withoutSocket;
      if (neverExists) return false;
      const user = sockets.uid(socket);
      if (user < 0) return withoutOwner;
      if (uid !== null && (user >= uid.from && user <= uid.to) === uid.invert) return false;
      if (gid === null) return true;
      const group = sockets.gid(socket);
      let within = group >= gid.from && group <= gid.to;
      if (!within && supplementary) within = sockets.hasGroup(socket, gid.from, gid.to);
      return within !== gid.invert;
    };
  },
};

/** A name, a number, or numbers with `-` or `:` between. */
function readIds(kind: AccountKind, option: string, text: string, invert: boolean, c: OptionContext): IdRange {
  const named = accountNumber(kind, text);
  if (named >= 0) return { from: named, to: named, invert };
  const m = /^([^-:]*)(?:[-:](.*))?$/.exec(text);
  const from = m === null ? -1 : readId(m[1]!);
  const to = m?.[2] === undefined ? from : readId(m[2]);
  if (from < 0 || to < 0) badValue(option, text, c);
  return { from, to, invert };
}

/** As strtoul reads it: blanks and a plus sign may stand before it. */
function readId(text: string): number {
  return readUint(text, 0, ID_MAX);
}

function badValue(option: string, text: string, c: OptionContext): never {
  c.fail(`owner: Bad value for "--${option}" option: "${text}"`, text);
}

function rangeText({ from, to }: IdRange): string {
  return from === to ? String(from) : `${from}-${to}`;
}

function listed(kind: AccountKind, range: IdRange, numeric: boolean): string {
  const name = numeric || range.from !== range.to ? '' : accountName(kind, range.from);
  return name || rangeText(range);
}
