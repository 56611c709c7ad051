/** A recorded case on disk, and running `statewall replay` on it. Layout of a case: README.md beside this file. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Outputs } from './compare.js';
import { readPcapng } from './pcapng.js';

const here = dirname(fileURLToPath(import.meta.url));

/** The built command line. */
export const MAIN = join(here, '../../dist/cli/main.js');
/** The folder of recorded cases. */
export const CASES = join(here, 'cases');
/** The folder of examples; each has a recording in `kernel/`. */
export const EXAMPLES = join(here, '../../examples');

/** Where the files of a case lie. */
export interface RecordedCase {
  name: string;
  folder: string;
  capture: string;
  rules4: string;
  /** null: no IPv6 rules were loaded. */
  rules6: string | null;
  host: string;
  expected: Outputs;
}

function textIfThere(path: string): string | null {
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}

function readOutputs(folder: string): Outputs {
  const capture = join(folder, 'out.pcapng');
  return {
    rules4: textIfThere(join(folder, 'rules.v4')),
    rules6: textIfThere(join(folder, 'rules.v6')),
    table: textIfThere(join(folder, 'table.txt')) ?? '',
    expectations: `${textIfThere(join(folder, 'expect.txt')) ?? ''}${textIfThere(join(folder, 'expect6.txt')) ?? ''}`,
    expectationEvents: textIfThere(join(folder, 'expect-events.txt')),
    events: textIfThere(join(folder, 'events.txt')) ?? '',
    packets: existsSync(capture) ? readPcapng(readFileSync(capture)) : [],
    log: textIfThere(join(folder, 'log.txt')),
  };
}

/** The cases below a folder, by name. */
export function readCases(folder: string): RecordedCase[] {
  const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'case.yaml')));
  return names.sort().map((name) => {
    const at = join(folder, name);
    const rules6 = join(at, 'rules.v6');
    return {
      name,
      folder: at,
      capture: join(at, 'in.pcapng'),
      rules4: join(at, 'rules.v4'),
      rules6: existsSync(rules6) ? rules6 : null,
      host: join(at, 'host.yaml'),
      expected: readOutputs(join(at, 'expect')),
    };
  });
}

/**
 * The examples as cases: `kernel/` has what the kernel said while the capture was taken. It has no emitted packets, since a
 * capture of arrived and sent packets is the input.
 */
export function readExamples(): RecordedCase[] {
  const names = readdirSync(EXAMPLES).filter((name) => existsSync(join(EXAMPLES, name, 'kernel')));
  return names.sort().map((name) => {
    const at = join(EXAMPLES, name);
    return {
      name,
      folder: at,
      capture: join(at, 'capture.pcapng'),
      rules4: join(at, 'rules.v4'),
      rules6: null,
      host: join(at, 'host.yaml'),
      expected: readOutputs(join(at, 'kernel')),
    };
  });
}

/** Runs `statewall replay` on a case with every output. Rejects with what it wrote to standard error if it fails. */
export async function replayCase(c: RecordedCase): Promise<Outputs> {
  const out = mkdtempSync(join(tmpdir(), 'statewall-case-'));
  const args = [MAIN, 'replay', c.capture, '--rules', c.rules4, '--host', c.host, '--summary'];
  if (c.rules6 !== null) args.push('--rules6', c.rules6, '--save-rules6', join(out, 'rules.v6'));
  args.push('--save-rules', join(out, 'rules.v4'), '--save-table', join(out, 'table.txt'));
  args.push('--save-expectations', join(out, 'expect.txt'), '--save-events', join(out, 'events.txt'));
  if (existsSync(join(c.folder, 'expect/expect6.txt'))) args.push('--save-expectations6', join(out, 'expect6.txt'));
  if (typeof c.expected.expectationEvents === 'string')
    args.push('--save-expectation-events', join(out, 'expect-events.txt'));
  args.push('--save-capture', join(out, 'out.pcapng'), '--save-log', join(out, 'log.txt'));
  try {
    await new Promise<void>((resolve, reject) => {
      execFile(process.execPath, args, { timeout: 60_000, maxBuffer: 1 << 26 }, (error, _stdout, stderr) => {
        if (error === null) resolve();
        else reject(new Error(`statewall replay ${c.name}: ${error.code ?? error.signal}\n${stderr.slice(-2000)}`));
      });
    });
    return readOutputs(out);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}
