/** Lengths of files and functions. */
import { isShipped, lineOf, type SourceFile } from './source.js';

/** "About 500" and "about 70" lines, with a tenth of room. */
export const MAX_FILE_LINES = 550;
export const MAX_FUNCTION_LINES = 77;

/** Files that may be longer, and why. */
export const LONG_FILES: Readonly<Record<string, string>> = {};

/** Functions that may be longer, as `path name`, and why. */
export const LONG_FUNCTIONS: Readonly<Record<string, string>> = {};

/** A function with a body in braces. */
export interface FunctionSpan {
  name: string;
  line: number;
  lines: number;
}

const NOT_A_FUNCTION = new Set('if for while switch catch with return function constructor_'.split(' '));
const HEADER =
  /\bfunction\b\s*\*?\s*([\w$]*)\s*(?:<[^({]*>)?\(|^[ \t]+(?:(?:public|private|protected|static|async|override|get|set)\s+)*\*?([A-Za-z_$#][\w$]*)\s*(?:<[^(){}]*>)?\(|(?:\b(?:const|let)\s+([\w$]+)[^=\n]*=\s*(?:async\s*)?)?\(/gm;

/** One past the bracket that closes the one at `open`; -1 = none. */
function closing(code: string, open: number): number {
  let depth = 0;
  for (let i = open; i < code.length; i++) {
    const c = code[i];
    if (c === '(' || c === '{' || c === '[') depth++;
    else if ((c === ')' || c === '}' || c === ']') && --depth === 0) return i + 1;
  }
  return -1;
}

/** Finds the functions, methods and arrow functions of a file that have a body in braces. */
export function functionsOf(file: SourceFile): FunctionSpan[] {
  const spans: FunctionSpan[] = [];
  for (const match of file.code.matchAll(HEADER)) {
    const open = match.index + match[0].length - 1;
    const isFunction = match[1] !== undefined;
    const isMethod = match[2] !== undefined;
    if (isMethod && NOT_A_FUNCTION.has(match[2]!)) continue;
    const afterParameters = closing(file.code, open);
    if (afterParameters < 0) continue;
    const rest = file.code.slice(afterParameters, afterParameters + 400);
    // a brace that ends its line: `): { a: number } {` has one in its type before
    const plain = /^\s*(?::[^;=]*?)?\{(?=[ \t]*\n|\})/s.exec(rest);
    const arrow = /^\s*(?::[^;{]*?)?=>\s*\{/s.exec(rest);
    const body = arrow ?? (isFunction || isMethod ? plain : null);
    if (body === null) continue;
    const end = closing(file.code, afterParameters + body[0].length - 1);
    if (end < 0) continue;
    const start = match.index + (/^\s*/.exec(match[0])?.[0].length ?? 0);
    const line = lineOf(file.code, start);
    spans.push({
      name: match[1] || match[2] || match[3] || '(anonymous)',
      line,
      lines: lineOf(file.code, end) - line + 1,
    });
  }
  return spans;
}

/** Checks the lengths of all TypeScript files and of the functions of the shipped ones. */
export function checkSizes(
  files: readonly SourceFile[],
  longFiles: Readonly<Record<string, string>> = LONG_FILES,
  longFunctions: Readonly<Record<string, string>> = LONG_FUNCTIONS,
): string[] {
  const complaints: string[] = [];
  const used = new Set<string>();
  for (const file of files) {
    if (!/\.[tj]s$/.test(file.path)) continue;
    const lines = file.text.trimEnd().split('\n').length;
    const exempt = longFiles[file.path] !== undefined;
    if (lines > MAX_FILE_LINES && exempt) used.add(file.path);
    if (lines > MAX_FILE_LINES && !exempt) complaints.push(`${file.path}: ${lines} lines, at most ${MAX_FILE_LINES}`);
    if (!isShipped(file.path)) continue;
    for (const span of functionsOf(file)) {
      if (span.lines <= MAX_FUNCTION_LINES) continue;
      const key = `${file.path} ${span.name}`;
      used.add(key);
      if (longFunctions[key] === undefined)
        complaints.push(
          `${file.path}:${span.line}: ${span.name} has ${span.lines} lines, at most ${MAX_FUNCTION_LINES}`,
        );
    }
  }
  for (const key of [...Object.keys(longFiles), ...Object.keys(longFunctions)])
    if (!used.has(key)) complaints.push(`${key}: exempt from its length, but not too long`);
  return complaints;
}
