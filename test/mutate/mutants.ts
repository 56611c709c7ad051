/**
 * Mutants of a source file, from its syntax tree: each is one small change that a test ought to notice.
 *
 * All mutants of a file live in one instrumented text, chosen by the number `__mutant` (0: none):
 *
 *   a < b         becomes    (__mutant === 7 ? (a) <= (b) : __mutant === 8 ? (a) >= (b) : a < b)
 *   w[i] = x;     becomes    { if (__mutant !== 9) w[i] = x; }
 *
 * so that a file is compiled once, and loaded anew only for mutants of what runs while it is loaded. Only one mutant is ever on:
 * the changed text holds its operands as they were.
 *
 * A second text tells which places are reached, by the first mutant of each: `(__hit(7), a < b)`.
 *
 * Not made, for no test could tell: a constant typed array that is one longer, and the last `return false` of a function left out
 * (then it returns nothing, which callers take for false).
 */
import ts from 'typescript';

/** One change of one place. */
export interface Mutant {
  /** From 1, the value of `__mutant` that chooses it. */
  id: number;
  /** `FUNCTION :: LINE OF CODE :: OLD -> NEW`, with ` #2` and on where that is not unique: stays when lines move. */
  key: string;
  /** 1-based. */
  line: number;
  /** The first mutant of the same place. */
  place: number;
}

/** A file with all of its mutants in it. */
export interface Instrumented {
  text: string;
  mutants: Mutant[];
}

const OTHER_OPERATORS: Readonly<Record<string, readonly string[]>> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
  '+': ['-'],
  '-': ['+'],
  '*': ['+'],
  '/': ['*'],
  '<<': ['>>'],
  '>>': ['<<'],
  '>>>': ['>>'],
  '&': ['|'],
  '|': ['&'],
  '^': ['&'],
  '&&': ['||'],
  '||': ['&&'],
};
const OTHER_ASSIGNMENTS: Readonly<Record<string, string>> = {
  '+=': '-=',
  '-=': '+=',
  '|=': '&=',
  '&=': '|=',
  '^=': '|=',
};
/** A list of at least as many names is a row of a table. */
const ROW_LENGTH = 5;
/** What is longer is cut in keys. */
const KEY_PART = 100;

const oneLine = (text: string) => text.replace(/\s+/g, ' ').trim();
const short = (text: string) => (text.length > KEY_PART ? `${text.slice(0, KEY_PART)}…` : text);

/** Instruments a file; `name` is for error messages. `reached`: with calls of `__hit` instead of mutants. */
export function instrument(name: string, text: string, reached = false): Instrumented {
  return new Instrumenter(name, text, reached).run();
}

class Instrumenter {
  private readonly file: ts.SourceFile;
  private readonly mutants: Mutant[] = [];
  private readonly uses = new Map<string, number>();

  constructor(
    name: string,
    private readonly text: string,
    private readonly reached: boolean,
  ) {
    this.file = ts.createSourceFile(name, text, ts.ScriptTarget.ES2022, true);
  }

  run(): Instrumented {
    return { text: this.inside(this.file, this.file.getFullStart(), this.text.length), mutants: this.mutants };
  }

  /** A node's text with the mutants of everything in it. */
  private node(node: ts.Node): string {
    if (isErased(node)) return this.source(node);
    const changes = this.changes(node);
    const place = this.mutants.length + 1;
    const ids = changes.map((change) => this.add(node, change, place));
    const inner = this.inside(node, node.getStart(), node.end);
    if (ids.length === 0) return inner;
    if (this.reached) return isRemovable(node) ? `{ __hit(${place}); ${inner} }` : `(__hit(${place}), ${inner})`;
    if (isRemovable(node)) return `{ if (__mutant !== ${ids[0]}) ${inner} }`;
    return `(${ids.map((id, i) => `__mutant === ${id} ? ${changes[i]} : `).join('')}${inner})`;
  }

  /** The text between two offsets, with the node's children replaced by their own. */
  private inside(node: ts.Node, from: number, to: number): string {
    let out = '';
    let at = from;
    node.forEachChild((child) => {
      if (child.getStart() < at) return;
      out += this.text.slice(at, child.getStart()) + (isTarget(node, child) ? this.target(child) : this.node(child));
      at = child.end;
    });
    return out + this.text.slice(at, to);
  }

  /** What is assigned to must stay a place; its index may change. */
  private target(node: ts.Node): string {
    return this.inside(node, node.getStart(), node.end);
  }

  private source(node: ts.Node): string {
    return this.text.slice(node.getStart(), node.end);
  }

  private add(node: ts.Node, change: string, place: number): number {
    const line = this.file.getLineAndCharacterOfPosition(node.getStart()).line;
    const code = oneLine(this.text.split('\n')[line]!).replace(/\s*\/\/.*/, '');
    const old = short(oneLine(this.source(node)));
    const base = `${functionOf(node)} :: ${short(code)} :: ${old} -> ${short(oneLine(change))}`;
    const count = (this.uses.get(base) ?? 0) + 1;
    this.uses.set(base, count);
    const id = this.mutants.length + 1;
    this.mutants.push({ id, key: count === 1 ? base : `${base} #${count}`, line: line + 1, place });
    return id;
  }

  /** The texts that may stand in a node's place. */
  private changes(node: ts.Node): string[] {
    if (isRemovable(node)) return ['(removed)'];
    const own = this.ownChanges(node);
    return isCondition(node) ? [...own, ...(isLoop(node.parent) ? ['false'] : ['true', 'false'])] : own;
  }

  private ownChanges(node: ts.Node): string[] {
    if (ts.isBinaryExpression(node)) return this.binary(node);
    if (ts.isNumericLiteral(node)) return this.number(node);
    if (ts.isIdentifier(node)) return this.tableEntry(node);
    if (node.kind === ts.SyntaxKind.TrueKeyword) return ['false'];
    if (node.kind === ts.SyntaxKind.FalseKeyword) return ['true'];
    if (ts.isPrefixUnaryExpression(node)) {
      const operand = this.source(node.operand);
      if (node.operator === ts.SyntaxKind.PlusPlusToken) return [`--${operand}`];
      if (node.operator === ts.SyntaxKind.MinusMinusToken) return [`++${operand}`];
      return [operand];
    }
    if (ts.isPostfixUnaryExpression(node)) {
      const operand = this.source(node.operand);
      return [node.operator === ts.SyntaxKind.PlusPlusToken ? `${operand}--` : `${operand}++`];
    }
    return [];
  }

  private binary(node: ts.BinaryExpression): string[] {
    const operator = node.operatorToken.getText();
    const left = this.source(node.left);
    const right = this.source(node.right);
    const assignment = OTHER_ASSIGNMENTS[operator];
    if (assignment !== undefined) return [`${left} ${assignment} ${right}`];
    if (operator === '|' && right === '0') return [left];
    const changes = (OTHER_OPERATORS[operator] ?? []).map((other) => `(${left}) ${other} (${right})`);
    if (operator === '&&' || operator === '||') {
      changes.push(left);
      // in a chain the left part has mutants without its last operand of its own
      const chained = ts.isBinaryExpression(node.left) && node.left.operatorToken.getText() === operator;
      if (!chained) changes.push(right);
    }
    return changes;
  }

  private number(node: ts.NumericLiteral): string[] {
    const parent = node.parent;
    if (ts.isPropertyAssignment(parent) && parent.name === node) return [];
    if (ts.isBinaryExpression(parent) && parent.operatorToken.getText() === '|' && node.text === '0') return [];
    const value = Number(node.text);
    if (isArraySize(node)) return [String(value - 1)];
    return [String(value + 1), value === 0 ? '(-1)' : String(value - 1)];
  }

  /** A name in a table's row: the next of the names that stand in the table. */
  private tableEntry(node: ts.Identifier): string[] {
    const row = node.parent;
    if (!ts.isArrayLiteralExpression(row) || row.elements.length < ROW_LENGTH) return [];
    let table: ts.ArrayLiteralExpression = row;
    for (let up: ts.Node = row; up !== this.file; up = up.parent) if (ts.isArrayLiteralExpression(up)) table = up;
    const names = new Set<string>();
    const collect = (n: ts.Node): void => {
      if (ts.isIdentifier(n)) names.add(n.text);
      n.forEachChild(collect);
    };
    collect(table);
    const all = [...names].sort();
    return all.length < 2 ? [] : [all[(all.indexOf(node.text) + 1) % all.length]!];
  }
}

/** Types, imports and exports: nothing of them runs. */
function isErased(node: ts.Node): boolean {
  return (
    ts.isTypeNode(node) ||
    ts.isImportDeclaration(node) ||
    ts.isExportDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isTypeParameterDeclaration(node)
  );
}

function isTarget(parent: ts.Node, child: ts.Node): boolean {
  if (ts.isBinaryExpression(parent))
    return parent.left === child && parent.operatorToken.kind >= ts.SyntaxKind.FirstAssignment && isAssignment(parent);
  if (ts.isPrefixUnaryExpression(parent) || ts.isPostfixUnaryExpression(parent)) return isIncrement(parent);
  return ts.isNonNullExpression(parent) && isTarget(parent.parent, parent);
}

function isAssignment(node: ts.BinaryExpression): boolean {
  return node.operatorToken.kind <= ts.SyntaxKind.LastAssignment;
}

function isIncrement(node: ts.PrefixUnaryExpression | ts.PostfixUnaryExpression): boolean {
  return node.operator === ts.SyntaxKind.PlusPlusToken || node.operator === ts.SyntaxKind.MinusMinusToken;
}

function isLoop(node: ts.Node): boolean {
  return ts.isForStatement(node) || ts.isWhileStatement(node) || ts.isDoStatement(node);
}

function isCondition(node: ts.Node): boolean {
  const parent = node.parent;
  if (parent === undefined) return false;
  if (ts.isIfStatement(parent) || ts.isWhileStatement(parent) || ts.isDoStatement(parent))
    return parent.expression === node;
  return (ts.isConditionalExpression(parent) || ts.isForStatement(parent)) && parent.condition === node;
}

/** N of `new Int32Array(N)`. */
function isArraySize(node: ts.Node): boolean {
  return ts.isNewExpression(node.parent) && /^(Ui|I)nt\d+Array$/.test(node.parent.expression.getText());
}

/** A statement that can be left out, unless a condition that is never true would leave out the same. */
function isRemovable(node: ts.Node): boolean {
  const kind =
    ts.isExpressionStatement(node) ||
    ts.isReturnStatement(node) ||
    ts.isContinueStatement(node) ||
    ts.isBreakStatement(node);
  if (!kind) return false;
  const parent = node.parent;
  if (isLastFalse(node)) return false;
  if (ts.isIfStatement(parent)) return parent.thenStatement !== node || parent.elseStatement !== undefined;
  const alone = ts.isBlock(parent) && parent.statements.length === 1;
  if (!alone || !ts.isIfStatement(parent.parent)) return true;
  return parent.parent.thenStatement !== parent || parent.parent.elseStatement !== undefined;
}

/** The `return false` that a function ends with. */
function isLastFalse(node: ts.Node): boolean {
  if (!ts.isReturnStatement(node) || node.expression?.kind !== ts.SyntaxKind.FalseKeyword) return false;
  const block = node.parent;
  return ts.isBlock(block) && block.statements.at(-1) === node && ts.isFunctionLike(block.parent);
}

/** The name of the function, method or constant that a node stands in. */
function functionOf(node: ts.Node): string {
  for (let up: ts.Node | undefined = node; up !== undefined; up = up.parent) {
    if ((ts.isFunctionDeclaration(up) || ts.isMethodDeclaration(up)) && up.name !== undefined) return up.name.getText();
    if (ts.isConstructorDeclaration(up)) return 'constructor';
    if (ts.isVariableStatement(up) && ts.isSourceFile(up.parent))
      return up.declarationList.declarations[0]!.name.getText();
  }
  return '(file)';
}
