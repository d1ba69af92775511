/**
 * Bundles the code of each package into its `dist`. `Build.mjs` runs it on the pinned Node after emitting the types.
 */
import { globSync, rmSync } from "node:fs"
import { join, relative } from "node:path"
import { rolldown } from "rolldown"
import { packages } from "./Build.mjs"

/** Entry files of a package by their path below `src`, without extension. */
const entriesOf = ({ folder, manifest }) => {
  const files = Object.values(manifest.exports).filter((path) => path.endsWith(".ts"))
  const found = files.flatMap((path) => globSync(path, { cwd: folder }))
  return Object.fromEntries(
    found.map((path) => [relative("src", path).replaceAll("\\", "/").replace(/\.ts$/, ""), join(folder, path)])
  )
}

for (const one of packages()) {
  const dist = join(one.folder, "dist")
  for (const file of globSync("**/*.{js,js.map}", { cwd: dist })) rmSync(join(dist, file))
  const bundle = await rolldown({
    input: entriesOf(one),
    external: (id) => !id.startsWith(".") && !id.startsWith("/"),
    platform: "neutral"
  })
  await bundle.write({ dir: dist, format: "esm", sourcemap: true, chunkFileNames: "shared/[name]-[hash].js" })
  await bundle.close()
}
