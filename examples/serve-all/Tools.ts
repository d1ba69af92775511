/** The agents' tools: they answer, fail, ask for approval, make a file, execute a plan; one is run by the caller. */
import { ToolRun, ToolSettings } from "@reins/runtime"
import { Effect, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

const Lookup = Tool.make("lookup", {
  description: "Looks a thing up",
  parameters: Schema.Struct({ query: Schema.String }),
  success: Schema.Struct({ answer: Schema.String }),
  dependencies: [ToolRun]
}).annotate(Tool.Readonly, true)

const Flaky = Tool.make("flaky", {
  description: "Fails, and says why",
  parameters: Schema.Struct({ reason: Schema.String }),
  success: Schema.String,
  failure: Schema.Struct({ reason: Schema.String }),
  failureMode: "return"
})

const SendMail = Tool.make("send_mail", {
  description: "Sends a mail, once somebody has said that it may",
  parameters: Schema.Struct({ to: Schema.String, subject: Schema.String }),
  success: Schema.Struct({ sent: Schema.String }),
  needsApproval: true
})

const MakeReport = Tool.make("make_report", {
  description: "Writes a report to a file",
  parameters: Schema.Struct({ title: Schema.String }),
  success: Schema.Struct({ fileId: Schema.String }),
  dependencies: [ToolRun]
})

const CarryOutPlan = Tool.make("carry_out_plan", {
  description: "Carries a plan out, once somebody has approved it as a whole",
  parameters: Schema.Struct({ steps: Schema.NonEmptyArray(Schema.String) }),
  success: Schema.Struct({ done: Schema.Array(Schema.String) }),
  dependencies: [ToolRun]
}).annotate(ToolSettings.IsPlan, true)

export class Desk extends Toolkit.make(Lookup, Flaky, SendMail, MakeReport, CarryOutPlan) {
  static readonly layer = this.toLayer({
    lookup: Effect.fnUntraced(function* ({ query }) {
      const run = yield* ToolRun
      yield* run.progress({ label: "opening the shelf", phaseIndex: 1, totalPhases: 2 })
      yield* run.progress({ label: "reading", phaseIndex: 2, totalPhases: 2 })
      return { answer: `all about ${query}` }
    }),
    flaky: ({ reason }) => Effect.fail({ reason }),
    send_mail: ({ to }) => Effect.succeed({ sent: to }),
    make_report: Effect.fnUntraced(function* ({ title }) {
      const run = yield* ToolRun
      const content = `All about ${title}.\n`
      // Far below the runtime's limit.
      const fileId = yield* Effect.orDie(
        run.storeFile({ filename: `${title}.txt`, mediaType: "text/plain; charset=utf-8", content })
      )
      return { fileId }
    }),
    carry_out_plan: Effect.fnUntraced(function* ({ steps }) {
      const run = yield* ToolRun
      for (const [index, step] of steps.entries()) {
        yield* run.progress({ label: step, phaseIndex: index + 1, totalPhases: steps.length })
      }
      return { done: steps }
    })
  })
}

/** Run by the caller: the run waits for its result. */
export const Caller = Toolkit.make(
  Tool.make("ask_colour", {
    description: "Asks the person at the screen for a colour",
    parameters: Schema.Struct({ question: Schema.String }),
    // Any JSON: the caller decides about the form of its answer.
    success: Schema.Json
  })
)
