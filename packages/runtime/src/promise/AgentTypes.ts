/**
 * What the types of agents say: their names, and of those with a description, the specialists, what they are asked and
 * what they answer. Of agents whose types were forgotten, every name may be a specialist's, and nothing is known of
 * input and output.
 */
import type { StandardSchemaV1 } from "effect/StandardSchema"
import type { JsonObjectSchema } from "./Parameters.ts"

/** What a specialist is asked, as its schema takes it, and what it answers, as its schema makes it. */
export interface SpecialistTypes {
  readonly input: unknown
  readonly output: unknown
}

/** The specialists of a runtime, by name. */
export interface AnySpecialists {
  readonly [name: string]: SpecialistTypes
}

/** What a caller passes to a specialist: text, where it has no `input`. */
export type InputOf<A> = "input" extends keyof A
  ? A["input"] extends StandardSchemaV1<infer In, infer _Out>
    ? In
    : Loose<A["input"]>
  : string

/** What a caller gets of a specialist: text, where it has no `output`. */
export type OutputOf<A> = "output" extends keyof A
  ? A["output"] extends StandardSchemaV1<infer _In, infer Out>
    ? Out
    : Loose<A["output"]>
  : string

type Loose<P> = P extends JsonObjectSchema ? { readonly [name: string]: unknown } : unknown

/** The specialists among agents. */
export type SpecialistsOf<Agents extends ReadonlyArray<{ readonly name: string }>> = {
  readonly [A in Agents[number] as "description" extends keyof A ? A["name"] : never]: {
    readonly input: InputOf<A>
    readonly output: OutputOf<A>
  }
}

/** An agent's value that is no specialist's. */
export interface AgentValue<Name extends string> {
  readonly name: Name
  readonly description?: undefined
}

/** A specialist's value. */
export interface SpecialistValue<Name extends string> {
  readonly name: Name
  readonly description: string
}
