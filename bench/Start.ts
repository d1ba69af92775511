/**
 * The cost of starting: the time to import a library in a fresh process. Ours is measured as published (built, without
 * sources), beside the modules of `effect` that it loads; the difference is our part.
 */
import { execFile } from "node:child_process"
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { pathToFileURL } from "node:url"
import { promisify } from "node:util"
import type { Entry, Workload } from "./Family.ts"

const root = join(import.meta.dirname, "..")

/** Where a measuring process finds the modules to import: the folder that `stage` made. */
export const variable = "REINS_BENCH_STAGE"

/** The file whose import is measured. */
export type Module = string

const staged = (file: string): Promise<Module> => {
  const folder = process.env[variable]
  if (folder === undefined) throw new Error(`Set ${variable} to the folder of the built packages`)
  return Promise.resolve(join(folder, file))
}

const peer = (file: string) => Promise.resolve(join(import.meta.dirname, "peers", "node_modules", file))

export const entries: { readonly [name: string]: Entry<Module> } = {
  effect: { title: "effect, the modules that Reins loads", needs: "built", load: () => staged("effect.js") },
  reins: { title: "Reins, `@reins/runtime`", needs: "built", load: () => staged("reins.js") },
  "reins-promise": { title: "Reins, `@reins/runtime/promise`", needs: "built", load: () => staged("promise.js") },
  "cli-help": { title: "`reins --help`, until its first output", needs: "built", load: () => staged("help.js") },
  "cli-ask": {
    title: "`reins ask` with the scripted demo, until its first output",
    needs: "built",
    load: () => staged("ask.js")
  },
  "ai-sdk": { title: "AI SDK 7", needs: "peers", load: () => peer("ai/dist/index.js") },
  "openai-agents": { title: "OpenAI Agents", needs: "peers", load: () => peer("@openai/agents/dist/index.mjs") }
}

export const workloads: { readonly [name: string]: Workload<Module> } = {
  import: {
    title: "importing the library in a fresh process, and the first output of the command line",
    figures: { time: { title: "time", unit: "ms" } },
    measure: async (module) => {
      const startedAt = performance.now()
      await import(pathToFileURL(module).href)
      return { time: performance.now() - startedAt }
    }
  }
}

/** Builds the packages and lays the runtime out as it is installed, with a file for each thing to import. */
export const stage = async (): Promise<{ readonly folder: string; readonly remove: () => void }> => {
  await promisify(execFile)(process.execPath, [join(root, "scripts", "task.mjs"), "build"])
  const folder = mkdtempSync(join(tmpdir(), "reins-start-"))
  for (const name of packages) {
    install(name, join(folder, "node_modules", name === "create-reins" ? name : `@reins/${name}`))
    const { dependencies = {} } = JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8"))
    const foreign = Object.keys(dependencies).filter((each) => !each.startsWith("@reins/") && each !== "create-reins")
    for (const each of ["effect", ...foreign]) {
      const target = join(folder, "node_modules", each)
      if (existsSync(target)) continue
      mkdirSync(dirname(target), { recursive: true })
      symlinkSync(realpathSync(join(root, "packages", name, "node_modules", each)), target, "junction")
    }
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }))
  writeFileSync(join(folder, "reins.js"), 'import "@reins/runtime"\n')
  writeFileSync(join(folder, "promise.js"), 'import "@reins/runtime/promise"\n')
  const bin = join(folder, "node_modules", "@reins", "cli", "bin", "reins.mjs")
  writeFileSync(join(folder, "help.js"), starting([bin, "--help"]))
  writeFileSync(join(folder, "ask.js"), starting([bin, "ask", "What is here?", "--model", "demo", "--store", "memory"]))
  writeFileSync(
    join(folder, "effect.js"),
    effectOf(folder)
      .map((name) => `import "${name}"\n`)
      .join("")
  )
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** What the command line needs, the runtime included. */
const packages = ["protocol", "runtime", "wire", "models", "store", "server", "create-reins", "cli"]

/** A module that runs a program and is loaded when the first of its output has come. */
const starting = (args: ReadonlyArray<string>): string =>
  `import { spawn } from "node:child_process"
import { once } from "node:events"
const child = spawn(process.execPath, ${JSON.stringify(args)}, { stdio: ["ignore", "pipe", "inherit"] })
await once(child.stdout, "data")
child.kill("SIGKILL")
`

const install = (name: string, folder: string): void => {
  const from = join(root, "packages", name)
  mkdirSync(folder, { recursive: true })
  cpSync(join(from, "dist"), join(folder, "dist"), { recursive: true })
  if (existsSync(join(from, "bin"))) cpSync(join(from, "bin"), join(folder, "bin"), { recursive: true })
  const { publishConfig, ...manifest } = JSON.parse(readFileSync(join(from, "package.json"), "utf8"))
  writeFileSync(join(folder, "package.json"), JSON.stringify({ ...manifest, exports: publishConfig.exports }))
}

/** The modules of effect that the main entries of the runtime and of the protocol import, with what these share. */
const effectOf = (folder: string): ReadonlyArray<string> => {
  const found = new Set<string>()
  const seen = new Set<string>()
  const read = (file: string): void => {
    if (seen.has(file)) return
    seen.add(file)
    for (const [, name = ""] of readFileSync(file, "utf8").matchAll(/(?:from|import) "([^"]+)"/g)) {
      if (name.startsWith(".")) read(join(dirname(file), name))
      else if (name.startsWith("effect")) found.add(name)
    }
  }
  for (const file of globSync("node_modules/@reins/{protocol,runtime}/dist/index.js", { cwd: folder }))
    read(join(folder, file))
  return [...found].sort()
}
