/**
 * One TypeScript file as the architecture tests see it: its imports, the names in it, its lines of code.
 *
 * Read from the syntax tree, so that imports in docstrings and words in comments are ignored.
 */
import { posix } from "node:path"
import { parseSync } from "vite"

/** A node of the syntax tree: its kind and its parts. */
export interface Node {
  readonly type: string
  readonly [part: string]: unknown
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string"

/** Every node under `value`, itself first. */
function* nodesIn(value: unknown): Generator<Node> {
  if (Array.isArray(value)) for (const item of value) yield* nodesIn(item)
  else if (isNode(value)) {
    yield value
    for (const part of Object.values(value)) yield* nodesIn(part)
  }
}

const importing = new Set([
  "ImportDeclaration",
  "ExportNamedDeclaration",
  "ExportAllDeclaration",
  "ImportExpression",
  "TSImportType"
])

export class Source {
  /** From the root, with forward slashes. */
  readonly path: string
  readonly nodes: ReadonlyArray<Node>
  /** What it imports, as written: type imports, re-exports and `import()` included. */
  readonly imports: ReadonlyArray<string>
  /** Lines that are neither blank nor comment. */
  readonly linesOfCode: number
  readonly startsWithComment: boolean

  constructor(path: string, text: string) {
    const { comments, errors, program } = parseSync(path, text)
    if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`)
    this.path = path
    this.nodes = [...nodesIn(program)]
    this.imports = this.nodes
      .filter((node) => importing.has(node.type))
      .map((node) => node["source"])
      .filter(isNode)
      // A file that is named only at run time, such as a user's app, is no import of ours.
      .flatMap((source) => (source["type"] === "Literal" ? [String(source["value"])] : []))
    const code = comments.toReversed().reduce((rest, comment) => {
      const lines = rest.slice(comment.start, comment.end).replace(/[^\n]/g, "")
      return rest.slice(0, comment.start) + lines + rest.slice(comment.end)
    }, text)
    this.linesOfCode = code.split("\n").filter((line) => line.trim() !== "").length
    this.startsWithComment = comments[0]?.type === "Block" && comments[0].start === 0
  }

  /** Imports of files beside it, as paths from the root. */
  get relativeImports(): ReadonlyArray<string> {
    return this.imports.filter((from) => from.startsWith(".")).map((from) => posix.join(posix.dirname(this.path), from))
  }

  /** Packages it imports: `@reins/protocol` for `@reins/protocol/x`, `effect` for `effect/Effect`. */
  get packageImports(): ReadonlyArray<string> {
    return this.imports
      .filter((from) => !from.startsWith("."))
      .map((from) =>
        from
          .split("/")
          .slice(0, from.startsWith("@") ? 2 : 1)
          .join("/")
      )
  }

  /** Every name in its code, once: types, values, fields. */
  get names(): ReadonlySet<string> {
    return new Set(this.nodes.filter((node) => node.type === "Identifier").map((node) => String(node["name"])))
  }
}
