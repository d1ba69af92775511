/**
 * The hooks of the random scenarios: around calls and model steps they rewrite, refuse, fail, end, report costs and ask
 * models, as drawn for the position, so that a replayed run gets the same. `World` records which calls they were
 * asked about, their costs, and which of their questions reached a model.
 */
import { AgentPath, CancellationReport, type Json, type Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Hook from "../hook/Hook.ts"
import type { ModelPort } from "../model/Model.ts"
import * as Names from "../run/Names.ts"
import * as Scenario from "./Scenario.ts"
import type * as ScenarioAgents from "./ScenarioAgents.ts"
import * as ScenarioModels from "./ScenarioModels.ts"
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
 * that a hook is asked about before it, and what hooks report as their cost. `other`: a model that they ask besides the
 * agent's.
 *
 * @since 0.1.0
 * @category operations
 */
export const make = (
  scenario: Scenario.Scenario,
  world: Pick<ScenarioAgents.World, "costs" | "hooked">,
  other?: ModelPort
): ReadonlyArray<Hook.Hook> => {
  if (!scenario.hooks) return []
  const { seed } = scenario
  // In some places a model is asked, once or twice at the same time: its "no" refuses, and so may having no answer.
  const judging = <A, E>(
    place: Hook.Place,
    about: string,
    works: ReadonlyArray<string>,
    then: Effect.Effect<A, E>
  ): Effect.Effect<A | Hook.Refuse, E> => {
    const random = draws(scenario, `judge ${about}`, place.agentPath, works[0] ?? "")
    if (!scenario.hooksAsk || random() < 0.6) return then
    const ask = (count: number) =>
      place.ask({
        instructions: ScenarioModels.judging,
        prompt: [`${about} ${count}`, ...works].join("\n"),
        ...(random() < 0.3 ? { maxOutputTokens: 1 + Math.floor(random() * 60) } : {}),
        ...(other !== undefined && random() < 0.4 ? { model: other } : {})
      })
    const asked = Effect.all(random() < 0.3 ? [ask(1), ask(2)] : [ask(1)], { concurrency: 2 })
    const isStrict = random() < 0.3
    return Effect.flatMap(
      Effect.match(asked, { onFailure: () => isStrict, onSuccess: (said) => said.includes("no") }),
      (isRefused): Effect.Effect<A | Hook.Refuse, E> => (isRefused ? Effect.succeed(Hook.refuse("judged")) : then)
    )
  }
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
  const timeout = scenario.hooksAsk ? "5 seconds" : undefined
  const outer = Hook.make("outer", {
    timeout,
    beforeCall: (call) =>
      Effect.suspend((): Effect.Effect<Hook.Verdicts["beforeCall"], string> => {
        const { agentPath, args, runId, toolCallId } = call
        world.hooked?.push(CancellationReport.idempotencyKey(runId, agentPath, toolCallId))
        const random = draws(scenario, "before", agentPath, toolCallId)()
        if (random < 0.08) return Effect.succeed(Hook.refuse("not this call"))
        if (random < 0.1) return Effect.succeed(Hook.end("enough"))
        if (random < 0.12) return Effect.fail("a hook that fails")
        const works = [Names.hook(AgentPath.key(agentPath), toolCallId)]
        const judge = <A, E>(then: Effect.Effect<A, E>) => judging(call, "before", works, paid(random, call, then))
        if (random < 0.3) return judge(Effect.as(Effect.sleep(100), Hook.withArguments(rewritten(args))))
        return judge(Effect.succeed(random < 0.32 ? Hook.withArguments({ behaviour: 7 }) : Hook.pass))
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
        const prefix = AgentPath.key(agentPath)
        const works = [Names.tool(prefix, toolCallId), Names.hooked(prefix, toolCallId)]
        const said: Hook.Verdicts["afterCall"] = random < 0.3 ? Hook.withResult({ was: result }) : Hook.pass
        return judging(call, "after", works, paid(random, call, Effect.succeed(said)))
      })
  })
  const inner = Hook.make("inner", {
    timeout,
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
        const prefix = AgentPath.key(agentPath)
        const { purpose } = place
        const works = [purpose === undefined ? Names.model(prefix, step) : Names.compaction(prefix, step)]
        const said = paid(random, place, random < 0.3 ? slowly : Effect.succeed(Hook.pass))
        // A refusal ends the agent.
        return Effect.map(judging(place, "ask", works, said), (verdict) =>
          verdict._tag === "Refuse" && random < 0.8 ? Hook.pass : verdict
        )
      }),
    afterStep: (answer) =>
      Effect.suspend((): Effect.Effect<Hook.Verdicts["afterStep"]> => {
        const { agentPath, content, step } = answer
        const random = draws(scenario, "answer", agentPath, step)()
        if (random < 0.08) return Effect.succeed(Hook.refuse("say it again"))
        if (random < 0.1) return Effect.succeed(Hook.end("enough"))
        if (random < 0.12) return Effect.die("a hook that dies")
        const said: Hook.Verdicts["afterStep"] = random < 0.3 ? Hook.withContent(content.map(louder)) : Hook.pass
        const works = [Names.model(AgentPath.key(agentPath), step)]
        return judging(answer, "answer", works, paid(random, answer, Effect.succeed(said)))
      })
  })
  return [outer, inner]
}

const louder = (part: Message.AssistantPart): Message.AssistantPart =>
  part.type === "text" ? { type: "text", text: part.text.toUpperCase() } : part
