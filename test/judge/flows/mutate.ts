/** Text with something wrong in it. */
import type { Random } from '../random.js';

const ODD = [
  ' ',
  ',',
  '|',
  '(',
  ')',
  '\r',
  '\n',
  ';',
  ':',
  '=',
  '<',
  '>',
  '@',
  '.',
  '-',
  'x',
  '0',
  '9',
  '\t',
  '\x00',
  '\xff',
  '"',
];
const NUMBERS = [
  '0',
  '1',
  '80',
  '255',
  '256',
  '300',
  '1023',
  '1024',
  '65535',
  '65536',
  '99999',
  '4294967295',
  '4294967296',
  '-1',
  '00007',
  '',
];

function spliced(text: string, at: number, removed: number, put: string): string {
  return text.slice(0, at) + put + text.slice(at + removed);
}

type Change = (text: string, r: Random) => string;

const CHANGES: readonly Change[] = [
  (text, r) => spliced(text, r.range(0, text.length + 1), 0, r.pick(ODD)),
  (text, r) => spliced(text, r.range(0, text.length + 1), 1, ''),
  (text, r) => spliced(text, r.range(0, text.length + 1), 1, r.pick(ODD)),
  (text, r) => text.slice(0, r.range(0, text.length + 1)),
  (text, r) => text.slice(r.range(0, text.length + 1)),
  (text, r) => (r.chance(0.5) ? text.toLowerCase() : text.toUpperCase()),
  number,
  number,
  number,
  line,
  line,
  (text) => text + text,
  (text) => text.trimEnd(),
];

/** Another number in the place of one. */
function number(text: string, r: Random): string {
  const found = [...text.matchAll(/\d+/g)];
  if (found.length === 0) return text;
  const one = r.pick(found);
  return spliced(text, one.index, one[0].length, r.pick(NUMBERS));
}

/** A line left out, twice, or at another place. */
function line(text: string, r: Random): string {
  const lines = text.split(/(?<=\n)/);
  const at = r.range(0, lines.length);
  const [taken] = r.chance(0.5) ? lines.splice(at, 1) : [lines[at]];
  if (r.chance(0.6)) lines.splice(r.range(0, lines.length + 1), 0, taken ?? '');
  return lines.join('');
}

/** The text, changed in one or a few ways. */
export function mutated(text: string, r: Random): string {
  let out = text;
  for (let left = r.pick([1, 1, 1, 2, 4]); left > 0; left--) out = r.pick(CHANGES)(out, r);
  return out;
}

/** The text, changed with a chance. */
export function perhaps(text: string, r: Random, share: number): string {
  return r.chance(share) ? mutated(text, r) : text;
}
