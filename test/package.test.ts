/**
 * What `npm pack` makes is what users get: it is packed, installed in an empty folder, run there, and its types are used.
 * Needs a built dist/; the scripts of the package are not run, since they would build it again under other tests.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string; dependencies?: object };
const work = mkdtempSync(join(tmpdir(), 'statewall-package-'));
const user = join(work, 'user');
const installed = join(user, 'node_modules/statewall');
const command = join(user, 'node_modules/.bin/statewall');
/** What `npm pack --json` says of a package. */
interface Packed {
  filename: string;
  size: number;
  unpackedSize: number;
  files: { path: string }[];
}

let packed: string[] = [];
let packedBytes = 0;
let unpackedBytes = 0;

function run(program: string, args: readonly string[], cwd = user): string {
  return execFileSync(program, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 120_000 });
}

beforeAll(() => {
  const answer = run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', work], root);
  const parsed: unknown = JSON.parse(answer);
  // npm 11 answers with an object by package name, older ones with a list
  const [pack] = Object.values(parsed as Record<string, Packed>);
  packed = pack!.files.map((file) => file.path);
  packedBytes = pack!.size;
  unpackedBytes = pack!.unpackedSize;
  mkdirSync(user);
  writeFileSync(join(user, 'package.json'), '{"name":"user","private":true,"type":"module"}\n');
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', join(work, pack!.filename)]);
}, 180_000);

afterAll(() => rmSync(work, { recursive: true, force: true }));

describe('the package', () => {
  it('has what its entries name', () => {
    for (const path of [
      'dist/cli/main.js',
      'dist/engine.js',
      'dist/types/engine.d.ts',
      'dist/conntrack.js',
      'dist/types/conntrack-live.d.ts',
      'README.md',
      'LICENSE',
      'CHANGELOG.md',
    ])
      expect(packed).toContain(path);
  });

  it('has nothing that a user does not need', () => {
    const needed =
      /^(?:dist\/.*\.js|dist\/types\/.*\.d\.ts|dist\/third-party-licenses\.txt|examples\/.*|docs\/(?:api\/)?[\w-]+\.md|[A-Z]+\.md|LICENSE|package\.json)$/;
    expect(packed.filter((path) => !needed.test(path) || /\.test\.|\/\./.test(path))).toEqual([]);
  });

  it('has the declarations that its entries lead to, and no others', () => {
    const reached = new Set<string>();
    const queue = ['dist/types/engine.d.ts', 'dist/types/conntrack-live.d.ts'];
    for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
      if (reached.has(path)) continue;
      reached.add(path);
      const text = readFileSync(join(installed, path), 'utf8');
      for (const [, from] of text.matchAll(/["'](\.\.?\/[^"']*)\.js["']/g))
        queue.push(`${posix.join(posix.dirname(path), from!)}.d.ts`);
    }
    expect(packed.filter((path) => path.endsWith('.d.ts')).sort()).toEqual([...reached].sort());
    expect(reached.size).toBeGreaterThan(20);
  });

  it('needs no other package, and has the licences of what it bundles', () => {
    expect(own.dependencies ?? {}).toEqual({});
    const licences = readFileSync(join(installed, 'dist/third-party-licenses.txt'), 'utf8');
    for (const name of ['commander', 'yaml']) expect(licences).toMatch(new RegExp(`^${name}\n\n.*copyright`, 'ims'));
  });

  it('is small', () => {
    expect(packedBytes).toBeLessThan(700_000);
    expect(unpackedBytes).toBeLessThan(3_000_000);
  });

  it('prints its version', () => {
    expect(run(command, ['--version']).trim()).toBe(own.version);
  });

  it('replays an example that it ships', () => {
    const at = join(installed, 'examples/web-server');
    const files = ['--rules', join(at, 'rules.v4'), '--host', join(at, 'host.yaml')];
    const out = run(command, ['replay', join(at, 'capture.pcapng'), ...files, '--summary']);
    expect(out).toContain('77');
    expect(out).toContain('-A INPUT -m state --state INVALID -j DROP');
  });

  it('runs the library example', () => {
    expect(run(process.execPath, [join(installed, 'examples/library/firewall.js')])).toContain('ACCEPT');
  });

  it('runs from a folder with blanks in its name', () => {
    const at = join(work, 'a b');
    mkdirSync(at);
    for (const name of ['rules.v4', 'host.yaml', 'capture.pcapng'])
      copyFileSync(join(installed, 'examples/web-server', name), join(at, name));
    const args = ['replay', 'capture.pcapng', '--rules', 'rules.v4', '--host', 'host.yaml', '--summary'];
    expect(run(process.execPath, [join(installed, 'dist/cli/main.js'), ...args], at)).toContain('77');
  });

  it('gives the live table, or one line where it cannot be had', () => {
    const program = `const { openConntrack } = await import('statewall/conntrack');
      const ended = await openConntrack({ namespace: '/nowhere' }).then((table) => table.count()).catch((e) => e);
      console.log(ended.name, ended.message);`;
    const result = spawnSync(process.execPath, ['--input-type=module', '-e', program], { cwd: user, encoding: 'utf8' });
    expect(result.stderr).toBe('');
    // with or without koffi, which is installed where it can be
    expect(result.stdout).toMatch(/^Netlink\w+ .*(?:\/nowhere|koffi|namespace).*\n$/);
  });

  it('gives the engine, and no way around it', async () => {
    const engine = `${pathToFileURL(join(installed, 'dist/engine.js'))}`;
    const names = run(process.execPath, [
      '--input-type=module',
      '-e',
      `console.log(Object.keys(await import('${engine}')).join())`,
    ]);
    expect(names.trim().split(',')).toEqual(
      expect.arrayContaining(['Host', 'loadRules', 'RuleError', 'VERDICT_ACCEPT']),
    );
    const refused = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', "await import('statewall/dist/core.js')"],
      {
        cwd: user,
        encoding: 'utf8',
      },
    );
    expect(refused.stderr).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });

  const USE = `import { Host, loadRules, type HostConfig, type Ruleset, RuleError, VERDICT_DROP } from 'statewall/engine';
const config: HostConfig = { interfaces: [{ name: 'eth0', addresses: ['192.0.2.1/24'] }] };
export const host = new Host(config);
const rules: Ruleset = loadRules('*filter\\nCOMMIT\\n', 'rules', 2);
export const load: (ruleset: Ruleset) => void = (r) => host.load(r);
export const dropped: boolean = host.result.verdict === VERDICT_DROP;
export const line = (e: unknown): number | undefined => (e instanceof RuleError ? e.position?.line : undefined);
for (const table of rules.tables.values()) table.chains.size.toFixed();
// @ts-expect-error there is no such member
export type Wrong = Host['noSuchMember'];
// @ts-expect-error a family is 2 or 10
loadRules('', 'rules', 4);
`;

  // the compiler of today, and the one before it; what Node resolves, and what bundlers do
  it.each([
    ['@typescript/native', 'NodeNext', 'NodeNext'],
    ['@typescript/native', 'ESNext', 'Bundler'],
    ['@typescript/old', 'NodeNext', 'NodeNext'],
    ['@typescript/old', 'ESNext', 'Bundler'],
  ])('has types that a user’s compiler finds: %s, %s, %s', (compiler, module, resolution) => {
    writeFileSync(join(user, 'use.ts'), USE);
    // no Node, no DOM, and the declarations themselves are checked
    const options = { strict: true, noEmit: true, target: 'ES2022', lib: ['ES2022'], types: [], skipLibCheck: false };
    const compilerOptions = { ...options, module, moduleResolution: resolution };
    writeFileSync(join(user, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['use.ts'] }));
    const tsc = spawnSync(process.execPath, [join(root, 'node_modules', compiler, 'bin/tsc')], {
      cwd: user,
      encoding: 'utf8',
    });
    expect({ output: tsc.stdout, status: tsc.status }).toEqual({ output: '', status: 0 });
  });
});
