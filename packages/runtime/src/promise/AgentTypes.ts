/**
 * Type-level information about agents: their names, and the input and output of those with a description, the
 * specialists. For agents with erased types, every name may be a specialist's, with unknown input and output.
 */
import type { StandardSchemaV1 } from "effect/StandardSchema"
import type { JsonObjectSchema, Parameters } from "./Parameters.ts"

/**
 * The input of a specialist's schema, and the output of its output schema.
 *
 * @since 0.1.0
 * @category models
 */
export interface SpecialistTypes {
  readonly input: unknown
  readonly output: unknown
}

/**
 * The specialists of a runtime, by name.
 *
 * @since 0.1.0
 * @category models
 */
export interface AnySpecialists {
  readonly [name: string]: SpecialistTypes
}

/**
 * A caller's input for a specialist: text if it has no `input`.
 *
 * @since 0.1.0
 * @category models
 */
export type InputOf<A> = "input" extends keyof A
  ? A["input"] extends StandardSchemaV1<infer In, infer _Out>
    ? In
    : Loose<A["input"]>
  : string

/**
 * An agent's answer for a caller: text if it has no `output`.
 *
 * @since 0.1.0
 * @category models
 */
export type OutputOf<A> = "output" extends keyof A
  ? A["output"] extends StandardSchemaV1<infer _In, infer Out>
    ? Out
    : Loose<A["output"]>
  : string

type Loose<P> = P extends JsonObjectSchema ? { readonly [name: string]: unknown } : unknown

/**
 * The specialists among agents.
 *
 * @since 0.1.0
 * @category models
 */
export type SpecialistsOf<Agents extends ReadonlyArray<{ readonly name: string }>> = {
  readonly [A in Agents[number] as "description" extends keyof A ? A["name"] : never]: {
    readonly input: InputOf<A>
    readonly output: OutputOf<A>
  }
}

/** An agent's value that is not a specialist's. */
export interface AgentValue<Name extends string> {
  readonly name: Name
  readonly description?: undefined
  readonly output?: Parameters | undefined
}

/** A specialist's value. */
export interface SpecialistValue<Name extends string> {
  readonly name: Name
  readonly description: string
}
