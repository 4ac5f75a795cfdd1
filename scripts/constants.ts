/**
 * Writes numbers for the names of constants in a bundle. In the source a word of a record or the size of a page has a name; in
 * bytecode a name is ten bytes where a number takes two, and V8 inlines by the length of bytecode (V8 rule 1 of src/README.md).
 */
import type { AstNode, Plugin } from "rollup";
import { parseAst } from "rollup/parseAst";

type Node = AstNode & Record<string, unknown>;

/** Of `const` declarations at the top of a module whose values are numbers, or are computed from such. */
export function constants(): Plugin {
  return {
    name: "constants",
    renderChunk(code) {
      return { code: withNumbers(code), map: null }; // every line stays in its place
    },
  };
}

export function withNumbers(code: string): string {
  const program = parseAst(code) as unknown as Node;
  const values = valuesIn(program);
  const exported = new Set(exportedNames(program));
  const edits: { start: number; end: number; text: string }[] = [];
  const replace = (node: Node, text: string) => edits.push({ start: node.start, end: node.end, text });
  for (const statement of program.body as Node[]) {
    const name = constantIn(statement)?.name;
    if (name !== undefined && values.has(name) && !exported.has(name)) replace(statement, "");
    else
      references(statement, null, [], (node, parent) => {
        const value = values.get(node.name as string);
        if (value === undefined) return;
        const isBare = value >= 0 && parent.type !== "MemberExpression";
        const text = isBare ? String(value) : `(${value})`;
        replace(node, parent.shorthand === true ? `${node.name}: ${text}` : text);
      });
  }
  edits.sort((one, other) => other.start - one.start);
  let text = code;
  for (const edit of edits) text = text.slice(0, edit.start) + edit.text + text.slice(edit.end);
  return text;
}

/** The numbers by name. A name that is declared in a block at the top of the module, too, is left alone. */
function valuesIn(program: Node): Map<string, number> {
  const values = new Map<string, number>();
  const others = new Set<string>();
  for (const statement of program.body as Node[]) {
    const constant = constantIn(statement);
    const value = constant === null ? null : numberOf(constant.init, values);
    if (value !== null) values.set(constant!.name, value);
    else if (!isFunction(statement)) for (const name of declaredIn(statement, false)) others.add(name);
  }
  for (const name of others) values.delete(name);
  return values;
}

/** `const NAME = …;` */
function constantIn(statement: Node): { name: string; init: Node } | null {
  if (statement.type !== "VariableDeclaration" || statement.kind !== "const") return null;
  const [{ id, init }, ...others] = statement.declarations as [{ id: Node; init: Node }];
  return id.type === "Identifier" && others.length === 0 ? { name: id.name as string, init } : null;
}

const OPERATORS: Readonly<Record<string, (a: number, b: number) => number>> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "**": (a, b) => a ** b,
  "<<": (a, b) => a << b,
  "|": (a, b) => a | b,
};

function numberOf(node: Node, known: ReadonlyMap<string, number>): number | null {
  switch (node.type as string) {
    case "Literal":
      return typeof node.value === "number" ? node.value : null;
    case "Identifier":
      return known.get(node.name as string) ?? null;
    case "UnaryExpression": {
      const value = numberOf(node.argument as Node, known);
      return value !== null && node.operator === "-" ? -value : null;
    }
    case "BinaryExpression": {
      const [left, right] = [node.left, node.right].map((side) => numberOf(side as Node, known));
      const compute = OPERATORS[node.operator as string];
      return left === null || right === null || compute === undefined ? null : compute(left!, right!);
    }
    default:
      return null;
  }
}

function exportedNames(program: Node): string[] {
  return (program.body as Node[])
    .filter((statement) => statement.type === "ExportNamedDeclaration")
    .flatMap((statement) =>
      (statement.specifiers as { local: Node }[]).map(({ local }) => local.name as string),
    );
}

function childrenOf(node: Node): [string, Node][] {
  return Object.entries(node).flatMap(([key, value]) =>
    (Array.isArray(value) ? value : [value])
      .filter((child): child is Node => typeof child?.type === "string")
      .map((child): [string, Node] => [key, child]),
  );
}

/** Calls `use` for each identifier that means a variable of the module. */
function references(
  node: Node,
  parent: Node | null,
  hidden: readonly ReadonlySet<string>[],
  use: (node: Node, parent: Node) => void,
): void {
  if (node.type === "ExportNamedDeclaration") return;
  if (node.type === "Identifier" && parent !== null) {
    if (!hidden.some((names) => names.has(node.name as string))) use(node, parent);
    return;
  }
  const inner = isFunction(node) ? [...hidden, new Set(declaredIn(node))] : hidden;
  for (const [key, child] of childrenOf(node)) {
    if (isName(node, key) && !child.type.endsWith("Pattern")) continue; // a pattern has defaults in it
    references(child, node, inner, use);
  }
}

function isFunction(node: Node): boolean {
  return node.type.includes("Function");
}

/** Whether a child is a mere name: of a property, a label, or what is declared here. */
function isName(node: Node, key: string): boolean {
  switch (node.type as string) {
    case "MemberExpression":
      return key === "property" && node.computed === false;
    case "Property":
      return key === "key" && node.computed === false;
    case "MethodDefinition":
    case "PropertyDefinition":
      return key === "key" && node.computed === false;
    case "LabeledStatement":
    case "BreakStatement":
    case "ContinueStatement":
      return key === "label";
    default:
      return key === "id";
  }
}

/** All names that are declared in it, in whatever block: more than hide the module's, never fewer. */
function declaredIn(node: Node, inFunctions = true): string[] {
  return childrenOf(node).flatMap(([key, child]) => {
    const isPattern = ["id", "params", "param"].includes(key);
    const own = isPattern ? boundBy(child) : [];
    return inFunctions || !isFunction(child) ? [...own, ...declaredIn(child, inFunctions)] : own;
  });
}

function boundBy(pattern: Node): string[] {
  if (pattern.type === "Identifier") return [pattern.name as string];
  return childrenOf(pattern).flatMap(([key, child]) =>
    (pattern.type === "AssignmentPattern" && key === "right") || isName(pattern, key) ? [] : boundBy(child),
  );
}
