/**
 * Writes the folder from which an image of `reins serve` is made: the archives of the packages as they are published, and a manifest
 * that installs them. `deploy/Dockerfile` runs it, since the packages are not on a registry yet.
 */
import { execFileSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import * as Build from "./Build.mjs"
import * as Install from "./Install.mjs"
import { inside, pnpm, sourcesNode } from "./Workspace.mjs"

const target = resolve(process.argv[2] ?? "image")

const archiveOf = ({ manifest }) => `${manifest.name.replace("@", "").replace("/", "-")}-${manifest.version}.tgz`

/** The drivers and providers that the image has besides: optional peers of the packages. */
const optionalOf = (packages) =>
  Object.fromEntries(
    packages.flatMap(({ manifest }) =>
      Object.entries(manifest.peerDependencies ?? {}).filter(
        ([name]) => name === "effect" || name === "@effect/sql-pg" || name.startsWith("@ai-sdk/")
      )
    )
  )

const installed = await Install.ensure()
const built = installed === 0 ? await Build.run(sourcesNode(), { cwd: inside(".") }) : installed
if (built === 0) {
  const packages = Build.packages()
  mkdirSync(join(target, "archives"), { recursive: true })
  for (const { folder } of packages) {
    execFileSync("npx", ["--yes", pnpm, "pack", "--pack-destination", join(target, "archives")], {
      cwd: folder,
      stdio: "ignore"
    })
  }
  const archives = Object.fromEntries(packages.map((one) => [one.manifest.name, `file:archives/${archiveOf(one)}`]))
  const manifest = {
    name: "reins-image",
    private: true,
    type: "module",
    dependencies: { ...optionalOf(packages), ...archives },
    // Packages depend on each other by version; here each is its archive.
    overrides: archives
  }
  writeFileSync(join(target, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`)
  process.stdout.write(`Wrote ${target}. In it, npm install makes what the image runs.\n`)
}
process.exitCode = built
