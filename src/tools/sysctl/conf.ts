/** Files of sysctl.d(5): what sysctl -p reads, line by line. */

/** One line that says something. */
export interface ConfLine {
  /** From 1. */
  line: number;
  /** Column of the name, from 1. */
  column: number;
  /** `set`: name = value; `exclude`: `-name` alone, which patterns leave out; `bad`: neither. */
  kind: 'set' | 'exclude' | 'bad';
  /** As it is written; with * and ? of a pattern. */
  name: string;
  /** '' but for `set`. */
  value: string;
  /** Column of the value, from 1. */
  valueColumn: number;
  /** A `-` before the name: being forbidden to set it is no failure. */
  mayFail: boolean;
}

/** Reads the lines of a file, comments (`#`, `;`) and empty ones left out. */
export function parseConf(text: string): ConfLine[] {
  const lines: ConfLine[] = [];
  text.split('\n').forEach((whole, i) => {
    const line = parseConfLine(whole, i + 1);
    if (line !== null) lines.push(line);
  });
  return lines;
}

function parseConfLine(whole: string, number: number): ConfLine | null {
  const indent = /^\s*/.exec(whole)![0].length;
  const text = whole.slice(indent).trimEnd();
  if (text === '' || /^[#;]/.test(text)) return null;
  const parsed = parseAssignment(text);
  const { kind, name, value, mayFail } = parsed;
  const column = indent + 1 + (mayFail ? 1 : 0);
  const valueColumn = kind === 'set' ? indent + 1 + text.length - value.length : column;
  return { line: number, column, kind, name, value, valueColumn, mayFail };
}

/** Reads `name=value`, `-name=value` or `-name`. */
export function parseAssignment(text: string): Pick<ConfLine, 'kind' | 'name' | 'value' | 'mayFail'> {
  const mayFail = text.startsWith('-');
  const rest = mayFail ? text.slice(1) : text;
  const equals = rest.indexOf('=');
  if (equals < 0) return { kind: mayFail ? 'exclude' : 'bad', name: rest.trimEnd(), value: '', mayFail };
  return { kind: 'set', name: rest.slice(0, equals).trimEnd(), value: rest.slice(equals + 1).trim(), mayFail };
}

/** Whether a name is a pattern of glob(7). */
export function isGlob(name: string): boolean {
  return /[*?[]/.test(name);
}

/** What one character of a pattern matches; null: any number of any characters (`*`). */
type GlobItem = ((c: string) => boolean) | null;

/** The test of one part of a path against a pattern of glob(7): `*`, `?`, `[a-z]`, `[!a-z]`. Takes at most text times pattern steps. */
export function globTest(pattern: string): (part: string) => boolean {
  const items = globItems(pattern);
  return (part) => {
    let at = 0;
    let item = 0;
    // where to go on after the last * had taken one character more
    let starItem = -1;
    let starAt = 0;
    while (at < part.length || item < items.length) {
      const test = items[item];
      if (test === null) {
        starItem = ++item;
        starAt = at;
      } else if (test !== undefined && at < part.length && test(part[at]!)) {
        item++;
        at++;
      } else if (starItem >= 0 && starAt < part.length) {
        item = starItem;
        at = ++starAt;
      } else return false;
    }
    return true;
  };
}

function globItems(pattern: string): GlobItem[] {
  const items: GlobItem[] = [];
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i]!;
    const isNegated = /[!^]/.test(pattern[i + 1] ?? '');
    const close = c === '[' ? pattern.indexOf(']', i + (isNegated ? 3 : 2)) : -1;
    if (c === '*') items.push(null);
    else if (c === '?') items.push(() => true);
    else if (close > 0) {
      const members = pattern.slice(i + (isNegated ? 2 : 1), close);
      items.push((x) => isMember(x, members) !== isNegated);
      i = close;
    } else items.push((x) => x === c);
  }
  return items;
}

/** Whether a character is among those between brackets, such as `abx-z`. */
function isMember(c: string, members: string): boolean {
  for (let i = 0; i < members.length; i++) {
    const isRange = members[i + 1] === '-' && i + 2 < members.length;
    if (isRange ? c >= members[i]! && c <= members[i + 2]! : c === members[i]) return true;
    if (isRange) i += 2;
  }
  return false;
}
