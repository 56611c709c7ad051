/**
 * -m osf: the operating system that a SYN's TCP options betray (xt_osf.c, nfnetlink_osf.c). The kernel passes over `!`, and what
 * `--log` tells goes to no log that is there by itself: so it is here.
 */
import { AF_INET, HOOK_FORWARD, HOOK_INPUT, HOOK_PREROUTING, IPPROTO_TCP } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { OSF_TTL_EXACT } from '../fingerprints.js';
import { EINVAL, wantsHooks } from '../kernel-checks.js';
import { not, uintOption } from '../values.js';

/** Options of -m osf. */
export interface OsfSpec {
  genre: string;
  invert: boolean;
  /** 0: the TTL must be the fingerprint's; 1: no more than that; 2: it is not looked at. -1 = not given: as 0. */
  ttl: number;
  /** 0: all that match are logged, 1: the first, 2: only what is known. -1 = not given. */
  log: number;
}

const HOOKS = (1 << HOOK_PREROUTING) | (1 << HOOK_INPUT) | (1 << HOOK_FORWARD);
const GENRE_MAX = 31;

/** The `osf` match. */
export const osf: MatchExtension<OsfSpec> = {
  name: 'osf',
  families: [AF_INET],
  options: [
    { name: 'genre', args: 1, invert: true, required: true },
    { name: 'ttl', args: 1 },
    { name: 'log', args: 1 },
  ],
  init: () => ({ genre: '', invert: false, ttl: -1, log: -1 }),
  option(spec, option, value, inverted, c) {
    if (option === 'genre') {
      spec.genre = value.slice(0, GENRE_MAX);
      spec.invert = inverted;
    } else if (option === 'ttl') spec.ttl = uintOption('osf', option, value, 0, 2, c);
    else spec.log = uintOption('osf', option, value, 0, 2, c);
  },
  save(spec) {
    const ttl = spec.ttl < 0 ? '' : ` --ttl ${spec.ttl}`;
    const log = spec.log < 0 ? '' : ` --log ${spec.log}`;
    return `${not(spec.invert)}--genre ${spec.genre}${ttl}${log}`;
  },
  list: (spec) => ` OS fingerprint match ${not(spec.invert)}${spec.genre}`,
  refusedBy(_spec, around) {
    if (around.protocol?.number !== IPPROTO_TCP || around.protocol.invert)
      return { errno: EINVAL, why: '-m osf needs -p tcp' };
    return wantsHooks('osf', HOOKS, around, 'PREROUTING, INPUT and FORWARD');
  },
  unsupported: 'the host file names no fingerprints of operating systems: no packet counts as one of that system',
  isDoubtful: (_spec, c) => c.facts.fingerprints === null,
  load(spec, { facts: { fingerprints } }) {
    if (fingerprints === null) return () => false;
    // with --log all fingerprints are gone through, and each of them counts
    const genre = spec.log < 0 ? spec.genre : '';
    const ttl = spec.ttl < 0 ? OSF_TTL_EXACT : spec.ttl;
    if (spec.log < 0 && genre === '') return () => false;
    return (p) => fingerprints.match(p, genre, ttl);
  },
};
