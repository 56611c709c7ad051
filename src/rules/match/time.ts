/**
 * -m time: when the packet comes, by the host's clock: date, time of day, day of the month and of the week (xt_time.c). All in
 * UTC; --kerneltz asks for the kernel's own zone, which the host that is simulated keeps at UTC.
 */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import type { MatchExtension, MatchFunction, OptionContext } from '../extension.js';

const DAY_SECONDS = 86400;
/** What stands for "no end" (INT32_MAX, in January 2038): the kernel compares with it, so that nothing matches later. */
const NO_STOP = 0x7fffffff;
/** Bits 1 (Monday) to 7 (Sunday). */
const ALL_WEEKDAYS = 0xfe;
/** Bits 1 to 31. */
const ALL_MONTHDAYS = 0xfffffffe | 0;
const WEEKDAYS = ['', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const;

/** Options of -m time. */
export interface TimeSpec {
  /** Seconds since the epoch; both belong to the span. */
  dateStart: number;
  dateStop: number;
  /** Seconds of the day; both belong to the span, which goes over midnight if the stop is before the start. */
  dayStart: number;
  dayStop: number;
  /** See ALL_MONTHDAYS; bit 0 may be set and says nothing. */
  monthDays: number;
  /** See ALL_WEEKDAYS; likewise. */
  weekDays: number;
  /** What comes after midnight counts as the day before. */
  contiguous: boolean;
  kernelZone: boolean;
}

const LOCAL_WARNING =
  'WARNING: --localtz is being replaced by --kerneltz, since "local" is ambiguous. ' +
  'Note the kernel timezone has caveats - see manpage for details.';

/** The `time` match. */
export const time: MatchExtension<TimeSpec> = {
  name: 'time',
  families: [AF_INET, AF_INET6],
  options: [
    { name: 'contiguous', args: 0 },
    { name: 'datestart', args: 1 },
    { name: 'datestop', args: 1 },
    { name: 'kerneltz', args: 0 },
    { name: 'localtz', args: 0, excludes: ['utc'] },
    { name: 'monthdays', args: 1, invert: true },
    { name: 'timestart', args: 1 },
    { name: 'timestop', args: 1 },
    { name: 'utc', args: 0, excludes: ['kerneltz'] },
    { name: 'weekdays', args: 1, invert: true },
  ],
  init: () => ({
    dateStart: 0,
    dateStop: NO_STOP,
    dayStart: 0,
    dayStop: DAY_SECONDS - 1,
    monthDays: ALL_MONTHDAYS,
    weekDays: ALL_WEEKDAYS,
    contiguous: false,
    kernelZone: false,
  }),
  option: readOption,
  check(spec, _seen, c) {
    if (spec.contiguous && spec.dayStart < spec.dayStop) {
      c.fail('time: --contiguous only makes sense when stoptime is smaller than starttime');
    }
  },
  save(spec) {
    const parts: string[] = [];
    if (hasDayTime(spec)) parts.push(`--timestart ${dayTime(spec.dayStart)} --timestop ${dayTime(spec.dayStop)}`);
    if (hasMonthDays(spec)) parts.push(`--monthdays ${monthDays(spec).join(',')}`);
    if (hasWeekDays(spec)) parts.push(`--weekdays ${weekDays(spec)}`);
    if (spec.dateStart !== 0) parts.push(`--datestart ${dateText(spec.dateStart, 'T')}`);
    if (spec.dateStop !== 0) parts.push(`--datestop ${dateText(spec.dateStop, 'T')}`);
    if (spec.kernelZone) parts.push('--kerneltz');
    if (spec.contiguous) parts.push('--contiguous');
    return parts.join(' ');
  },
  list(spec) {
    let text = ' TIME';
    if (hasDayTime(spec)) text += ` from ${dayTime(spec.dayStart)} to ${dayTime(spec.dayStop)}`;
    if (hasWeekDays(spec)) text += ` on ${weekDays(spec)}`;
    if (hasMonthDays(spec)) text += ` on ${monthDays(spec).map(ordinal).join(',')}`;
    if (spec.dateStart !== 0) text += ` starting from ${dateText(spec.dateStart, ' ')}`;
    if (spec.dateStop === 0) text += ' until date';
    else if (spec.dateStop !== NO_STOP) text += ` until date ${dateText(spec.dateStop, ' ')}`;
    if (!spec.kernelZone) text += ' UTC';
    return spec.contiguous ? `${text} contiguous` : text;
  },
  load: loadTime,
};

function readOption(spec: TimeSpec, option: string, text: string, invert: boolean, c: OptionContext): void {
  switch (option) {
    case 'contiguous':
      spec.contiguous = true;
      break;
    case 'datestart':
      spec.dateStart = readDate(text, c);
      break;
    case 'datestop':
      spec.dateStop = readDate(text, c);
      break;
    case 'timestart':
      spec.dayStart = readDayTime(text, c);
      break;
    case 'timestop':
      spec.dayStop = readDayTime(text, c);
      break;
    case 'monthdays':
      spec.monthDays = readMonthDays(text, c) ^ (invert ? ALL_MONTHDAYS : 0);
      break;
    case 'weekdays':
      spec.weekDays = readWeekDays(text, c) ^ (invert ? ALL_WEEKDAYS : 0);
      break;
    case 'localtz':
      c.warn?.(LOCAL_WARNING);
      spec.kernelZone = true;
      break;
    default:
      spec.kernelZone = option === 'kerneltz';
  }
}

/** A number at `at` as strtoul and a cast to 32 bits leave it; nothing is 0. `end`: one past it. */
function scanNumber(text: string, at: number, base: 10 | 0): { value: number; end: number } {
  const form = base === 10 ? /\s*([-+]?)(\d+)/y : /\s*([-+]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)/y;
  form.lastIndex = at;
  const m = form.exec(text);
  if (m === null) return { value: 0, end: at };
  const wide = BigInt(m[2]!.replace(base === 10 ? /^0+(?=\d)/ : /^0(?=\d)/, base === 10 ? '' : '0o'));
  const value = wide > 0xffffffffffffffffn ? 0xffffffffffffffffn : m[1] === '-' ? -wide : wide;
  return { value: Number(BigInt.asUintN(32, value)), end: form.lastIndex };
}

/** Largest value and the character behind each part of a date; the year is looked at by itself. */
const DATE_PARTS: readonly (readonly [max: number, next: string])[] = [
  [2038, '-'],
  [12, '-'],
  [31, 'T'],
  [23, ':'],
  [59, ':'],
  [59, ''],
];

/** `YYYY[-MM[-DD[Thh[:mm[:ss]]]]]` as seconds since the epoch. A month 0 or a 30th of February is counted on, as timegm does. */
function readDate(text: string, c: OptionContext): number {
  const parts = [0, 1, 1, 0, 0, 0];
  let at = 0;
  for (let i = 0; ; i++) {
    const [max, next] = DATE_PARTS[i]!;
    const { value, end } = scanNumber(text, at, 10);
    const isLast = end === text.length;
    if (value > max || (i === 0 && value < 1970) || !(isLast || (next !== '' && text[end] === next))) {
      c.fail(`Invalid date "${text}" specified. Should be YYYY[-MM[-DD[Thh[:mm[:ss]]]]]`, text);
    }
    parts[i] = value;
    if (isLast) break;
    at = end + 1;
  }
  const [year, month, day, hour, minute, second] = parts as [number, number, number, number, number, number];
  const seconds = Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
  if (seconds < 0) c.fail('mktime returned an error', text);
  return seconds;
}

/** `hh:mm[:ss]` as seconds of the day. */
function readDayTime(text: string, c: OptionContext): number {
  const fail = (at: number) =>
    c.fail(`invalid time "${text.slice(at)}" specified, should be hh:mm[:ss] format and within the boundaries`, text);
  const hours = scanNumber(text, 0, 10);
  if (text[hours.end] !== ':' || hours.value > 23) fail(0);
  const minutes = scanNumber(text, hours.end + 1, 10);
  const isLast = minutes.end === text.length;
  if (!(isLast || text[minutes.end] === ':') || minutes.value > 59) fail(hours.end + 1);
  const seconds = isLast ? { value: 0, end: text.length } : scanNumber(text, minutes.end + 1, 10);
  if (seconds.end !== text.length || seconds.value > 59) fail(minutes.end + 1);
  return hours.value * 3600 + minutes.value * 60 + seconds.value;
}

/** Numbers with commas; of each the first two characters count, and an empty one is bit 0. */
function readMonthDays(text: string, c: OptionContext): number {
  let bits = 0;
  for (const word of text.split(',')) {
    const day = word.slice(0, 2);
    const { value, end } = scanNumber(day, 0, 0);
    if (end !== day.length || value > 31) c.fail(`${day} is not a valid day for --monthdays`, text);
    if (text !== '') bits |= 1 << value;
  }
  return bits;
}

/** Numbers from 1 (Monday), or names of which two letters count. Days beyond 7 are lost in the byte that they are kept in. */
function readWeekDays(text: string, c: OptionContext): number {
  let bits = 0;
  const words = text.split(',');
  if (words[words.length - 1] === '') words.pop();
  for (const word of words) {
    const { value, end } = scanNumber(word, 0, 0);
    if (end === word.length) {
      if (value === 0) c.fail('No, the week does NOT begin with Sunday.', text);
      bits |= 1 << value;
      continue;
    }
    const named = WEEKDAYS.findIndex((name) => name !== '' && word.slice(0, 2) === name.slice(0, 2));
    if (named < 0) c.fail(`${word.slice(0, 3)} is not a valid day specifier`, text);
    bits |= 1 << named;
  }
  return bits & 0xff;
}

function hasDayTime(spec: TimeSpec): boolean {
  return spec.dayStart !== 0 || spec.dayStop !== DAY_SECONDS - 1;
}

function hasMonthDays(spec: TimeSpec): boolean {
  return spec.monthDays !== ALL_MONTHDAYS;
}

function hasWeekDays(spec: TimeSpec): boolean {
  return spec.weekDays !== ALL_WEEKDAYS;
}

function monthDays(spec: TimeSpec): number[] {
  const days = Array.from({ length: 31 }, (_, i) => i + 1);
  return days.filter((day) => ((spec.monthDays >>> day) & 1) !== 0);
}

function weekDays(spec: TimeSpec): string {
  return WEEKDAYS.filter((name, day) => name !== '' && ((spec.weekDays >>> day) & 1) !== 0).join(',');
}

/** iptables writes 11st. */
function ordinal(day: number): string {
  return `${day}${['th', 'st', 'nd', 'rd'][day % 10] ?? 'th'}`;
}

function dayTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(11, 19);
}

function dateText(seconds: number, between: string): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', between);
}

function loadTime(spec: TimeSpec): MatchFunction {
  const { dateStart, dateStop, dayStart, dayStop, monthDays: days, weekDays: weekdays, contiguous } = spec;
  return (_p, c) => {
    const now = Math.floor(c.nowMs / 1000);
    if (now < dateStart || now > dateStop) return false;
    let day = Math.floor(now / DAY_SECONDS);
    const ofDay = now - day * DAY_SECONDS;
    if (dayStart < dayStop) {
      if (ofDay < dayStart || ofDay > dayStop) return false;
    } else {
      if (ofDay < dayStart && ofDay > dayStop) return false;
      if (contiguous && ofDay <= dayStop) day--;
    }
    // the epoch was a Thursday
    if (((weekdays >>> (((day + 3) % 7) + 1)) & 1) === 0) return false;
    return days === ALL_MONTHDAYS || ((days >>> monthDay(day)) & 1) !== 0;
  };
}

/** Days of 400, 100 and 4 years that begin with March, so that a leap day is the last one. */
const DAYS_400 = 146097;
const DAYS_100 = 36524;
const DAYS_4 = 1461;
/** From 1 March 2000 back to the epoch. */
const EPOCH_TO_MARCH_2000 = 11017;

/** Day of the month, 1 to 31, of a day since the epoch. Good for all dates of the Gregorian calendar. */
export function monthDay(day: number): number {
  let rest = (day - EPOCH_TO_MARCH_2000) % DAYS_400;
  if (rest < 0) rest += DAYS_400;
  const centuries = Math.min(Math.floor(rest / DAYS_100), 3);
  rest = (rest - centuries * DAYS_100) % DAYS_4;
  rest -= Math.min(Math.floor(rest / 365), 3) * 365;
  // from March on, five months have 153 days
  const month = Math.floor((5 * rest + 2) / 153);
  return rest - Math.floor((153 * month + 2) / 5) + 1;
}
