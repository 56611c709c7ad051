/** Capture times as text; always UTC, so that two machines print the same. */

/** `1760000000.000123` */
export function epochText(seconds: number, nanos: number): string {
  return `${seconds}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}`;
}

/** `11:36:27.000123` */
export function clockText(seconds: number, nanos: number): string {
  const day = ((seconds % 86400) + 86400) % 86400;
  const two = (n: number): string => String(Math.floor(n)).padStart(2, '0');
  return `${two(day / 3600)}:${two((day % 3600) / 60)}:${two(day % 60)}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}`;
}

/** `2026-11-21 11:36:27.000123` */
export function dateText(seconds: number, nanos: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 10)} ${clockText(seconds, nanos)}`;
}
