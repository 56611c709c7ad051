/**
 * The plain way: connections as objects in a Map under text keys. Same semantics as the engine for the benchmark's traffic
 * (TCP: states, window check, timeouts, counters, expiry); checked to reach the same states. It is the reference that the
 * engine's speed is compared with, and the shortest description of what is measured.
 */
const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;

/** Timeouts in ms, by state. */
const TIMEOUT = {
  SYN_SENT: 120_000,
  SYN_RECV: 60_000,
  ESTABLISHED: 432_000_000,
  FIN_WAIT: 120_000,
  CLOSE_WAIT: 60_000,
  LAST_ACK: 30_000,
  TIME_WAIT: 120_000,
  CLOSE: 10_000,
};

function nextState(state, direction, flags) {
  if (flags & RST) return 'CLOSE';
  if (flags & SYN) return flags & ACK ? 'SYN_RECV' : 'SYN_SENT';
  if (flags & FIN) {
    if (state === 'ESTABLISHED') return direction === 0 ? 'FIN_WAIT' : 'CLOSE_WAIT';
    return state === 'FIN_WAIT' || state === 'CLOSE_WAIT' ? 'LAST_ACK' : state;
  }
  if (state === 'SYN_RECV') return 'ESTABLISHED';
  if (state === 'FIN_WAIT') return 'CLOSE_WAIT';
  if (state === 'LAST_ACK') return 'TIME_WAIT';
  return state;
}

/** Connection tracking with objects and a Map. */
export class Twin {
  connections = new Map();
  invalid = 0;

  /** Tracks frames from..to of a list. */
  track(list, from, to, nowMs) {
    for (let i = from; i < to; i++) this.trackOne(list.bytes, list.view, list.offsets[i], list.offsets[i + 1], nowMs);
  }

  trackOne(bytes, view, start, end, nowMs) {
    const packet = parse(bytes, view, start, end);
    if (packet === null) return;
    let c = this.connections.get(`${packet.source}:${packet.sport}>${packet.destination}:${packet.dport}`);
    if (c !== undefined && c.deadline <= nowMs) {
      this.remove(c);
      c = undefined;
    }
    if (c === undefined) {
      if ((packet.flags & (SYN | ACK)) !== SYN) {
        this.invalid++;
        return;
      }
      c = this.create(packet);
    }
    const direction = c.source === packet.source && c.sport === packet.sport ? 0 : 1;
    if (!inWindow(c, direction, packet)) {
      this.invalid++;
      return;
    }
    c.state = nextState(c.state, direction, packet.flags);
    if (c.state === 'ESTABLISHED' && direction === 0) c.assured = true;
    if (direction === 1) c.replied = true;
    c.deadline = nowMs + TIMEOUT[c.state];
    c.packets[direction]++;
    c.bytes[direction] += packet.length;
  }

  create(packet) {
    const c = {
      source: packet.source,
      destination: packet.destination,
      sport: packet.sport,
      dport: packet.dport,
      state: 'NONE',
      replied: false,
      assured: false,
      deadline: 0,
      windows: [
        { end: packet.seq, maxEnd: packet.seq, maxWindow: 1 },
        { end: 0, maxEnd: 0, maxWindow: 0 },
      ],
      packets: [0, 0],
      bytes: [0, 0],
    };
    this.connections.set(`${c.source}:${c.sport}>${c.destination}:${c.dport}`, c);
    this.connections.set(`${c.destination}:${c.dport}>${c.source}:${c.sport}`, c);
    return c;
  }

  remove(c) {
    this.connections.delete(`${c.source}:${c.sport}>${c.destination}:${c.dport}`);
    this.connections.delete(`${c.destination}:${c.dport}>${c.source}:${c.sport}`);
  }

  /** Removes what is due. */
  expire(nowMs) {
    for (const c of this.connections.values()) if (c.deadline <= nowMs) this.remove(c);
  }

  get count() {
    return this.connections.size / 2;
  }

  /** Number of connections in each state. */
  states() {
    const states = {};
    for (const c of new Set(this.connections.values())) states[c.state] = (states[c.state] ?? 0) + 1;
    return states;
  }
}

function parse(bytes, view, start, end) {
  const ip = start + 14;
  const v4 = view.getUint16(start + 12) === 0x0800;
  if (!v4 && view.getUint16(start + 12) !== 0x86dd) return null;
  const tcp = v4 ? ip + (bytes[ip] & 15) * 4 : ip + 40;
  if ((v4 ? bytes[ip + 9] : bytes[ip + 6]) !== 6) return null;
  const length = v4 ? view.getUint16(ip + 2) : 40 + view.getUint16(ip + 4);
  if (!checksumRight(view, ip, tcp, ip + length, v4) || ip + length > end) return null;
  return {
    source: address(bytes, v4 ? ip + 12 : ip + 8, v4),
    destination: address(bytes, v4 ? ip + 16 : ip + 24, v4),
    sport: view.getUint16(tcp),
    dport: view.getUint16(tcp + 2),
    seq: view.getInt32(tcp + 4),
    ack: view.getInt32(tcp + 8),
    flags: bytes[tcp + 13],
    window: view.getUint16(tcp + 14),
    dataBytes: ip + length - tcp - (bytes[tcp + 12] >> 4) * 4,
    length,
  };
}

function address(bytes, at, v4) {
  if (v4) return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
  let text = '';
  for (let i = 0; i < 16; i += 2) text += ((bytes[at + i] << 8) | bytes[at + i + 1]).toString(16) + ':';
  return text;
}

function checksumRight(view, ip, tcp, end, v4) {
  let sum = 6 + (end - tcp);
  for (let at = v4 ? ip + 12 : ip + 8; at < tcp; at += 2) sum += view.getUint16(at);
  for (let at = tcp; at + 1 < end; at += 2) sum += view.getUint16(at);
  if ((end - tcp) & 1) sum += view.getUint8(end - 1) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum === 0xffff;
}

/** Guido van Rooij's bounds, as far as traffic in order without scaling needs them. */
function inWindow(c, direction, packet) {
  const sender = c.windows[direction];
  const receiver = c.windows[direction ^ 1];
  const phantom = (packet.flags & SYN ? 1 : 0) + (packet.flags & FIN ? 1 : 0);
  const end = (packet.seq + packet.dataBytes + phantom) | 0;
  if (sender.maxWindow === 0) {
    sender.end = end;
    sender.maxEnd = end;
    sender.maxWindow = Math.max(packet.window, 1);
  } else if (packet.flags & SYN) {
    sender.end = end;
    sender.maxEnd = end;
    sender.maxWindow = Math.max(packet.window, 1);
  }
  const ack = packet.flags & ACK ? packet.ack : receiver.end;
  if (((packet.seq - sender.maxEnd - 1) | 0) >= 0 && !(packet.flags & SYN)) return false;
  if (((end - (sender.end - receiver.maxWindow - 1)) | 0) < 0) return false;
  if (((ack - receiver.end) | 0) > 0) return false;
  if (((ack - (receiver.end - Math.max(sender.maxWindow, 66_000))) | 0) < 0) return false;
  if (packet.window > sender.maxWindow) sender.maxWindow = packet.window;
  if (((end - sender.end) | 0) > 0) sender.end = end;
  const maxEnd = (ack + Math.max(packet.window, 1)) | 0;
  if (((maxEnd - receiver.maxEnd) | 0) > 0) receiver.maxEnd = maxEnd;
  return true;
}
