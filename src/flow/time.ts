/** The C library's ctime form, which conntrack(8) uses for start and stop times. */

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Sat Nov 21 11:36:27 2026` in UTC (so that output does not depend on the machine), without the line end. */
export function formatCtime(ns: bigint): string {
  const d = new Date(Number(ns / 1_000_000n));
  const two = (n: number): string => String(n).padStart(2, '0');
  const clock = `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`;
  const day = String(d.getUTCDate()).padStart(2, ' ');
  return `${DAYS[d.getUTCDay()]} ${MONTHS[d.getUTCMonth()]} ${day} ${clock} ${d.getUTCFullYear()}`;
}

/** Nanoseconds of a ctime text (taken as UTC), or null. */
export function parseCtime(text: string): bigint | null {
  const m = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) +(\d{1,2}) (\d\d):(\d\d):(\d\d) (\d{4})$/.exec(text);
  const month = m ? MONTHS.indexOf(m[1]) : -1;
  if (!m || month < 0) return null;
  const ms = Date.UTC(Number(m[6]), month, Number(m[2]), Number(m[3]), Number(m[4]), Number(m[5]));
  return BigInt(ms) * 1_000_000n;
}

/** `[1795260767.087715]` and a tab: the stamp that `-o timestamp` puts before a line. */
export function formatStamp(us: number): string {
  const seconds = Math.floor(us / 1e6);
  return `[${seconds}.${String(us - seconds * 1e6).padStart(6, '0')}]\t`;
}

/** Microseconds of a stamp such as `[1795260767.087715]`, or null. Old versions pad the fraction with blanks. */
export function parseStamp(text: string): number | null {
  const m = /^\[(\d{1,10})\.(\d{1,6}) *\]$/.exec(text);
  return m ? Number(m[1]) * 1e6 + Number(m[2].trim()) : null;
}
