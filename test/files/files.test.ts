/**
 * Rule files as administrators have them, in `cases`, and in `expect` what the real programs made of each:
 *
 *     # exact STATUS MESSAGE        what iptables-legacy-restore -c did with the very bytes
 *     *table ...                    iptables-legacy-save -c after the text that our gentle reader understands, in the real program's
 *                                   words: without byte order mark, CR, blanks around lines, prose; a shell script run by sh
 *
 * FILES_RECORD=1 writes `expect` anew (as root, see real.ts); prepare.sh is what the kernel must have before.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadRules } from '../../src/iptables/restore.js';
import { printRuleset } from '../../src/iptables/save.js';
import type { Family, Position } from '../../src/rules/model.js';
import { MATCHES_TO_COME, TARGETS_TO_COME } from '../../src/rules/registry.js';
import { ourRestore } from './ours.js';
import { realRestore, realScript, whyNotReal, withoutEmptyTables } from './real.js';

const here = new URL('.', import.meta.url);
const names = readdirSync(new URL('cases/', here)).sort();
const PREPARE = readFileSync(new URL('prepare.sh', here), 'utf8');
/** Their text is more than rules: they are read with --lenient, and warn of these lines. */
const LENIENT: Record<string, string> = {
  'cut-off.v4': '3',
  'pasted.v4': '1 3 5 6 7 17 19',
  'mailed.v4': '1 13 14',
};
/** What of a dump is not in it, or does nothing. */
const WARNINGS: Record<string, string[]> = {
  'calico.v4': [
    '2 the host has rules of iptables-legacy too, which this text does not hold',
    '59 table netlab of the host is not in this text: iptables could not print it',
    '53 warn: --nflog-range has never worked and is no longer supported, please use --nflog-size instead',
  ],
};

const bytes = (name: string): Uint8Array => readFileSync(new URL(`cases/${name}`, here));
const text = (name: string): string => readFileSync(new URL(`cases/${name}`, here), 'utf8');
const families = (name: string): Family[] => (name.endsWith('.sh') ? [2, 10] : name.endsWith('6') ? [10] : [2]);
const isScript = (name: string): boolean => name.endsWith('.sh') || name === 'listed-rules.v4';

/** The text as the real iptables-restore takes it. */
function cleaned(name: string): string {
  const lines = text(name)
    .replace(/^\ufeff/, '')
    .split('\n')
    .map((line) => line.replace(/^[\s>]+|\s+$/g, ''));
  const rules: string[] = [];
  let inside = false;
  for (const line of lines) {
    inside ||= line.startsWith('*');
    if (inside) rules.push(/^:\S+ \S+$/.test(line) ? `${line} [0:0]` : line);
    if (line === 'COMMIT') inside = false;
  }
  if (inside) rules.push('COMMIT');
  return `${rules.filter((line) => !line.startsWith('#')).join('\n')}\n`;
}

/** What the real programs say, as the files in `expect` have it. */
function realAnswer(name: string, family: Family): string {
  const input = bytes(name);
  const exact = name.endsWith('.sh') ? null : realRestore(input, family, { args: ['-c'], prepare: PREPARE });
  const what = exact === null ? 'script' : `exact ${exact.status} ${exact.error.split('\n')[0]}`.trimEnd();
  if (!isScript(name)) {
    const { status, error, save } = realRestore(new TextEncoder().encode(cleaned(name)), family, {
      args: ['-c'],
      prepare: PREPARE,
    });
    if (status !== 0) throw new Error(`${name}: ${error}`);
    return `# ${what}\n${save}\n`;
  }
  const commands = name.endsWith('.sh') ? text(name) : text(name).replace(/^-/gm, 'iptables -');
  return `# ${what}\n${realScript(commands, family)}\n`;
}

function ourAnswer(name: string, family: Family): { answer: string; warnings: string[] } {
  const exact = name.endsWith('.sh') ? null : ourRestore(text(name), family, ['-c'], '');
  const what = exact === null ? 'script' : `exact ${exact.status} ${exact.error.split('\n')[0]}`.trimEnd();
  const warnings: string[] = [];
  const warn = (message: string, at: Position | null) => warnings.push(`${at?.line} ${message.split('\n')[0]}`);
  const rules = loadRules(text(name), name, family, { counters: true, lenient: name in LENIENT, warn });
  const save = withoutEmptyTables(printRuleset(rules, { counters: true }));
  return { answer: `# ${what}\n${save}\n`, warnings };
}

const cases = names.flatMap((name) => families(name).map((family): [string, Family] => [name, family]));
const expectation = (name: string, family: Family): URL => new URL(`expect/${name}.${family === 2 ? 4 : 6}.txt`, here);

/** Whether a file names an extension that the registry only announces. */
function isToCome(name: string): boolean {
  const used = text(name).matchAll(/-(?:m|j) (\S+)/g);
  return [...used].some(([, word]) => MATCHES_TO_COME.has(word as string) || TARGETS_TO_COME.has(word as string));
}
const ready = cases.filter(([name]) => !isToCome(name));

describe('a rule file means what it means to the real programs', () => {
  test.each(process.env.FILES_RECORD ? cases : ready)('%s, family %i', (name, family) => {
    if (process.env.FILES_RECORD) writeFileSync(expectation(name, family), realAnswer(name, family));
    const { answer, warnings } = ourAnswer(name, family);
    expect(answer.replace(/^# exact 0.*/, '# exact 0')).toBe(
      readFileSync(expectation(name, family), 'utf8').replace(/^# exact 0.*/, '# exact 0'),
    );
    const lenient = LENIENT[name];
    if (lenient !== undefined) expect(warnings.map((w) => w.split(' ')[0]).join(' ')).toBe(lenient);
    else expect(warnings).toEqual(WARNINGS[name] ?? []);
  });
});

describe('printed and read again, a rule file is what it was', () => {
  test.each(ready)('%s, family %i', (name, family) => {
    const first = loadRules(text(name), name, family, { counters: true, lenient: name in LENIENT });
    const printed = printRuleset(first, { counters: true });
    const again = loadRules(printed === '' ? '*filter\nCOMMIT\n' : printed, 'again', family, { counters: true });
    expect(withoutEmptyTables(printRuleset(again, { counters: true }))).toBe(withoutEmptyTables(printed));
  });
});

const why = whyNotReal();
describe.skipIf(why !== '')('the real programs still say what is recorded', () => {
  test.each(cases)('%s, family %i', (name, family) => {
    expect(realAnswer(name, family)).toBe(readFileSync(expectation(name, family), 'utf8'));
  });
});
