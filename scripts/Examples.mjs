/**
 * Runs each example's `main.ts` once, as a script would: without a terminal or standard input.
 *
 * An example that would run forever (a server) ends by itself without a terminal. What its README says that a reader
 * sees must be printed. Output is shown only when an example fails.
 */
import { existsSync, readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import * as Child from "./Child.mjs"
import { inside } from "./Workspace.mjs"

/** The time limit of one example. */
const limitMs = 120_000

/** Runs all examples, or those named in `names`. Resolves to the exit code. */
export const run = async (node, options, names) => {
  const folders = readdirSync(inside("examples")).filter((name) => existsSync(inside("examples", name, "main.ts")))
  const unknown = names.filter((name) => !folders.includes(name))
  for (const name of unknown) process.stderr.write(`Unknown example "${name}".\n`)
  const chosen = names.length === 0 ? folders : folders.filter((name) => names.includes(name))
  let failures = unknown.length
  for (const name of chosen) {
    const code = await runOne(node, options, name)
    if (code === 130 || code === 143) return code
    if (code !== 0) failures += 1
  }
  if (chosen.length === 0) process.stdout.write("No example to run.\n")
  return failures === 0 ? 0 : 1
}

/** 128 + SIGKILL. */
const timedOut = 137

const runOne = async (node, options, name) => {
  const printed = []
  const started = Date.now()
  const code = await Child.run(
    node,
    [join("examples", name, "main.ts")],
    { ...options, stdio: ["ignore", "pipe", "pipe"], timeout: limitMs, killSignal: "SIGKILL" },
    (chunk) => printed.push(chunk)
  )
  const missing = code === 0 ? unprinted(readFileSync(inside("examples", name, "README.md"), "utf8"), printed) : []
  const end =
    missing.length > 0
      ? "not what its README shows"
      : code === 0
        ? "ok"
        : code === timedOut
          ? "timed out"
          : `failed with code ${code}`
  process.stdout.write(`example ${name}: ${end} (${((Date.now() - started) / 1000).toFixed(1)} s)\n`)
  if (missing.length > 0) process.stdout.write(`Its README shows, and it did not print:\n${missing.join("\n")}\n\n`)
  if (end !== "ok") process.stdout.write(Buffer.concat(printed))
  return missing.length > 0 ? 1 : code
}

/** The lines of a page's blocks without a language that are not in `printed`. `…` stands for any text. */
const unprinted = (page, printed) => {
  const lines = Buffer.concat(printed)
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
  const shown = [...page.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].flatMap(([, language, block]) =>
    language === "" ? block.trimEnd().split("\n") : []
  )
  return shown.filter((line) => !lines.some((one) => isLike(line.trimEnd(), one)))
}

/** Whether a line is what is shown of it. */
const isLike = (shown, line) =>
  new RegExp(
    `^${shown
      .split("…")
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
      .join(".*")}$`
  ).test(line)
