/**
 * The hooks of the random scenarios: around calls and model steps they rewrite, refuse, fail and end, as drawn for the
 * position, so that a replayed run gets the same. `World` records which calls they were asked about.
 */
import { CancellationReport, type Json, type Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Hook from "../hook/Hook.ts"
import * as Scenario from "./Scenario.ts"
import * as ScenarioQuestions from "./ScenarioQuestions.ts"

/** Where a hook stands, for its draws. */
const draws = ({ seed }: Scenario.Scenario, what: string, path: ReadonlyArray<string>, at: string | number) =>
  Scenario.draw(seed, `hook ${what} ${path.join("/")} ${at}`)

const isMembers = (value: Json): value is { readonly [name: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Other arguments of the same tool. */
const rewritten = (args: Json): Json =>
  isMembers(args) && "forMs" in args
    ? { ...args, forMs: 100 }
    : isMembers(args) && "prompt" in args
      ? { prompt: "else" }
      : args

/**
 * The hooks of a scenario, the outermost first; none in most scenarios. `asked`: takes the idempotency key of each call
 * that a hook is asked about before it.
 *
 * @since 0.1.0
 * @category operations
 */
export const make = (scenario: Scenario.Scenario, asked: (key: string) => void): ReadonlyArray<Hook.Hook> => {
  if (!scenario.hooks) return []
  const { seed } = scenario
  const outer = Hook.make("outer", {
    beforeCall: ({ agentPath, args, runId, toolCallId }) =>
      Effect.suspend((): Effect.Effect<Hook.Verdicts["beforeCall"], string> => {
        asked(CancellationReport.idempotencyKey(runId, agentPath, toolCallId))
        const random = draws(scenario, "before", agentPath, toolCallId)()
        if (random < 0.08) return Effect.succeed(Hook.refuse("not this call"))
        if (random < 0.1) return Effect.succeed(Hook.end("enough"))
        if (random < 0.12) return Effect.fail("a hook that fails")
        if (random < 0.3) return Effect.as(Effect.sleep(100), Hook.withArguments(rewritten(args)))
        return Effect.succeed(random < 0.32 ? Hook.withArguments({ behaviour: 7 }) : Hook.pass)
      }),
    afterCall: ({ agentPath, result, toolCallId, toolName }) =>
      Effect.suspend((): Effect.Effect<Hook.Verdicts["afterCall"]> => {
        // What a person answers is its call's result.
        if (toolName === ScenarioQuestions.toolName) return Effect.succeed(Hook.pass)
        const random = draws(scenario, "after", agentPath, toolCallId)()
        if (random < 0.06) return Effect.succeed(Hook.refuse("not this result"))
        if (random < 0.08) return Effect.succeed(Hook.end("enough"))
        if (random < 0.1) return Effect.die("a hook that dies")
        return Effect.succeed(random < 0.3 ? Hook.withResult({ was: result }) : Hook.pass)
      })
  })
  const inner = Hook.make("inner", {
    holdsText: seed % 2 === 0,
    beforeStep: ({ agentPath, request, step }) =>
      Effect.suspend((): Effect.Effect<Hook.Verdicts["beforeStep"]> => {
        const random = draws(scenario, "ask", agentPath, step)()
        if (random < 0.02) return Effect.succeed(Hook.refuse("no more steps"))
        if (random < 0.03) return Effect.succeed(Hook.end("enough"))
        if (random < 0.04) return Effect.die("a hook that dies")
        return random < 0.3
          ? Effect.as(Effect.sleep(50), Hook.withRequest({ instructions: `${request.instructions ?? ""} Again.` }))
          : Effect.succeed(Hook.pass)
      }),
    afterStep: ({ agentPath, content, step }) =>
      Effect.suspend((): Effect.Effect<Hook.Verdicts["afterStep"]> => {
        const random = draws(scenario, "answer", agentPath, step)()
        if (random < 0.08) return Effect.succeed(Hook.refuse("say it again"))
        if (random < 0.1) return Effect.succeed(Hook.end("enough"))
        if (random < 0.12) return Effect.die("a hook that dies")
        return Effect.succeed(random < 0.3 ? Hook.withContent(content.map(louder)) : Hook.pass)
      })
  })
  return [outer, inner]
}

const louder = (part: Message.AssistantPart): Message.AssistantPart =>
  part.type === "text" ? { type: "text", text: part.text.toUpperCase() } : part
