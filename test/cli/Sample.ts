/** Temporary folders for the tests. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem, Path } from "effect"

/** Files by path, with their contents. */
export type Files = { readonly [path: string]: string | Uint8Array }

/** Creates a folder with these files; returns its real path. Its name contains a space, as names may. */
export const folder = Effect.fnUntraced(function* (files: Files) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const made = yield* fs.makeTempDirectoryScoped({ prefix: "reins cli " })
  const root = yield* fs.realPath(made)
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(root, name)
    yield* fs.makeDirectory(path.dirname(file), { recursive: true })
    yield* fs.writeFile(file, typeof content === "string" ? new TextEncoder().encode(content) : content)
  }
  return root
})

/** The real file system, for a test. */
export const layer = NodeServices.layer

/** Two folders with different contents. */
export const ships: Files = {
  "README.md": "# Ships\n\nNotes on the harbour and what lies in it.\n",
  "log/1907.md": "The schooner Aurora carried tea.\nShe was lost in March.\n",
  "log/crew.txt": "Captain: Ines\n"
}
export const bread: Files = {
  "README.md": "# Bread\n\nHow to bake it in a small oven.\n",
  "recipes/rye.md": "Rye bread takes a sour dough and a day of waiting.\n"
}
