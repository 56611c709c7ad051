import { describe, expect, test } from 'vitest';
import { ALL_PORTS, givenPortText, inRange } from './given-ports.js';

describe('ports that were given', () => {
  test.each([
    [{ from: 5, to: 7, invert: false }, [false, true, true, false], '--sport 5:7'],
    [{ from: 5, to: 7, invert: true }, [true, false, false, true], '! --sport 5:7'],
    [{ from: 7, to: 5, invert: false }, [false, false, false, false], '--sport 7:5'],
    [ALL_PORTS, [true, true, true, true], '--sport 0:65535'],
  ])('%o', (range, fits, text) => {
    expect([4, 5, 7, 8].map((port) => inRange(port, range))).toEqual(fits);
    expect(givenPortText('--sport', range)).toBe(text);
  });
});
