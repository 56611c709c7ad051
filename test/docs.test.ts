/**
 * Documents say what is there: the API's pages are those of the doc comments, links lead somewhere, files that are named exist,
 * and lists of what is supported are those of the program. Commands that documents show are run in examples.test.ts.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { MATCHES, TARGETS } from '../src/rules/registry.js';
import { ROOMS, roomOf } from './tidy/rooms.js';
import { readTree } from './tidy/source.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const files = readTree(root);
const documents = files.filter((file) => file.path.endsWith('.md'));

/** Every file below a folder, with its text. */
function contents(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

/** An anchor as web pages make it of a heading. */
function anchorOf(heading: string): string {
  const plain = heading.replace(/\\(.)/g, '$1').trim().toLowerCase();
  return plain.replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-');
}

/** Anchors of a document: of its headings, those of the same words numbered, and those that it sets itself. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading] of text.matchAll(/^#+ (.*)$/gm)) {
    const anchor = anchorOf(heading!);
    let n = 0;
    for (; anchors.has(n === 0 ? anchor : `${anchor}-${n}`); n++);
    anchors.add(n === 0 ? anchor : `${anchor}-${n}`);
  }
  for (const [, id] of text.matchAll(/<a id="([^"]*)">/g)) anchors.add(id!);
  return anchors;
}

/** Links of a document that lead nowhere. */
function brokenLinks(path: string, text: string): string[] {
  const broken: string[] = [];
  const prose = text.replace(/^```.*?^```/gms, '').replace(/`[^`\n]*`/g, '');
  for (const [, link] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^https?:/.test(link!)) continue;
    const [file, anchor] = link!.split('#');
    const target = file === '' ? path : join(dirname(path), file!);
    if (!existsSync(join(root, target))) broken.push(link!);
    else if (anchor !== undefined && !anchorsOf(read(target)).has(anchor)) broken.push(link!);
  }
  return broken;
}

describe('docs/api', () => {
  it('is what `npm run docs` writes, without a warning', () => {
    const folder = mkdtempSync(join(tmpdir(), 'statewall-api-'));
    try {
      // a warning (no comment, a type that is not exported) ends it with an error
      const typedoc = join(root, 'node_modules/typedoc/bin/typedoc');
      for (const options of ['typedoc.json', 'typedoc.conntrack.json']) {
        const args = [typedoc, '--options', options, '--out', folder, '--logLevel', 'Warn'];
        execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
      }
      expect(contents(join(root, 'docs/api'))).toEqual(contents(folder));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('knows what TypeDoc has to check', () => {
    const options = JSON.parse(read('typedoc.json')) as Record<string, unknown>;
    expect(options).toMatchObject({
      treatWarningsAsErrors: true,
      treatValidationWarningsAsErrors: true,
      validation: { notExported: true, invalidLink: true, notDocumented: true },
    });
  });

  it('has a compiler of its own: `tsc` is that of the build', () => {
    const version = execFileSync(process.execPath, [join(root, 'node_modules/.bin/tsc'), '--version'], {
      encoding: 'utf8',
    });
    expect(version).toMatch(/^Version 7\./);
  });
});

describe('links', () => {
  it.each(documents.map((file) => [file.path, file.text]))('of %s lead somewhere', (path, text) => {
    expect(brokenLinks(path, text)).toEqual([]);
  });

  it('that lead nowhere are found', () => {
    expect(brokenLinks('README.md', '[a](no-such-file.md) [b](README.md#no-such-heading) [c](LICENSE)')).toEqual([
      'no-such-file.md',
      'README.md#no-such-heading',
    ]);
  });
});

describe('ARCHITECTURE.md', () => {
  const text = read('ARCHITECTURE.md');

  it('has the import table that is checked', () => {
    const rows = [...text.matchAll(/^\| `(\w+)` \|[^|\n]*\| ([^|\n]*) \|$/gm)].map(([, room, imports]) => [
      room!,
      imports === 'any' ? '*' : imports === '-' ? [] : imports!.split(' '),
    ]);
    // the law knows rooms that are still to come
    const rooms = [...new Set(files.map((file) => roomOf(file.path)))].filter((room) => room !== '');
    const there = (room: string) => rooms.includes(room);
    const law = rooms.map((room) => [room, ROOMS[room] === '*' ? '*' : (ROOMS[room] as string[]).filter(there)]);
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(law));
    expect(rows.length).toBeGreaterThan(8);
  });

  it('names files that are there', () => {
    const named = [...text.matchAll(/`((?:[\w.-]+\/)+[\w.{},-]+)`/g)].map(([, path]) => path!);
    expect(named.length).toBeGreaterThan(20);
    const missing = named.flatMap(expandBraces).filter((path) => !isThere(path));
    expect(missing).toEqual([]);
  });
});

/** `a/{b,c}` as `a/b`, `a/c`. */
function expandBraces(path: string): string[] {
  const [, before, list, after] = /^(.*)\{(.*)\}(.*)$/.exec(path) ?? [];
  return list === undefined ? [path] : list.split(',').map((one) => `${before}${one}${after}`);
}

/** Whether documents may name a path so: from the root, or from src/ without the ending. */
function isThere(path: string): boolean {
  return [path, `src/${path}`, `src/${path}.ts`, `${path}.test.ts`].some((name) => existsSync(join(root, name)));
}

describe('docs/exit-status.md', () => {
  it('names commands that there are', () => {
    const help = execFileSync(process.execPath, [join(root, 'dist/cli/main.js'), '--help'], { encoding: 'utf8' });
    const named = [...read('docs/exit-status.md').matchAll(/^\| (`[^|]*`) \|/gm)].flatMap(([, cell]) =>
      cell!.split(', '),
    );
    const missing = named.filter((name) => !new RegExp(`^  ${name.replaceAll('`', '')} `, 'm').test(help));
    expect(missing).toEqual([]);
  });
});

/** The matches and targets that come with iptables 1.8.9, without those of bridges and ARP. */
const MATCHES_OF_1_8_9 =
  'addrtype ah bpf cgroup cluster comment connbytes connlabel connlimit connmark conntrack cpu dccp devgroup dscp dst ecn esp ' +
  'eui64 frag hashlimit hbh helper hl icmp icmp6 ipcomp iprange ipv6header ipvs length limit mac mark mh multiport nfacct osf owner ' +
  'physdev pkttype policy quota rateest realm recent rpfilter rt sctp set socket srh state statistic string tcp tcpmss time tos ttl ' +
  'u32 udp';
const TARGETS_OF_1_8_9 =
  'AUDIT CHECKSUM CLASSIFY CLUSTERIP CONNMARK CONNSECMARK CT DNAT DNPT DSCP ECN HL HMARK IDLETIMER LED LOG MARK MASQUERADE NETMAP ' +
  'NFLOG NFQUEUE NOTRACK RATEEST REDIRECT REJECT SECMARK SET SNAT SNPT SYNPROXY TCPMSS TCPOPTSTRIP TEE TOS TPROXY TRACE TTL ULOG';

describe('README.md', () => {
  const text = read('README.md');

  it('has two commands that do all from a fresh clone', () => {
    expect(text.match(/^npm ci && .*$/gm)?.length).toBe(2);
  });

  it('says that all extensions of iptables 1.8.9 are there, and they are', () => {
    expect(text).toMatch(/^\| matches \| all of iptables 1\.8\.9/m);
    expect(text).toMatch(/^\| targets \| all of iptables 1\.8\.9/m);
    const there = (names: readonly { name: string }[]) => new Set(names.map(({ name }) => name));
    expect(MATCHES_OF_1_8_9.split(' ').filter((name) => !there(MATCHES).has(name))).toEqual([]);
    expect(TARGETS_OF_1_8_9.split(' ').filter((name) => !there(TARGETS).has(name))).toEqual([]);
  });

  it('says no more recordings than there are', () => {
    expect(text).toContain('more than a hundred runs recorded');
    expect(readdirSync(join(root, 'test/kernel/cases')).length).toBeGreaterThan(100);
  });

  it('names every output that the command has', () => {
    const help = execFileSync(process.execPath, [join(root, 'dist/cli/main.js'), 'replay', '--help'], {
      encoding: 'utf8',
    });
    const options = [...help.matchAll(/^ {2}(--save-[\w-]+|--summary|--json)/gm)].map(([, option]) => option!);
    expect(options.length).toBeGreaterThan(7);
    expect(options.filter((option) => !text.includes(`\`${option}`))).toEqual([]);
  });
});
