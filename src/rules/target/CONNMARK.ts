/**
 * -j CONNMARK: sets the connection's mark, or copies between it and the packet's (xt_connmark.c, connmark_tg_shift).
 */
import { R_MARK, RECORD_SHIFT } from '../../conntrack/layout.js';
import { AF_INET, AF_INET6, type Packet } from '../../wire/packet.js';
import { type RuleContext, VERDICT_CONTINUE } from '../context.js';
import type { OptionSpec, TargetExtension, TargetFunction } from '../extension.js';
import { hex, uintOption } from '../values.js';
import { MARK_OPTIONS, markChangeText, readMarkBits } from './MARK.js';

/** `-j CONNMARK`; all numbers Int32. */
export interface ConnmarkTargetSpec {
  mode: 'set' | 'save' | 'restore' | null;
  /** 'set': XORed into the connection's mark after `ctMask` bits were cleared. */
  value: number;
  ctMask: number;
  /** 'save', 'restore': the bits of the packet's mark that take part. */
  nfMask: number;
  /** Bits that the result is shifted by: above 0 left, below 0 right. */
  shift: number;
}

const ACTIONS = [...MARK_OPTIONS, 'save-mark', 'restore-mark'] as const;
/** The order in which an option's conflicts are looked for. */
const CONFLICTS = ['set-xmark', 'set-mark', 'save-mark', 'restore-mark', 'and-mark', 'or-mark', 'xor-mark'];

function actionOption(name: string): OptionSpec {
  const args = name === 'save-mark' || name === 'restore-mark' ? 0 : 1;
  return { name, args, excludes: CONFLICTS.filter((other) => other !== name) };
}

/** The `CONNMARK` target. */
export const CONNMARK: TargetExtension<ConnmarkTargetSpec> = {
  name: 'CONNMARK',
  families: [AF_INET, AF_INET6],
  options: [
    ...ACTIONS.map(actionOption),
    { name: 'left-shift-mark', args: 1 },
    { name: 'right-shift-mark', args: 1 },
    { name: 'ctmask', args: 1, excludes: ['mask'] },
    { name: 'nfmask', args: 1, excludes: ['mask'] },
    { name: 'mask', args: 1, excludes: ['ctmask', 'nfmask'] },
  ],
  init: () => ({ mode: null, value: 0, ctMask: -1, nfMask: -1, shift: 0 }),
  option(spec, option, text, _inverted, c) {
    if (option === 'save-mark') spec.mode = 'save';
    else if (option === 'restore-mark') spec.mode = 'restore';
    else if (option.endsWith('shift-mark')) {
      const bits = uintOption('CONNMARK', option, text, 0, 32, c);
      spec.shift = bits === 0 ? 0 : option === 'left-shift-mark' ? bits : -bits;
    } else if (option.endsWith('mask')) {
      const mask = uintOption('CONNMARK', option, text, 0, 0xffffffff, c) | 0;
      if (option !== 'nfmask') spec.ctMask = mask;
      if (option !== 'ctmask') spec.nfMask = mask;
    } else {
      const { value, mask } = readMarkBits('CONNMARK', option, text, c);
      spec.mode = 'set';
      spec.value = value;
      spec.ctMask = mask;
    }
  },
  check(spec, _seen, c) {
    if (spec.mode === null) c.fail('CONNMARK target: No operation specified');
    if (spec.mode === 'set') spec.nfMask = -1;
  },
  save(spec) {
    const text =
      spec.mode === 'set'
        ? `--set-xmark ${hex(spec.value)}/${hex(spec.ctMask)}`
        : `--${spec.mode}-mark --nfmask ${hex(spec.nfMask)} --ctmask ${hex(spec.ctMask)}`;
    if (spec.shift === 0) return text;
    return `${text} --${spec.shift > 0 ? 'left' : 'right'}-shift-mark ${Math.abs(spec.shift)}`;
  },
  list(spec) {
    const { nfMask, ctMask, shift } = spec;
    let text = ' CONNMARK ';
    if (spec.mode === 'set') text += markChangeText(spec.value, ctMask);
    else {
      text += spec.mode;
      // a mask that both share is shown once, and one that is whole not at all
      if (nfMask === ctMask) text += nfMask === -1 ? '' : ` mask ${hex(nfMask)}`;
      else if (spec.mode === 'save') text += ` nfmask ${hex(nfMask)} ctmask ~${hex(ctMask)}`;
      else text += ` ctmask ${hex(ctMask)} nfmask ~${hex(nfMask)}`;
    }
    return shift === 0 ? text : `${text} ${shift > 0 ? 'left' : 'right'}-shift-mark ${Math.abs(shift)}`;
  },
  refusedBy(spec) {
    if (Math.abs(spec.shift) < 32) return null;
    return { errno: 22, why: 'a mark has 32 bits: it can be shifted by 31 at most' };
  },
  load: (spec) => loadConnmark(spec),
};

function loadConnmark(spec: ConnmarkTargetSpec): TargetFunction {
  const { mode, value, ctMask, nfMask, shift } = spec;
  return (p, c) => {
    const ref = p.connection;
    if (ref < 0) return VERDICT_CONTINUE;
    const at = ((ref >> 1) << RECORD_SHIFT) + R_MARK;
    const old = c.tracker.table.words[at] as number;
    if (mode === 'restore') p.mark = (p.mark & ~nfMask) ^ shifted(old & ctMask, shift);
    else if (mode === 'save') store(p, c, at, (old & ~ctMask) ^ shifted(p.mark & nfMask, shift));
    else store(p, c, at, shifted((old & ~ctMask) ^ value, shift));
    return VERDICT_CONTINUE;
  };
}

function shifted(mark: number, shift: number): number {
  return shift >= 0 ? mark << shift : (mark >>> -shift) | 0;
}

function store(p: Packet, c: RuleContext, at: number, mark: number): void {
  const words = c.tracker.table.words;
  if (words[at] === mark) return;
  words[at] = mark;
  c.tracker.markChanged(p.connection);
}
