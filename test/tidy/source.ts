/**
 * Source files as the checks see them: the text, and the same text with comments and literals blanked out, so that a word
 * in a string is not taken for code. Line numbers stay the same. A small lexer is enough, since the formatter fixes the layout.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

/** One text file of the project. */
export interface SourceFile {
  /** Relative to the project, with forward slashes. */
  path: string;
  text: string;
  /** `text` with the insides of comments, strings, templates and regular expressions replaced by blanks. */
  code: string;
}

/** Characters after which a slash begins a regular expression, not a division. */
const BEFORE_REGEX = new Set([...'(,=:[!&|?{};+-*%<>~^\n']);
const KEYWORD_BEFORE_REGEX = /\b(?:return|typeof|case|in|of|do|else|void|delete|throw|new|instanceof)\s*$/;

function regexMayBegin(before: string): boolean {
  const trimmed = before.trimEnd();
  return trimmed === '' || BEFORE_REGEX.has(trimmed.at(-1)!) || KEYWORD_BEFORE_REGEX.test(before);
}

/** One past the end of the quoted text or regular expression that begins at `at`. */
function endOfQuoted(text: string, at: number): number {
  const quote = text[at]!;
  let inClass = false;
  for (let i = at + 1; i < text.length; i++) {
    const c = text[i]!;
    if (c === '\\') i++;
    else if (quote === '/' && c === '[') inClass = true;
    else if (quote === '/' && c === ']') inClass = false;
    else if (c === quote && !inClass) return i + 1;
    else if (c === '\n' && quote !== '`') return i;
  }
  return text.length;
}

const blank = (text: string) => text.replace(/[^\n]/g, ' ');

/** Blanks comments and literals; templates are blanked whole, with the expressions in them. */
export function blankLiterals(text: string): string {
  let out = '';
  for (let i = 0; i < text.length; ) {
    const two = text.slice(i, i + 2);
    let end = i + 1;
    if (two === '//') end = endOrLength(text, text.indexOf('\n', i));
    else if (two === '/*') end = endOrLength(text, text.indexOf('*/', i + 2), 2);
    else if (text[i] === "'" || text[i] === '"' || text[i] === '`') end = endOfQuoted(text, i);
    else if (text[i] === '/' && regexMayBegin(out)) end = endOfQuoted(text, i);
    else {
      out += text[i];
      i++;
      continue;
    }
    const comment = two === '//' || two === '/*';
    // a literal keeps its quotes, so that code around it still reads as code
    out += comment ? blank(text.slice(i, end)) : text[i] + blank(text.slice(i + 1, end - 1)) + (text[end - 1] ?? '');
    i = end;
  }
  return out;
}

function endOrLength(text: string, at: number, more = 0): number {
  return at < 0 ? text.length : at + more;
}

/** A file from its text; used by the tests of the checks. */
export function sourceFile(path: string, text: string): SourceFile {
  return { path, text, code: path.endsWith('.ts') || path.endsWith('.js') ? blankLiterals(text) : text };
}

/** 1-based line of an offset. */
export function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let i = text.indexOf('\n'); i >= 0 && i < offset; i = text.indexOf('\n', i + 1)) line++;
  return line;
}

const TEXT = /\.(?:ts|js|md|json|ya?ml|v4|v6|sh|txt)$|\/(?:run|\.gitignore|LICENSE)$/;
/** Not the project's own words: other people's packages, build results, recordings. */
const SKIPPED = new Set(['node_modules', 'build', 'dist', '.git', 'coverage', 'cases', 'kernel-cases']);

/** All text files below a folder, sorted by path. */
export function readTree(root: string): SourceFile[] {
  const files: SourceFile[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const full = join(folder, entry.name);
      if (entry.isDirectory() && !SKIPPED.has(entry.name)) walk(full);
      const path = relative(root, full).split(sep).join('/');
      if (entry.isFile() && TEXT.test(`/${path}`) && entry.name !== 'package-lock.json')
        files.push(sourceFile(path, readFileSync(full, 'utf8')));
    }
  };
  walk(root);
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Whether a path is a TypeScript source under src/ that is shipped (no test). */
export function isShipped(path: string): boolean {
  return path.startsWith('src/') && path.endsWith('.ts') && !path.endsWith('.test.ts');
}
