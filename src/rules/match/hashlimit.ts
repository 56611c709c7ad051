/** -m hashlimit: a rate limit for each address, port or both (xt_hashlimit.c, revision 3; buckets in hashlimit-table.ts). */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import type { KernelRefusal, MatchExtension, OptionContext, RuleAround } from '../extension.js';
import { errnoText } from '../kernel-checks.js';
import type { Family } from '../model.js';
import { type Scan, scanUint, uintOption } from '../values.js';
import {
  BELOW,
  BYTE_SHIFT,
  byteCredits,
  costToBytes,
  HASH_DIP,
  HASH_DPT,
  HASH_SIP,
  HASH_SPT,
  type HashlimitConfig,
  HashlimitTable,
  NO_BUCKET,
  packetCredits,
  SCALE,
} from './hashlimit-table.js';
import { atoi, EINVAL, ERANGE, isProcName, prefixOption, rateText, rateUnit } from './option-values.js';

const UINT32_MAX = 0xffffffff;
const BURST_MAX = 1_000_000;
const DEFAULT_BURST = 5;
const DEFAULT_GC_MS = 1000;
/** Most buckets and entries that the kernel gives a table; larger wishes are cut. */
const TABLE_MAX = 1048576;
const NAME_MAX = 254;
/** Seconds after which a bucket of a byte rate expires, without and with a burst. */
const BYTE_EXPIRE = 15;
const BYTE_EXPIRE_BURST = 60;

/** Modes in the order in which they are printed. */
const MODES: readonly (readonly [string, number])[] = [
  ['srcip', HASH_SIP],
  ['srcport', HASH_SPT],
  ['dstip', HASH_DIP],
  ['dstport', HASH_DPT],
];

/** Options of -m hashlimit: the kernel's configuration and what is printed of it. */
export interface HashlimitSpec extends HashlimitConfig {
  name: string;
  /** True: --hashlimit-above. */
  above: boolean;
  /** Seconds of the unit that the rate was given in; decides the default expiry. */
  unit: number;
}

function defaultMask(family: number): number {
  return family === AF_INET ? 32 : 128;
}

/** A packet rate: its period and unit; null where it is none. */
function readPacketRate(text: string, c: OptionContext): { avg: number; unit: number } | null {
  const slash = text.indexOf('/');
  const unit = slash < 0 ? 1 : rateUnit(text.slice(slash + 1));
  const count = Number.parseInt(text, 10);
  if (unit === 0 || count === 0 || Number.isNaN(count)) return null;
  // a negative number is a huge one
  const avg = count < 0 ? 0 : Math.floor((SCALE * unit) / count);
  if (avg === 0) c.fail(`Rate too fast "${text}"`, text);
  return { avg, unit };
}

/** A byte rate (`512kb/s`): the cost of a chunk; null where the text is none. */
function readByteRate(text: string): number | null {
  const at = text.indexOf('b/s');
  const count = Number.parseInt(text, 10);
  if (at < 1 || Number.isNaN(count) || count <= 0) return null;
  const letter = text[at - 1];
  const factor = letter === 'm' ? 1024 * 1024 : letter === 'k' ? 1024 : 1;
  return bytesToCost(Math.min(count * factor, UINT32_MAX));
}

/** The cost of a chunk for bytes a second of 32 bits. */
function bytesToCost(bytes: number): number {
  return Math.floor(UINT32_MAX / (Math.floor(bytes / 2 ** BYTE_SHIFT) + 1));
}

function readRate(spec: HashlimitSpec, option: string, value: string, c: OptionContext): void {
  const cost = readByteRate(value);
  if (cost !== null) {
    spec.bytes = true;
    spec.avg = cost;
    spec.unit = BYTE_EXPIRE;
    return;
  }
  const rate = readPacketRate(value, c);
  if (rate === null) c.fail(`hashlimit: Bad value for "--${option}" option: "${value}"`, value);
  spec.bytes = false;
  spec.avg = rate!.avg;
  spec.unit = rate!.unit;
}

/** A burst: packets, or bytes with `k` and `m`; anything behind the number is taken for a unit. */
function readBurst(value: string, c: OptionContext): number {
  const scan: Scan = { value: -1, end: 0 };
  scanUint(value, 0, UINT32_MAX, scan);
  if (scan.value < 1 || (scan.end === value.length && scan.value > BURST_MAX)) failBurst(value, c);
  const letter = value[scan.end];
  return scan.value * (letter === 'm' ? 1024 * 1024 : letter === 'k' ? 1024 : 1);
}

function failBurst(value: string, c: OptionContext): never {
  return c.fail(`bad value for option "--hashlimit-burst", or out of range (1-${BURST_MAX}).`, value);
}

function readMode(value: string, c: OptionContext): number {
  let bits = 0;
  for (const word of value.split(',')) {
    if (word === '') continue;
    const mode = MODES.find((entry) => entry[0] === word);
    if (mode === undefined) c.fail(`hashlimit: Bad value for "--hashlimit-mode" option: "${value}"`, value);
    bits |= mode![1];
  }
  return bits;
}

/** What the options amount to once all are known; the order of the steps is iptables'. */
function finish(spec: HashlimitSpec, seen: ReadonlySet<string>, c: OptionContext): void {
  if (!seen.has('hashlimit-upto') && !seen.has('hashlimit-above')) c.fail('You have to specify --hashlimit');
  const burstGiven = seen.has('hashlimit-burst');
  if (!seen.has('hashlimit-htable-expire')) spec.expire = spec.unit * 1000;
  if (spec.bytes) {
    const bytes = costToBytes(spec.avg);
    if (burstGiven) {
      if (bytes === 0) failBurst('', c);
      if (spec.burst < bytes) c.fail(`burst cannot be smaller than ${bytes}b`);
      if (!seen.has('hashlimit-htable-expire')) spec.expire = BYTE_EXPIRE_BURST * 1000;
      // 32 bits are kept of it, and whole rates
      spec.burst = Math.ceil((spec.burst % 2 ** 32) / bytes);
    } else {
      spec.burst = 0;
    }
  } else if (spec.burst > BURST_MAX) {
    failBurst('', c);
  }
  if (spec.rateMatch) {
    if (!spec.bytes) spec.avg = Math.floor(spec.avg / spec.unit);
    if (spec.interval === 0) spec.interval = spec.bytes ? 1 : spec.unit;
  }
  // the kernel cuts these and tells nobody
  spec.size = Math.min(spec.size, TABLE_MAX);
  spec.max = Math.min(spec.max, TABLE_MAX);
}

const UNITS: readonly (readonly [string, number])[] = [
  ['mb', 1024 * 1024],
  ['kb', 1024],
];

/** A rate in the largest unit whose whole number costs the same. */
function byteRateText(cost: number): string {
  const bytes = costToBytes(cost);
  for (const [name, size] of UNITS) {
    const whole = Math.floor(bytes / size);
    if (whole > 0 && bytesToCost((whole * size) % 2 ** 32) === cost) return `${whole}${name}/s`;
  }
  return `${bytes}b/s`;
}

/** A burst in the largest unit that is not larger; what is left is not printed. */
function byteBurstText(bytes: number): string {
  for (const [name, size] of UNITS) if (bytes >= size) return `${Math.floor(bytes / size)}${name}`;
  return `${bytes}b`;
}

/**
 * What is printed of a spec: each option's name and value, null where it takes none.
 * @param avg The cost of a packet that is shown as a rate.
 */
function printed(spec: HashlimitSpec, avg: number, family: Family): [option: string, value: string | number | null][] {
  const options: [string, string | number | null][] = [];
  let unit = BYTE_EXPIRE;
  if (spec.bytes) {
    options.push([spec.above ? 'above' : 'upto', byteRateText(spec.avg)]);
    if (spec.burst !== 0) {
      options.push(['burst', byteBurstText(costToBytes(spec.avg) * spec.burst)]);
      unit = BYTE_EXPIRE_BURST;
    }
  } else {
    const rate = rateText(avg, SCALE);
    unit = rate.unit;
    options.push([spec.above ? 'above' : 'upto', rate.text], ['burst', spec.burst]);
  }
  const modes = MODES.filter((mode) => (spec.key & mode[1]) !== 0).map((mode) => mode[0]);
  if (modes.length > 0) options.push(['mode', modes.join(',')]);
  options.push(['name', spec.name]);
  if (spec.size !== 0) options.push(['htable-size', spec.size]);
  if (spec.max !== 0) options.push(['htable-max', spec.max]);
  if (spec.gcInterval !== DEFAULT_GC_MS) options.push(['htable-gcinterval', spec.gcInterval]);
  if (spec.expire !== unit * 1000) options.push(['htable-expire', spec.expire]);
  if (spec.srcmask !== defaultMask(family)) options.push(['srcmask', spec.srcmask]);
  if (spec.dstmask !== defaultMask(family)) options.push(['dstmask', spec.dstmask]);
  if (spec.rateMatch) options.push(['rate-match', null]);
  if (spec.rateMatch && spec.interval !== 1) options.push(['rate-interval', spec.interval]);
  return options;
}

function save(spec: HashlimitSpec, family: Family): string {
  const texts = printed(spec, spec.avg, family).map(
    ([option, value]) => `--hashlimit-${option}${value === null ? '' : ` ${value}`}`,
  );
  return texts.join(' ');
}

/** The name is not shown. 1.8.9 takes the interval, even one without effect, for a part of the rate. */
function list(spec: HashlimitSpec, family: Family): string {
  let text = ' limit:';
  for (const [option, value] of printed(spec, spec.avg * (spec.interval || 1), family)) {
    if (option === 'name') continue;
    const shown = option === 'mode' ? String(value).replaceAll(',', '-') : value;
    text += ` ${option === 'upto' ? 'up to' : option}${value === null ? '' : ` ${shown}`}`;
  }
  return text;
}

/** Rules that share a table agree on this one thing. */
const OTHER_KIND =
  'hashlimit: a rule of the same name has --hashlimit-rate-match where this one has not, or the other way';

function refused(spec: HashlimitSpec, around: RuleAround): KernelRefusal | null {
  const invalid = (why: string): KernelRefusal => ({ errno: EINVAL, why: `hashlimit: ${why}` });
  if (spec.gcInterval === 0 || spec.expire === 0) return invalid('gcinterval and expire cannot be 0');
  const bits = defaultMask(spec.family);
  if (spec.srcmask > bits || spec.dstmask > bits) return invalid('a mask is no prefix');
  if (!isProcName(spec.name)) return invalid('the name cannot be a file name');
  for (const { extension, spec: other } of around.matches ?? []) {
    if (extension !== hashlimit) continue;
    const { name, rateMatch } = other as HashlimitSpec;
    if (name === spec.name && rateMatch !== spec.rateMatch) return { errno: EINVAL, why: OTHER_KIND };
  }
  if (spec.rateMatch) {
    if (spec.avg === 0 || spec.avg > UINT32_MAX) return { errno: ERANGE, why: 'hashlimit: invalid rate' };
  } else if (spec.bytes) {
    if (byteCredits(spec.avg) === 0) return invalid('rate too high');
  } else {
    const avg = BigInt(spec.avg);
    if (spec.burst === 0 || packetCredits(BigInt.asUintN(64, avg * BigInt(spec.burst))) < packetCredits(avg))
      return { errno: ERANGE, why: `hashlimit: burst ${spec.burst} of a rate this slow does not fit 64 bits` };
  }
  return null;
}

/** The `hashlimit` match. */
export const hashlimit: MatchExtension<HashlimitSpec> = {
  name: 'hashlimit',
  families: [AF_INET, AF_INET6],
  options: [
    { name: 'hashlimit-upto', aliases: ['hashlimit'], args: 1, invert: true, excludes: ['hashlimit-above'] },
    { name: 'hashlimit-above', args: 1, invert: true, excludes: ['hashlimit-upto'] },
    { name: 'hashlimit-srcmask', args: 1 },
    { name: 'hashlimit-dstmask', args: 1 },
    { name: 'hashlimit-burst', args: 1 },
    { name: 'hashlimit-htable-size', args: 1 },
    { name: 'hashlimit-htable-max', args: 1 },
    { name: 'hashlimit-htable-expire', args: 1 },
    { name: 'hashlimit-htable-gcinterval', args: 1 },
    { name: 'hashlimit-mode', args: 1 },
    { name: 'hashlimit-name', args: 1, required: true },
    { name: 'hashlimit-rate-match', args: 0 },
    { name: 'hashlimit-rate-interval', args: 1 },
  ],
  init: (family) => ({
    family,
    key: 0,
    srcmask: defaultMask(family),
    dstmask: defaultMask(family),
    bytes: false,
    rateMatch: false,
    avg: 0,
    burst: DEFAULT_BURST,
    interval: 0,
    size: 0,
    max: 0,
    gcInterval: DEFAULT_GC_MS,
    expire: 0,
    name: '',
    above: false,
    unit: 1,
  }),
  option(spec, option, value, inverted, c) {
    const number = () => uintOption('hashlimit', option, value, 0, UINT32_MAX, c);
    switch (option) {
      case 'hashlimit-upto':
      case 'hashlimit-above':
        readRate(spec, option, value, c);
        spec.above = (option === 'hashlimit-above') !== inverted;
        break;
      case 'hashlimit-srcmask':
        spec.srcmask = prefixOption('hashlimit', option, value, c.family, c);
        break;
      case 'hashlimit-dstmask':
        spec.dstmask = prefixOption('hashlimit', option, value, c.family, c);
        break;
      case 'hashlimit-burst':
        spec.burst = readBurst(value, c);
        break;
      case 'hashlimit-htable-size':
        spec.size = number();
        break;
      case 'hashlimit-htable-max':
        spec.max = number();
        break;
      case 'hashlimit-htable-expire':
        spec.expire = number();
        break;
      case 'hashlimit-htable-gcinterval':
        spec.gcInterval = number();
        break;
      case 'hashlimit-mode':
        spec.key = readMode(value, c);
        break;
      case 'hashlimit-name':
        if (value === '') c.fail('Argument must have a minimum length of 1 characters', value);
        spec.name = value.slice(0, NAME_MAX);
        break;
      case 'hashlimit-rate-match':
        spec.rateMatch = true;
        break;
      default:
        spec.interval = atoi(value);
        if (spec.interval <= 0) c.fail(`hashlimit: Bad value for "--${option}" option: "${value}"`, value);
    }
  },
  check: finish,
  save,
  list,
  refusedBy: refused,
  load(spec, c) {
    const table = c.shared(`hashlimit:${c.family}:${spec.name}`, () => new HashlimitTable(spec));
    const { above, rateMatch, bytes } = spec;
    if (table.config.rateMatch !== rateMatch) c.fail(`${errnoText(EINVAL)}\n${OTHER_KIND}`, 1);
    return (p, rc) => {
      const result = table.take(p, rc, rateMatch, bytes);
      if (result === NO_BUCKET) {
        rc.hotdrop = true;
        return false;
      }
      return (result === BELOW) !== above;
    };
  },
};
