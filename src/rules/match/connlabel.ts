/** -m connlabel: a label of the connection, which it can also set (xt_connlabel.c, connlabel_mt). */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import type { LoadContext } from '../context.js';
import type { MatchExtension, OptionContext } from '../extension.js';
import { not } from '../values.js';
import { ERANGE } from './option-values.js';

/** Options of -m connlabel. */
export interface ConnlabelSpec {
  /** The label's bit; -1: it was given by name. */
  bit: number;
  /** As in connlabel.conf; '' = a number was given. */
  name: string;
  set: boolean;
  invert: boolean;
}

/** Labels that a connection has room for (XT_CONNLABEL_MAXBIT). */
const BITS = 128;
/** What strtoul gives for numbers that are too large. */
const ULONG_MAX = (1n << 64n) - 1n;

/** The `connlabel` match. */
export const connlabel: MatchExtension<ConnlabelSpec> = {
  name: 'connlabel',
  families: [AF_INET, AF_INET6],
  options: [
    { name: 'label', args: 1, invert: true, required: true },
    { name: 'set', args: 0 },
  ],
  init: () => ({ bit: -1, name: '', set: false, invert: false }),
  option(spec, option, value, inverted, c) {
    if (option === 'set') {
      spec.set = true;
      return;
    }
    spec.invert = inverted;
    readLabel(spec, value, c);
  },
  save: (spec) => `${not(spec.invert)}--label "${labelText(spec)}"${spec.set ? ' --set' : ''}`,
  list: (spec) => ` connlabel ${not(spec.invert)}${labelText(spec)}${spec.set ? ' set' : ''}`,
  refusedBy: (spec) =>
    spec.bit < BITS ? null : { errno: ERANGE, why: `connlabel: labels are numbered from 0 to ${BITS - 1}` },
  load(spec, c) {
    const bit = bitOf(spec, c);
    const word = bit >> 5;
    const mask = 1 << (bit & 31);
    const { set, invert } = spec;
    return (p, { tracker }) => {
      const ref = p.connection;
      if (ref < 0) return invert;
      const labels = tracker.table.labels(ref >> 1);
      if (labels !== null && (labels[word]! & mask) !== 0) return !invert;
      if (!set) return invert;
      tracker.table.setLabel(ref >> 1, word, mask);
      tracker.labelsChanged(ref);
      return !invert;
    };
  },
};

/** A number as strtoul reads it into an int, or a name, which only the host can turn into a number. */
function readLabel(spec: ConnlabelSpec, text: string, c: OptionContext): void {
  if (text === '') c.fail('Argument must have a minimum length of 1 characters\n', text);
  const m = /^\s*\+?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)$/.exec(text);
  if (m !== null) {
    const digits = m[1]!;
    const wide = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits}` : digits);
    const number = Number(BigInt.asIntN(32, wide > ULONG_MAX ? ULONG_MAX : wide));
    if (number < 0) c.fail(`label '${text}' not found or invalid value`, text);
    spec.bit = number & 0xffff;
    return;
  }
  if (!/^[A-Za-z][\w.+-]*$/.test(text)) c.fail(`label '${text}' not found or invalid value`, text);
  spec.name = text;
}

function labelText(spec: ConnlabelSpec): string {
  return spec.name === '' ? String(spec.bit) : spec.name;
}

function bitOf(spec: ConnlabelSpec, c: LoadContext): number {
  if (spec.name === '') return spec.bit;
  const { labels } = c.facts;
  const bit = labels.get(spec.name);
  if (bit !== undefined) return bit;
  const known = labels.size === 0 ? 'the host names none' : `the host has ${[...labels.keys()].join(', ')}`;
  c.fail(`label '${spec.name}' not found or invalid value\n${known}`, 2);
}
