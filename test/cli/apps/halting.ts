/** An app whose model stops within a line until its folder has a file `go`. */
import { Agent, Model, type ModelPart, ModelStream, Runtime } from "@reins/runtime"
import { Layer } from "effect"
import { existsSync, watch } from "node:fs"

const text = (words: string): ModelPart => ({ type: "text", text: words })

const model = ModelStream.fromAsyncIterable({
  provider: "scripted",
  model: "halting",
  open: async function* () {
    const watcher = watch(".")
    const there = new Promise<void>((resolve) =>
      watcher.on("change", (_, name) => (name === "go" ? resolve() : undefined))
    )
    yield text("A line is begun")
    if (!existsSync("go")) await there
    watcher.close()
    yield text(", and is whole.")
    yield { type: "finish", reason: "stop", usage: {} }
  }
})

export default Runtime.layer({ agents: [Agent.make("desk", {})] }).pipe(Layer.provide(Layer.succeed(Model, model)))
