/** Which room under src/ may import which. ARCHITECTURE.md has the same table in words; this one is the law. */
import { posix } from 'node:path';
import { lineOf, type SourceFile } from './source.js';

/** Room -> rooms that it may import besides itself; '*' = any. */
export const ROOMS: Record<string, readonly string[] | '*'> = {
  wire: [],
  flow: ['wire'],
  capture: [],
  conntrack: ['wire'],
  nat: ['wire', 'conntrack'],
  helpers: ['wire', 'conntrack', 'nat'],
  rules: ['wire', 'conntrack', 'nat'],
  iptables: ['rules'],
  host: ['wire', 'conntrack', 'nat', 'helpers', 'rules', 'flow'],
  netlink: ['flow'],
  tools: ['flow', 'conntrack'],
  replay: ['capture', 'iptables', 'host', 'flow'],
  analyse: ['replay', 'iptables', 'host', 'flow', 'rules'],
  lab: ['host', 'iptables', 'flow', 'tools', 'analyse'],
  cli: '*',
};

/** Rooms that run without an operating system: no bare import at all, so neither Node nor a package. */
export const CORE_ROOMS = [
  'wire',
  'flow',
  'capture',
  'conntrack',
  'nat',
  'helpers',
  'rules',
  'iptables',
  'host',
  'tools',
];

/** One import or re-export of a file. */
export interface Import {
  specifier: string;
  /** For a relative specifier: the imported file, relative to the project, as .ts; else null. */
  target: string | null;
  line: number;
}

const IMPORT =
  /^\s*(?:import|export)\b[^;'"]*?from\s*(['"])|^\s*import\s*(['"])|\bimport\s*\(\s*(['"])|new URL\(\s*(['"])/gm;

/** The imports of a file, with dynamic ones and `new URL('./x.js', ...)`. */
export function importsOf(file: SourceFile): Import[] {
  const imports: Import[] = [];
  for (const match of file.code.matchAll(IMPORT)) {
    const start = match.index + match[0].length;
    const quote = match[1] ?? match[2] ?? match[3] ?? match[4]!;
    const specifier = file.text.slice(start, file.text.indexOf(quote, start));
    const relative = specifier.startsWith('.');
    if (match[4] !== undefined && !/^\.\.?\/.*\.js$/.test(specifier)) continue;
    const target = relative ? posix.join(posix.dirname(file.path), specifier).replace(/\.js$/, '.ts') : null;
    imports.push({ specifier, target, line: lineOf(file.text, start) });
  }
  return imports;
}

/** The room of a path: 'wire' of src/wire/packet.ts, '' for files directly under src/ and outside of it. */
export function roomOf(path: string): string {
  return /^src\/([^/]+)\//.exec(path)?.[1] ?? '';
}

/** Checks imports of shipped files against the table. */
export function checkRooms(files: readonly SourceFile[], rooms = ROOMS, core = CORE_ROOMS): string[] {
  const complaints: string[] = [];
  for (const file of files) {
    const room = roomOf(file.path);
    if (!file.path.startsWith('src/') || room === '') continue;
    const allowed = rooms[room];
    if (allowed === undefined) complaints.push(`${file.path}: room ${room} is not in the import table`);
    if (allowed === undefined || file.path.endsWith('.test.ts')) continue;
    for (const { specifier, target, line } of importsOf(file)) {
      const where = `${file.path}:${line}`;
      if (target === null) {
        if (core.includes(room)) complaints.push(`${where}: ${room} imports ${specifier}; the core imports no package`);
        continue;
      }
      const other = roomOf(target);
      if (!target.startsWith('src/')) complaints.push(`${where}: imports ${specifier} outside of src/`);
      else if (other === '' && room !== 'cli') complaints.push(`${where}: a room imports ${specifier} above the rooms`);
      else if (other !== room && allowed !== '*' && !allowed.includes(other))
        complaints.push(`${where}: ${room} may not import ${other}`);
    }
  }
  return complaints;
}

/** Rooms of the table that reach themselves, as `a -> b -> a`. */
export function findCycles(rooms: Record<string, readonly string[] | '*'> = ROOMS): string[] {
  const cycles: string[] = [];
  const walk = (room: string, way: string[]): void => {
    const next = rooms[room];
    if (next === undefined || next === '*') return;
    for (const other of next) {
      if (other === way[0]) cycles.push([...way, other].join(' -> '));
      else if (!way.includes(other)) walk(other, [...way, other]);
    }
  };
  for (const room of Object.keys(rooms)) walk(room, [room]);
  return cycles;
}
