/** Builds the page with Vite: in memory, or, as a program, into a folder. */
import react from "@vitejs/plugin-react"
import { join } from "node:path"
import { build as vite } from "vite"

const settings = (write) => ({
  configFile: false,
  logLevel: "error",
  root: import.meta.dirname,
  // Relative, so that the page works behind any prefix.
  base: "./",
  plugins: [react()],
  build: {
    write,
    outDir: join(import.meta.dirname, "..", "dist", "page"),
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2000
  }
})

const encoder = new TextEncoder()

/** Resolves to the files by their path. */
export const build = async () => {
  const built = await vite(settings(false))
  const files = new Map()
  for (const { output } of [built].flat()) {
    for (const file of output) {
      const body = file.type === "chunk" ? file.code : file.source
      files.set(file.fileName, typeof body === "string" ? encoder.encode(body) : body)
    }
  }
  return files
}

if (process.argv[1] === import.meta.filename) await vite(settings(true))
