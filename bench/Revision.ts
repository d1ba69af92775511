/**
 * Another revision of this repository as a contestant: its sources in a temporary folder, with its own dependencies and
 * with today's bench, so that both revisions are measured by the same code. The measured code may therefore use only
 * public exports of both.
 */
import { execFile, spawn } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

const root = join(import.meta.dirname, "..")

/** A revision that is ready for measurement. `remove` deletes its folder. */
export interface Revision {
  /** Its short commit id. */
  readonly title: string
  /** The bench inside of it. */
  readonly bench: string
  readonly remove: () => void
}

const git = async (...args: ReadonlyArray<string>): Promise<string> =>
  (await promisify(execFile)("git", ["-C", root, ...args])).stdout.trim()

/** Writes the tracked files of a commit into a folder. */
const extract = (commit: string, folder: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const archive = spawn("git", ["-C", root, "archive", commit], { stdio: ["ignore", "pipe", "inherit"] })
    const unpack = spawn("tar", ["-x", "-C", folder], { stdio: ["pipe", "inherit", "inherit"] })
    archive.stdout.pipe(unpack.stdin)
    archive.on("error", reject)
    unpack.on("error", reject)
    unpack.on("close", (code) => (code === 0 ? resolve() : reject(new Error(`tar ended with code ${code}`))))
  })

/** Checks out and installs a revision: a commit id, a branch or a tag. Fails when git does not know it. */
export const make = async (name: string): Promise<Revision> => {
  const commit = await git("rev-parse", "--verify", "--quiet", `${name}^{commit}`).catch(() => {
    throw new Error(`Unknown revision "${name}". Give a commit id, a branch or a tag of this repository`)
  })
  const folder = mkdtempSync(join(tmpdir(), "reins-against-"))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  try {
    await extract(commit, folder)
    const bench = join(folder, "bench")
    rmSync(bench, { recursive: true, force: true })
    mkdirSync(bench)
    cpSync(import.meta.dirname, bench, { recursive: true, filter: (path) => !path.includes("node_modules") })
    // Any task installs what is missing before it begins; the list of tasks is the shortest of them.
    await promisify(execFile)(process.execPath, [join(folder, "scripts", "task.mjs"), "lint"], { cwd: folder }).catch(
      () => undefined
    )
    return { title: await git("rev-parse", "--short", commit), bench, remove }
  } catch (error) {
    remove()
    throw error
  }
}
