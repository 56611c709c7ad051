/**
 * The life of a connection in the table: what it begins with, how it is confirmed, counted, refreshed, how its events are
 * delivered, and how it ends.
 *
 * A connection that a packet itself ends (RST answering a SYN) is taken out of the table at once, but its record stays
 * readable until `settle()`, which the host calls when the packet is done.
 *
 * Time: ms; deadlines are Int32 against `nowMs`, an Int32 that wraps, as the kernel's 32-bit jiffies do at HZ=1000.
 */
import { IPPROTO_TCP, type Packet, TUPLE_WORDS } from '../wire/packet.js';
import { EventRing, IPCT_ASSURED, IPCT_DESTROY, IPCT_LABEL, IPCT_MARK, IPCT_PROTOINFO } from './events.js';
import { type Expectation, ExpectTable } from './expect.js';
import { ExpectEventRing } from './expect-events.js';
import { trackerOf } from './generic.js';
import { GreKeys } from './gre-keys.js';
import type { ConnHelp, HelperInfo } from './helper.js';
import {
  F_COLD,
  F_COUNTERS,
  F_EVENTS,
  F_HELP,
  F_TIMESTAMP,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_DYING,
  IPS_EXPECTED,
  IPS_FIXED_TIMEOUT,
  IPS_HELPER,
  R_DEADLINE,
  R_ID,
  R_MARK,
  R_NEXT,
  R_PROTO,
  R_REPLY_PORTS,
  R_STATE,
  R_STATUS,
  RECORD_SHIFT,
  STATE_MASK,
  TCP_CONNTRACK_CLOSE,
} from './layout.js';
import { Statistics } from './statistics.js';
import { MAX_TIMEOUT_MS, SET_ACCT, SET_BUCKETS, SET_EVENTS, SET_MAX, SET_TIMESTAMP, type Settings } from './sysctl.js';
import { ConnTable } from './table.js';
import { powerOfTwo } from './table-memory.js';

/** Slots beyond nf_conntrack_max: records that end with their packet, and the one reserved before early drop. */
const SPARE_SLOTS = 64;
/** Records ended by packets that are still on their way. */
const MAX_ENDED = 32;
/** Hash buckets that early drop looks at: the kernel's 8 (NF_CT_EVICTION_RANGE), where each connection lies in two. */
const EVICTION_BUCKETS = 16;
const MS = 1000;
/** How far the clock may go on before deadlines are looked at: a quarter of the 32 bits that they are compared in. */
const STRIDE_MS = 2 ** 30;

/** What `-j CT` attached to a packet: how a connection made from it begins. */
export interface Template {
  /** Zone id and the directions it holds for (1 original, 2 reply, 3 both). */
  zone: number;
  zoneDirection: number;
  /** Take the zone from the packet's mark (--zone mark). */
  zoneFromMark: boolean;
  /** Name given to --helper; '' = none. */
  helper: string;
  /** Name given to --timeout; '' = none. */
  timeout: string;
  /** IPCT_ masks; -1 = all. */
  ctevents: number;
  expevents: number;
  /** The SYN to the server that -j SYNPROXY makes. */
  synproxy?: true;
}

/** Timeouts of one protocol in ms by its states, as `nfct add timeout` makes them. */
export interface TimeoutPolicy {
  /** AF_INET or AF_INET6: of the rules that may name it. */
  family: number;
  /** As trackerOf gives it. */
  protocol: number;
  timeouts: Int32Array;
}

/** Cold notices of the tracker to its host. */
export interface TrackerListener {
  /** A line for the kernel log about a packet, without its fields (nf_conntrack_log_invalid). */
  invalid(p: Packet, code: number): void;
  /** "nf_conntrack: table full, dropping packet". */
  tableFull(): void;
  /** "nf_conntrack: expectation table full". */
  expectationsFull?(): void;
}

/** What a tracker is made from. */
export interface TrackerOptions {
  settings: Settings;
  /** Key of the hash. */
  seed: number;
  listener?: TrackerListener | null;
  /** Events that wait to be read at most. */
  eventRing?: number;
}

/** Base of Tracker; see the head of this file. */
export class Lifecycle {
  readonly table: ConnTable;
  readonly settings: Settings;
  readonly statistics = new Statistics();
  readonly events: EventRing;
  readonly expectations: ExpectTable;
  readonly expectEvents: ExpectEventRing;
  readonly greKeys = new GreKeys();
  /** Those that there are, by name. */
  readonly helpers = new Map<string, HelperInfo>();
  /** Told when a connection with a helper ends, before its expectations go. */
  ending: ((slot: number, help: ConnHelp) => void) | null = null;
  /** Whether connections get helpers by their ports (nf_conntrack_helper=1, kernels before 6.0). */
  helpersByPort = false;
  /** Whether any connection ever had a helper, or was begun by -j SYNPROXY: until then nobody looks. */
  helping = false;
  /** Whether -j SYNPROXY ever began a connection. */
  proxying = false;
  readonly timeoutPolicies = new Map<string, TimeoutPolicy>();
  /** What -j CT attaches, by Packet.template; [0] is not used. Rules add to it when they are loaded. */
  readonly templates: (Template | null)[] = [null];
  /** Whether anybody listens to events: connections made while nobody does have none (nf_conntrack_events=2). */
  listening = false;

  /** ms of the table's clock, wrapping Int32. */
  nowMs = 0;
  /** The same clock, not wrapped: ms since the epoch. */
  clockMs = 0;

  /** A tuple to compute with. */
  readonly scratch = new Int32Array(TUPLE_WORDS);

  protected readonly listener: TrackerListener | null;
  private readonly ended = new Int32Array(MAX_ENDED);
  private endedCount = 0;
  private started = false;
  /** The wheel has been turned up to here. */
  private nextTurnMs = 0;

  constructor(options: TrackerOptions) {
    this.settings = options.settings;
    const max = this.settings.value[SET_MAX]!;
    this.table = new ConnTable((max === 0 ? 262144 : max) + SPARE_SLOTS, options.seed);
    this.listener = options.listener ?? null;
    this.events = new EventRing(options.eventRing ?? 4096);
    this.expectEvents = new ExpectEventRing(options.eventRing ?? 4096);
    this.expectations = new ExpectTable({
      table: this.table,
      settings: this.settings,
      statistics: this.statistics,
      events: this.expectEvents,
      full: () => this.listener?.expectationsFull?.(),
    });
    if (this.settings.value[SET_TIMESTAMP] !== 0) this.table.needStamps();
  }

  /** Turns accounting on for connections made from now on (connbytes does that when it is loaded). */
  enableAccounting(): void {
    this.settings.value[SET_ACCT] = 1;
  }

  /** Somebody listens to events from now on. */
  listen(): void {
    this.listening = true;
    this.table.needPending();
  }

  /** What a new connection has from the start (init_conntrack). */
  protected begin(slot: number): void {
    const w = this.table.words;
    const base = slot << RECORD_SHIFT;
    const value = this.settings.value;
    let status = w[base + R_STATUS]!;
    if (value[SET_ACCT] !== 0) status |= F_COUNTERS;
    if (value[SET_TIMESTAMP] !== 0) {
      this.table.needStamps();
      this.table.stamps.fill(0, slot * 2, slot * 2 + 2);
      status |= F_TIMESTAMP;
    }
    if (this.listening && value[SET_EVENTS] !== 0) {
      this.table.pending[slot] = 0;
      status |= F_EVENTS;
    }
    w[base + R_STATUS] = status;
  }

  /** Gives a connection a helper; one that the host does not have shows by its name, and does nothing. */
  assignHelper(slot: number, name: string): void {
    const cold = this.table.coldFor(slot);
    cold.helper = name;
    cold.needHelp().helper = this.helpers.get(name) ?? null;
    const at = (slot << RECORD_SHIFT) + R_STATUS;
    this.table.words[at] = this.table.words[at]! | F_HELP;
    this.helping = true;
  }

  /** -j SYNPROXY begins a connection in its client's name (nf_ct_add_synproxy). */
  private beginProxied(slot: number): void {
    this.table.coldFor(slot).needHelp().isProxied = true;
    const at = (slot << RECORD_SHIFT) + R_STATUS;
    this.table.words[at] = this.table.words[at]! | F_HELP;
    this.helping = true;
    this.proxying = true;
  }

  /** Takes a connection's helper away; what it expects stays. */
  protected dropHelper(slot: number): void {
    const cold = this.table.coldOf(slot);
    if (cold.help === null) return;
    cold.helper = '';
    cold.help.helper = null;
  }

  /** A connection begins that another one expected: what it has from that. */
  protected beginExpected(slot: number, e: Expectation): void {
    const w = this.table.words;
    const base = slot << RECORD_SHIFT;
    w[base + R_STATUS] = w[base + R_STATUS]! | IPS_EXPECTED;
    w[base + R_MARK] = w[(e.master << RECORD_SHIFT) + R_MARK]!;
    this.table.coldFor(slot).masterHelper = this.table.helperName(e.master);
    if (e.helper !== null) this.assignHelper(slot, e.helper.name);
    this.statistics.expectNew++;
  }

  /**
   * Gives a connection the helper of the port that its answers come from, as kernels before 6.0 do with nf_conntrack_helper=1
   * (__nf_ct_try_assign_helper); again when a rule has translated it.
   */
  assignByPort(slot: number): void {
    const w = this.table.words;
    const base = slot << RECORD_SHIFT;
    if ((w[base + R_STATUS]! & (IPS_HELPER | IPS_EXPECTED)) !== 0) return;
    const help = this.table.coldOf(slot).help;
    if (help !== null && help.newest !== null) return;
    const port = w[base + R_REPLY_PORTS]! >>> 16;
    const proto = w[base + R_PROTO]!;
    for (const helper of this.helpers.values()) {
      if (!helper.ports.includes(port) || !helper.protocols.includes(proto & 0xff)) continue;
      if (!helper.families.includes(proto >> 8)) continue;
      this.assignHelper(slot, helper.name);
      return;
    }
    this.dropHelper(slot);
  }

  protected applyTemplate(t: Template, slot: number, protocol: number, expected: boolean): void {
    const at = (slot << RECORD_SHIFT) + R_STATUS;
    const w = this.table.words;
    if (t.synproxy === true) this.beginProxied(slot);
    if (t.helper !== '' && !expected) {
      this.assignHelper(slot, t.helper);
      w[at] = w[at]! | IPS_HELPER;
    }
    const policy = t.timeout === '' ? undefined : this.timeoutPolicies.get(t.timeout);
    if (policy !== undefined && policy.protocol === trackerOf(protocol))
      this.table.coldFor(slot).timeouts = policy.timeouts;
    // where a rule names events of one kind only, there are none of the other
    const ctmask = t.ctevents === -1 ? 0 : t.ctevents;
    const expmask = t.expevents === -1 ? 0 : t.expevents;
    if ((ctmask | expmask) === 0) return;
    const cold = this.table.coldFor(slot);
    cold.ctmask = ctmask;
    cold.expmask = expmask;
  }

  /** Enters a connection that no packet began (a saved table); its slot, -1: no room, tuple taken or timeout over. */
  adopt(original: Int32Array, reply: Int32Array, zones: number, timeoutMs: number): number {
    if (timeoutMs <= 0) return -1;
    const slot = this.table.reserve(original, 0, zones);
    if (slot < 0) return -1;
    this.table.writeTuple(slot, 1, reply);
    this.begin(slot);
    if (this.table.clashes(slot, this.scratch)) {
      this.table.free(slot);
      return -1;
    }
    this.insert(slot, Math.min(timeoutMs, MAX_TIMEOUT_MS));
    this.statistics.insert++; // the kernel counts only those that programs enter
    return slot;
  }

  protected insert(slot: number, timeoutMs: number): void {
    const w = this.table.words;
    const base = slot << RECORD_SHIFT;
    w[base + R_STATUS] = w[base + R_STATUS]! | IPS_CONFIRMED;
    this.table.insert(slot);
    w[base + R_DEADLINE] = (this.nowMs + timeoutMs) | 0;
    this.table.wheel.link(slot, timeoutMs);
    if ((w[base + R_STATUS]! & F_TIMESTAMP) !== 0) this.table.stamps[slot * 2] = this.clockMs;
  }

  /** Frees a slot that was reserved and never confirmed. */
  protected giveBack(slot: number): void {
    const base = slot << RECORD_SHIFT;
    const w = this.table.words;
    if (w[base + R_ID] === 0 || (w[base + R_STATUS]! & (IPS_CONFIRMED | IPS_DYING)) !== 0) return;
    if ((w[base + R_STATUS]! & F_HELP) !== 0) this.expectations.removeOf(slot);
    this.table.free(slot);
  }

  /** Frees the records of connections that packets ended; to be called when no packet is on its way. */
  settle(): void {
    for (let i = 0; i < this.endedCount; i++) this.table.free(this.ended[i]!);
    this.endedCount = 0;
  }

  /** The timeouts of a connection: its policy's, or the protocol's. */
  timeoutsOf(slot: number, initial: Int32Array): Int32Array {
    return (this.table.words[(slot << RECORD_SHIFT) + R_STATUS]! & F_COLD) === 0
      ? initial
      : (this.table.coldOf(slot).timeouts ?? initial);
  }

  /** Counts a packet and moves the deadline to `timeoutMs` from now (nf_ct_refresh_acct). */
  refresh(slot: number, direction: number, bytes: number, timeoutMs: number): void {
    const w = this.table.words;
    const base = slot << RECORD_SHIFT;
    const status = w[base + R_STATUS]!;
    if ((status & IPS_FIXED_TIMEOUT) === 0) {
      if ((status & IPS_CONFIRMED) !== 0) this.table.wheel.setDeadline(slot, this.nowMs, timeoutMs);
      else w[base + R_DEADLINE] = timeoutMs;
    }
    if ((status & F_COUNTERS) !== 0) this.table.countPacket(slot, direction, bytes);
  }

  /** A helper says how long a connection waits (nf_ct_refresh). */
  setTimeout(slot: number, timeoutMs: number): void {
    const w = this.table.words;
    const base = slot << RECORD_SHIFT;
    const status = w[base + R_STATUS]!;
    if ((status & IPS_FIXED_TIMEOUT) !== 0) return;
    if ((status & IPS_CONFIRMED) !== 0) this.table.wheel.setDeadline(slot, this.nowMs, timeoutMs);
    else w[base + R_DEADLINE] = timeoutMs;
  }

  /** Counts a packet. */
  account(slot: number, direction: number, bytes: number): void {
    if ((this.table.words[(slot << RECORD_SHIFT) + R_STATUS]! & F_COUNTERS) !== 0)
      this.table.countPacket(slot, direction, bytes);
  }

  /** The host answered a segment with a reset of its own: the connection closes (nf_conntrack_tcp_set_closing). */
  setClosing(ref: number): void {
    const slot = ref >> 1;
    const w = this.table.words;
    const base = slot << RECORD_SHIFT;
    if ((w[base + R_PROTO]! & 0xff) !== IPPROTO_TCP) return;
    const closed = (w[base + R_STATE]! & STATE_MASK) === TCP_CONNTRACK_CLOSE;
    w[base + R_STATE] = (w[base + R_STATE]! & ~STATE_MASK) | TCP_CONNTRACK_CLOSE;
    const status = w[base + R_STATUS]!;
    if (closed || (status & (IPS_FIXED_TIMEOUT | IPS_CONFIRMED)) !== IPS_CONFIRMED) return;
    this.table.wheel.setDeadline(slot, this.nowMs, this.timeoutsOf(slot, this.settings.tcp)[TCP_CONNTRACK_CLOSE]!);
    this.note(slot, IPCT_PROTOINFO);
  }

  /** Sets ASSURED, once. */
  setAssured(slot: number): void {
    const at = (slot << RECORD_SHIFT) + R_STATUS;
    const w = this.table.words;
    if ((w[at]! & IPS_ASSURED) !== 0) return;
    w[at] = w[at]! | IPS_ASSURED;
    this.note(slot, IPCT_ASSURED);
  }

  /** Adds to the events that are delivered when the packet has passed. */
  note(slot: number, mask: number): void {
    if ((this.table.words[(slot << RECORD_SHIFT) + R_STATUS]! & F_EVENTS) === 0) return;
    this.table.pending[slot] = this.table.pending[slot]! | mask;
  }

  /** A rule changed the connection's mark. */
  markChanged(ref: number): void {
    this.note(ref >> 1, IPCT_MARK);
  }

  /** A rule changed the connection's labels. */
  labelsChanged(ref: number): void {
    this.note(ref >> 1, IPCT_LABEL);
  }

  protected deliver(slot: number): void {
    const mask = this.table.pending[slot]!;
    this.table.pending[slot] = 0;
    if ((mask & this.table.coldOf(slot).ctmask) !== 0) this.push(slot, mask);
  }

  private push(slot: number, mask: number): void {
    const left = (this.table.words[(slot << RECORD_SHIFT) + R_DEADLINE]! - this.nowMs) | 0;
    this.events.push(this.table, slot, mask, left, this.clockMs);
  }

  /** Ends a confirmed connection; its record stays readable until `settle`. */
  kill(slot: number): void {
    const w = this.table.words;
    const base = slot << RECORD_SHIFT;
    const status = w[base + R_STATUS]!;
    if ((status & IPS_DYING) !== 0) return;
    if ((status & IPS_CONFIRMED) === 0) {
      // refused before it was confirmed: nothing is known of it anywhere
      w[base + R_STATUS] = status | IPS_DYING;
      if ((status & F_HELP) !== 0) this.expectations.removeOf(slot);
      this.end(slot);
      return;
    }
    this.table.wheel.unlink(slot);
    this.takeOut(slot);
  }

  /** Out of the index, DESTROY told; the record is off the wheel already. */
  private takeOut(slot: number): void {
    const w = this.table.words;
    const base = slot << RECORD_SHIFT;
    this.table.remove(slot);
    const status = w[base + R_STATUS]! | IPS_DYING;
    w[base + R_STATUS] = status;
    if ((status & F_TIMESTAMP) !== 0) this.table.stamps[slot * 2 + 1] = this.clockMs;
    if ((status & F_EVENTS) !== 0 && (this.table.coldOf(slot).ctmask & IPCT_DESTROY) !== 0)
      this.push(slot, IPCT_DESTROY);
    if ((status & F_HELP) !== 0) this.endHelp(slot);
    this.end(slot);
  }

  private endHelp(slot: number): void {
    const help = this.table.coldOf(slot).help;
    if (help !== null) this.ending?.(slot, help);
    this.expectations.removeOf(slot);
  }

  private end(slot: number): void {
    if (this.endedCount === MAX_ENDED) this.settle();
    this.ended[this.endedCount++] = slot;
  }

  /**
   * Turns the clock to `nowMs` (ms since the epoch, never back) and ends at most `budget` connections that timed out.
   * Returns how many it ended: equal to the budget means that there may be more.
   */
  advance(nowMs: number, budget: number): number {
    if (!this.started) {
      this.started = true;
      this.table.wheel.startClock(Math.floor(nowMs / MS));
      this.clockMs = nowMs;
      this.nowMs = nowMs | 0;
    }
    if (nowMs > this.clockMs) {
      if (nowMs - this.clockMs > STRIDE_MS) this.leap(nowMs);
      this.clockMs = nowMs;
      this.nowMs = nowMs | 0;
    }
    if (this.helping) this.expireExpectations();
    if (this.clockMs < this.nextTurnMs) return 0;
    const second = Math.floor(this.clockMs / MS);
    let ended = 0;
    for (;;) {
      const first = this.table.wheel.turn(second);
      if (first < 0) {
        this.nextTurnMs = (second + 1) * MS;
        return ended;
      }
      ended += this.expire(first, budget - ended);
      if (ended >= budget) return ended;
    }
  }

  private expireExpectations(): void {
    this.expectEvents.clockMs = this.clockMs;
    if (this.clockMs >= this.expectations.dueMs) this.expectations.expire(this.clockMs);
  }

  /**
   * Ends what times out on the way to a time so far ahead that 32 bits would take an overdue deadline for one to come. No
   * timeout is longer than two strides.
   */
  private leap(nowMs: number): void {
    const from = this.clockMs;
    this.clockMs = nowMs;
    for (let k = 1; k <= 2 && from + k * STRIDE_MS < nowMs; k++) {
      this.nowMs = (from + k * STRIDE_MS) | 0;
      for (let slot = this.table.nextInUse(0); slot >= 0; slot = this.table.nextInUse(slot + 1)) {
        if (((this.table.words[(slot << RECORD_SHIFT) + R_DEADLINE]! - this.nowMs) | 0) > 0) continue;
        this.kill(slot);
        this.settle();
      }
    }
  }

  /** Goes through a list of the wheel: ends what is due, links the rest anew. */
  private expire(first: number, budget: number): number {
    const w = this.table.words;
    let ended = 0;
    for (let slot = first - 1; slot >= 0; ) {
      const base = slot << RECORD_SHIFT;
      const next = w[base + R_NEXT]! - 1;
      const left = (w[base + R_DEADLINE]! - this.nowMs) | 0;
      if (left > 0) this.table.wheel.link(slot, left);
      else if (ended === budget) this.table.wheel.link(slot, 0);
      else {
        this.takeOut(slot);
        this.settle();
        ended++;
      }
      slot = next;
    }
    return ended;
  }

  /** Ends one unassured connection near a hash, as early_drop does; false: none there. */
  protected earlyDrop(hash: number): boolean {
    const table = this.table;
    const buckets = powerOfTwo(this.settings.value[SET_BUCKETS]!);
    const units = Math.max(buckets, table.places);
    const span = (units / buckets) * EVICTION_BUCKETS;
    for (let k = table.nearby(hash, span, units, -1); k >= 0; k = table.nearby(hash, span, units, k)) {
      const slot = table.slotNear(hash, k);
      const status = table.words[(slot << RECORD_SHIFT) + R_STATUS]!;
      if ((status & (IPS_ASSURED | IPS_DYING)) !== 0) continue;
      this.kill(slot);
      this.settle();
      this.statistics.earlyDrop++;
      return true;
    }
    return false;
  }
}
