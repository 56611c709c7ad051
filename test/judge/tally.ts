/** What was compared: counts by family and category, as a line of JSON, and the report that such lines make. */
import { CATEGORIES, type Category } from '../kernel/compare.js';

/** Counts of one family. */
export interface FamilyCount {
  scenarios: number;
  packets: number;
  differences: number;
}

/** One run of the judge. */
export interface Tally {
  seed: number;
  /** `uname -sr`. */
  kernel: string;
  /** Day of the run. */
  date: string;
  seconds: number;
  families: Record<string, FamilyCount>;
  /** Scenarios that differ, by category. */
  differences: Record<Category, number>;
  /** Scenarios that differed once and not again in a fresh namespace. */
  unsteady: number;
}

/** Nothing yet. */
export function newTally(seed: number, kernel: string, date: string): Tally {
  const differences = Object.fromEntries(CATEGORIES.map((category) => [category, 0])) as Record<Category, number>;
  return { seed, kernel, date, seconds: 0, families: {}, differences, unsteady: 0 };
}

/** Counts a scenario and its differences. */
export function count(tally: Tally, family: string, packets: number, categories: readonly Category[]): void {
  tally.families[family] ??= { scenarios: 0, packets: 0, differences: 0 };
  const own = tally.families[family];
  own.scenarios++;
  own.packets += packets;
  if (categories.length > 0) own.differences++;
  for (const category of categories) tally.differences[category]++;
}

/** Packets and scenarios with differences, over all families. */
export function totals(tally: Tally): FamilyCount {
  const sum = { scenarios: 0, packets: 0, differences: 0 };
  for (const own of Object.values(tally.families)) {
    sum.scenarios += own.scenarios;
    sum.packets += own.packets;
    sum.differences += own.differences;
  }
  return sum;
}

/** The summary that a run ends with. */
export function summary(tally: Tally): string {
  const { scenarios, packets, differences } = totals(tally);
  const rows = Object.entries(tally.families).map(
    ([name, own]) =>
      `  ${name.padEnd(16)} ${String(own.scenarios).padStart(6)} ${String(own.packets).padStart(10)} ${String(own.differences).padStart(6)}`,
  );
  const rate = tally.seconds > 0 ? Math.round(packets / tally.seconds) : 0;
  const unsteady = tally.unsteady === 0 ? '' : `; ${tally.unsteady} differed once and not again`;
  return [
    `  ${'family'.padEnd(16)} ${'scenarios'.padStart(6)} ${'packets'.padStart(7)} differ`,
    ...rows,
    `seed ${tally.seed}, ${tally.kernel}: ${packets} packets in ${scenarios} scenarios compared, ${rate} a second`,
    `${differences} scenario${differences === 1 ? '' : 's'} with differences${unsteady}`,
  ].join('\n');
}

const thousands = (n: number): string => String(n).replace(/\B(?=(?:\d{3})+$)/g, ',');

/** docs/conformance.md, of runs and of the recorded cases by family. */
export function report(
  tallies: readonly Tally[],
  cases: Readonly<Record<string, number>>,
  covers: ReadonlyMap<string, string>,
): string {
  const sums = tallies.map(totals);
  const all = (key: keyof FamilyCount): number => sums.reduce((n, s) => n + s[key], 0);
  const kernels = [...new Set(tallies.map((t) => t.kernel))].join(', ');
  const families = new Map<string, FamilyCount>();
  for (const tally of tallies)
    for (const [name, own] of Object.entries(tally.families)) {
      const sum = families.get(name) ?? { scenarios: 0, packets: 0, differences: 0 };
      families.set(name, {
        scenarios: sum.scenarios + own.scenarios,
        packets: sum.packets + own.packets,
        differences: sum.differences + own.differences,
      });
    }
  const runs = tallies.map(
    (t, i) =>
      `| ${t.seed} | ${t.date} | ${t.kernel} | ${thousands(sums[i]!.packets)} | ${sums[i]!.differences} | ${t.unsteady} |`,
  );
  const rows = [...families].map(
    ([name, own]) =>
      `| \`${name}\` | ${covers.get(name) ?? ''} | ${own.scenarios} | ${thousands(own.packets)} | ${own.differences} |`,
  );
  const categories = CATEGORIES.map((c) => `| ${c} | ${tallies.reduce((n, t) => n + t.differences[c], 0)} |`);
  const recorded = Object.entries(cases)
    .sort()
    .map(([name, n]) => `| ${name} | ${n} |`);
  return `# Agreement with the Linux kernel

Made by \`npm run conformance\` from what \`npm run judge\` found; not to be written by hand.

Linux ${kernels.replaceAll('Linux ', '')}: ${thousands(all('packets'))} packets in ${thousands(all('scenarios'))} made-up scenarios compared,
${all('differences')} scenarios with differences. What may differ, and why: [kernel-differences.md](kernel-differences.md).

Each scenario loads the same rules into the kernel and into Statewall and gives both the same packets. Compared are every rule's and
policy's counters, the connection table, expectations and their events, events of connections, the kernel's log where rules write to it,
and every packet that leaves, byte for byte; in most scenarios a packet that leaves carries its connection's state in its TOS byte.

## Runs

| seed | date | kernel | packets | scenarios that differ | differed once and not again |
|---|---|---|---|---|---|
${runs.join('\n')}

## Families

| family | what | scenarios | packets | differ |
|---|---|---|---|---|
${rows.join('\n')}

## Differences by category

| category | scenarios |
|---|---|
${categories.join('\n')}

## Recorded cases

Besides, the tests compare these recordings (\`test/kernel/cases\`) each time.

| family | cases |
|---|---|
${recorded.join('\n')}
`;
}
