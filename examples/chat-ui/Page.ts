/** The page, built in memory by Vite, as routes of an `HttpRouter`. In your own app your bundler does this. */
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { join } from "node:path"
import { build } from "vite"

const types: { readonly [ending: string]: string } = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8"
}

const files = Effect.promise(async () => {
  const built = await build({
    configFile: false,
    logLevel: "error",
    root: join(import.meta.dirname, "page"),
    build: { write: false, target: "es2022" }
  })
  const outputs = Array.isArray(built) ? built : [built]
  return outputs.flatMap((one) =>
    "output" in one
      ? one.output.map((file) => ({
          path: file.fileName === "index.html" ? ("/" as const) : (`/${file.fileName}` as const),
          type: types[file.fileName.split(".").at(-1) ?? ""] ?? "application/octet-stream",
          body: "code" in file ? file.code : file.source
        }))
      : []
  )
})

/** `GET /` and the files it loads. */
export const layer = Layer.unwrap(
  Effect.map(files, (all) =>
    all
      .map(({ body, path, type }) =>
        HttpRouter.add(
          "GET",
          path,
          typeof body === "string"
            ? HttpServerResponse.text(body, { contentType: type })
            : HttpServerResponse.uint8Array(body, { contentType: type })
        )
      )
      .reduce<Layer.Layer<never, never, HttpRouter.HttpRouter>>((one, other) => Layer.merge(one, other), Layer.empty)
  )
)
