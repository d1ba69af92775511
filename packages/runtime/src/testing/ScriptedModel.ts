/**
 * A model that answers from a script: push replies, or pass a responder that reads the prompt and the tool results. A
 * test can hold a reply until it releases it, read the requests, and fail when replies are left over.
 *
 * It waits only for its holds, so a test with it measures the runtime and not a model.
 */
import { type Json, Message, ModelFailure, type Usage } from "@reins/protocol"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { type Emit, Model, type ModelPart, type ModelPort, type ModelRequest, type StopReason } from "../model/Model.ts"

/**
 * One reply: its parts, in arrays as they should arrive, and optionally a failure instead of an end.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reply {
  readonly parts: ReadonlyArray<ReadonlyArray<ModelPart>>
  readonly failure?: ModelFailure.ModelFailure | undefined
  /** Waits for the release of the hold before the first part, or after `heldAfter` arrays. */
  readonly hold?: Hold | undefined
  readonly heldAfter?: number | undefined
  /** Never ends after its parts. */
  readonly hangs?: boolean | undefined
  /** Throws, once its parts are out. */
  readonly throws?: boolean | undefined
}

/**
 * Makes the reply to a request. `undefined`: no reply, and the run fails.
 *
 * @since 0.1.0
 * @category models
 */
export type Responder = (request: ModelRequest) => Reply | undefined

/**
 * Holds a reply back until the test releases it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Hold {
  /** Completes when the model has reached the hold. */
  readonly reached: Effect.Effect<void>
  readonly release: Effect.Effect<void>
  readonly deferred: { readonly reached: Deferred.Deferred<void>; readonly released: Deferred.Deferred<void> }
}

/**
 * A new hold.
 *
 * @since 0.1.0
 * @category constants
 */
export const hold: Effect.Effect<Hold> = Effect.gen(function* () {
  const reached = yield* Deferred.make<void>()
  const released = yield* Deferred.make<void>()
  return {
    reached: Deferred.await(reached),
    release: Effect.asVoid(Deferred.succeed(released, undefined)),
    deferred: { reached, released }
  }
})

/**
 * Pushed replies were not requested.
 *
 * @since 0.1.0
 * @category errors
 */
export class RepliesLeft extends Schema.TaggedError<RepliesLeft>()("RepliesLeft", { count: Schema.Natural }) {
  override get message() {
    return `${this.count} scripted replies were not requested. Remove them, or send as many requests`
  }
}

/**
 * A model port that answers from a script and records its requests.
 *
 * @since 0.1.0
 * @category models
 */
export interface ScriptedModel extends ModelPort {
  /** Adds replies to the end of the script. They go before the responder. */
  readonly push: (...replies: ReadonlyArray<Reply>) => void
  /** The requests so far, frozen. */
  readonly requests: ReadonlyArray<ModelRequest>
  /** Fails when pushed replies are left over. */
  readonly done: Effect.Effect<void, RepliesLeft>
}

/**
 * The script and its names.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly provider?: string | undefined
  readonly model?: string | undefined
  readonly replies?: ReadonlyArray<Reply> | undefined
  /** Asked when no pushed reply is left. */
  readonly respond?: Responder | undefined
  /** Called with each request before it is answered, for tests that count or crash. */
  readonly onRequest?: ((request: ModelRequest) => void) | undefined
}

/**
 * A scripted model.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): ScriptedModel => {
  const replies = [...(options.replies ?? [])]
  const { model = "scripted-1", provider = "scripted" } = options
  let pushed = replies.length
  const requests: Array<ModelRequest> = []
  return {
    describesSafely: true,
    takesKeys: true,
    provider,
    model,
    push: (...more) => {
      pushed += more.length
      replies.push(...more)
    },
    requests,
    done: Effect.suspend(() =>
      replies.length === 0 ? Effect.void : Effect.fail(new RepliesLeft({ count: replies.length }))
    ),
    attempt: (request, emit) =>
      Effect.suspend(() => {
        options.onRequest?.(request)
        requests.push(Object.freeze({ ...request, messages: Object.freeze([...request.messages]) }))
        const reply = replies.shift() ?? options.respond?.(request)
        return reply === undefined
          ? Effect.fail(
              new ModelFailure.InvalidRequest({ provider, model, description: ranOut(requests.length, pushed) })
            )
          : play(reply, emit)
      })
  }
}

/** The error of a request without a reply. */
const ranOut = (request: number, pushed: number): string =>
  `request ${request} found no reply, for the script had ${pushed}. Push more replies, or pass a responder; ` +
  "a model that two tests share goes on where the first one ended, so make one for each"

/**
 * A layer of a scripted model under the port's tag.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<Model> => Layer.succeed(Model, make(options))

const play = (reply: Reply, emit: Emit): Effect.Effect<void, ModelFailure.ModelFailure> => {
  const ending: Effect.Effect<void, ModelFailure.ModelFailure> =
    reply.failure !== undefined
      ? Effect.fail(reply.failure)
      : reply.hangs === true
        ? Effect.never
        : reply.throws === true
          ? Effect.die("an adapter that throws")
          : Effect.void
  const [only] = reply.parts
  if (reply.hold === undefined && reply.parts.length <= 1) {
    const waits = only === undefined ? undefined : emit(only)
    return waits === undefined
      ? ending
      : Effect.andThen(
          Effect.promise(() => waits),
          ending
        )
  }
  return Effect.gen(function* () {
    for (const [index, parts] of reply.parts.entries()) {
      if (index === (reply.heldAfter ?? 0)) yield* held(reply.hold)
      const waits = emit(parts)
      if (waits !== undefined) yield* Effect.promise(() => waits)
      if (reply.hold === undefined) yield* Effect.yieldNow
    }
    if ((reply.heldAfter ?? 0) >= reply.parts.length) yield* held(reply.hold)
    yield* ending
  })
}

const held = (hold: Hold | undefined): Effect.Effect<void> =>
  hold === undefined
    ? Effect.void
    : Effect.andThen(Deferred.succeed(hold.deferred.reached, undefined), Deferred.await(hold.deferred.released))

/**
 * The default usage of a reply: 10 input tokens, and one output token per word.
 *
 * @since 0.1.0
 * @category operations
 */
export const usage = (words: string): Usage.Usage => ({
  inputUncached: 10,
  outputText: Math.max(1, words.split(/\s+/).filter(Boolean).length)
})

const finish = (reason: StopReason, words: string, used: Usage.Usage | undefined): ModelPart => ({
  type: "finish",
  reason,
  usage: used ?? usage(words)
})

/**
 * A reply of text, in one piece.
 *
 * @since 0.1.0
 * @category operations
 */
export const text = (
  words: string,
  options: { readonly usage?: Usage.Usage; readonly stop?: StopReason } = {}
): Reply => ({
  parts: [[{ type: "text", text: words }, finish(options.stop ?? "stop", words, options.usage)]]
})

/**
 * A reply of text, one array per word.
 *
 * @since 0.1.0
 * @category operations
 */
export const words = (sentence: string, options: { readonly usage?: Usage.Usage } = {}): Reply => ({
  parts: [
    ...(sentence.match(/\S+\s*/g) ?? []).map((word): ReadonlyArray<ModelPart> => [{ type: "text", text: word }]),
    [finish("stop", sentence, options.usage)]
  ]
})

/**
 * A call for `calls`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ScriptedCall {
  readonly id: string
  readonly name: string
  readonly args: Json
}

/**
 * A reply that makes calls, optionally after some text.
 *
 * @since 0.1.0
 * @category operations
 */
export const calls = (
  made: ReadonlyArray<ScriptedCall>,
  options: { readonly text?: string; readonly usage?: Usage.Usage; readonly stop?: StopReason } = {}
): Reply => ({
  parts: [
    [
      ...(options.text === undefined ? [] : [{ type: "text" as const, text: options.text }]),
      ...made.map((call): ModelPart => ({ type: "tool-call", ...call })),
      finish(options.stop ?? "tool-calls", options.text ?? "call", options.usage)
    ]
  ]
})

/**
 * The parts of a call that the model writes in pieces of `size` characters, without the call itself.
 *
 * @since 0.1.0
 * @category operations
 */
export const input = ({ args, id, name }: ScriptedCall, size = 8): ReadonlyArray<ModelPart> => {
  const part = { type: "tool-input" as const, id, name }
  const pieces = JSON.stringify(args).match(new RegExp(`[^]{1,${size}}`, "gu")) ?? []
  return [{ ...part, text: "", begins: true }, ...pieces.map((text): ModelPart => ({ ...part, text }))]
}

/**
 * As `calls`, with the arguments written in pieces, one array per piece.
 *
 * @since 0.1.0
 * @category operations
 */
export const written = (
  made: ReadonlyArray<ScriptedCall>,
  options: { readonly text?: string; readonly size?: number; readonly usage?: Usage.Usage } = {}
): Reply => {
  const whole = calls(made, options).parts.flat()
  const pieces = whole.flatMap((part): ReadonlyArray<ModelPart> => {
    const call = part.type === "tool-call" ? made.find(({ id }) => id === part.id) : undefined
    return call === undefined ? [part] : [...input(call, options.size), part]
  })
  return { parts: pieces.map((part) => [part]) }
}

/**
 * A reply that fails, optionally after the text `said`.
 *
 * @since 0.1.0
 * @category operations
 */
export const failure = (reason: ModelFailure.ModelFailure, said?: string): Reply => ({
  parts: said === undefined ? [] : [[{ type: "text", text: said }]],
  failure: reason
})

/**
 * The last user message's text: what a responder usually looks at first.
 *
 * @since 0.1.0
 * @category operations
 */
export const lastPrompt = (request: ModelRequest): string => {
  const last = request.messages.findLast((message) => message.role === "user")
  return last === undefined ? "" : Message.text(last)
}

/**
 * The results of the last step's calls, in call order; empty when the model has not called anything yet.
 *
 * @since 0.1.0
 * @category operations
 */
export const lastResults = (request: ModelRequest): ReadonlyArray<Message.ResultPart> => {
  const last = request.messages.at(-1)
  return last?.role === "tool" ? last.content : []
}
