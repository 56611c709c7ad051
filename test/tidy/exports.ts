/** Exports: named, documented, and without `any`. */
import { isShipped, lineOf, type SourceFile } from './source.js';

/** Files that may say `any`, and why. */
export const MAY_SAY_ANY: Readonly<Record<string, string>> = {
  'src/rules/extension.ts': 'a list of extensions holds ones with different specs; only each extension reads its own',
};

const DECLARATION =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:function\*?|class|const|let|interface|type|enum)\s+(?:enum\s+)?([\w$]+)/;

/** Line numbers (0-based) that end a doc comment. */
function docEnds(lines: readonly string[]): Set<number> {
  const ends = new Set<number>();
  let inDoc = false;
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!.trim();
    if (line.startsWith('/**')) inDoc = true;
    if (inDoc && line.endsWith('*/')) {
      ends.add(i);
      inDoc = false;
    }
  }
  return ends;
}

/** A constant on one line, named in capitals: named by the kernel or a protocol, explained by the file's opening comment. */
const NAMED_CONSTANT = /^export const [A-Z][A-Z0-9_]* = .*;/;

/**
 * Exported symbols without a doc comment. A comment above the first of a block of exports without a blank line between them
 * is for all of the block; a comment at the end of a line is for that line. Overloads share the first one's;
 * constants in capitals and the first class and what the file is named after are explained by the comment that opens it.
 */
export function undocumented(file: SourceFile): string[] {
  const lines = file.text.split('\n');
  const ends = docEnds(lines);
  const complaints: string[] = [];
  const seen = new Set<string>();
  const opensWithDoc = /^(?:#!.*\n)?\/\*\*/.test(file.text);
  let classes = 0;
  let blockHasDoc = false;
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    if (line.trim() === '') blockHasDoc = false;
    if (ends.has(i)) blockHasDoc = true;
    const match = DECLARATION.exec(line);
    if (match === null) continue;
    const name = match[1]!;
    const firstClass = /^export (?:abstract )?class/.test(line) && classes++ === 0;
    // match/dscp.ts exports dscp
    const ofTheFile = file.path.endsWith(`/${name}.ts`);
    const explained = opensWithDoc && (firstClass || ofTheFile || NAMED_CONSTANT.test(line));
    if (!explained && !blockHasDoc && !seen.has(name) && !/\S\s*\/\/ ?\S/.test(line))
      complaints.push(`${file.path}:${i + 1}: ${name} has no doc comment`);
    seen.add(name);
    // a declaration in braces ends its block
    if (/[{(]$/.test(line)) blockHasDoc = false;
  }
  return complaints;
}

/** `any` where a type stands; not a variable of that name in `x ? y : any`. */
const ANY = /(?::|\bas|<|(?<!\|)\||(?<!&)&|,|=|=>)\s*any\b(?!\s*[:(])|\bany\[\]/g;

function inTernary(code: string, offset: number): boolean {
  return code.slice(code.lastIndexOf('\n', offset) + 1, offset).includes(' ? ');
}

/** Checks the exports of the shipped files, and `export default` everywhere but in configuration. */
export function checkExports(
  files: readonly SourceFile[],
  mayAny: Readonly<Record<string, string>> = MAY_SAY_ANY,
): string[] {
  const complaints: string[] = [];
  const needed = new Set<string>();
  for (const file of files) {
    if (!file.path.endsWith('.ts') || file.path.endsWith('.d.ts')) continue;
    const unnamed = /^export (?:default\b|\*(?! as))/m.exec(file.code);
    if (unnamed !== null && !/^\w+\.config\.ts$/.test(file.path))
      complaints.push(`${file.path}:${lineOf(file.code, unnamed.index)}: named exports only`);
    if (!isShipped(file.path)) continue;
    complaints.push(...undocumented(file));
    const any = [...file.code.matchAll(ANY)].filter((match) => !inTernary(file.code, match.index));
    if (any.length > 0) needed.add(file.path);
    if (any.length > 0 && mayAny[file.path] === undefined)
      complaints.push(`${file.path}:${lineOf(file.code, any[0]!.index)}: any`);
  }
  for (const path of Object.keys(mayAny)) if (!needed.has(path)) complaints.push(`${path}: may say any, but does not`);
  return complaints;
}
