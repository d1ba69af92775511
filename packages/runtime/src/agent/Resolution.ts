/**
 * What one step of an agent is: the model, instructions, tools and settings that the agent's own function (`resolve`)
 * chooses before the step. Here are the function's types and the form of a choice; `NarrowedMember` makes the agent of
 * that step of it, and `loop/ResolutionStep.ts` calls the function and stores the choice.
 */
import type { AgentPath, Json, Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as PlainJson from "../kernel/PlainJson.ts"
import type * as Erased from "../kernel/Erased.ts"
import { ModelSettings } from "../model/Model.ts"

const Count = Schema.Int.check(Schema.isGreaterThan(0))

const ChosenStruct = Schema.Struct({
  model: Schema.optionalKey(Schema.String),
  instructions: Schema.optionalKey(Schema.String),
  tools: Schema.optionalKey(Schema.Array(Schema.String)),
  providerOptions: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json)),
  settings: Schema.optionalKey(ModelSettings),
  maxOutputTokens: Schema.optionalKey(Count)
}).annotate({ identifier: "Resolution" })

/** A choice as it is stored with its step. */
export interface Chosen extends Schema.Schema.Type<typeof ChosenStruct> {}
export const Chosen: Schema.Codec<Chosen, Json> = ChosenStruct

/**
 * What a step uses in place of the agent's own. What is absent stays the agent's own, with what the query asks for.
 *
 * **Details**
 * - `model`: the name of one of the agent's `models`.
 * - `instructions`: replace the agent's own; what the query adds to them follows.
 * - `tools`: the names of the tools, client tools and specialists that the step offers; those that the query has removed
 *   stay removed. A call of another tool does not run, and the model reads which tools there are.
 * - `providerOptions`: by provider name; each replaces the agent's own of that provider.
 * - `settings`: how to sample and what to call; each replaces the agent's or the query's own. `toolChoice` is that of
 *   this step, whichever it is.
 * - `maxOutputTokens`: the smallest of this, the agent's and the query's applies.
 *
 * @since 0.1.0
 * @category models
 */
export interface Resolution<ModelName extends string = string> {
  readonly model?: ModelName | undefined
  readonly instructions?: string | undefined
  readonly tools?: ReadonlyArray<string> | undefined
  readonly providerOptions?: { readonly [provider: string]: Json } | undefined
  readonly settings?: ModelSettings | undefined
  readonly maxOutputTokens?: number | undefined
}

/**
 * What an agent and everything below it has used so far. `costUsd`: as far as prices are known.
 *
 * @since 0.1.0
 * @category models
 */
export interface Spent {
  readonly costUsd: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly toolCalls: number
}

/**
 * What an agent's budget and those above it leave; absent: not limited.
 *
 * @since 0.1.0
 * @category models
 */
export interface Left {
  readonly costUsd?: number | undefined
  readonly inputTokens?: number | undefined
  readonly outputTokens?: number | undefined
  readonly toolCalls?: number | undefined
  readonly steps?: number | undefined
}

/**
 * What `resolve` gets.
 *
 * **Details**
 * - `resourceId`, `principal`: the tenant, and the id of who started the run (absent: not given).
 * - `step`: counts from 1 within the agent.
 * - `model`: what the step uses if no model is chosen: the agent's own, or the one that the query names.
 * - `instructions`: the agent's own; absent: none.
 * - `messages`: the conversation that the model is about to read.
 * - `results`: the results of the last step's calls; empty in the first step.
 *
 * @since 0.1.0
 * @category models
 */
export interface ResolveContext {
  readonly runId: string
  readonly threadId: string
  readonly resourceId: string
  readonly principal?: string | undefined
  readonly agent: string
  readonly agentPath: AgentPath.AgentPath
  readonly step: number
  readonly model: { readonly provider: string; readonly model: string }
  readonly instructions?: string | undefined
  readonly messages: ReadonlyArray<Message.Message>
  readonly results: ReadonlyArray<Message.ResultPart>
  readonly spent: Spent
  readonly left: Left
}

/** An agent's function, with its services. */
export interface Resolver {
  readonly choose: (context: ResolveContext) => Effect.Effect<unknown, unknown>
  /** The names of the agent's own tools, client tools and specialists. */
  readonly names: ReadonlySet<string>
}

/** The function of an agent with tools, client tools and specialists of these names. */
export const resolver = (
  resolve: (context: ResolveContext) => Effect.Effect<unknown, unknown, Erased.Any>,
  services: Erased.Services,
  names: ReadonlySet<string>
): Resolver => ({
  names,
  choose: (context) =>
    Effect.provideContext(
      Effect.suspend(() => resolve(context)),
      services
    )
})

const decode = Schema.decodeUnknownOption(ChosenStruct)

/** The choice as plain data, or what is wrong with it. */
export const read = (given: unknown): Chosen | string =>
  Option.getOrUndefined(decode(PlainJson.copy(given ?? {}))) ??
  "it must return JSON of the shape { model, instructions, tools, providerOptions, settings, maxOutputTokens }"
