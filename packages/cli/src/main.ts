/** The entry point of the command `reins`. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import { runMain } from "./Process.ts"
import { main } from "./Reins.ts"

/** Runs the command line of this process, and ends the process. */
export const run = (): void => runMain(Effect.provide(main, NodeServices.layer))
