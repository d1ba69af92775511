/**
 * Writes `docs/reference`, the API reference of every package, from the docstrings of its entry points; with `--check` verifies that
 * it is up to date. One folder a package, one page an entry or a namespace, so that addresses stay when files of ours move.
 *
 * TypeDoc reads the sources with a TypeScript of its own, since version 7 of the compiler has no programming interface.
 */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Application, Converter, ReflectionKind } from "typedoc"

const root = fileURLToPath(new URL("../..", import.meta.url))
const kept = join(root, "docs", "reference")

/** The packages, in the order in which a reader meets them. Those that come later than these are sorted by name. */
const order = ["reins", "runtime", "models", "store", "server", "wire", "protocol"]

/** Programs: people run them and do not import them. */
const programs = new Set(["cli", "create-reins"])

const packages = readdirSync(join(root, "packages"))
  .filter((name) => !programs.has(name))
  .filter((name) => existsSync(join(root, "packages", name, "package.json")))
  .map((name) => ({ name, manifest: JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8")) }))
  .toSorted((a, b) => place(a.name) - place(b.name) || a.name.localeCompare(b.name))

function place(name) {
  const index = order.indexOf(name)
  return index === -1 ? order.length : index
}

/** The files of a package's entries. `./*` stands for each folder that has an `index.ts`. */
const entries = ({ manifest, name }) => {
  const folder = join(root, "packages", name)
  return Object.entries(manifest.exports ?? {}).flatMap(([entry, target]) => {
    if (typeof target !== "string" || !target.endsWith(".ts")) return []
    if (!entry.includes("*")) return [join(folder, target)]
    return readdirSync(join(folder, "src"), { withFileTypes: true })
      .filter((child) => child.isDirectory() && existsSync(join(folder, "src", child.name, "index.ts")))
      .map((child) => join(folder, "src", child.name, "index.ts"))
  })
}

/** What classes inherit from `effect` is said there; here it would be most of each page. */
const withoutInherited = (app) =>
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    const inherited = [
      ...project.getReflectionsByKind(ReflectionKind.Constructor),
      ...project.getReflectionsByKind(ReflectionKind.Accessor).filter(({ name }) => name === "message"),
      ...project.getReflectionsByKind(ReflectionKind.Property).filter(({ name }) => name.startsWith("~"))
    ]
    for (const reflection of inherited) project.removeReflection(reflection)
  })

/** Pages are named as the entries that users import, not as the folders that the entries are in. */
const namedAsEntries = (app, { manifest }) =>
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const [entry, target] of Object.entries(manifest.exports ?? {})) {
      const folder = /^\.\/src\/(.+)\/index\.ts$/.exec(target)?.[1]
      const page = project.children?.find(({ name }) => name === folder)
      if (page !== undefined) page.name = entry.slice(2)
    }
  })

/** The package's settings without its references: with them TypeScript reads the build of other packages, which may be missing. */
const settings = (each, out) => {
  const path = join(out, `${each.name}.tsconfig.json`)
  const extended = join(root, "packages", each.name, "tsconfig.json")
  writeFileSync(path, JSON.stringify({ extends: extended, compilerOptions: { composite: false }, references: [] }))
  return path
}

const documented =
  ReflectionKind.Class |
  ReflectionKind.Interface |
  ReflectionKind.TypeAlias |
  ReflectionKind.Variable |
  ReflectionKind.Function

/**
 * Public names whose docstring does not say since when they are there, or what kind of thing they are. A schema and its type
 * share a name, and one docstring.
 */
const incomplete = (project) => {
  const complete = new Set()
  const all = project
    .getReflectionsByKind(documented)
    .filter(({ parent }) => parent?.kindOf(ReflectionKind.SomeModule) ?? false)
  for (const reflection of all) {
    const comment = reflection.comment ?? reflection.signatures?.[0]?.comment
    if (["@since", "@category"].every((tag) => comment?.getTag(tag) !== undefined))
      complete.add(reflection.getFullName())
  }
  return [...new Set(all.map((one) => one.getFullName()))]
    .filter((name) => !complete.has(name))
    .map((name) => `${project.name}: ${name}`)
}

/** Pages do not repeat the version for each name: as long as there is one release, it is the same for all. */
const withoutVersions = (project) => {
  for (const reflection of Object.values(project.reflections)) reflection.comment?.removeTags("@since")
}

const write = async (each, out) => {
  const tsconfig = settings(each, out)
  const app = await Application.bootstrapWithPlugins({
    name: each.manifest.name,
    entryPoints: entries(each),
    tsconfig,
    plugin: ["typedoc-plugin-markdown"],
    out: join(out, each.name),
    readme: "none",
    logLevel: "Error",
    skipErrorChecking: true,
    disableSources: true,
    excludeExternals: true,
    excludeInternal: true,
    excludePrivate: true,
    blockTags: ["@since", "@category", "@param", "@returns", "@example", "@see", "@throws", "@default", "@deprecated"],
    categorizeByGroup: false,
    categoryOrder: ["constructors", "layers", "running", "operations", "services", "models", "schemas", "*", "errors"],
    router: "module",
    hidePageHeader: true,
    hideBreadcrumbs: true,
    parametersFormat: "table",
    propertiesFormat: "table",
    interfacePropertiesFormat: "table",
    classPropertiesFormat: "table",
    typeAliasPropertiesFormat: "table",
    typeDeclarationFormat: "table",
    tableColumnSettings: { hideDefaults: true, hideInherited: true, hideModifiers: true, hideOverrides: true }
  })
  withoutInherited(app)
  namedAsEntries(app, each)
  const missing = []
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => missing.push(...incomplete(project)), 1000)
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => withoutVersions(project))
  const project = await app.convert()
  if (project === undefined) throw new Error(`TypeDoc could not read packages/${each.name}`)
  await app.generateOutputs(project)
  if (app.logger.hasErrors()) throw new Error(`TypeDoc reported errors in packages/${each.name}`)
  rmSync(tsconfig)
  return missing
}

/** All files below a folder, with their text. */
const read = (folder) =>
  new Map(
    existsSync(folder)
      ? readdirSync(folder, { recursive: true, withFileTypes: true })
          .filter((file) => file.isFile())
          .map((file) => join(file.parentPath, file.name))
          .map((path) => [path.slice(folder.length + 1), readFileSync(path, "utf8")])
      : []
  )

const index = () =>
  [
    "# API reference",
    "",
    "Generated from the docstrings by `npm run reference`. Do not edit.",
    "",
    ...packages.map(({ manifest, name }) => `- [${manifest.name}](${name}/README.md): ${manifest.description}`),
    ""
  ].join("\n")

const fresh = mkdtempSync(join(tmpdir(), "reins-reference-"))
const missing = []
for (const each of packages) missing.push(...(await write(each, fresh)))
for (const name of missing) process.stderr.write(`${name} has no docstring with @since and @category\n`)
writeFileSync(join(fresh, "README.md"), index())

if (process.argv.includes("--check")) {
  const before = read(kept)
  const after = read(fresh)
  const differing = [...new Set([...before.keys(), ...after.keys()])].filter(
    (path) => before.get(path) !== after.get(path)
  )
  for (const path of differing) process.stderr.write(`docs/reference/${path} is out of date\n`)
  if (differing.length > 0) process.stderr.write("Run: npm run reference\n")
  if (differing.length > 0) process.exitCode = 1
} else {
  rmSync(kept, { recursive: true, force: true })
  cpSync(fresh, kept, { recursive: true })
}
rmSync(fresh, { recursive: true, force: true })
if (missing.length > 0) process.exitCode = 1
