/** docs/host-file.md: every key that it names is taken, every key that is taken stands there, and its example is a host. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Host } from '../src/host/host.js';
import { timeoutKeys } from '../src/host/timeouts.js';
import { HOST_FILE_KEYS, parseHostFile } from '../src/replay/host-file.js';

const text = readFileSync(new URL('../docs/host-file.md', import.meta.url), 'utf8');

/** A section's text by its heading; '' = before the first one. */
const sections = new Map(
  text.split(/^## /m).map((part, i) => (i === 0 ? ['', part] : [part.slice(0, part.indexOf('\n')), part])),
);

/** Words in backquotes of the first column of the tables whose head is `head`. */
function firstColumn(section: string, head: string): string[] {
  const words: string[] = [];
  let inside = false;
  for (const line of section.split('\n')) {
    if (!line.startsWith('|')) inside = false;
    else if (line.startsWith(`| ${head} |`)) inside = true;
    else if (inside) words.push(...[...line.split('|')[1]!.matchAll(/`([^`]+)`/g)].map(([, word]) => word!));
  }
  return words;
}

/** A value that the reader of a host file takes for a key, whatever it means. */
const VALUES: Readonly<Record<string, string>> = {
  addresses: '[10.0.0.1/8]',
  entries: '[]',
  groups: '[1]',
  transparent: 'true',
  counters: 'true',
  comment: 'true',
  skbinfo: 'true',
  forceadd: 'true',
};
const NUMBERS = new Set(
  'group mtu cpu metric timeout maxelem hashsize netmask size markmask mark quota established replied'.split(' '),
);
const sampleOf = (key: string): string => VALUES[key] ?? (NUMBERS.has(key) ? '1' : 'word');

/** What a list's or a mapping's item cannot do without. */
const NEEDED: Readonly<Record<string, string[]>> = {
  interfaces: ['name'],
  routes: ['to'],
  neighbours: ['address', 'mac', 'dev'],
  sets: ['type'],
};

function takes(section: string, key: string): boolean {
  const keys = new Set([...(NEEDED[section] ?? []), key]);
  const item = `{${[...keys].map((k) => `${k}: ${sampleOf(k)}`).join(', ')}}`;
  const isNamed = section === 'sets' || section === 'nfacct';
  const { config } = parseHostFile(`${section}: ${isNamed ? `{name: ${item}}` : `[${item}]`}\n`, 'host.yaml');
  const value = config[section as keyof typeof config] as Record<string, object> | object[];
  return key in (Array.isArray(value) ? value[0]! : (value as Record<string, object>).name!);
}

describe('docs/host-file.md', () => {
  it('has a section for each key that stands outermost, but for plain values', () => {
    const keys = firstColumn(sections.get('')!, 'key');
    expect([...keys].sort()).toEqual([...HOST_FILE_KEYS['']!].sort());
    expect([...sections.keys()].filter((name) => name !== '').sort()).toEqual(
      keys.filter((key) => key !== 'cpu').sort(),
    );
  });

  it.each(Object.keys(HOST_FILE_KEYS).filter((name) => name !== ''))(
    'names the keys of %s that are taken, and no others',
    (name) => {
      const keys = firstColumn(sections.get(name)!, 'key');
      expect([...keys].sort()).toEqual([...HOST_FILE_KEYS[name]!].sort());
      expect(keys.filter((key) => !takes(name, key))).toEqual([]);
    },
  );

  it('names the keys of timeout policies', () => {
    const section = sections.get('timeouts')!;
    for (const line of section.split('\n').filter((row) => /^\| `/.test(row))) {
      const [, first, second] = line.split('|') as [string, string, string];
      const words = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, word]) => word!);
      for (const protocol of words(first)) {
        const keys = timeoutKeys(protocol);
        if (keys !== null)
          expect(words(second).sort()).toEqual(keys.filter((key) => !/^(family|protocol)$/.test(key)).sort());
      }
    }
    const protocols = firstColumn(section, 'protocol');
    expect(protocols.filter((name) => timeoutKeys(name) === null)).toEqual([]);
    expect(protocols).toHaveLength(8);
    expect(firstColumn(section, 'key')).toEqual(['protocol', 'family']);
  });

  it('shows a host that can be made', () => {
    const example = /```yaml\n(.*?)```/s.exec(text)![1]!;
    const host = new Host(parseHostFile(example, 'host.yaml').config);
    expect(host.interfaceIndex('eth0')).toBeGreaterThan(0);
  });
});
