/**
 * -m comment: a text for the reader; every packet matches.
 */
import { AF_INET, AF_INET6 } from '../../wire/packet.js';
import type { MatchExtension } from '../extension.js';
import { quote } from '../values.js';

/** `-m comment`. */
export interface CommentSpec {
  text: string;
}

/** Bytes that the kernel keeps of a comment, without the terminating zero. */
const MAX_LEN = 255;

/** The `comment` match. */
export const comment: MatchExtension<CommentSpec> = {
  name: 'comment',
  families: [AF_INET, AF_INET6],
  options: [{ name: 'comment', args: 1, required: true }],
  init: () => ({ text: '' }),
  option(spec, _option, value) {
    spec.text = value.length > MAX_LEN ? value.slice(0, MAX_LEN) : value;
  },
  save: (spec) => `--comment ${quote(spec.text)}`,
  list: (spec) => ` /* ${spec.text} */`,
  load: () => () => true,
};
