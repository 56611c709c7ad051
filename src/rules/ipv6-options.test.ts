import { describe, expect, test } from 'vitest';
import { specOf } from '../../test/support/option-lines.js';
import { IPPROTO_DSTOPTS } from '../wire/packet.js';
import { ipv6OptionsMatch } from './ipv6-options.js';

const match = ipv6OptionsMatch('dst', IPPROTO_DSTOPTS);

describe('IPv6 options', () => {
  test.each([
    ['--dst-opts 1:4,5', [0x104, 0x5ff]],
    ['--dst-opts 194:255', [0xc2ff]],
    ['--dst-opts 300:300', [0x2c2c]],
    ['--dst-opts -1', [0xffff]],
  ])('%s is type and length in a word, each cut to a byte', (options, expected) => {
    expect(specOf(match, options, 10).options).toEqual(expected);
  });
});
