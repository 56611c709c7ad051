/** -m statistic: every nth packet, or packets at random. */
import type { MatchExtension, OptionContext } from '../extension.js';
import { not, uintOption } from '../values.js';

/** A probability of 1 in the kernel's fixed point. */
const ONE = 0x80000000;

/** Options of -m statistic. */
export interface StatisticSpec {
  mode: 'random' | 'nth';
  invert: boolean;
  /** Of 2^31; -1 = not given. */
  probability: number;
  /** 0 = not given; the probability where that is given. */
  every: number;
  /** 0 to every - 1; -1 = not given. */
  packet: number;
}

/**
 * -m statistic. The nth counter belongs to the loaded rule. Behaviour: net/netfilter/xt_statistic.c statistic_mt;
 * chance comes from the host's seeded source, so that the packets chosen are not the kernel's.
 */
export const statistic: MatchExtension<StatisticSpec> = {
  name: 'statistic',
  families: [2, 10],
  options: [
    { name: 'mode', args: 1, required: true },
    { name: 'probability', args: 1, invert: true, excludes: ['every', 'packet'] },
    { name: 'every', args: 1, invert: true, excludes: ['probability'], also: ['packet'] },
    { name: 'packet', args: 1, excludes: ['probability'], also: ['every'] },
  ],
  init: () => ({ mode: 'random', invert: false, probability: -1, every: 0, packet: -1 }),
  option(spec, option, value, invert, c) {
    switch (option) {
      case 'mode':
        spec.mode = value === 'random' || value === 'nth' ? value : c.fail(`Bad mode "${value}"`, value);
        break;
      case 'probability':
        spec.probability = readProbability(value, c);
        // they lie in one place: what comes last counts where --packet is checked
        spec.every = spec.probability;
        if (invert) spec.invert = true;
        break;
      case 'every':
        spec.every = uintOption('statistic', option, value, 1, 0xffffffff, c);
        if (invert) spec.invert = true;
        break;
      default:
        spec.packet = uintOption('statistic', option, value, 0, 0xffffffff, c);
    }
  },
  check: checkStatistic,
  save(spec) {
    if (spec.mode === 'random')
      return `--mode random ${not(spec.invert)}--probability ${probabilityText(spec.probability)}`;
    return `--mode nth ${not(spec.invert)}--every ${spec.every} --packet ${spec.packet}`;
  },
  list(spec) {
    if (spec.mode === 'random')
      return ` statistic mode random ${not(spec.invert)}probability ${probabilityText(spec.probability)}`;
    const first = spec.packet === 0 ? '' : ` packet ${spec.packet}`;
    return ` statistic mode nth ${not(spec.invert)}every ${spec.every}${first}`;
  },
  load(spec) {
    const { invert, probability, every, packet } = spec;
    if (spec.mode === 'random') return (_p, c) => (c.random() & 0x7fffffff) < probability !== invert;
    // Packets still to pass until the next match; a typed array, because a captured variable above 2^30 would allocate.
    const left = new Float64Array(1);
    left[0] = packet;
    return () => {
      const n = left[0] as number;
      left[0] = n === 0 ? every - 1 : n - 1;
      return (n === 0) !== invert;
    };
  },
};

function checkStatistic(spec: StatisticSpec, seen: ReadonlySet<string>, c: OptionContext): void {
  if (spec.mode === 'random' && !seen.has('probability')) {
    c.fail('--probability must be specified when using random mode');
  }
  if (spec.mode === 'nth') {
    if (!seen.has('every') && !seen.has('packet')) c.fail('--every and --packet must be specified when using nth mode');
    if (spec.packet > 0 && spec.packet >= spec.every) c.fail('the --packet p must be 0 <= p <= n-1');
  }
}

/** A number from 0 to 1 as strtod reads it, into 2^31 parts. `nan` is 0, as with iptables. */
function readProbability(text: string, c: OptionContext): number {
  const p = readDouble(text.trimStart());
  if (p === null || p < 0 || p > 1) {
    c.fail('statistic: bad value for option "--probability", or out of range (0-1).', text);
  }
  return Number.isNaN(p) ? 0 : Math.round(p * ONE);
}

function readDouble(text: string): number | null {
  if (/^[+-]?nan$/i.test(text)) return Number.NaN;
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text);
  const m = /^([+-]?)0x([0-9a-f]*)\.?([0-9a-f]*)(?:p([+-]?\d+))?$/i.exec(text);
  if (m === null || (m[2] === '' && m[3] === '')) return null;
  const fraction = m[3] as string;
  const digits = Number.parseInt((m[2] as string) + fraction, 16);
  const value = digits * 2 ** (Number(m[4] ?? 0) - 4 * fraction.length);
  return m[1] === '-' ? -value : value;
}

/** Eleven decimals as printf prints them: exact, halves to the even digit (toFixed would round them up). */
function probabilityText(probability: number): string {
  const scaled = BigInt(probability) * 10n ** 11n;
  let n = scaled >> 31n;
  const rest = scaled & 0x7fffffffn;
  if (rest > 0x40000000n || (rest === 0x40000000n && (n & 1n) === 1n)) n++;
  const digits = n.toString().padStart(12, '0');
  return `${digits.slice(0, -11)}.${digits.slice(-11)}`;
}
