import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { specOf } from '../../../test/support/option-lines.js';
import { testHost } from '../../../test/support/rules.js';
import { Packet } from '../../wire/packet.js';
import type { LoadContext } from '../context.js';
import { monthDay, time } from './time.js';

function matches(options: string, at: string): boolean {
  const match = time.load!(specOf(time, options, 2), {} as LoadContext);
  return match(new Packet(), { ...testHost('eth0').context, nowMs: Date.parse(at) });
}

describe('time', () => {
  test.each([
    ['', '2026-11-21T12:00:00Z', true],
    ['', '2038-01-19T03:14:07.999Z', true],
    ['', '2038-01-19T03:14:08Z', false],
    ['--datestop 2038-12-31', '2038-06-01T00:00:00Z', true],
    ['--datestop 1970', '2026-11-21T12:00:00Z', false],
    ['--datestart 2026-11-21', '2026-11-20T23:59:59.999Z', false],
    ['--datestart 2026-11-21', '2026-11-21T00:00:00Z', true],
    ['--datestop 2026-11-21', '2026-11-21T00:00:00.999Z', true],
    ['--datestop 2026-11-21', '2026-11-21T00:00:01Z', false],
    ['--timestart 09:00 --timestop 17:00', '2026-11-21T08:59:59.999Z', false],
    ['--timestart 09:00 --timestop 17:00', '2026-11-21T09:00:00Z', true],
    ['--timestart 09:00 --timestop 17:00', '2026-11-21T17:00:00.999Z', true],
    ['--timestart 09:00 --timestop 17:00', '2026-11-21T17:00:01Z', false],
    ['--timestart 09:00 --timestop 17:00 --kerneltz', '2026-11-21T09:00:00Z', true],
    ['--timestart 23:00 --timestop 01:00', '2026-11-21T00:30:00Z', true],
    ['--timestart 23:00 --timestop 01:00', '2026-11-21T01:00:01Z', false],
    ['--timestart 23:00 --timestop 01:00', '2026-11-21T22:59:59Z', false],
    ['--timestart 05:00 --timestop 05:00', '2026-11-21T12:00:00Z', true],
    ['--weekdays Sat', '2026-11-21T12:00:00Z', true],
    ['--weekdays Sun', '2026-11-21T12:00:00Z', false],
    ['--weekdays Sun', '2026-11-22T12:00:00Z', true],
    ['--weekdays Mon', '2026-11-23T00:00:00Z', true],
    ['! --weekdays Sat,Sun', '2026-11-22T12:00:00Z', false],
    ['--weekdays Thu', '1970-01-01T00:00:00Z', true],
    ['--weekdays 8', '2026-11-22T12:00:00Z', false],
    ['--monthdays 21', '2026-11-21T12:00:00Z', true],
    ['! --monthdays 21', '2026-11-21T12:00:00Z', false],
    ['--monthdays 29', '2024-02-29T23:59:59Z', true],
    ['--monthdays 31', '2026-12-31T23:59:59Z', true],
    ['--monthdays 0', '2026-11-21T12:00:00Z', false],
    // Monday, 23:00 to 01:00: two hours from Monday 23:00 on, or one at either end of Monday
    ['--weekdays Mon --timestart 23:00 --timestop 01:00', '2026-11-23T00:30:00Z', true],
    ['--weekdays Mon --timestart 23:00 --timestop 01:00', '2026-11-24T00:30:00Z', false],
    ['--weekdays Mon --timestart 23:00 --timestop 01:00 --contiguous', '2026-11-23T00:30:00Z', false],
    ['--weekdays Mon --timestart 23:00 --timestop 01:00 --contiguous', '2026-11-23T23:30:00Z', true],
    ['--weekdays Mon --timestart 23:00 --timestop 01:00 --contiguous', '2026-11-24T01:00:00Z', true],
    ['--monthdays 30 --timestart 23:00 --timestop 01:00 --contiguous', '2026-12-01T00:30:00Z', true],
    ['--monthdays 1 --timestart 23:00 --timestop 01:00 --contiguous', '2026-12-01T00:30:00Z', false],
  ])('%s at %s: %s', (options, at, expected) => {
    expect(matches(options, at)).toBe(expected);
  });

  test('the day of the month is the calendar’s for four hundred years', () => {
    const wrong: number[] = [];
    for (let day = -25567; day < 146097; day++) {
      if (monthDay(day) !== new Date(day * 86400000).getUTCDate()) wrong.push(day);
    }
    expect(wrong).toEqual([]);
  });

  test('what is printed is read as the same', () => {
    const seconds = fc.integer({ min: 1, max: 0x7fffffff });
    const ofDay = fc.integer({ min: 0, max: 86399 });
    const spec = fc.record({
      dateStart: seconds,
      dateStop: seconds,
      dayStart: ofDay,
      dayStop: ofDay,
      monthDays: fc.integer({ min: 1, max: 0x7fffffff }).map((bits) => bits << 1),
      weekDays: fc.integer({ min: 1, max: 0x7f }).map((bits) => bits << 1),
      contiguous: fc.constant(false),
      kernelZone: fc.boolean(),
    });
    fc.assert(
      fc.property(spec, (made) => {
        expect(specOf(time, time.save(made, 2), 2)).toEqual(made);
      }),
    );
  });
});
