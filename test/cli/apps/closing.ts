/** An app whose runtime says on standard error when it is closed. */
import { Effect, Layer } from "effect"
import { createRuntime } from "reins"

const services = Layer.effectDiscard(
  Effect.addFinalizer(() => Effect.sync(() => void process.stderr.write("the app is closed\n")))
)

export const app = createRuntime({ model: "scripted", agents: [{ name: "desk" }], services })
