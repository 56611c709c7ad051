/** SYN/ACKs that -j SYNPROXY makes: their number is a cookie under a secret, and their timestamp counts from the boot of the host. */

const TCP = 6;
const SYN_ACK = 0x12;
/** The low bits of such a timestamp tell the client's options. */
const STAMP_BITS = 0x3f;

/**
 * A copy whose numbers are relative to the cookie, which is 0 then, and whose timestamp has only the bits that tell something; the TCP
 * checksum is 0 if it is right. Other packets as they are. `ip` begins with an IP header without options or extension headers.
 */
export function withoutCookie(ip: Buffer): Buffer {
  const at = ip[0]! >> 4 === 4 ? 20 : 40;
  if (ip[at === 20 ? 9 : 6] !== TCP || ip.length < at + 20) return ip;
  const header = (ip[at + 12]! >> 4) * 4;
  // no server opens with a window of 0
  if ((ip[at + 13]! & 0x17) !== SYN_ACK || ip.readUInt16BE(at + 14) !== 0 || at + header !== ip.length) return ip;
  const copy = Buffer.from(ip);
  if (tcpSum(ip, at) === 0xffff) copy.writeUInt16BE(0, at + 16);
  copy.writeUInt32BE(0, at + 4);
  for (let option = at + 20; option < at + header; ) {
    const kind = copy[option]!;
    if (kind === 0) break;
    if (kind === 8) copy.writeUInt32BE(copy.readUInt32BE(option + 2) & STAMP_BITS, option + 2);
    option += kind === 1 ? 1 : Math.max(copy[option + 1]!, 2);
  }
  return copy;
}

/** Ones' complement sum of a segment with its pseudo header: 0xffff if the checksum is right. */
function tcpSum(ip: Buffer, at: number): number {
  let sum = TCP + ip.length - at;
  for (let i = at === 20 ? 12 : 8; i < ip.length; i += 2) sum += (ip[i]! << 8) | (ip[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}
