/**
 * All sets of one host. A set has a place (the kernel's index), by which rules and lists hold it; `swap` puts two sets in each other's
 * places, so that rules then ask the other one. Names belong to places.
 */
import type { Packet } from '../../wire/packet.js';
import { ASK_RETURN_NOMATCH, type SetAsk } from './ask.js';
import { SET_IN, SET_INCOMPLETE, SET_MISMATCH, SET_NOMATCH, SET_OK } from './codes.js';
import { ElementSet } from './element-set.js';
import { TICK_MS } from './elements.js';
import type { IpSet, SetClock, SetOptions } from './ip-set.js';
import type { SetKind } from './kinds.js';
import { ListSet, type Members } from './list-set.js';

/** Why sets cannot be created, destroyed, renamed or swapped, in ipset's words. */
const NO_SET = 'The set with the given name does not exist';

/** See the head of this file. */
export class SetStore implements SetClock, Members {
  /** By place; null: it is free. */
  private readonly places: (IpSet | null)[] = [];
  private readonly byName = new Map<string, number>();
  /** Tick of the epoch at which the clock began; -1 = it has not. */
  private base = -1;
  /** Places that the rules of each family hold, once a use; those of the rules that are being loaded. */
  private readonly held = new Map<number, number[]>();
  private pending: number[] = [];

  /** @param time The clock in ms since the epoch; below 0: it has not begun. */
  constructor(private readonly time: { readonly nowMs: number }) {}

  /** Counted from the beginning of the clock, so that it is a small number: others would be allocated when they are returned. */
  tick(): number {
    return this.base < 0 ? 0 : Math.floor(this.time.nowMs / TICK_MS) - this.base;
  }

  /** The clock began: what was added before begins to run out now. Further calls change nothing. */
  begin(): void {
    if (this.base < 0) this.base = Math.floor(this.time.nowMs / TICK_MS);
  }

  /** The place of a name, -1 = there is no such set. */
  indexOf(name: string): number {
    return this.byName.get(name) ?? -1;
  }

  /** The set in a place that is taken. */
  at(index: number): IpSet {
    return this.places[index]!;
  }

  get(name: string): IpSet | null {
    return this.places[this.indexOf(name)] ?? null;
  }

  /** All sets in the order of their places; lists last, as `ipset save` prints them. */
  all(): IpSet[] {
    const sets = this.places.filter((s) => s !== null);
    return [...sets.filter((s) => s.kind.storage !== 'list'), ...sets.filter((s) => s.kind.storage === 'list')];
  }

  /* held by rules */

  /** A rule that is being loaded holds the set in this place. */
  hold(index: number): void {
    this.pending.push(index);
  }

  /** The rules of a family were loaded, or (`taken` false) refused: they hold what they asked for, those before them nothing. */
  rulesLoaded(family: number, taken: boolean): void {
    const loaded = this.pending;
    this.pending = [];
    if (!taken) return;
    for (const index of this.held.get(family) ?? []) this.at(index).references--;
    for (const index of loaded) this.at(index).references++;
    this.held.set(family, loaded);
  }

  /* for packets */

  /** SET_IN or SET_OK (ip_set_test of ip_set_core.c). */
  match(index: number, p: Packet, ask: SetAsk, flags: number): number {
    const set = this.places[index]!;
    if (!fits(set, ask)) return SET_OK;
    const code = set.match(p, ask, flags);
    if (code === SET_INCOMPLETE) {
      set.enter(p, ask, flags);
      return SET_IN;
    }
    if (!set.kind.nets || (flags & ASK_RETURN_NOMATCH) === 0) return code === SET_IN ? SET_IN : SET_OK;
    return code === SET_NOMATCH ? SET_IN : SET_OK;
  }

  /** SET_OK or a code below 0. */
  enter(index: number, p: Packet, ask: SetAsk, flags: number): number {
    const set = this.places[index]!;
    return fits(set, ask) ? set.enter(p, ask, flags) : SET_MISMATCH;
  }

  /** SET_OK or a code below 0. */
  leave(index: number, p: Packet, ask: SetAsk): number {
    const set = this.places[index]!;
    return fits(set, ask) ? set.leave(p, ask) : SET_MISMATCH;
  }

  /* for people: each answers '' or why not */

  create(name: string, kind: SetKind, options: SetOptions, exist: boolean): string {
    const there = this.get(name);
    if (there !== null) {
      return exist && there.kind === kind && sameOptions(there.options, options)
        ? ''
        : 'Set cannot be created: set with the same name already exists';
    }
    const free = this.places.indexOf(null);
    const at = free < 0 ? this.places.length : free;
    this.places[at] =
      kind.storage === 'list'
        ? new ListSet(name, kind, options, this, this)
        : new ElementSet(name, kind, options, this);
    this.byName.set(name, at);
    return '';
  }

  destroy(name: string): string {
    const set = this.get(name);
    if (set === null) return NO_SET;
    if (set.references > 0) return 'Set cannot be destroyed: it is in use by a kernel component';
    this.remove(set);
    return '';
  }

  /** All sets; none if one of them is held. */
  destroyAll(): string {
    if (this.places.some((s) => s !== null && s.references > 0))
      return 'Set cannot be destroyed: it is in use by a kernel component';
    for (const set of this.places) if (set !== null) this.remove(set);
    return '';
  }

  private remove(set: IpSet): void {
    set.flush();
    this.places[this.indexOf(set.name)] = null;
    this.byName.delete(set.name);
  }

  rename(from: string, to: string): string {
    const set = this.get(from);
    if (set === null) return NO_SET;
    if (set.references > 0) return 'Set cannot be renamed: it is in use by another system';
    if (this.byName.has(to)) return 'Set cannot be renamed: a set with the new name already exists';
    this.byName.set(to, this.indexOf(from));
    this.byName.delete(from);
    set.name = to;
    return '';
  }

  swap(from: string, to: string): string {
    const a = this.get(from);
    const b = this.get(to);
    if (a === null || b === null) return a === null ? NO_SET : 'Sets cannot be swapped: the second set does not exist';
    if (features(a) !== features(b) || a.options.family !== b.options.family)
      return 'The sets cannot be swapped: their type does not match';
    const atA = this.indexOf(from);
    const atB = this.indexOf(to);
    this.places[atA] = b;
    this.places[atB] = a;
    b.name = from;
    a.name = to;
    const { references } = a;
    a.references = b.references;
    b.references = references;
    return '';
  }
}

/** What elements are made of: hash:ip and bitmap:ip are alike, hash:net is not. */
function features({ kind }: IpSet): string {
  return kind.parts.join();
}

/** Whether the rule names enough dimensions, and its family is the set's. */
function fits(set: IpSet, ask: SetAsk): boolean {
  const { family } = set.options;
  return ask.dimension >= set.kind.dimension && (family === 0 || family === ask.family);
}

/** With -exist, a set is as good as one that is created alike (same_set of the types). */
function sameOptions(a: SetOptions, b: SetOptions): boolean {
  return (
    a.family === b.family &&
    a.maxelem === b.maxelem &&
    a.timeout === b.timeout &&
    a.netmask === b.netmask &&
    String(a.bitmask) === String(b.bitmask) &&
    a.markmask === b.markmask &&
    a.range[0] === b.range[0] &&
    a.range[1] === b.range[1] &&
    a.size === b.size &&
    a.counters === b.counters &&
    a.comment === b.comment &&
    a.skbinfo === b.skbinfo
  );
}
