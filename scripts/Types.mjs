/**
 * Checks all types, those of the documentation's blocks included: TypeScript's errors in every project, then Effect's own diagnostics, such as an effect that is
 * built but never run.
 *
 * A separate program computes the diagnostics, so the installed compiler is not patched.
 */
import { readFileSync } from "node:fs"
import * as DocBlocks from "./DocBlocks.mjs"
import * as Child from "./Child.mjs"
import { inside } from "./Workspace.mjs"

const compiler = inside("node_modules", "typescript", "bin", "tsc")
const diagnostics = inside("node_modules", "@effect", "tsgo", "dist", "effect-tsgo.cjs")

/** `node` is the pinned Node, `args` go to the compiler. Resolves to the exit code. */
export const run = async (node, options, args) => {
  DocBlocks.write()
  const compiled = await Child.run(node, [compiler, "-b", ...args], options)
  if (compiled !== 0 || args.length > 0) return compiled
  let failed = 0
  for (const { path } of JSON.parse(readFileSync(inside("tsconfig.json"), "utf8")).references) {
    const said = []
    const code = await Child.run(
      node,
      [diagnostics, "diagnostics", "--project", inside(path, "tsconfig.json"), ...strictly],
      { ...options, stdio: ["ignore", "pipe", "pipe"] },
      (chunk) => said.push(chunk)
    )
    if (code === 0) continue
    process.stdout.write(Buffer.concat(said))
    if (code >= 128) return code
    failed = code
  }
  return failed
}

const strictly = ["--format", "text", "--severity", "error,warning", "--strict"]
