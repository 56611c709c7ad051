/**
 * -j SET: adds the packet's addresses, ports ... to a set, takes them out of one, or takes mark, class and queue from an element
 * (xt_set.c, set_target_v3). In that order where several are asked for; the packet goes on with the next rule.
 */
import { AF_INET, AF_INET6, HOOK_FORWARD, HOOK_OUTPUT, HOOK_POSTROUTING } from '../../wire/packet.js';
import { VERDICT_CONTINUE } from '../context.js';
import type { TargetExtension } from '../extension.js';
import { EINVAL } from '../match/option-values.js';
import { ASK_EXIST, TIMEOUT_DEFAULT } from '../set/ask.js';
import { SET_IN } from '../set/codes.js';
import { loadSet, readSetReference, type SetReference, setReferenceText } from '../set/flags.js';
import { readUint } from '../values.js';

const TIMEOUT_OPTION_MAX = 4294967294;
/** Longer timeouts are cut to this (IPSET_MAX_TIMEOUT), seconds. */
const TIMEOUT_MAX = 2147483;
const MAPPING_HOOKS = (1 << HOOK_FORWARD) | (1 << HOOK_OUTPUT) | (1 << HOOK_POSTROUTING);

const SETS = ['add', 'del', 'map'] as const;
const MAPS = ['mark', 'prio', 'queue'] as const;

/** Options of -j SET. */
export interface SetTargetSpec {
  add: SetReference | null;
  del: SetReference | null;
  map: SetReference | null;
  exist: boolean;
  /** Seconds; null = the set's own. */
  timeout: number | null;
  mark: boolean;
  prio: boolean;
  queue: boolean;
}

function describe(spec: SetTargetSpec, dashes: string): string {
  const words: string[] = [];
  for (const name of SETS) {
    const reference = spec[name];
    if (reference === null) continue;
    words.push(`${dashes}${name}-set ${setReferenceText(reference)}`);
    if (name === 'add' && spec.exist) words.push(`${dashes}exist`);
    if (name === 'add' && spec.timeout !== null) words.push(`${dashes}timeout ${spec.timeout}`);
    if (name === 'map') for (const what of MAPS) if (spec[what]) words.push(`${dashes}map-${what}`);
  }
  return words.join(' ');
}

/** The `SET` target. */
export const SET: TargetExtension<SetTargetSpec> = {
  name: 'SET',
  families: [AF_INET, AF_INET6],
  options: [
    // `!` before these is taken and means nothing
    ...SETS.map((name) => ({
      name: `${name}-set`,
      args: 2 as const,
      invert: true,
      repeatMessage: `--${name}-set can be specified only once`,
    })),
    { name: 'exist', args: 0, invert: true, repeat: true },
    { name: 'timeout', args: 1, invert: true, repeat: true },
    ...MAPS.map((name) => ({ name: `map-${name}`, args: 0 as const, invert: true, repeat: true })),
  ],
  init: () => ({
    add: null,
    del: null,
    map: null,
    exist: false,
    timeout: null,
    mark: false,
    prio: false,
    queue: false,
  }),
  option(spec, option, value, _inverted, c) {
    const which = SETS.find((name) => option === `${name}-set`);
    const what = MAPS.find((name) => option === `map-${name}`);
    if (which !== undefined) spec[which] = readSetReference(value, c);
    else if (what !== undefined) spec[what] = true;
    else if (option === 'exist') spec.exist = true;
    else {
      const seconds = readUint(value, 0, TIMEOUT_OPTION_MAX);
      if (seconds < 0) c.fail(`Invalid value for option --timeout or out of range 0-${TIMEOUT_OPTION_MAX}`, value);
      spec.timeout = seconds;
    }
  },
  check(spec, _seen, c) {
    if (spec.add === null && spec.del === null && spec.map === null)
      c.fail("You must specify either `--add-set' or `--del-set' or `--map-set'");
    if (spec.add === null && spec.exist) c.fail("Flag `--exist' can be used with `--add-set' only");
    if (spec.add === null && spec.timeout !== null) c.fail("Option `--timeout' can be used with `--add-set' only");
    for (const name of MAPS) {
      if (spec.map === null && spec[name]) c.fail(`Flag \`--map-${name}' can be used with \`--map-set' only`);
    }
    if (spec.map !== null && !spec.mark && !spec.prio && !spec.queue)
      c.fail("You must specify flags `--map-mark' or '--map-prio` or `--map-queue'");
  },
  save: (spec) => describe(spec, '--'),
  list: (spec) => ` ${describe(spec, '')}`,
  refusedBy(spec, around) {
    if (spec.map === null) return null;
    if (around.table !== 'mangle') return { errno: EINVAL, why: 'SET: --map-set only in the mangle table' };
    if ((spec.prio || spec.queue) && (around.hooks & ~MAPPING_HOOKS) !== 0)
      return { errno: EINVAL, why: 'SET: --map-prio and --map-queue only in FORWARD, OUTPUT and POSTROUTING' };
    return null;
  },
  load(spec, c) {
    const add = spec.add === null ? null : loadSet(spec.add, c);
    const del = spec.del === null ? null : loadSet(spec.del, c);
    const map = spec.map === null ? null : loadSet(spec.map, c);
    const addFlags = spec.exist ? ASK_EXIST : 0;
    if (add !== null) add.ask.timeout = spec.timeout === null ? TIMEOUT_DEFAULT : Math.min(spec.timeout, TIMEOUT_MAX);
    const { mark, prio } = spec;
    return (p) => {
      if (add !== null) add.store.enter(add.index, p, add.ask, addFlags);
      if (del !== null) del.store.leave(del.index, p, del.ask);
      if (map === null) return VERDICT_CONTINUE;
      const { ask } = map;
      ask.mark = ask.markMask = ask.priority = 0;
      if (map.store.match(map.index, p, ask, 0) !== SET_IN) return VERDICT_CONTINUE;
      if (mark) p.mark = (p.mark & ~ask.markMask) ^ ask.mark;
      if (prio) p.priority = ask.priority;
      // queues: a simulated interface has one
      return VERDICT_CONTINUE;
    };
  },
};
