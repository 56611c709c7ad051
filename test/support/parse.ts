import { Packet } from '../../src/wire/packet.js';
import { parseFrame } from '../../src/wire/parse.js';
import type { Bytes } from './wire-frames.js';

/** Parses a frame that lies between junk, which must not be looked at. */
export function parse(frame: Bytes, linkType = 1, wireLen = frame.length): { p: Packet; code: number } {
  const bytes = new Uint8Array(frame.length + 128).fill(0xff);
  bytes.set(frame, 64);
  const p = new Packet();
  const code = parseFrame(p, bytes, 64, 64 + frame.length, wireLen, linkType);
  return { p, code };
}
