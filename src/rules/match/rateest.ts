/**
 * -m rateest: compares the rate of an estimator (-j RATEEST) with given rates, or with another estimator's (xt_rateest.c).
 */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import type { LoadContext } from '../context.js';
import type { MatchExtension, MatchFunction, OptionContext, OptionSpec } from '../extension.js';
import { EINVAL, ENOENT, errnoText } from '../kernel-checks.js';
import {
  castToUint32,
  type EstimatorPlace,
  emptyPlace,
  estimatorKey,
  type RateEstimator,
  scanDouble,
} from '../rate-estimator.js';
import { readUint } from '../values.js';

const MODES = ['lt', 'gt', 'eq'] as const;

/** Options of -m rateest. Rates are 32 bits unsigned; bytes, not bits. */
export interface RateestSpec {
  /** Of the estimators: at most 15 characters, what is longer names none. */
  first: string;
  /** null: given rates are compared with. */
  second: string | null;
  /** What an estimator's rate lacks to a given rate is compared, not the rate. */
  delta: boolean;
  invert: boolean;
  mode: (typeof MODES)[number] | null;
  /** Whether bytes, and whether packets a second are compared. */
  bytes: boolean;
  packets: boolean;
  bytes1: number;
  packets1: number;
  bytes2: number;
  packets2: number;
}

/** Bits a second of each unit, by its name in lower case; `bps` counts bytes. */
const UNITS: ReadonlyMap<string, number> = new Map(
  ['', 'k', 'm', 'g', 't'].flatMap((prefix, power) =>
    (['bit', 'bps'] as const).flatMap((unit) => {
      const bits = unit === 'bit' ? 1 : 8;
      const decimal: [string, number] = [prefix + unit, bits * 1000 ** power];
      return prefix === '' ? [decimal] : [decimal, [`${prefix}i${unit}`, bits * 1024 ** power] as [string, number]];
    }),
  ),
);

function rateOption(name: string, aliases: readonly string[] = []): OptionSpec {
  return { name, aliases, args: 'optional', invert: true, repeatMessage: `rateest: can't specify --${name} twice` };
}

/** The `rateest` match. */
export const rateest: MatchExtension<RateestSpec> = {
  name: 'rateest',
  families: [AF_INET, AF_INET6],
  options: [
    { ...rateOption('rateest1', ['rateest']), args: 1 },
    { ...rateOption('rateest2'), args: 1 },
    rateOption('rateest-bps1'),
    rateOption('rateest-pps1'),
    rateOption('rateest-bps2', ['rateest-bps']),
    rateOption('rateest-pps2', ['rateest-pps']),
    { ...rateOption('rateest-delta'), args: 0 },
    ...MODES.map(
      (mode): OptionSpec => ({
        ...rateOption(`rateest-${mode}`),
        args: 0,
        repeatMessage: "rateest: can't specify lt/gt/eq twice",
      }),
    ),
  ],
  init: () => ({
    first: '',
    second: null,
    delta: false,
    invert: false,
    mode: null,
    bytes: false,
    packets: false,
    bytes1: 0,
    packets1: 0,
    bytes2: 0,
    packets2: 0,
  }),
  option: readOption,
  save: saveRateest,
  list: listRateest,
  refusedBy(spec) {
    if (!spec.bytes && !spec.packets) return { errno: EINVAL, why: 'rateest: neither bytes nor packets are compared' };
    return spec.mode === null ? { errno: EINVAL, why: 'rateest: --rateest-lt, -gt or -eq is missing' } : null;
  },
  load: loadRateest,
};

function readOption(spec: RateestSpec, option: string, text: string, invert: boolean, c: OptionContext): void {
  const mode = MODES.find((name) => option === `rateest-${name}`);
  if (mode !== undefined) {
    spec.mode = mode;
    spec.invert ||= invert;
    return;
  }
  if (invert) c.fail(`rateest: ${option.replace(/\d$/, '')} can't be inverted`);
  switch (option) {
    case 'rateest1':
      spec.first = text;
      break;
    case 'rateest2':
      spec.second = text;
      break;
    case 'rateest-delta':
      spec.delta = true;
      break;
    case 'rateest-bps1':
    case 'rateest-bps2':
      spec.bytes = true;
      if (text !== '') spec[option === 'rateest-bps1' ? 'bytes1' : 'bytes2'] = readRate(text, c);
      break;
    default: {
      spec.packets = true;
      if (text === '') break;
      const packets = readUint(text, 0, 0xffffffff);
      if (packets < 0) c.fail(`rateest: could not parse pps \`${text}'`, text);
      spec[option === 'rateest-pps1' ? 'packets1' : 'packets2'] = packets;
    }
  }
}

/** `100kbit`, `5Mibps`, bits without a unit: as bytes a second, cut to 32 bits. */
function readRate(text: string, c: OptionContext): number {
  const number = scanDouble(text);
  const unit =
    number === null ? undefined : number.end === text.length ? 1 : UNITS.get(text.slice(number.end).toLowerCase());
  if (number === null || unit === undefined) c.fail(`rateest: could not parse rate \`${text}'`, text);
  return castToUint32((number!.value * unit!) / 8);
}

/** What iptables-save prints where both rates are compared cannot be read again: the comparison stands there twice. */
function saveRateest(spec: RateestSpec): string {
  const { first, second, delta } = spec;
  const parts: string[] = [];
  const compare = comparison(spec, '--rateest-');
  if (delta) parts.push('--rateest-delta');
  parts.push(`--rateest${second === null ? '' : '1'} ${first}`);
  const rates = [
    [spec.bytes, 'bps', rateText(spec.bytes1, false), rateText(spec.bytes2, false)],
    [spec.packets, 'pps', spec.packets1, spec.packets2],
  ] as const;
  for (const [asked, word, one, two] of rates) {
    if (!asked) continue;
    if (delta) parts.push(`--rateest-${word}1 ${one} ${compare} --rateest-${word}2 ${two}`);
    else parts.push(`${compare} --rateest-${word}${second === null ? ` ${two}` : ''}`);
  }
  if (second !== null) parts.push(`--rateest2 ${second}`);
  return parts.join(' ');
}

function listRateest(spec: RateestSpec, _family: number, numeric: boolean): string {
  const { first, second, delta, bytes, packets } = spec;
  const compare = comparison(spec, '');
  const [bytes1, bytes2] = [rateText(spec.bytes1, numeric), rateText(spec.bytes2, numeric)];
  let text = ` rateest match ${first}`;
  if (delta) text += ' delta';
  if (second === null) {
    if (bytes) text += ` bps${delta ? ` ${bytes1}` : ''} ${bytes2} ${compare}`;
    if (packets) text += ` pps${delta ? ` ${spec.packets1}` : ''} ${compare} ${spec.packets2}`;
    return text;
  }
  if (bytes) text += ` bps${delta ? ` ${bytes1}` : ''}`;
  if (packets) text += ` pps${delta ? ` ${spec.packets1}` : ''}`;
  text += ` ${compare} ${second}`;
  if (bytes) text += ` bps${delta ? ` ${bytes2}` : ''}`;
  return packets ? `${text} pps${delta ? ` ${spec.packets2}` : ''}` : text;
}

function comparison(spec: RateestSpec, dashes: string): string {
  return `${spec.invert ? '! ' : ''}${dashes}${spec.mode}`;
}

/** Bytes a second, or in bits with the unit that iptables takes. */
function rateText(bytes: number, numeric: boolean): string {
  if (numeric) return String(bytes);
  const bits = bytes * 8;
  if (bits >= 1e9) return `${roundHalfEven(bits / 1e6)}Mbit`;
  return bits >= 1e6 ? `${roundHalfEven(bits / 1e3)}Kbit` : `${bits}bit`;
}

/** As printf's %.0f. */
function roundHalfEven(value: number): number {
  const down = Math.floor(value);
  const rest = value - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down;
}

function loadRateest(spec: RateestSpec, c: LoadContext): MatchFunction {
  const { delta, invert, bytes, packets } = spec;
  const first = estimatorOf(spec.first, c);
  const second = spec.second === null ? null : estimatorOf(spec.second, c);
  const mode = MODES.indexOf(spec.mode ?? 'eq');
  const given = Float64Array.of(spec.bytes1, spec.packets1);
  const otherGiven = Float64Array.of(spec.bytes2, spec.packets2);
  const one = new Float64Array(2);
  const two = new Float64Array(2);
  return (_p, context) => {
    first.update(context);
    readRates(first.rates, given, delta, one);
    if (second === null) two.set(otherGiven);
    else {
      second.update(context);
      readRates(second.rates, otherGiven, delta, two);
    }
    return ((!bytes || holds(mode, one, two, 0)) && (!packets || holds(mode, one, two, 1))) !== invert;
  };
}

/** The kernel looks an estimator up when the rule is loaded: a rule before must have made it. */
function estimatorOf(name: string, c: LoadContext): RateEstimator {
  const { estimator } = c.shared<EstimatorPlace>(estimatorKey(name), emptyPlace);
  return estimator ?? c.fail(errnoText(ENOENT), 1);
}

/** The rates, or what they lack to `given`, 0 at least. */
function readRates(rates: Float64Array, given: Float64Array, delta: boolean, out: Float64Array): void {
  for (let i = 0; i < 2; i++) {
    const rate = rates[i] as number;
    out[i] = delta ? Math.max((given[i] as number) - rate, 0) : rate;
  }
}

function holds(mode: number, one: Float64Array, two: Float64Array, which: 0 | 1): boolean {
  const a = one[which] as number;
  const b = two[which] as number;
  return mode === 0 ? a < b : mode === 1 ? a > b : a === b;
}
