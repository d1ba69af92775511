/**
 * A tool whose arguments are a plan, the agent that makes plans, and the script in place of its model: it proposes a
 * plan, and proposes again after a revision.
 */
import { Agent, ToolRun, ToolSettings } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Option, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

const Stage = Schema.Struct({ system: Schema.NonEmptyString, downtimeMinutes: Schema.Natural })

/** A stage failed. The model and the person read which stages were done before. */
export class StageFailed extends Schema.TaggedError<StageFailed>()("StageFailed", {
  done: Schema.Array(Schema.String),
  at: Schema.String
}) {
  override get message() {
    return `${this.at} could not be moved`
  }
}

// `needsApproval` is implied: a plan is approved as a whole.
export const CarryOut = Tool.make("carry_out_plan", {
  description: "Move systems to the new data centre, stage by stage",
  parameters: Schema.Struct({ stages: Schema.NonEmptyArray(Stage) }),
  success: Schema.Struct({ moved: Schema.Array(Schema.String) }),
  failure: StageFailed,
  failureMode: "return",
  dependencies: [ToolRun]
}).annotate(ToolSettings.IsPlan, true)

export class Moving extends Toolkit.make(CarryOut) {
  static readonly layer = this.toLayer({
    carry_out_plan: Effect.fn("Moving.carry_out_plan")(function* ({ stages }) {
      const run = yield* ToolRun
      const moved: Array<string> = []
      for (const [index, { system }] of stages.entries()) {
        if (system === "mainframe") return yield* new StageFailed({ done: moved, at: system })
        moved.push(system)
        yield* run.progress({ label: `moved ${system}`, phaseIndex: index + 1, totalPhases: stages.length })
      }
      return { moved }
    })
  })
}

export const Planner = Agent.make("planner", { instructions: "You plan moves.", toolkit: Moving })

/** Proposes to move the systems in the order of the prompt; after a revision, in the order that the person wants. */
export const respond: ScriptedModel.Responder = (request) => {
  const [last] = ScriptedModel.lastResults(request)
  const propose = (args: typeof CarryOut.parametersSchema.Encoded) =>
    ScriptedModel.calls([{ id: `plan-${request.metadata.step}`, name: "carry_out_plan", args }])
  if (last === undefined) {
    const [first = "", ...others] = ScriptedModel.lastPrompt(request).split(", ")
    const stage = (system: string) => ({ system, downtimeMinutes: 30 })
    return propose({ stages: [stage(first), ...others.map(stage)] })
  }
  const wanted = decodeRevision(last.result)
  if (Option.isSome(wanted)) return propose(wanted.value.partial)
  return ScriptedModel.text(last.status === undefined ? "All is moved." : `It did not work (${last.status}).`)
}

const decodeRevision = Schema.decodeUnknownOption(
  Schema.Struct({ error: Schema.Literal("RevisionWanted"), partial: CarryOut.parametersSchema })
)
