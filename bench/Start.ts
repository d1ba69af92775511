/**
 * The cost of starting: the time to import a library in a fresh process. Ours is measured as published (built, without
 * sources), beside the modules of `effect` that it loads; the difference is our part.
 */
import { execFile } from "node:child_process"
import {
  cpSync,
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
  "ai-sdk": { title: "AI SDK 7", needs: "peers", load: () => peer("ai/dist/index.js") },
  "openai-agents": { title: "OpenAI Agents", needs: "peers", load: () => peer("@openai/agents/dist/index.mjs") }
}

export const workloads: { readonly [name: string]: Workload<Module> } = {
  import: {
    title: "importing the library in a fresh process",
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
  for (const name of ["protocol", "runtime"]) install(name, join(folder, "node_modules", "@reins", name))
  const outside = join(root, "packages", "runtime", "node_modules")
  const { dependencies } = JSON.parse(readFileSync(join(root, "packages", "runtime", "package.json"), "utf8"))
  const foreign = Object.keys(dependencies).filter((name) => !name.startsWith("@reins/"))
  for (const name of ["effect", ...foreign]) {
    const target = join(folder, "node_modules", name)
    mkdirSync(dirname(target), { recursive: true })
    symlinkSync(realpathSync(join(outside, name)), target, "junction")
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }))
  writeFileSync(join(folder, "reins.js"), 'import "@reins/runtime"\n')
  writeFileSync(join(folder, "promise.js"), 'import "@reins/runtime/promise"\n')
  writeFileSync(
    join(folder, "effect.js"),
    effectOf(folder)
      .map((name) => `import "${name}"\n`)
      .join("")
  )
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

const install = (name: string, folder: string): void => {
  const from = join(root, "packages", name)
  mkdirSync(folder, { recursive: true })
  cpSync(join(from, "dist"), join(folder, "dist"), { recursive: true })
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
  for (const file of globSync("node_modules/@reins/*/dist/index.js", { cwd: folder })) read(join(folder, file))
  return [...found].sort()
}
