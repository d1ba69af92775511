/**
 * The repository as the architecture tests see it: its tracked files, and its packages with their manifests.
 *
 * Read only. The rules are in the tests beside this file; `Source` parses a source file.
 */
import { execFileSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join, posix } from "node:path"
import { Source } from "./Source.ts"

export const root = join(import.meta.dirname, "..", "..")

/** What a target of `exports` says: a path, or a path per condition. */
export type Target = string | { readonly [condition: string]: Target }

export interface Manifest {
  readonly name: string
  readonly private?: boolean
  readonly exports?: { readonly [entry: string]: Target }
  readonly publishConfig?: { readonly access?: string; readonly exports?: { readonly [entry: string]: Target } }
  readonly dependencies?: { readonly [name: string]: string }
  readonly devDependencies?: { readonly [name: string]: string }
  readonly peerDependencies?: { readonly [name: string]: string }
  readonly optionalDependencies?: { readonly [name: string]: string }
}

export interface Package {
  /** The folder's name, which is the package's name without its scope. */
  readonly name: string
  readonly manifest: Manifest
  readonly sources: ReadonlyArray<Source>
}

/** The text of a file, its path given from the root. */
export const text = (file: string): string => readFileSync(join(root, file), "utf8")

export const has = (file: string): boolean => existsSync(join(root, file))

/** Files under version control; in a folder that may belong to another user, as it does in a container. */
const tracked = (): ReadonlyArray<string> =>
  execFileSync("git", ["-c", "safe.directory=*", "ls-files", "-z"], { cwd: root, encoding: "utf8" })
    .split("\0")
    .filter((file) => file !== "" && has(file))

const made = new Set([".git", "node_modules", "dist", "coverage"])

/** Every file except generated ones, for an archive without version control. */
const present = (folder = ""): ReadonlyArray<string> =>
  readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => !made.has(entry.name))
    .flatMap((entry) => {
      const path = posix.join(folder, entry.name)
      return entry.isDirectory() ? present(path) : [path]
    })

/** Paths from the root of every file of the repository, with forward slashes. */
export const files: ReadonlyArray<string> = has(".git") ? tracked() : present()

export const manifest = (file: string): Manifest => JSON.parse(text(file))

/** TypeScript files under a folder, read. */
export const sources = (folder: string): ReadonlyArray<Source> =>
  files
    .filter((file) => file.startsWith(`${folder}/`) && file.endsWith(".ts"))
    .map((file) => new Source(file, text(file)))

export const packages: ReadonlyArray<Package> = files
  .flatMap((file) => /^packages\/([^/]+)\/package\.json$/.exec(file)?.[1] ?? [])
  .map((name) => ({
    name,
    manifest: manifest(`packages/${name}/package.json`),
    sources: sources(`packages/${name}/src`)
  }))
