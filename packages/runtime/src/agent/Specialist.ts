/**
 * A specialist: an agent with a narrow task, with optional typed input and output. Run it from code with
 * `Runtime.runSpecialist` and `Runtime.completeSpecialist`, or offer it to a coordinator, whose model then calls it
 * like a tool. It does not see its caller's history.
 */
import type * as Hook from "../hook/Hook.ts"
import type * as Erased from "../kernel/Erased.ts"
import * as Agent from "./Agent.ts"
import type { Model, ModelKey } from "../model/Model.ts"

/**
 * Marks specialists.
 *
 * @since 0.1.0
 * @category constants
 */
export const TypeId = "~@reins/runtime/Specialist" as const

/**
 * A specialist with input `In` and output `Out`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Specialist<in In, out Out, out R = never, out E = never> extends Agent.Agent<R, E, Out> {
  readonly [TypeId]: { readonly _In: (input: In) => void; readonly _Out: () => Out }
}

/**
 * A specialist of these types, whatever it needs.
 *
 * @since 0.1.0
 * @category models
 */
export type Of<In, Out> = Specialist<In, Out, Erased.Any, Erased.Any>

/**
 * Any specialist.
 *
 * @since 0.1.0
 * @category models
 */
export type Any = Specialist<never, unknown, Erased.Any, Erased.Any>

/**
 * Makes a specialist.
 *
 * **Details**
 * - `description`: its description for a coordinator's model.
 * - `input`: its arguments, as a schema. Absent: one string, `prompt`.
 * - `output`: the schema of its answer, as of any agent (`Agent.make`); its caller gets the JSON. Absent: the output is the
 *   text.
 *
 * **Example** (A typed answer)
 *
 * ```ts
 * import { Specialist } from "@reins/runtime"
 * import { Schema } from "effect"
 *
 * export const Triage = Specialist.make("triage", {
 *   description: "Sorts a ticket",
 *   input: Schema.Struct({ ticket: Schema.NonEmptyString }),
 *   output: Schema.Struct({ team: Schema.Literals(["billing", "shipping"]) })
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <
  In = string,
  Out = string,
  const K extends Agent.Toolkits = ReadonlyArray<Agent.AnyToolkit>,
  const S extends ReadonlyArray<Agent.Any> = [],
  M = Model,
  const F extends ReadonlyArray<ModelKey> = [],
  const N extends Agent.NamedModels = {},
  C = never,
  const H extends ReadonlyArray<Hook.Any> = []
>(
  name: string,
  options: Agent.Options<K, S, M, F, N, C, H> & {
    readonly description: string
    readonly input?: Erased.CodecOf<In> | undefined
    readonly output?: Erased.CodecOf<Out> | undefined
  }
): Specialist<
  In,
  Out,
  Agent.Needs<
    | Agent.ToolkitServices<K>
    | M
    | Agent.Models<F[number] | N[keyof N]>
    | Agent.Services<S[number]>
    | C
    | Hook.Services<H[number]>
  >,
  Agent.ToolkitErrors<K> | Agent.Errors<S[number]>
> => ({
  ...Agent.fromDefinition(
    Agent.define("specialist", name, options, {
      description: options.description,
      input: options.input,
      output: options.output
    })
  ),
  [TypeId]: { _In: () => {}, _Out: phantom }
})

const phantom = (): never => {
  throw new Error("Specialist variance members exist only for types and cannot be called")
}
