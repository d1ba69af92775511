/**
 * A remote agent, reached by A2A, as a specialist: a coordinator calls it like any other. What it asks becomes a
 * question here, with the same approvers, audit and expiry as every question, and its answer goes back to it.
 */
import { Agent, type ModelPort, Specialist } from "@reins/runtime"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as A2aModel from "./A2aModel.ts"
import type * as RemoteAgent from "./RemoteAgent.ts"

/**
 * The connection to the remote agent of this name, as a service.
 *
 * @since 0.1.0
 * @category models
 */
export interface Remote<Name extends string> {
  readonly _name: Name
}

/**
 * `description`: for the coordinator's model.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Omit<RemoteAgent.Address, "name"> {
  readonly description: string
}

const Kit = Toolkit.make(
  Tool.make(A2aModel.askTool, {
    description: "Answers what the remote agent asks",
    parameters: A2aModel.Asked,
    success: Schema.Struct({ answer: Schema.optionalKey(Schema.String) }),
    needsApproval: true
  })
)

/** A person has allowed it: what they say, if anything, is the answer. */
const answers = Kit.toLayer({
  [A2aModel.askTool]: ({ answer }) => Effect.succeed(answer === undefined ? {} : { answer })
})

/**
 * The specialist, and the layer with its connection, which the runtime needs: `const Weather =
 * A2aSpecialist.make("weather", { url, … })`, `specialists: [Weather.specialist]`, `Layer.provide(Weather.layer)`.
 * Nothing is sent before the first call.
 *
 * A person who approves may change the arguments: `answer` is then sent to the remote agent. A call that is
 * cancelled cancels the remote task.
 *
 * @since 0.1.0
 * @category services
 */
export const make = <const Name extends string>(name: Name, { description, ...address }: Options) => {
  const remote = Context.Service<Remote<Name>, ModelPort>(`@reins/models/a2a/${name}`)
  return {
    specialist: Specialist.make(name, { description, model: remote, toolkit: Agent.bind(Kit, answers) }),
    layer: Layer.succeed(remote, A2aModel.make({ ...address, name }))
  }
}
