/** Text for standard error that may quote files: no line floods the terminal, no control character reaches it. */
const MOST_CHARS = 600;

/** `text` in lines of readable length: what is too long is cut in the middle, control characters are written as `\x1b`. */
export function readable(text: string): string {
  return text.split('\n').map(readableLine).join('\n');
}

function readableLine(line: string): string {
  const half = MOST_CHARS / 2;
  const short = line.length <= MOST_CHARS ? line : `${line.slice(0, half)} ... ${line.slice(-half)}`;
  return short.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]/g, (c) => {
    const code = c.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code}` : `\\x${code.padStart(2, '0')}`;
  });
}
