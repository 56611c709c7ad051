/** Sets in rule options: `NAME src,dst`, shared by -m set and -j SET; the messages are those of iptables 1.8.9, one with its misspelling. */
import type { LoadContext } from '../context.js';
import type { OptionContext } from '../extension.js';
import { SetAsk } from './ask.js';
import type { SetStore } from './store.js';

const NAME_MAX = 31;
/** Sets named in a message at most. */
const NAMES_SHOWN = 10;
/** Most parts (IPSET_DIM_MAX). */
const DIMENSIONS_MAX = 6;

/** A set and which side of the packet each part is. */
export interface SetReference {
  name: string;
  sides: ('src' | 'dst')[];
}

/** Reads the two arguments, a blank between them. */
export function readSetReference(value: string, c: OptionContext): SetReference {
  const blank = value.lastIndexOf(' ');
  const name = value.slice(0, blank);
  if (name.length > NAME_MAX) c.fail(`setname \`${name}' too long, max ${NAME_MAX} characters.`, name);
  const text = value.slice(blank + 1);
  const sides: SetReference['sides'] = [];
  for (const word of text.split(',')) {
    if (sides.length === DIMENSIONS_MAX) c.fail(`Can't be more src/dst options than ${DIMENSIONS_MAX}.`, text);
    if (word !== 'src' && word !== 'dst')
      c.fail("You must spefify (the comma separated list of) 'src' or 'dst'.", text);
    sides.push(word as 'src' | 'dst');
  }
  return { name, sides };
}

/** As it is printed. */
export function setReferenceText({ name, sides }: SetReference): string {
  return `${name} ${sides.join(',')}`;
}

/** A set that a loaded rule uses. */
export interface LoadedSet {
  store: SetStore;
  /** Its place in the store: a swap puts another set there. */
  index: number;
  ask: SetAsk;
}

/** What there is instead, for the message about a set that is not there. */
function setsThere(store: SetStore | null): string {
  const names = store?.all().map((set) => set.name) ?? [];
  if (names.length === 0)
    return 'this host has no sets: they come from its description or from what ipset save printed';
  return `expected one of ${names.slice(0, NAMES_SHOWN).join(', ')}${names.length > NAMES_SHOWN ? ', ...' : ''}`;
}

/** Finds the set and holds it. @throws RuleError: there is none, or its family is not the rule's. */
export function loadSet({ name, sides }: SetReference, c: LoadContext): LoadedSet {
  const store = c.sets;
  const index = store?.indexOf(name) ?? -1;
  if (store === null || index < 0) return c.fail(`Set ${name} doesn't exist.\n${setsThere(store)}`, 2);
  const { family } = store.at(index).options;
  if (family !== 0 && family !== c.family) {
    const version = family === 2 ? 'IPv4' : 'IPv6';
    c.fail(`The protocol family of set ${name} is ${version}, which is not applicable.`, 2);
  }
  store.hold(index);
  let sources = 0;
  sides.forEach((side, i) => {
    if (side === 'src') sources |= 1 << i;
  });
  return { store, index, ask: new SetAsk(c.family, sides.length, sources, c.interfaces) };
}
