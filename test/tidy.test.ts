/** The house style as a test; the checks themselves are tested in tidy/checks.test.ts. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkExports } from './tidy/exports.js';
import { checkCovered, checkDead } from './tidy/reach.js';
import { checkRooms, findCycles } from './tidy/rooms.js';
import { checkSizes } from './tidy/sizes.js';
import { readTree } from './tidy/source.js';
import { checkWords } from './tidy/words.js';

const files = readTree(join(dirname(fileURLToPath(import.meta.url)), '..'));

describe('the project', () => {
  it('is read', () => expect(files.length).toBeGreaterThan(50));
  it('imports between rooms as the table says', () => expect(checkRooms(files)).toEqual([]));
  it('has no cycle in the table', () => expect(findCycles()).toEqual([]));
  it('has files and functions of readable length', () => expect(checkSizes(files)).toEqual([]));
  it('speaks of itself alone', () => expect(checkWords(files)).toEqual([]));
  it('exports by name, with a doc comment, without any', () => expect(checkExports(files)).toEqual([]));
  it('has no file that nothing uses', () => expect(checkDead(files)).toEqual([]));
  it('has a test for each file', () => expect(checkCovered(files)).toEqual([]));
});
