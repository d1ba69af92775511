/**
 * Agents whose models and tools are not called: each says that it would have been asked, and never answers. So a
 * replay runs everything of an agent up to the moment in which something outside would be asked.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Json } from "@reins/protocol"
import type { Predicate } from "../approval/Policy.ts"
import type { AgentRegistry, Callable, Member } from "../agent/AgentRegistry.ts"
import type { Resolver } from "../agent/Resolution.ts"
import * as TypedAnswer from "../agent/TypedAnswer.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import type { ModelPort, ModelRequest } from "../model/Model.ts"
import * as Task from "../kernel/Task.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"

/** What would have been asked. */
export type Asked =
  | {
      readonly _tag: "Model"
      readonly model: Pick<ModelPort, "model" | "provider">
      readonly request: ModelRequest
      /** The check of its agent's typed answer. */
      readonly check: TypedAnswer.Check | undefined
    }
  | { readonly _tag: "Tool" }
  /** A model, by a hook. */
  | { readonly _tag: "Hook" }

/** The recorder of the requests and calls that one activity would have made. */
export const Asking: Context.Reference<(asked: Asked) => void> = Context.Reference<(asked: Asked) => void>(
  "@reins/runtime/replay/Asking",
  { defaultValue: () => () => {} }
)

const ask = (asked: Asked): Effect.Effect<never> =>
  Effect.flatMap(Asking, (tell) => {
    tell(asked)
    return Effect.never
  })

/**
 * The agents of a runtime, with substitutes for their models and tools. `predicateMs`: how long a policy may take
 * before a person is asked instead; the time of a run stands still while it is replayed.
 */
export const of = ({ first, members }: AgentRegistry, predicateMs: number): AgentRegistry => {
  const made = new Map<Member, Member>()
  const models = new Map<ModelPort, ModelPort>()
  // A model that is chosen by name may also be a fallback.
  const modelOf = (model: ModelPort): ModelPort => {
    const substitute = models.get(model) ?? asking(model)
    models.set(model, substitute)
    return substitute
  }
  const substituted = (member: Member): Member => {
    const known = made.get(member)
    if (known !== undefined) return known
    const { fallbacks, hooks, model, models, resolver, specialists, tools } = member
    const result: Member = {
      ...member,
      model: modelOf(model),
      fallbacks: fallbacks.map(modelOf),
      models: new Map(Array.from(models, ([name, model]) => [name, modelOf(model)])),
      resolver: resolver === undefined ? undefined : choosing(resolver, predicateMs),
      hooks: hooks?.asking(() => ask({ _tag: "Hook" })),
      tools: new Map(Array.from(tools, ([name, tool]) => [name, toolOf(tool, predicateMs)])),
      specialists: new Map(Array.from(specialists, ([name, specialist]) => [name, substituted(specialist)]))
    }
    made.set(member, result)
    return result
  }
  return {
    first: substituted(first),
    members: new Map(Array.from(members, ([name, member]) => [name, substituted(member)]))
  }
}

const choosing = (resolver: Resolver, ms: number): Resolver => ({
  ...resolver,
  choose: (context) =>
    Effect.raceFirst(
      resolver.choose(context),
      Effect.andThen(Effect.sleep(ms), Effect.die(new Error("resolve took too long in a replay")))
    )
})

const asking = ({ model, provider }: ModelPort): ModelPort => ({
  provider,
  model,
  // The digests of a log are of requests before what a port without schemas is told in words.
  takesOutput: true,
  attempt: (request) =>
    Effect.flatMap(TypedAnswer.Current, (check) => ask({ _tag: "Model", model: { provider, model }, request, check }))
})

const toolOf = (tool: Callable, predicateMs: number): Callable => ({
  ...tool,
  policy: typeof tool.policy === "function" ? within(tool.policy, predicateMs) : tool.policy,
  invoke: tool.invoke === undefined ? undefined : (args) => called(tool, args),
  retry: undefined,
  timeoutMs: undefined
})

/** The arguments are decoded as for the tool itself. */
const called = (tool: Callable, args: Json): Effect.Effect<ToolOutcome.ToolOutcome> => {
  const decoded = tool.decode(PlainJson.thaw(args))
  if (Task.isDone(decoded)) return ask({ _tag: "Tool" })
  return Effect.matchEffect(decoded, {
    onFailure: (issue) => Effect.succeed(ToolOutcome.fault("InvalidArguments", issue)),
    onSuccess: () => ask({ _tag: "Tool" })
  })
}

const within =
  (policy: Predicate, ms: number): Predicate =>
  (args, context) => {
    const said = policy(args, context)
    return Effect.isEffect(said) ? Effect.raceFirst(said, Effect.as(Effect.sleep(ms), true)) : said
  }
