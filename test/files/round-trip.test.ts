/** parse(print(rules)) = rules for random rulesets over all extensions of the registry. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { restoreRules } from '../../src/iptables/restore.js';
import { printRuleset } from '../../src/iptables/save.js';
import { BUILT_IN, type Family, type Rule, type Ruleset, TABLE_NAMES, type TableName } from '../../src/rules/model.js';
import { registryOf } from '../../src/rules/registry.js';
import { readSections, type Section } from './sections.js';
import '../support/seed.js';

/** Rules that iptables-save prints in a form that iptables-restore refuses or takes for something else: as recorded, not ours to mend. */
const NOT_READ_AGAIN: readonly (readonly [RegExp, string])[] = [
  [/ {2}| $/, 'an empty name is printed as nothing'],
  [/ a b( |$)|Windows XP/, 'names are printed without quotes'],
  [/ 0b\/s/, 'hashlimit: rates of bytes that are no multiple of 16'],
  [/cluster-local-nodemask 0x80000000/, 'cluster: node 32 is not in the range of masks'],
  [/-m ipcomp$/, 'ipcomp: no SPI is read as SPI 0'],
  [/-j RATEEST/, 'RATEEST: intervals are rounded twice'],
  [/-m rateest/, 'rateest: the comparison is printed once for each rate'],
  [/-j [SD]NPT(?: --(?:src|dst)-pfx \S+)?$/, 'SNPT, DNPT: ::/0 is not printed'],
  [/-m time$/, 'time: the epoch as --datestop is not printed'],
  [/--monthdays 1,.*,31 /, 'time: all days of the month are none'],
];

/** Extensions of which iptables-save does not print all that was given; what was read once from its text stays the same. */
const LOSSY: Readonly<Record<string, string>> = {
  recent: 'the mask that is there without --mask has more bits than the printed one of IPv4',
  hashlimit: 'rates and bursts are rounded',
  esp: 'a full range is not printed, not even where it is inverted',
  ah: 'the same',
  frag: 'the same',
  rt: 'the same',
  mh: 'the same',
  policy: '--pol none is printed without the elements',
  statistic: 'probabilities below 0 are printed as 0',
  time: 'day 0 of a month is not printed',
  rateest: 'rates are rounded',
  ipvs: 'masks with holes are not printed',
  conntrack: 'masks with holes are not printed',
  srh: 'the same',
  HMARK: 'options are printed in an order of their own',
};

/** Targets that a kernel of today does not have: their rules are read, and refused when the table is handed over. */
const NOT_IN_KERNEL = ['CLUSTERIP', 'LED', 'SECMARK', 'ULOG'];

const isReadAgain = (printed: string): boolean => !NOT_READ_AGAIN.some(([form]) => form.test(printed));
/** Another number may make one of those forms of them. */
const FIXED = ['hashlimit', 'cluster', 'ipcomp', 'RATEEST', 'rateest', 'time', 'SNPT', 'DNPT'];

const FAMILIES: readonly Family[] = [2, 10];
const HOOKS: readonly (readonly [TableName, string])[] = TABLE_NAMES.flatMap((name) =>
  BUILT_IN[name].map((chain): [TableName, string] => [name, chain]),
);
const LENIENT = { lenient: true, gentle: true, counters: true };
const SECTIONS = readSections();
/** By family and name, so that rare extensions come as often as the others. */
const BY_NAME = new Map(FAMILIES.map((family) => [family, group(family)]));

/** The section as some chain's rule, '' = none takes it. */
function asPrinted({ protocol, text }: Section, family: Family): string {
  for (const [name, chain] of HOOKS) {
    const rules = restoreRules(`*${name}\n-A ${chain} ${protocol} ${text}\nCOMMIT\n`, 'f', family, LENIENT);
    const line = /^-A .*$/m.exec(printRuleset(rules))?.[0];
    if (line !== undefined) return line;
  }
  return '';
}

function group(family: Family): { matches: Section[][]; targets: Section[][] } {
  const names = new Map<string, Section[]>();
  const { matches, targets } = registryOf(family);
  for (const section of SECTIONS) {
    // a line of one family is tried in the other too
    if (!(section.isTarget ? targets : matches).has(section.name) || !isReadAgain(asPrinted(section, family))) continue;
    const key = `${section.isTarget} ${section.name}`;
    names.set(key, [...(names.get(key) ?? []), section]);
  }
  const all = [...names.values()];
  return { matches: all.filter((s) => !s[0]?.isTarget), targets: all.filter((s) => s[0]?.isTarget) };
}

const counter = fc.nat({ max: 2 ** 31 });
const counters = fc.tuple(counter, counter).map(([p, b]) => `[${p}:${b}]`);
const chainName = fc.stringMatching(/^[A-Za-z_][\w.:@=-]{0,27}$/);
const netFour = fc.tuple(fc.ipV4(), fc.nat({ max: 32 })).map(([a, n]) => `${a}/${n}`);
const netSix = fc.tuple(fc.ipV6(), fc.nat({ max: 128 })).map(([a, n]) => `${a}/${n}`);
const bang = fc.constantFrom('', '', '! ');

function base(family: Family): fc.Arbitrary<string> {
  const net =
    family === 2
      ? fc.oneof(
          netFour,
          fc.ipV4().map((m) => `10.1.2.3/${m}`),
        )
      : netSix;
  const part = (letter: string, value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
    fc.oneof(
      { weight: 3, arbitrary: fc.constant('') },
      { weight: 1, arbitrary: fc.tuple(bang, value).map(([b, v]) => ` ${b}-${letter} ${v}`) },
    );
  const device = fc.stringMatching(/^[a-z][a-z0-9.]{0,9}\+?$/);
  return fc.tuple(part('s', net), part('d', net), part('i', device), part('o', device)).map((parts) => parts.join(''));
}

/** Sometimes another number in the place of one of a section's. */
const changed = ({ name, text }: Section): fc.Arbitrary<string> =>
  fc.tuple(fc.nat({ max: 5 }), fc.nat({ max: 70000 })).map(([which, value]) => {
    if (which > 1 || FIXED.includes(name)) return text;
    let n = 0;
    return text.replace(/(?<=[ :,/])\d+(?=$|[ :,/])/g, (digits) => (n++ === which ? String(value) : digits));
  });

function rule(family: Family): fc.Arbitrary<string> {
  const { matches, targets } = BY_NAME.get(family) as ReturnType<typeof group>;
  const pick = (groups: Section[][]): fc.Arbitrary<Section> =>
    fc.constantFrom(...groups).chain((sections) => fc.constantFrom(...sections));
  const target = fc.oneof(
    pick(targets),
    fc
      .constantFrom('', '-j ACCEPT', '-j RETURN', '-j user', '-g user')
      .map((text): Section => ({ family, protocol: '', name: '', isTarget: true, text })),
  );
  return fc.tuple(base(family), fc.array(pick(matches), { maxLength: 3 }), target).chain(([addresses, uses, end]) => {
    const protocol = [...uses, end].find((s) => s.protocol !== '')?.protocol ?? '';
    return fc
      .tuple(...[...uses, end].map((s) => changed(s)))
      .map((texts) => `${addresses} ${protocol} ${texts.join(' ')}`.replace(/ +/g, ' ').trim());
  });
}

function table(family: Family): fc.Arbitrary<string> {
  return fc.constantFrom(...TABLE_NAMES).chain((name) => {
    const chains = [...BUILT_IN[name], 'user'];
    const line = fc
      .tuple(fc.option(counters, { nil: '' }), fc.constantFrom(...chains), rule(family))
      // a chain that calls itself is refused
      .map(([c, chain, text]) =>
        `${c} -A ${chain} ${chain === 'user' ? text.replace(/ ?-[jg] user$/, '') : text}`.trim(),
      );
    const policies = fc.tuple(...BUILT_IN[name].map(() => fc.tuple(fc.constantFrom('ACCEPT', 'DROP'), counters)));
    return fc
      .tuple(policies, fc.uniqueArray(chainName, { maxLength: 3 }), fc.array(line, { maxLength: 12 }))
      .map(([p, users, lines]) =>
        [
          `*${name}`,
          ...BUILT_IN[name].map((chain, i) => `:${chain} ${p[i]?.[0]} ${p[i]?.[1]}`),
          ...users
            .filter((chain) => !chains.includes(chain) && !/^(ACCEPT|DROP|QUEUE|RETURN)$/.test(chain))
            .map((c) => `:${c} - [0:0]`),
          ':user - [0:0]',
          ...lines,
          'COMMIT',
        ].join('\n'),
      );
  });
}

const ruleset = (family: Family): fc.Arbitrary<string> =>
  fc
    .uniqueArray(table(family), { maxLength: 3, selector: (text) => text.split('\n')[0] })
    .map((tables) => `${tables.join('\n')}\n`);

/** Without places in the text, and chains in the order in which they are printed. `lossy`: without rules of such extensions. */
function plain(rules: Ruleset, lossy = true): unknown {
  const isWhole = ({ matches, target }: Rule): boolean =>
    !matches.some((m) => m.extension.name in LOSSY) &&
    !(target?.kind === 'extension' && target.extension.name in LOSSY);
  const bare = ({ position: _, ...rest }: Rule): unknown => rest;
  return [...rules.tables.values()].map(({ name, chains }) => ({
    name,
    chains: [...chains.values()]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((chain) => ({ ...chain, rules: chain.rules.filter((r) => lossy || isWhole(r)).map(bare) })),
  }));
}

/** The property: `printed` says all of the rules, and says it in one way. */
function expectRoundTrip(rules: Ruleset, printed: string, family: Family): void {
  const again = restoreRules(printed, 'g', family, { counters: true });
  expect(printRuleset(again, { counters: true })).toBe(printed);
  expect(plain(again, false)).toEqual(plain(rules, false));
  expect(plain(restoreRules(printRuleset(again, { counters: true }), 'h', family, { counters: true }))).toEqual(
    plain(again),
  );
}

describe('what is printed is read as the same rules, and printed the same', () => {
  for (const family of FAMILIES) {
    test(`IPv${family === 2 ? 4 : 6}`, { timeout: 120_000 }, () => {
      let written = 0;
      let taken = 0;
      const used = new Set<string>();
      fc.assert(
        fc.property(ruleset(family), (text) => {
          const rules = restoreRules(text, 'f', family, LENIENT);
          const printed = printRuleset(rules, { counters: true });
          expectRoundTrip(rules, printed, family);
          written += text.match(/-A /g)?.length ?? 0;
          taken += printed.match(/-A /g)?.length ?? 0;
          for (const [, name] of printed.matchAll(/ -[mj] (\S+)/g)) used.add(name as string);
        }),
        { numRuns: Number(process.env.ROUND_TRIPS ?? 100) },
      );
      // most rules are ones that iptables takes: the property is not about empty tables
      expect(taken / written).toBeGreaterThan(0.2);
      expect(used.size).toBeGreaterThan(40);
    });
  }
});

describe('each extension is there, in all forms that are recorded', () => {
  const needed = new Set<RegExp>();
  for (const family of FAMILIES) {
    const { matches, targets } = registryOf(family);
    const all = [...matches.values(), ...targets.values()].map(({ extension }) => extension.name);
    test(`IPv${family === 2 ? 4 : 6}: printed, read and printed again`, { timeout: 60_000 }, () => {
      const seen = new Set<string>();
      for (const { protocol, text } of SECTIONS) {
        for (const [name, chain] of HOOKS) {
          const rules = restoreRules(`*${name}\n-A ${chain} ${protocol} ${text}\nCOMMIT\n`, 'f', family, LENIENT);
          const printed = printRuleset(rules, { counters: true });
          const line = /(?<=^\[0:0\] )-A .*$/m.exec(printed)?.[0];
          if (line === undefined) continue;
          for (const [, used] of line.matchAll(/ -[mj] (\S+)/g)) seen.add(used as string);
          const known = NOT_READ_AGAIN.find(([form]) => form.test(line))?.[0];
          if (known !== undefined) needed.add(known);
          else expectRoundTrip(rules, printed, family);
          break;
        }
      }
      expect(all.filter((extension) => !seen.has(extension)).filter((name) => !NOT_IN_KERNEL.includes(name))).toEqual(
        [],
      );
    });
  }
  test('no form is excepted that no line has', () => {
    expect(NOT_READ_AGAIN.filter(([form]) => !needed.has(form))).toEqual([]);
  });
});
