/**
 * A specialist with typed input and output: both are schemas, so that code can rely on them. Its model still produces
 * text; the runtime validates that the text is JSON of the output schema.
 */
import { Budget, Specialist } from "@reins/runtime"
import { Schema } from "effect"
import { Library } from "./Library.ts"

export const Finding = Schema.Struct({ claim: Schema.NonEmptyString, source: Schema.NonEmptyString })

export const Input = Schema.Struct({ topic: Schema.NonEmptyString, most: Schema.Natural })

export const Output = Schema.Struct({ findings: Schema.Array(Finding) })

export const Researcher = Specialist.make("researcher", {
  description: "Gathers sourced findings on one topic",
  instructions: "Search first. Report only what a source states.",
  input: Input,
  output: Output,
  toolkit: Library,
  budget: Budget.make({ maxSteps: 3 })
})
