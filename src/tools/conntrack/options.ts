/**
 * The options of conntrack(8) 1.4.7 that every command line may have, and which of them goes with which command, as data. Protocols
 * add theirs: protocols.ts. All of it was asked of the program itself; test/conntrack-real compares.
 */

/** What is done: the letters of conntrack(8). V: version, h: help, R: a file of command lines. */
export type CommandLetter = 'L' | 'G' | 'D' | 'I' | 'A' | 'U' | 'E' | 'F' | 'C' | 'S' | 'V' | 'h';

/** The kernel's tables. */
export type TableName = 'conntrack' | 'expect' | 'dying' | 'unconfirmed';

/** Names of the tables; any beginning of one will do (the empty one is that of all), the first that fits is taken. */
export const TABLE_NAMES: readonly TableName[] = ['expect', 'conntrack', 'dying', 'unconfirmed'];

/** Whether a value follows: never, always, or only if one is joined or the next word begins with neither `-` nor `!`. */
export type ValueKind = 'none' | 'value' | 'maybe';

/** An option of the command line. */
export interface OptionRow {
  /** What the program calls it inside; for commands and filters their letter. */
  key: string;
  /** Letters that name it after one dash: one or none. */
  letter: string;
  /** Names after two dashes. The first one stands in messages. */
  names: readonly string[];
  value: ValueKind;
}

/** Commands. A word behind one names the table. */
export const COMMANDS: readonly OptionRow[] = [
  { key: 'L', letter: 'L', names: ['dump'], value: 'maybe' },
  { key: 'I', letter: 'I', names: ['create'], value: 'maybe' },
  { key: 'A', letter: 'A', names: ['add'], value: 'maybe' },
  { key: 'D', letter: 'D', names: ['delete'], value: 'maybe' },
  { key: 'U', letter: 'U', names: ['update'], value: 'maybe' },
  { key: 'G', letter: 'G', names: ['get'], value: 'maybe' },
  { key: 'F', letter: 'F', names: ['flush'], value: 'maybe' },
  { key: 'E', letter: 'E', names: ['event'], value: 'maybe' },
  { key: 'C', letter: 'C', names: ['count'], value: 'maybe' },
  { key: 'S', letter: 'S', names: ['stats'], value: 'none' },
  { key: 'V', letter: 'V', names: ['version'], value: 'none' },
  { key: 'h', letter: 'h', names: ['help'], value: 'none' },
];

/** The options of all protocols, in the order in which they are checked against USAGE. */
export const OPTIONS: readonly OptionRow[] = [
  { key: 's', letter: 's', names: ['src', 'orig-src'], value: 'value' },
  { key: 'd', letter: 'd', names: ['dst', 'orig-dst'], value: 'value' },
  { key: 'r', letter: 'r', names: ['reply-src'], value: 'value' },
  { key: 'q', letter: 'q', names: ['reply-dst'], value: 'value' },
  { key: 'p', letter: 'p', names: ['protonum'], value: 'value' },
  { key: 't', letter: 't', names: ['timeout'], value: 'value' },
  { key: 'u', letter: 'u', names: ['status'], value: 'value' },
  { key: 'z', letter: 'z', names: ['zero'], value: 'none' },
  { key: 'e', letter: 'e', names: ['event-mask'], value: 'value' },
  { key: '[', letter: '[', names: ['tuple-src'], value: 'value' },
  { key: ']', letter: ']', names: ['tuple-dst'], value: 'value' },
  { key: '{', letter: '{', names: ['mask-src'], value: 'value' },
  { key: '}', letter: '}', names: ['mask-dst'], value: 'value' },
  { key: 'm', letter: 'm', names: ['mark'], value: 'value' },
  { key: 'i', letter: 'i', names: ['id'], value: 'value' },
  { key: 'f', letter: 'f', names: ['family'], value: 'value' },
  { key: 'n', letter: 'n', names: ['src-nat'], value: 'maybe' },
  { key: 'g', letter: 'g', names: ['dst-nat'], value: 'maybe' },
  { key: 'o', letter: 'o', names: ['output'], value: 'value' },
  { key: 'c', letter: 'c', names: ['secmark'], value: 'value' },
  { key: 'b', letter: 'b', names: ['buffer-size'], value: 'value' },
  { key: 'j', letter: 'j', names: ['any-nat'], value: 'maybe' },
  { key: 'w', letter: 'w', names: ['zone'], value: 'value' },
  { key: 'l', letter: 'l', names: ['label'], value: 'value' },
  { key: '<', letter: '<', names: ['label-add'], value: 'value' },
  { key: '>', letter: '>', names: ['label-del'], value: 'maybe' },
  { key: '(', letter: '(', names: ['orig-zone'], value: 'value' },
  { key: ')', letter: ')', names: ['reply-zone'], value: 'value' },
];

/** Read, warned of and then forgotten. */
export const DEPRECATED: readonly OptionRow[] = [{ key: 'a', letter: 'a', names: ['nat-range'], value: 'value' }];

/** A row of USAGE: the options that a command has to have, and those that it may have; all others are refused. */
export interface UsageRow {
  /** Keys of OPTIONS, one character each. */
  needs: string;
  takes: string;
}

const NOTHING: UsageRow = { needs: '', takes: '' };
const CREATE: UsageRow = { needs: 'pt', takes: 'sdrqumngw<()' };
const ONE_EXPECTATION: UsageRow = { needs: 'sdp', takes: 'rq' };

/** Which options go with which command on connections. */
export const USAGE: Record<CommandLetter, UsageRow> = {
  L: { needs: '', takes: 'sdrqpuz{}mfngocjwl()' },
  G: { needs: 'p', takes: 'sdrqiol' },
  D: { needs: '', takes: 'sdrqptu{}mifngowl()' },
  I: CREATE,
  A: CREATE,
  U: { needs: '', takes: 'sdrqptu{}mifngol<>' },
  E: { needs: '', takes: 'sdrqpe{}mfngocbjwl()' },
  F: { needs: '', takes: 'f' },
  C: NOTHING,
  S: NOTHING,
  V: NOTHING,
  h: { needs: '', takes: 'p' },
};

/** Which options go with which command on expectations; commands that are missing do not exist there. */
export const EXPECT_USAGE: Partial<Record<CommandLetter, UsageRow>> = {
  L: { needs: '', takes: 'fo' },
  G: ONE_EXPECTATION,
  D: ONE_EXPECTATION,
  I: { needs: 'sdpt[]{}', takes: 'rqu' },
  E: { needs: '', takes: 'o' },
  F: NOTHING,
  C: NOTHING,
  S: NOTHING,
  V: NOTHING,
  h: { needs: '', takes: 'p' },
};

/** The first option that is missing or too much, as a message; null: all is well. */
export function checkUsage(rows: readonly OptionRow[], usage: UsageRow, given: ReadonlySet<string>): string | null {
  for (const { key, names } of rows) {
    if (!given.has(key)) {
      if (usage.needs.includes(key)) return `You need to supply the \`--${names[0]}' option for this command`;
    } else if (!usage.needs.includes(key) && !usage.takes.includes(key)) {
      return `Illegal option \`--${names[0]}' with this command`;
    }
  }
  return null;
}
