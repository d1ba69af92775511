/**
 * A specialist with typed input and output: what it is asked and what it answers are schemas, so that code can rely on
 * them. Its model still speaks text; the runtime checks that the text is the JSON that was promised.
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
