/**
 * The contract of model ports, checked on ports that answer as each clause requires. The adapter's author provides
 * these ports, from a recorded stream or a fake provider.
 */
import { Message, Usage } from "@reins/protocol"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { ModelPart, ModelPort, ModelRequest } from "../model/Model.ts"
import { clause, type Clause, same } from "./Contract.ts"

/**
 * Ports that behave as the clauses need.
 *
 * @since 0.1.0
 * @category models
 */
export interface ModelSubject {
  /** Answers `Hello world.` in more than one piece, with usage, and stops. */
  readonly text: Effect.Effect<ModelPort>
  /** Calls the tool `look` with `{ "at": "the sky" }` under the id `c1`, and stops for it. */
  readonly call: Effect.Effect<ModelPort>
  /** Emits something and then never ends. `released` completes when its request was released. */
  readonly hanging: Effect.Effect<{ readonly port: ModelPort; readonly released: Effect.Effect<void> }>
}

/**
 * A small request.
 *
 * @since 0.1.0
 * @category constants
 */
export const request: ModelRequest = {
  instructions: "Be brief.",
  messages: [Message.fromPrompt("Hello?")],
  tools: [
    {
      name: "look",
      description: "Looks at something",
      parameters: { type: "object", properties: { at: { type: "string" } }, required: ["at"] },
      strict: undefined
    }
  ],
  maxOutputTokens: 100,
  output: undefined,
  providerOptions: undefined,
  metadata: { runId: "run", threadId: "thread", agent: "a", agentPath: [], step: 1, attempt: 1 }
}

const partsOf = (port: ModelPort) =>
  Effect.suspend(() => {
    const parts: Array<ModelPart> = []
    return Effect.as(Effect.orDie(port.attempt(request, (more) => void parts.push(...more))), parts)
  })

const finishesOnce = (parts: ReadonlyArray<ModelPart>) =>
  Effect.andThen(
    same(parts.filter(({ type }) => type === "finish").length, 1, "the number of finishes"),
    same(
      parts.findLastIndex(({ type }) => type !== "response" && type !== "warning" && type !== "usage"),
      parts.findIndex(({ type }) => type === "finish"),
      "the place of the finish"
    )
  )

/**
 * All clauses.
 *
 * @since 0.1.0
 * @category constants
 */
export const clauses: ReadonlyArray<Clause<ModelSubject>> = [
  clause("text arrives complete and in order, followed by one finish with usage", ({ text }) =>
    Effect.gen(function* () {
      const parts = yield* partsOf(yield* text)
      const said = parts.map((part) => (part.type === "text" ? part.text : "")).join("")
      yield* same(said, "Hello world.", "the text")
      yield* finishesOnce(parts)
      const finish = parts.find((part) => part.type === "finish")
      yield* same(finish?.type === "finish" ? finish.reason : undefined, "stop", "why it stopped")
      const usage = finish?.type === "finish" ? finish.usage : undefined
      yield* same(
        usage !== undefined && Usage.inputTokens(usage) > 0 && Usage.outputTokens(usage) > 0,
        true,
        "that usage is there"
      )
    })
  ),
  clause("a call arrives complete, with parsed arguments, and the step ends normally", ({ call }) =>
    Effect.gen(function* () {
      const parts = yield* partsOf(yield* call)
      const made = parts.flatMap((part) => (part.type === "tool-call" ? [[part.id, part.name, part.args]] : []))
      yield* same(made, [["c1", "look", { at: "the sky" }]], "the calls")
      yield* finishesOnce(parts)
      const finish = parts.find((part) => part.type === "finish")
      const reason = finish?.type === "finish" ? finish.reason : undefined
      yield* same(reason === "tool-calls" || reason === "stop", true, "that it stopped normally")
    })
  ),
  clause("an interrupted request is released, and nothing is emitted after", ({ hanging }) =>
    Effect.gen(function* () {
      const { port, released } = yield* hanging
      const spoke = yield* Deferred.make<void>()
      let over = false
      let late = 0
      const fiber = yield* Effect.forkChild(
        port.attempt(request, () => {
          if (over) late++
          Deferred.doneUnsafe(spoke, Effect.void)
        })
      )
      yield* Deferred.await(spoke)
      yield* Fiber.interrupt(fiber)
      over = true
      yield* released
      yield* same(late, 0, "the parts after the end")
    })
  )
]
