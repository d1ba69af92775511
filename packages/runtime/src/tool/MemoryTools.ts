/**
 * Tools with which a model remembers across threads: remember, recall, forget. Whose memory it is, the program decides
 * (`Options`) and the run says (its tenant and principal); no argument of a model does.
 */
import { CostReport } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import type { Memory } from "../memory/Memory.ts"
import type { MemoryReach } from "../memory/RunMemory.ts"
import { ToolRun } from "./ToolRun.ts"

/**
 * Which memories the tools reach, and how many `recall` returns at most.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends MemoryReach {
  /** From 1 to 100. Absent: 10. */
  readonly limit?: number | undefined
}

/** Why nothing was remembered or found, for the model. */
const Failure = Schema.Struct({ error: Schema.String, message: Schema.String })

const Found = Schema.Struct({
  id: Schema.String,
  text: Schema.String,
  kind: Schema.optionalKey(Schema.String),
  tags: Schema.optionalKey(Schema.Array(Schema.String)),
  day: Schema.String
})

const Remember = Tool.make("remember", {
  description:
    "Remembers one fact for later conversations: a preference, a decision, something about the person. " +
    "Write a complete sentence that is understood without this conversation.",
  parameters: Schema.Struct({
    text: Schema.NonEmptyString,
    kind: Schema.optionalKey(Schema.String.annotate({ description: "One word, such as preference or decision" })),
    tags: Schema.optionalKey(Schema.Array(Schema.String).annotate({ description: "Words to find it by" }))
  }),
  success: Schema.Struct({ id: Schema.String, isNew: Schema.Boolean }),
  failure: Failure,
  dependencies: [ToolRun]
})
  .annotate(Tool.Readonly, false)
  .annotate(Tool.Destructive, false)
  // A repeated call has the id of the first.
  .annotate(Tool.Idempotent, true)
  .annotate(Tool.OpenWorld, false)

const Recall = Tool.make("recall", {
  description: "Finds what was remembered in earlier conversations, by words; without words, the latest.",
  parameters: Schema.Struct({
    query: Schema.String.annotate({ description: "Words that the fact may contain" }),
    kind: Schema.optionalKey(Schema.String)
  }),
  success: Schema.Struct({ memories: Schema.Array(Found) }),
  failure: Failure,
  dependencies: [ToolRun]
})
  .annotate(Tool.Readonly, true)
  .annotate(Tool.Destructive, false)
  .annotate(Tool.Idempotent, true)
  .annotate(Tool.OpenWorld, false)

const Forget = Tool.make("forget", {
  description: "Deletes a remembered fact for good, by the id that recall returned: it is wrong, or no longer wanted.",
  parameters: Schema.Struct({ id: Schema.NonEmptyString }),
  success: Schema.Struct({ forgotten: Schema.Boolean }),
  failure: Failure,
  dependencies: [ToolRun]
})
  .annotate(Tool.Readonly, false)
  .annotate(Tool.Destructive, true)
  .annotate(Tool.Idempotent, true)
  .annotate(Tool.OpenWorld, false)

const kit = Toolkit.make(Remember, Recall, Forget)

/**
 * The three tools.
 *
 * @since 0.1.0
 * @category models
 */
export type MemoryTools = typeof kit extends Toolkit.Toolkit<infer Tools> ? Tools : never

/** A failure as the model reads it. */
const told = <A, E extends { readonly _tag: string; readonly message: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.mapError(effect, ({ _tag, message }) => ({ error: _tag, message }))

const dayMs = 86_400_000

/** A memory as a model reads it: without whose it is. */
const shown = ({ id, kind, tags, text, updatedAt }: Memory): typeof Found.Type => ({
  id,
  text,
  ...(kind === undefined ? {} : { kind }),
  ...(tags === undefined ? {} : { tags }),
  day: CostReport.dayOf(Math.floor(updatedAt / dayMs))
})

/**
 * Makes the toolkit. Its calls can be asked about by their names, as those of any other: `approvals: { forget:
 * "always" }`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = ({ limit, ...reach }: Options = {}): Effect.Effect<Toolkit.WithHandler<MemoryTools>> =>
  Effect.flatMap(
    kit.toHandlers({
      remember: ({ text, ...named }) =>
        Effect.flatMap(ToolRun, ({ memory }) =>
          told(
            Effect.map(memory.remember(text, { ...reach, ...named }), ({ isNew, memory: { id } }) => ({ id, isNew }))
          )
        ),
      recall: ({ query, ...named }) =>
        Effect.flatMap(ToolRun, ({ memory }) =>
          told(
            Effect.map(memory.recall(query, { ...reach, ...named, limit }), (found) => ({ memories: found.map(shown) }))
          )
        ),
      forget: ({ id }) =>
        Effect.flatMap(ToolRun, ({ memory }) =>
          told(Effect.map(memory.forget(id, reach), (forgotten) => ({ forgotten })))
        )
    }),
    (handlers) => Effect.provideContext(kit, handlers)
  )

/**
 * The tools `remember`, `recall` and `forget`, for an agent's `toolkit`: the memory of the run's principal, for all
 * agents.
 *
 * **Example** (An agent that remembers)
 *
 * ```ts
 * import { Agent, MemoryTools } from "@reins/runtime"
 *
 * export const Desk = Agent.make("desk", {
 *   instructions: "You answer for a shop. Remember what customers prefer.",
 *   toolkit: MemoryTools.toolkit,
 *   approvals: { forget: "always" }
 * })
 * ```
 *
 * @since 0.1.0
 * @category operations
 */
export const toolkit: Effect.Effect<Toolkit.WithHandler<MemoryTools>> = make()
