/**
 * -j RATEEST: feeds a rate estimator with the packets that the rule matches (xt_RATEEST.c); -m rateest reads it.
 */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import { VERDICT_CONTINUE } from '../context.js';
import type { OptionContext, TargetExtension } from '../extension.js';
import { EINVAL, errnoText } from '../kernel-checks.js';
import {
  castToUint32,
  type EstimatorPlace,
  emptyPlace,
  estimatorKey,
  RateEstimator,
  scanDouble,
} from '../rate-estimator.js';

/** `-j RATEEST`. */
export interface RateestTargetSpec {
  /** At most 15 characters. */
  name: string;
  /** As given, microseconds, until both are read; then 0. */
  intervalUs: number;
  ewmaUs: number;
  /** See RateEstimator. */
  interval: number;
  ewmaLog: number;
}

const NAME_LEN = 15;
const SECOND_US = 1000000;
const QUARTER_US = SECOND_US / 4;
/** The interval can be doubled five times. */
const MAX_INTERVAL_LOG = 5;
const MAX_EWMA_LOG = 31;
const UNITS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['s', SECOND_US],
  ['sec', SECOND_US],
  ['secs', SECOND_US],
  ['ms', 1000],
  ['msec', 1000],
  ['msecs', 1000],
  ['us', 1],
  ['usec', 1],
  ['usecs', 1],
]);

/** The `RATEEST` target. */
export const RATEEST: TargetExtension<RateestTargetSpec> = {
  name: 'RATEEST',
  families: [AF_INET, AF_INET6],
  options: [
    { name: 'rateest-name', args: 1, required: true },
    { name: 'rateest-interval', args: 1, required: true },
    { name: 'rateest-ewmalog', args: 1, required: true },
  ],
  init: () => ({ name: '', intervalUs: 0, ewmaUs: 0, interval: 0, ewmaLog: 0 }),
  option(spec, option, text, _inverted, c) {
    if (option === 'rateest-name') spec.name = text.slice(0, NAME_LEN);
    else if (option === 'rateest-interval') spec.intervalUs = readTime(text, 'interval', c);
    else spec.ewmaUs = readTime(text, 'ewmalog', c);
  },
  check(spec, _seen, c) {
    let log = 0;
    while (log <= MAX_INTERVAL_LOG && spec.intervalUs > QUARTER_US * 2 ** log) log++;
    if (log > MAX_INTERVAL_LOG) c.fail('RATEEST: interval value is too large');
    spec.interval = log - 2;
    spec.ewmaLog = ewmaLogOf(spec.intervalUs, spec.ewmaUs);
    if (spec.ewmaLog === 0 || spec.ewmaLog >= MAX_EWMA_LOG) c.fail('RATEEST: ewmalog value is out of range');
    spec.intervalUs = 0;
    spec.ewmaUs = 0;
  },
  save: (spec) => `--rateest-name ${spec.name} --rateest-interval ${interval(spec)} --rateest-ewmalog ${ewma(spec)}`,
  list: (spec) => ` name ${spec.name} interval ${interval(spec)} ewmalog ${ewma(spec)}`,
  load(spec, c) {
    const place = c.shared<EstimatorPlace>(estimatorKey(spec.name), emptyPlace);
    place.estimator ??= new RateEstimator(spec.interval, spec.ewmaLog);
    const { estimator } = place;
    if (estimator.interval !== spec.interval || estimator.ewmaLog !== spec.ewmaLog) c.fail(errnoText(EINVAL), 1);
    return (p, context) => {
      estimator.add(p.l3Len, context);
      return VERDICT_CONTINUE;
    };
  },
};

/** Microseconds, 32 bits unsigned. */
function readTime(text: string, what: string, c: OptionContext): number {
  const number = scanDouble(text);
  const unit = number === null ? undefined : UNITS.get(text.slice(number.end).toLowerCase());
  if (number === null || unit === undefined) c.fail(`RATEEST: bad ${what} value "${text}"`, text);
  return castToUint32(number!.value * unit!);
}

/** The largest log2 of an average whose time constant does not exceed the one wished for. */
function ewmaLogOf(intervalUs: number, ewmaUs: number): number {
  for (let log = 1; log <= MAX_EWMA_LOG; log++) {
    if (intervalUs / -Math.log(1 - 1 / 2 ** log) > ewmaUs) return log - 1;
  }
  return MAX_EWMA_LOG;
}

function interval(spec: RateestTargetSpec): string {
  return timeText(SECOND_US * 2 ** spec.interval);
}

/** Multiplied in 32 bits, as iptables does. */
function ewma(spec: RateestTargetSpec): string {
  return timeText(castToUint32(SECOND_US * 2 ** (spec.interval + spec.ewmaLog)));
}

function timeText(us: number): string {
  if (us >= SECOND_US) return `${(us / SECOND_US).toFixed(1)}s`;
  return us >= 1000 ? `${(us / 1000).toFixed(1)}ms` : `${us}us`;
}
