/**
 * Writes a new project from a template. The templates are projects that run as they are: what changes on the way is the project's name,
 * the versions of its dependencies, and the name of `gitignore`, which archives leave out under its own.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { basename, dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

/** Which front a project is written for: plain functions and promises, or Effect. */
export type Front = "promise" | "effect"

/** A project to write. */
export interface Project {
  /** The project's folder, made if missing; one that has files is refused. Its last name becomes the project's. */
  readonly folder: string
  readonly front: Front
}

/** The outcome of `write`. */
export type Outcome =
  | {
      readonly _tag: "Written"
      readonly folder: string
      readonly name: string
      readonly files: ReadonlyArray<string>
      /** Whether the versions are those of a clone of the repository, which a registry may not have yet. */
      readonly isOfClone: boolean
    }
  | { readonly _tag: "Refused"; readonly reason: string }

/** The folder of this package, from `src` and from `dist`. Evaluated when used, since a bundle may have no URL. */
const own = (): string => join(dirname(fileURLToPath(import.meta.url)), "..")

/** The folder of a template. */
export const template = (front: Front): string => join(own(), "templates", front)

/** Writes the project. */
export const write = ({ folder, front }: Project): Outcome => {
  const target = resolve(folder)
  const name = nameOf(basename(target))
  if (name === "") {
    return refused(`${JSON.stringify(folder)} gives no name for a project. Use letters, digits and -`)
  }
  if (existsSync(target) && readdirSync(target).length > 0) {
    return refused(`Folder ${target} has files already. Name a new folder, or an empty one`)
  }
  const from = template(front)
  const versions = versionsOf()
  const files = filesOf(from).map((file) => {
    const text = readFileSync(join(from, file), "utf8")
    const path = file === "gitignore" ? ".gitignore" : file
    mkdirSync(dirname(join(target, path)), { recursive: true })
    writeFileSync(join(target, path), adapted(file, text, name, versions))
    return path
  })
  return { _tag: "Written", folder: target, name, files, isOfClone: isClone() }
}

/** What to know of a project that was written from a clone, before its dependencies are installed. */
export const ofClone =
  "It was made by a clone of the repository, whose version may not be published yet: npm install fails until it is."

const refused = (reason: string): Outcome => ({ _tag: "Refused", reason })

/** The name of a project in a folder of this name, as package managers take it; empty where nothing is left. Pure. */
export const nameOf = (folder: string): string =>
  folder
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")

/** The template's name in its own files. */
const placeholder = "my-agent"

/** The text of a file as it is written: named, and with versions in place of what only this repository knows. Pure. */
export const adapted = (
  file: string,
  text: string,
  name: string,
  versions: { readonly [dependency: string]: string }
): string => {
  const named = text.replaceAll(placeholder, name)
  return file === "package.json"
    ? named.replaceAll(/"([^"]+)": "(?:workspace:\^|catalog:)"/g, (line, dependency: string) => {
        const version = versions[dependency]
        return version === undefined ? line : `"${dependency}": "${/^\d/.test(version) ? `^${version}` : version}"`
      })
    : named
}

interface Manifest {
  readonly version: string
  readonly devDependencies?: { readonly [dependency: string]: string }
}

/** The manifest of a package. */
const manifestOf = (path: string): Manifest => createRequire(import.meta.url)(join(path, "package.json"))

/** What only a workspace can read. Publishing replaces it. */
const isUnresolved = (version: string): boolean => /^(workspace|catalog):/.test(version)

/** Whether this package is not published but developed. */
const isClone = (): boolean => Object.values(manifestOf(own()).devDependencies ?? {}).some(isUnresolved)

/**
 * The versions that this package was published with: its own development has every dependency of the templates. In a clone, the
 * versions that are installed there.
 */
const versionsOf = (): { readonly [dependency: string]: string } =>
  Object.fromEntries(
    Object.entries(manifestOf(own()).devDependencies ?? {}).map(([name, version]) => [
      name,
      isUnresolved(version) ? manifestOf(join(own(), "node_modules", name)).version : version
    ])
  )

/** What running a template leaves in its folder, and what only this repository needs. */
const leftOut = /^(node_modules|dist|\.cache)$|^runs\.db|\.tsbuildinfo$/

/** Paths of a folder's files below it, with forward slashes. */
const filesOf = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !leftOut.test(entry.name))
    .flatMap((entry) =>
      entry.isDirectory() ? filesOf(join(folder, entry.name)).map((below) => `${entry.name}/${below}`) : [entry.name]
    )
    .sort()
