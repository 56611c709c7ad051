/**
 * CRC32c (Castagnoli), the checksum of SCTP (RFC 9260 appendix A): eight bytes a step with eight tables of 256 words.
 */

/** Reflected Castagnoli polynomial. */
const POLYNOMIAL = 0x82f63b78 | 0;

/** TABLES[k * 256 + b]: the CRC of byte b followed by k zero bytes. */
const TABLES = makeTables();

function makeTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let b = 0; b < 256; b++) {
    let crc = b;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    tables[b] = crc;
  }
  for (let i = 256; i < tables.length; i++) {
    const before = tables[i - 256];
    tables[i] = (before >>> 8) ^ tables[before & 0xff];
  }
  return tables;
}

/**
 * Goes on with a CRC over the bytes [from, to). Begin with -1 and invert the end's value: `~crc32c(view, from, to, -1)`.
 * Int32 in and out.
 */
export function crc32c(view: DataView, from: number, to: number, crc: number): number {
  const t = TABLES;
  let c = crc | 0;
  let at = from;
  for (; at + 8 <= to; at += 8) {
    const a = c ^ view.getInt32(at, true);
    const b = view.getInt32(at + 4, true);
    c =
      t[1792 + (a & 0xff)] ^
      t[1536 + ((a >>> 8) & 0xff)] ^
      t[1280 + ((a >>> 16) & 0xff)] ^
      t[1024 + (a >>> 24)] ^
      t[768 + (b & 0xff)] ^
      t[512 + ((b >>> 8) & 0xff)] ^
      t[256 + ((b >>> 16) & 0xff)] ^
      t[b >>> 24];
  }
  for (; at < to; at++) c = (c >>> 8) ^ t[(c ^ view.getUint8(at)) & 0xff];
  return c;
}
