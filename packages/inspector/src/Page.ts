/**
 * The inspector: a page on which operators see runs, their events, costs and audit record, and answer what waits. It is
 * static files that use only the native interface of `@reins/server`, which serves them: `inspector` of its options.
 */
import * as Effect from "effect/Effect"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, extname, join } from "node:path"
import { fileURLToPath } from "node:url"

/**
 * A static file. `isImmutable`: its name changes with its content, so that it may be kept for ever.
 *
 * @since 0.2.0
 * @category models
 */
export interface StaticFile {
  readonly type: string
  readonly body: Uint8Array
  readonly isImmutable: boolean
}

/**
 * Static files by their path, such as `index.html` or `assets/main-4f2a.js`.
 *
 * @since 0.2.0
 * @category models
 */
export type StaticFiles = ReadonlyMap<string, StaticFile>

const types: { readonly [extension: string]: string } = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8"
}

const fileOf = (path: string, body: Uint8Array): readonly [string, StaticFile] => [
  path,
  {
    type: types[extname(path)] ?? "application/octet-stream",
    body,
    isImmutable: path.startsWith("assets/")
  }
]

const read = (folder: string): StaticFiles =>
  new Map(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const path = join(entry.parentPath, entry.name)
        return fileOf(path.slice(folder.length + 1).replaceAll("\\", "/"), readFileSync(path))
      })
  )

/** What `page/Build.mjs` exports. */
interface Builder {
  readonly build: () => Promise<ReadonlyMap<string, Uint8Array>>
}

/** The package's folder, from `src` and from `dist`. Evaluated when used, since a bundle may have no URL. */
const own = (): string => join(dirname(fileURLToPath(import.meta.url)), "..")

/** In this repository nothing is built before it runs: the page is built in memory, at its first request. */
const build: Effect.Effect<StaticFiles> = Effect.map(
  Effect.promise<Builder>(() => import(new URL("../page/Build.mjs", import.meta.url).href)).pipe(
    Effect.flatMap((builder) => Effect.promise(() => builder.build()))
  ),
  (files) => new Map(Array.from(files, ([path, body]) => fileOf(path, body)))
)

/**
 * The page: pass it to a server as its option `inspector`.
 *
 * **Example** (A server with its inspector)
 *
 * ```ts
 * import { page } from "@reins/inspector"
 * import { Server } from "@reins/server"
 *
 * export const ServerLive = Server.layer({ inspector: page })
 * ```
 *
 * @since 0.2.0
 * @category constants
 */
export const page: Effect.Effect<StaticFiles> = Effect.suspend(() => {
  const folder = join(own(), "dist", "page")
  return existsSync(join(folder, "index.html")) ? Effect.sync(() => read(folder)) : build
})
