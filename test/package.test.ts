/**
 * What `npm pack` makes is what users get: it is packed, installed in an empty folder, run there, and its types are used.
 * Needs a built dist/; the scripts of the package are not run, since they would build it again under other tests.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string; dependencies?: object };
const work = mkdtempSync(join(tmpdir(), 'statewall-package-'));
const user = join(work, 'user');
const installed = join(user, 'node_modules/statewall');
const command = join(user, 'node_modules/.bin/statewall');
let packed: string[] = [];

function run(program: string, args: readonly string[], cwd = user): string {
  return execFileSync(program, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 120_000 });
}

beforeAll(() => {
  const answer = run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', work], root);
  const parsed: unknown = JSON.parse(answer);
  // npm 11 answers with an object by package name, older ones with a list
  const [pack] = Object.values(parsed as Record<string, { filename: string; files: { path: string }[] }>);
  packed = pack!.files.map((file) => file.path);
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
      'build/engine.d.ts',
      'README.md',
      'LICENSE',
      'CHANGELOG.md',
    ])
      expect(packed).toContain(path);
  });

  it('has nothing that a user does not need', () => {
    const needed =
      /^(?:dist\/.*\.js|dist\/third-party-licenses\.txt|build\/.*\.d\.ts|examples\/.*|README\.md|LICENSE|CHANGELOG\.md|package\.json)$/;
    expect(packed.filter((path) => !needed.test(path) || /\.test\.|\/\./.test(path))).toEqual([]);
  });

  it('has no declaration whose source is gone', () => {
    const declarations = packed.filter((path) => path.startsWith('build/'));
    const source = (path: string) => join(root, path.replace(/^build/, 'src').replace(/d\.ts$/, 'ts'));
    expect(declarations.length).toBeGreaterThan(20);
    expect(declarations.filter((path) => !existsSync(source(path)))).toEqual([]);
  });

  it('needs no other package, and has the licences of what it bundles', () => {
    expect(own.dependencies ?? {}).toEqual({});
    const licences = readFileSync(join(installed, 'dist/third-party-licenses.txt'), 'utf8');
    for (const name of ['commander', 'yaml']) expect(licences).toMatch(new RegExp(`^${name}\n\n.*copyright`, 'ims'));
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

  it('has types that a user’s compiler finds', () => {
    writeFileSync(
      join(user, 'use.ts'),
      "import { Host } from 'statewall/engine';\nexport const load: Host['load'] | undefined = undefined;\n" +
        '// @ts-expect-error there is no such member\nexport type Wrong = Host["noSuchMember"];\n',
    );
    const options = [
      '--strict',
      '--noEmit',
      '--module',
      'NodeNext',
      '--moduleResolution',
      'NodeNext',
      '--target',
      'ES2022',
    ];
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    expect(run(process.execPath, [tsc, ...options, '--types', '', 'use.ts'])).toBe('');
  });
});
