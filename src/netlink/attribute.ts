/**
 * Attributes: u16 length (header of 4 included), u16 type (0x8000: nested, 0x4000: network order), payload, padded to 4.
 *
 * A reader walks with two numbers and a check for each attribute:
 *
 *     for (let at = start, next = 0; at < end; at = next) {
 *       next = nextAttribute(buffer, at, end);
 *       switch (attributeType(buffer, at)) { ... }
 *     }
 *
 * Nothing is read of a payload that is not inside of it: `needBytes` says so before.
 */
import { NLA_TYPE_MASK } from './constants.js';
import { MessageError } from './error.js';
import type { MessageBuffer } from './message.js';

/** Bytes of an attribute's header. */
export const ATTRIBUTE_LEN = 4;

/** Where the attribute after the one at `at` begins. Throws a MessageError if what is at `at` does not end before `end`. */
export function nextAttribute(buffer: MessageBuffer, at: number, end: number): number {
  const length = end - at < ATTRIBUTE_LEN ? 0 : buffer.halves[at >> 1];
  if (length < ATTRIBUTE_LEN || length > end - at) throw badAttribute(length, at, end);
  return (at + length + 3) & ~3;
}

/** One past the payload of the attribute at `at`. */
export function attributeEnd(buffer: MessageBuffer, at: number): number {
  return at + buffer.halves[at >> 1];
}

function badAttribute(length: number, at: number, end: number): MessageError {
  if (end - at < ATTRIBUTE_LEN) return new MessageError(`${end - at} bytes, less than an attribute's header`, at);
  return new MessageError(`attribute of length ${length} where ${end - at} bytes are left`, at);
}

/** An attribute's number without its flags. */
export function attributeType(buffer: MessageBuffer, at: number): number {
  return buffer.halves[(at >> 1) + 1] & NLA_TYPE_MASK;
}

/** Throws a MessageError if the payload of the attribute at `at` is shorter than `count` bytes. */
export function needBytes(buffer: MessageBuffer, at: number, count: number): void {
  const length = buffer.halves[at >> 1] - ATTRIBUTE_LEN;
  if (length < count) throw new MessageError(`payload of ${length} bytes, expected ${count}`, at);
}

/** The text of an attribute up to its first zero byte; bytes above 127 as Latin-1. */
export function attributeText(buffer: MessageBuffer, at: number): string {
  const end = at + buffer.halves[at >> 1];
  let text = '';
  for (let i = at + ATTRIBUTE_LEN; i < end && buffer.bytes[i] !== 0; i++) text += String.fromCharCode(buffer.bytes[i]);
  return text;
}
