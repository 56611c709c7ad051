/** Where a word stands in a text of rules, for errors that turn up when all has been read. */
import type { Position } from '../rules/model.js';

/**
 * The first place of a name behind -m, -j or -g in the command that begins at a position; a line that ends in a backslash goes on in
 * the next one. null: it is not there (the match was implied by -p).
 */
export function findWord(text: string, from: Position, name: string): Position | null {
  const word = name.replace(/\W/g, '\\$&');
  const pattern = new RegExp(`(?<!\\S)(?:-[mjg]\\s*|--(?:match|jump|goto)(?:=|\\s+))["']?${word}(?![^\\s'";])`, 'g');
  const lines = text.split('\n');
  for (let line = from.line; line <= lines.length; line++) {
    const content = lines[line - 1] as string;
    pattern.lastIndex = line === from.line ? from.column - 1 : 0;
    const found = pattern.exec(content);
    if (found !== null) return { file: from.file, line, column: pattern.lastIndex - name.length + 1 };
    if (!/\\\r?$/.test(content)) break;
  }
  return null;
}
