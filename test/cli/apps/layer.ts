/** An app that exports a layer. */
import { Models } from "@reins/models"
import { Agent, Runtime } from "@reins/runtime"
import { Layer } from "effect"

export default Runtime.layer({ agents: [Agent.make("desk", {})] }).pipe(Layer.provide(Models.layer("scripted")))
