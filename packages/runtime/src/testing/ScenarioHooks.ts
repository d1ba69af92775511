/**
 * The hooks of the random scenarios: around calls and model steps they rewrite, refuse, fail, end and
 * report costs, as drawn for the position, so that a replayed run gets the same. `World` records which calls they were
 * asked about, and their costs.
 */
import { CancellationReport, type Json, type Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Hook from "../hook/Hook.ts"
import * as Scenario from "./Scenario.ts"
import type * as ScenarioAgents from "./ScenarioAgents.ts"
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
 * The hooks of a scenario, the outermost first; none in most scenarios. `world`: takes the idempotency key of each call
 * that a hook is asked about before it, and what hooks report as their cost.
 *
 * @since 0.1.0
 * @category operations
 */
export const make = (
  scenario: Scenario.Scenario,
  world: Pick<ScenarioAgents.World, "costs" | "hooked">
): ReadonlyArray<Hook.Hook> => {
  if (!scenario.hooks) return []
  const { seed } = scenario
  // A paid service, asked once or twice in some places.
  const paid = <A, E>(random: number, { reportCost }: Hook.Place, then: Effect.Effect<A, E>): Effect.Effect<A, E> => {
    const drawn = Math.floor(random * 1_000_000)
    const pay = (nanoUsd: number) =>
      Effect.suspend(() => {
        const cost = { nanoUsd, taken: false }
        world.costs.push(cost)
        return Effect.map(reportCost(nanoUsd / 1e9), () => {
          cost.taken = true
        })
      })
    const times = drawn % 3 === 0 ? 1 + (drawn % 2) : 0
    return Effect.andThen(
      Effect.forEach(Array.from({ length: times }), (_, index) => pay((drawn % 500) + index), { discard: true }),
      then
    )
  }
  const outer = Hook.make("outer", {
    beforeCall: (call) =>
      Effect.suspend((): Effect.Effect<Hook.Verdicts["beforeCall"], string> => {
        const { agentPath, args, runId, toolCallId } = call
        world.hooked?.push(CancellationReport.idempotencyKey(runId, agentPath, toolCallId))
        const random = draws(scenario, "before", agentPath, toolCallId)()
        if (random < 0.08) return Effect.succeed(Hook.refuse("not this call"))
        if (random < 0.1) return Effect.succeed(Hook.end("enough"))
        if (random < 0.12) return Effect.fail("a hook that fails")
        if (random < 0.3) return paid(random, call, Effect.as(Effect.sleep(100), Hook.withArguments(rewritten(args))))
        return paid(random, call, Effect.succeed(random < 0.32 ? Hook.withArguments({ behaviour: 7 }) : Hook.pass))
      }),
    afterCall: (call) =>
      Effect.suspend((): Effect.Effect<Hook.Verdicts["afterCall"]> => {
        const { agentPath, result, toolCallId, toolName } = call
        // What a person answers is its call's result.
        if (toolName === ScenarioQuestions.toolName) return Effect.succeed(Hook.pass)
        const random = draws(scenario, "after", agentPath, toolCallId)()
        if (random < 0.06) return Effect.succeed(Hook.refuse("not this result"))
        if (random < 0.08) return Effect.succeed(Hook.end("enough"))
        if (random < 0.1) return Effect.die("a hook that dies")
        return paid(random, call, Effect.succeed(random < 0.3 ? Hook.withResult({ was: result }) : Hook.pass))
      })
  })
  const inner = Hook.make("inner", {
    holdsText: seed % 2 === 0,
    beforeStep: (place) =>
      Effect.suspend((): Effect.Effect<Hook.Verdicts["beforeStep"]> => {
        const { agentPath, request, step } = place
        const random = draws(scenario, "ask", agentPath, step)()
        if (random < 0.02) return Effect.succeed(Hook.refuse("no more steps"))
        if (random < 0.03) return Effect.succeed(Hook.end("enough"))
        if (random < 0.04) return Effect.die("a hook that dies")
        const other = Hook.withRequest({ instructions: `${request.instructions ?? ""} Again.` })
        const slowly: Effect.Effect<Hook.Verdicts["beforeStep"]> = Effect.as(Effect.sleep(50), other)
        return paid(random, place, random < 0.3 ? slowly : Effect.succeed(Hook.pass))
      }),
    afterStep: (answer) =>
      Effect.suspend((): Effect.Effect<Hook.Verdicts["afterStep"]> => {
        const { agentPath, content, step } = answer
        const random = draws(scenario, "answer", agentPath, step)()
        if (random < 0.08) return Effect.succeed(Hook.refuse("say it again"))
        if (random < 0.1) return Effect.succeed(Hook.end("enough"))
        if (random < 0.12) return Effect.die("a hook that dies")
        return paid(random, answer, Effect.succeed(random < 0.3 ? Hook.withContent(content.map(louder)) : Hook.pass))
      })
  })
  return [outer, inner]
}

const louder = (part: Message.AssistantPart): Message.AssistantPart =>
  part.type === "text" ? { type: "text", text: part.text.toUpperCase() } : part
