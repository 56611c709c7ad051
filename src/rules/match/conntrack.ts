/**
 * -m conntrack: everything about the packet's connection (xt_conntrack.c, conntrack_mt, revision 3).
 *
 * A packet without a connection is INVALID or UNTRACKED; for it the kernel looks at --ctstate alone: if that fits, the match
 * fits whatever else the rule demands, and a rule without --ctstate never fits.
 */
import {
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_DST_NAT,
  IPS_EXPECTED,
  IPS_SEEN_REPLY,
  IPS_SRC_NAT,
  IPS_TEMPLATE,
  R_DEADLINE,
  R_ORIG_DST,
  R_ORIG_PORTS,
  R_ORIG_SRC,
  R_PROTO,
  R_REPLY_DST,
  R_REPLY_PORTS,
  R_REPLY_SRC,
  R_STATUS,
  RECORD_SHIFT,
  RECORD_WORDS,
} from '../../conntrack/layout.js';
import { ADDRESS_WORDS, formatAddress } from '../../wire/address.js';
import { AF_INET, AF_INET6, type Packet } from '../../wire/packet.js';
import { prefixLength } from '../address.js';
import type { RuleContext } from '../context.js';
import type { MatchExtension, MatchFunction, OptionContext } from '../extension.js';
import { listedHost } from '../listed.js';
import type { Family } from '../model.js';
import { fileProtocolNumber, protocolNumber } from '../names.js';
import { not, readUint } from '../values.js';
import {
  bitNames,
  JIFFY_MS,
  type MaskedHost,
  maskedHostOption,
  nameBits,
  portRangeOption,
  rangeOption,
} from './option-values.js';
import { isTemplate, STATE_DNAT, STATE_SNAT, stateBit, stateMask, stateOption, stateText } from './state.js';

/** A sub-test that `!` may stand before. */
interface Inverted {
  invert: boolean;
}

/** A number that must be hit exactly or have a bit in common. */
export interface ValueTest extends Inverted {
  value: number;
}

/** Both ends belong to the range; `from` > `to` never fits. */
export interface RangeTest extends Inverted {
  from: number;
  to: number;
}

/** An address under a mask. */
export interface HostTest extends Inverted, MaskedHost {}

/** The address options in the order in which they are printed. */
const HOSTS = ['ctorigsrc', 'ctorigdst', 'ctreplsrc', 'ctrepldst'] as const;
/** The port options in the order in which they are printed. */
const PORTS = ['ctorigsrcport', 'ctorigdstport', 'ctreplsrcport', 'ctrepldstport'] as const;
type HostName = (typeof HOSTS)[number];
type PortName = (typeof PORTS)[number];

/** Options of -m conntrack; null = not given. */
export interface ConntrackSpec extends Record<HostName, HostTest | null>, Record<PortName, RangeTest | null> {
  /** A mask as `stateOption` gives it. */
  ctstate: ValueTest | null;
  /** Protocol number. */
  ctproto: ValueTest | null;
  /** IPS_ bits; 0 = NONE. */
  ctstatus: ValueTest | null;
  /** Seconds. */
  ctexpire: RangeTest | null;
  /** 0 original, 1 reply. */
  ctdir: 0 | 1 | null;
}

const STATUS_NAMES = ['NONE', 'EXPECTED', 'SEEN_REPLY', 'ASSURED', 'CONFIRMED'];
const STATUS_BITS = [0, IPS_EXPECTED, IPS_SEEN_REPLY, IPS_ASSURED, IPS_CONFIRMED];
const UINT32_MAX = 0xffffffffn;

function readProtocol(value: string, c: OptionContext): number {
  let number = readUint(value, 0, 255);
  if (number < 0) number = fileProtocolNumber(value);
  if (number < 0) number = protocolNumber(value);
  if (number < 0) c.fail(`unknown protocol "${value}" specified`, value);
  return number;
}

function readStatus(value: string, c: OptionContext): number {
  const bad = { text: '' };
  const found = nameBits(value, STATUS_NAMES, bad);
  if (found < 0) c.fail(`Bad ctstatus "${bad.text}"`, value);
  let bits = 0;
  for (let i = 0; i < STATUS_BITS.length; i++) if (((found >>> i) & 1) !== 0) bits |= STATUS_BITS[i]!;
  return bits;
}

function statusText(bits: number): string {
  return bits === 0 ? 'NONE' : bitNames(bits, ['EXPECTED', 'SEEN_REPLY', 'ASSURED', 'CONFIRMED']);
}

function hostText(host: MaskedHost, family: Family): string {
  const bits = prefixLength(host.mask, family);
  // a mask with holes is not printed, although the kernel heeds it
  const mask = bits < 0 || bits === (family === AF_INET ? 32 : 128) ? '' : `/${bits}`;
  return formatAddress(family, host.address) + mask;
}

function rangeText(range: RangeTest): string {
  return range.from === range.to ? `${range.from}` : `${range.from}:${range.to}`;
}

/** The tests in the order of printing, each as `! NAME VALUE`; `dashes` stands before the name. */
function parts(spec: ConntrackSpec, host: (value: MaskedHost) => string, dashes: string): string[] {
  const texts: string[] = [];
  const add = (name: string, test: Inverted | null, text: () => string) => {
    if (test !== null) texts.push(`${not(test.invert)}${dashes}${name} ${text()}`);
  };
  add('ctstate', spec.ctstate, () => stateText(spec.ctstate!.value));
  add('ctproto', spec.ctproto, () => String(spec.ctproto!.value));
  for (const name of HOSTS) add(name, spec[name], () => host(spec[name]!));
  for (const name of PORTS) add(name, spec[name], () => rangeText(spec[name]!));
  add('ctstatus', spec.ctstatus, () => statusText(spec.ctstatus!.value));
  add('ctexpire', spec.ctexpire, () => rangeText(spec.ctexpire!));
  if (spec.ctdir !== null) texts.push(`${dashes}ctdir ${spec.ctdir === 1 ? 'REPLY' : 'ORIGINAL'}`);
  return texts;
}

/** Where each of HOSTS lies: word of the record, first of the three words in ConnTable.high. */
const HOST_WORDS = [R_ORIG_SRC, R_ORIG_DST, R_REPLY_SRC, R_REPLY_DST];
const HIGH_WORDS = 12;

/** An address test made ready: `word` and `high` say where the address lies. */
interface LoadedHost {
  word: number;
  high: number;
  test: HostTest;
}

/** A port test made ready: `shift` 16 is the source's half of the word. */
interface LoadedPorts {
  word: number;
  shift: number;
  test: RangeTest;
}

/** All tests of one rule but --ctstate, on a packet that has a connection. */
class ConnectionTest {
  private readonly hosts: LoadedHost[] = [];
  private readonly ports: LoadedPorts[] = [];
  private readonly proto: ValueTest | null;
  private readonly status: ValueTest | null;
  private readonly expire: RangeTest | null;
  private readonly dir: number;
  private readonly six: boolean;

  constructor(spec: ConntrackSpec, family: Family) {
    this.proto = spec.ctproto;
    this.status = spec.ctstatus;
    this.expire = spec.ctexpire;
    this.dir = spec.ctdir ?? -1;
    this.six = family === AF_INET6;
    HOSTS.forEach((name, i) => {
      const test = spec[name];
      if (test !== null) this.hosts.push({ word: HOST_WORDS[i]!, high: 3 * i, test });
    });
    PORTS.forEach((name, i) => {
      const test = spec[name];
      const word = i < 2 ? R_ORIG_PORTS : R_REPLY_PORTS;
      if (test !== null) this.ports.push({ word, shift: i % 2 === 0 ? 16 : 0, test });
    });
  }

  matches(p: Packet, c: RuleContext): boolean {
    const table = c.tracker.table;
    const slot = p.connection >> 1;
    return this.fits(table.words, table.high, slot, p.connection & 1, c.tracker.nowMs);
  }

  /** Whether a template that -j CT attached fits: the kernel sees a confirmed connection there whose words are all 0. */
  fitsTemplate(): boolean {
    const words = new Int32Array(RECORD_WORDS);
    words[R_STATUS] = IPS_CONFIRMED | IPS_TEMPLATE;
    return this.fits(words, new Int32Array(HIGH_WORDS), 0, 0, 0);
  }

  private fits(words: Int32Array, high: Int32Array, slot: number, direction: number, nowMs: number): boolean {
    if (this.dir >= 0 && direction !== this.dir) return false;
    const base = slot << RECORD_SHIFT;
    for (let i = 0; i < this.hosts.length; i++) {
      const host = this.hosts[i]!;
      if (this.sameAddress(host, words, base, high, slot) === host.test.invert) return false;
    }
    if (this.proto !== null) {
      if (((words[base + R_PROTO]! & 0xff) === this.proto.value) === this.proto.invert) return false;
    }
    for (let i = 0; i < this.ports.length; i++) {
      const loaded = this.ports[i]!;
      const port = (words[base + loaded.word]! >>> loaded.shift) & 0xffff;
      if ((port >= loaded.test.from && port <= loaded.test.to) === loaded.test.invert) return false;
    }
    const status = words[base + R_STATUS]!;
    // NONE is an empty mask and so has no bit in common with any status: it never fits
    if (this.status !== null && ((status & this.status.value) !== 0) === this.status.invert) return false;
    if (this.expire === null) return true;
    // what is not confirmed yet holds a timeout instead of a point in time: the kernel takes it for expired
    // both times in the kernel's ticks: what was set within this tick has all of its seconds left
    const tick = -JIFFY_MS;
    let leftMs = (status & IPS_CONFIRMED) === 0 ? 0 : ((words[base + R_DEADLINE]! & tick) - (nowMs & tick)) | 0;
    if (leftMs < 0) leftMs = 0;
    const seconds = Math.floor(leftMs / 1000);
    return (seconds >= this.expire.from && seconds <= this.expire.to) !== this.expire.invert;
  }

  private sameAddress(h: LoadedHost, words: Int32Array, base: number, high: Int32Array, slot: number): boolean {
    const { address, mask } = h.test;
    if (((words[base + h.word]! ^ address[0]!) & mask[0]!) !== 0) return false;
    if (!this.six) return true;
    const at = slot * HIGH_WORDS + h.high;
    for (let i = 1; i < ADDRESS_WORDS; i++) {
      if (((high[at + i - 1]! ^ address[i]!) & mask[i]!) !== 0) return false;
    }
    return true;
  }
}

/** Whether nothing but --ctstate is asked, and of it nothing but the state: SNAT and DNAT are a matter of the connection. */
export function asksStateAlone(spec: ConntrackSpec): boolean {
  if (spec.ctstate === null || (spec.ctstate.value & (STATE_SNAT | STATE_DNAT)) !== 0) return false;
  for (const name in spec) if (name !== 'ctstate' && spec[name as keyof ConntrackSpec] !== null) return false;
  return true;
}

function loadConntrack(spec: ConntrackSpec, family: Family): MatchFunction {
  if (asksStateAlone(spec)) {
    const mask = stateMask(spec.ctstate!.value);
    const invert = spec.ctstate!.invert;
    return (p) => ((mask & stateBit(p)) !== 0) !== invert;
  }
  const test = new ConnectionTest(spec, family);
  const template = test.fitsTemplate();
  const state = spec.ctstate;
  if (state === null) return (p, c) => (p.connection >= 0 ? test.matches(p, c) : isTemplate(p) && template);
  const mask = stateMask(state.value);
  const invert = state.invert;
  return (p, c) => {
    let bits = stateBit(p);
    if (p.connection >= 0) {
      const status = c.tracker.table.words[((p.connection >> 1) << RECORD_SHIFT) + R_STATUS]!;
      if ((status & IPS_SRC_NAT) !== 0) bits |= STATE_SNAT;
      if ((status & IPS_DST_NAT) !== 0) bits |= STATE_DNAT;
    }
    if (((mask & bits) !== 0) === invert) return false;
    if (p.connection >= 0) return test.matches(p, c);
    return !isTemplate(p) || template;
  };
}

/** The `conntrack` match. */
export const conntrack: MatchExtension<ConntrackSpec> = {
  name: 'conntrack',
  families: [AF_INET, AF_INET6],
  options: [
    { name: 'ctstate', args: 1, invert: true },
    { name: 'ctproto', args: 1, invert: true },
    ...HOSTS.map((name) => ({ name, args: 1 as const, invert: true })),
    ...PORTS.map((name) => ({ name, args: 1 as const, invert: true })),
    { name: 'ctstatus', args: 1, invert: true },
    { name: 'ctexpire', args: 1, invert: true },
    { name: 'ctdir', args: 1 },
  ],
  init: () => ({
    ctstate: null,
    ctproto: null,
    ctorigsrc: null,
    ctorigdst: null,
    ctreplsrc: null,
    ctrepldst: null,
    ctorigsrcport: null,
    ctorigdstport: null,
    ctreplsrcport: null,
    ctrepldstport: null,
    ctstatus: null,
    ctexpire: null,
    ctdir: null,
  }),
  option(spec, option, value, invert, c) {
    if (option === 'ctstate') spec.ctstate = { value: stateOption(value, 'ctstate', true, c), invert };
    else if (option === 'ctproto') spec.ctproto = { value: readProtocol(value, c), invert };
    else if (option === 'ctstatus') spec.ctstatus = { value: readStatus(value, c), invert };
    else if (option === 'ctexpire') {
      const range = rangeOption('conntrack', option, value, UINT32_MAX, false, c);
      spec.ctexpire = { from: Number(range.from), to: Number(range.to), invert };
    } else if (option === 'ctdir') {
      const name = value.toUpperCase();
      if (name !== 'ORIGINAL' && name !== 'REPLY')
        c.fail(`conntrack: Bad value for "--ctdir" option: "${value}"`, value);
      spec.ctdir = name === 'REPLY' ? 1 : 0;
    } else if (option.endsWith('port'))
      spec[option as PortName] = portRangeOption('conntrack', option, value, invert, c);
    else spec[option as HostName] = { ...maskedHostOption('conntrack', option, value, c.family, c), invert };
  },
  check(_spec, seen, c) {
    if (seen.size === 0) c.fail('conntrack: At least one option is required');
  },
  save: (spec, family) => parts(spec, (host) => hostText(host, family), '--').join(' '),
  list: (spec, family, numeric) =>
    parts(spec, (host) => listedHost(host.address, host.mask, family, numeric), '')
      .map((part) => ` ${part}`)
      .join(''),
  load: (spec, c) => loadConntrack(spec, c.family),
};
