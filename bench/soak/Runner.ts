/**
 * A process that executes runs of the soak over a shared store: `node Runner.ts sqlite FILE`, `postgres URL` or
 * `cluster URL`.
 */
import { Context, Effect, Layer, Scope } from "effect"
import { Runtime } from "@reins/runtime"
import * as Shared from "./Shared.ts"

const [kind = "sqlite", place = ""] = process.argv.slice(2)
const built = Layer.buildWithScope(Shared.runtime(kind, place, true), Scope.makeUnsafe())
Context.get(await Effect.runPromise(built), Runtime)
process.send?.("ready")
process.on("disconnect", () => process.exit(0))
