/** The C library's ctime form, which conntrack(8) uses for start and stop times. */

/** Times that texts have: seconds since the epoch in 32 bits, whose microseconds a double holds. */
export const MAX_SECONDS = 0xffffffff;

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Sat Nov 21 11:36:27 2026`, without the line end; in UTC, so that output does not depend on the machine, or in its own time zone. */
export function formatCtime(ns: bigint, isLocal = false): string {
  const d = clockOf(Number(ns / 1_000_000_000n) * 1000, isLocal);
  const clock = `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`;
  const day = d.getUTCDate();
  return `${DAYS[d.getUTCDay()]} ${MONTHS[d.getUTCMonth()]} ${day < 10 ? ' ' : ''}${day} ${clock} ${d.getUTCFullYear()}`;
}

/** A date whose UTC parts are those of a moment (milliseconds), in UTC or in the machine's time zone. */
export function clockOf(ms: number, isLocal: boolean): Date {
  const d = new Date(ms);
  return isLocal ? new Date(ms - d.getTimezoneOffset() * 60_000) : d;
}

/** Two digits. */
export function two(n: number): string {
  return n < 10 ? `0${n}` : String(n);
}

/** Nanoseconds of a ctime text (taken as UTC), or null. */
export function parseCtime(text: string): bigint | null {
  const m = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) +(\d{1,2}) (\d\d):(\d\d):(\d\d) (\d{4})$/.exec(text);
  const month = m ? MONTHS.indexOf(m[1]) : -1;
  if (!m || month < 0) return null;
  const ms = Date.UTC(Number(m[6]), month, Number(m[2]), Number(m[3]), Number(m[4]), Number(m[5]));
  return ms >= 0 && ms <= MAX_SECONDS * 1000 ? BigInt(ms) * 1_000_000n : null;
}

/** `[1795260767.087715]` and a tab: the stamp that `-o timestamp` puts before a line. */
export function formatStamp(us: number): string {
  const seconds = Math.floor(us / 1e6);
  return `[${seconds}.${String(us - seconds * 1e6).padStart(6, '0')}]\t`;
}

/** The stamp of an expectation: its microseconds have blanks behind them and no zeros in front. */
export function formatExpectationStamp(us: number): string {
  const seconds = Math.floor(us / 1e6);
  return `[${seconds}.${String(us - seconds * 1e6).padEnd(6, ' ')}]\t`;
}

/** Microseconds of a stamp such as `[1795260767.087715]`, or null. Expectations have blanks behind the fraction. */
export function parseStamp(text: string): number | null {
  const m = /^\[(\d{1,10})\.(\d{1,6}) *\]$/.exec(text);
  return m !== null && Number(m[1]) <= MAX_SECONDS ? Number(m[1]) * 1e6 + Number(m[2]) : null;
}
