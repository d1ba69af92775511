/**
 * Does the work of one activity again, without any effect outside: events go nowhere, nothing is stored, and it ends
 * where a model or a tool would be asked. The budget stands as it stood when the work began in the log.
 *
 * The agents of a replay have substitutes for their models and tools: each says that it would have been asked, and
 * never answers. So a replay runs everything of an agent up to the moment in which something outside would be asked.
 */
import type { Entry, Json } from "@reins/protocol"
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import type { BudgetTree } from "../budget/BudgetTree.ts"
import type { Kept, RunInfo, Settled, Work } from "../engine/Engine.ts"
import { Spending } from "../engine/Spending.ts"
import { Signal } from "../kernel/Signal.ts"
import * as Context from "effect/Context"
import type { Predicate } from "../approval/Policy.ts"
import type { AgentRegistry, Callable, Member } from "../agent/AgentRegistry.ts"
import type { Resolver } from "../agent/Resolution.ts"
import * as TypedText from "../agent/TypedText.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import type { ModelPort, ModelRequest } from "../model/Model.ts"
import * as Task from "../kernel/Task.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"

/** How the work ended. */
export type Tried<A> =
  | { readonly _tag: "Settled"; readonly settled: Settled<A> }
  | { readonly _tag: "Asked"; readonly asked: Asked }
  | { readonly _tag: "Died"; readonly cause: Cause.Cause<never> }

/** What the work reads. */
export interface Scene {
  readonly info: RunInfo
  readonly tree: BudgetTree
  /** All rows of the run. */
  readonly ledger: () => ReadonlyArray<Entry.Entry>
  readonly downMs: number
  /** Epoch milliseconds. */
  readonly at: number
}

/** The works of a replay that are being done again. */
export class Trials {
  /** How many: a hook or a policy in one may take its time. */
  private trying = 0
  private readonly idle = Latch.makeUnsafe(true)

  /**
   * Completes when the branches that can go on have come to their ends: no work is being done again, and none is about
   * to begin.
   */
  readonly settled: Effect.Effect<void> = Effect.suspend(() =>
    Effect.andThen(
      Effect.forEach(turns, () => Effect.yieldNow, { discard: true }),
      Effect.suspend(() => (this.trying === 0 ? Effect.void : Effect.andThen(this.idle.await, this.settled)))
    )
  )

  run<A>(scene: Scene, effect: (work: Work) => Effect.Effect<Settled<A>>): Effect.Effect<Tried<A>> {
    return Effect.suspend(() => {
      this.trying++
      this.idle.closeUnsafe()
      return Effect.ensuring(
        run(scene, effect),
        Effect.sync(() => {
          if (--this.trying === 0) this.idle.openUnsafe()
        })
      )
    })
  }
}

/** Turns of the scheduler in which a branch comes from one work to the next. */
const turns = Array.from({ length: 64 }, () => undefined)

const run = <A>(scene: Scene, effect: (work: Work) => Effect.Effect<Settled<A>>): Effect.Effect<Tried<A>> =>
  Effect.suspend(() => {
    const asked = Deferred.makeUnsafe<Asked>()
    const told = (what: Asked) => Deferred.doneUnsafe(asked, Exit.succeed(what))
    const worked = Effect.provideService(
      Effect.suspend(() => effect(workOf(scene))),
      Asking,
      told
    )
    const settled = Effect.map(Effect.exit(worked), (exit): Tried<A> =>
      Exit.isSuccess(exit) ? { _tag: "Settled", settled: exit.value } : { _tag: "Died", cause: exit.cause }
    )
    return Effect.raceFirst(
      settled,
      Effect.map(Deferred.await(asked), (asked): Tried<A> => ({ _tag: "Asked", asked }))
    )
  })

const workOf = ({ at, downMs, info, ledger, tree }: Scene): Work => {
  const { resourceId, runId, startedAt, threadId } = info
  return {
    runId,
    threadId,
    resourceId,
    startedAt,
    now: () => at,
    // A time limit cuts what is under way, which the log states; it does not refuse anything here.
    elapsed: () => 0,
    downMs: () => downMs,
    ledger,
    push: () => false,
    room: () => Promise.resolve(),
    begin: () => Effect.succeed(0),
    report: () => Effect.void,
    kept: nowhere,
    spending: new Spending(),
    open: () => undefined,
    order: { phaseOf: () => -1, questionOf: () => undefined, hasAsked: () => false },
    tree,
    cancel: new Signal()
  }
}

/** Keeps nothing. */
const nowhere: Kept = {
  put: (_name, value) => Effect.succeed(value),
  get: () => undefined,
  find: () => Effect.succeed(undefined)
}

/** What would have been asked. */
export type Asked =
  | {
      readonly _tag: "Model"
      readonly model: Pick<ModelPort, "model" | "provider">
      readonly request: ModelRequest
      /** The check of its agent's typed answer. */
      readonly check: TypedText.Check | undefined
    }
  | { readonly _tag: "Tool" }
  /** A model, by a hook. */
  | { readonly _tag: "Hook" }

/** The recorder of the requests and calls that one activity would have made. */
const Asking: Context.Reference<(asked: Asked) => void> = Context.Reference<(asked: Asked) => void>(
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
export const substitute = ({ first, members }: AgentRegistry, predicateMs: number): AgentRegistry => {
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
    Effect.flatMap(TypedText.Current, (check) => ask({ _tag: "Model", model: { provider, model }, request, check }))
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
