/** The sets of a host as programs see them: ipset's commands as methods. */

import { SET_IN } from './codes.js';
import { SetFault } from './fault.js';
import { change, runSetScript, setError, testElement } from './script.js';
import { elementTexts, listText, saveText } from './set-text.js';
import { SetStore } from './store.js';

/** One set of `Sets.describe`. */
export interface SetSummary {
  /** At most 31 characters. */
  name: string;
  /** As ipset names it: `hash:net`. */
  type: string;
  /** inet 2, inet6 10; 0: the type is for both. */
  family: number;
  /** Elements that have not ended. */
  size: number;
  /** Rules and lists that hold it. */
  references: number;
}

/**
 * The sets of a host, as `-m set` and `-j SET` use them. Text is ipset's: an entry is what `ipset add` takes behind the set's name, with its
 * options: `10.0.0.0/8 timeout 300 nomatch`. Remaining timeouts and counters are those of the host's clock.
 *
 * What cannot be done throws a `RuleError` whose message is ipset's.
 */
export class Sets {
  /** @internal */
  readonly store: SetStore;

  /** @internal */
  constructor(clock: { readonly nowMs: number }) {
    this.store = new SetStore(clock);
  }

  /**
   * Runs lines of `ipset save` (create, add, del, flush, destroy, rename, swap); lines before a wrong one stay done.
   * @param text The lines.
   * @param file Name of the text, for messages.
   * @throws RuleError with file, line and column.
   */
  restore(text: string, file: string): void {
    runSetScript(this.store, text, file);
  }

  /** Makes an empty set; `options` are words as `ipset create` takes them: `family inet6 timeout 60 counters`. */
  create(name: string, type: string, options = ''): void {
    runSetScript(this.store, `create ${quoted(name)} ${quoted(type)} ${options}`, '');
  }

  /** Adds an entry: one element, or all that a range or a prefix stands for. `exist`: what is there gets its options anew. */
  add(name: string, entry: string, exist = false): void {
    this.entry((words) => change(this.store, 'add', name, words[0]!, words.slice(1), exist), entry);
  }

  /** Takes an entry out. `exist`: what is not there is fine. */
  del(name: string, entry: string, exist = false): void {
    this.entry((words) => change(this.store, 'del', name, words[0]!, words.slice(1), exist), entry);
  }

  /** Whether an element is in a set, as `ipset test` says it; nothing is counted. */
  test(name: string, entry: string): boolean {
    let found = false;
    this.entry((words) => {
      found = testElement(this.store, name, words) === SET_IN;
    }, entry);
    return found;
  }

  private entry(run: (words: string[]) => void, text: string): void {
    try {
      run(wordsOf(text));
    } catch (error) {
      throw error instanceof SetFault ? setError(error, null) : error;
    }
  }

  /** All sets, lists last. */
  describe(): SetSummary[] {
    return this.store.all().map((set) => ({
      name: set.name,
      type: set.kind.name,
      family: set.options.family,
      size: set.size(),
      references: set.references,
    }));
  }

  /** The elements of a set, each as `ipset save` prints it behind the name; none where there is no such set. */
  entries(name: string): string[] {
    const set = this.store.get(name);
    return set === null ? [] : elementTexts(set, this.store);
  }

  /** As `ipset save` prints one set or all: text that `restore` takes. */
  save(name = ''): string {
    return saveText(this.chosen(name), this.store);
  }

  /** As `ipset list` prints one set or all. */
  list(name = ''): string {
    return listText(this.chosen(name), this.store);
  }

  private chosen(name: string) {
    return this.store.all().filter((set) => name === '' || set.name === name);
  }
}

function quoted(word: string): string {
  return `"${word.replaceAll('"', '')}"`;
}

function wordsOf(text: string): string[] {
  return Array.from(text.matchAll(/"([^"]*)"|\S+/g), (m) => m[1] ?? m[0]);
}
