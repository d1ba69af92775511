/**
 * The typed answer of a run while the model writes it: what its text says so far, as JSON. Derived from the events when it
 * is read; a run itself does nothing for it.
 *
 * The text is parsed again when it has grown by a sixty-fourth, so that a long answer costs its length some 64 times and
 * not its square.
 */
import type { Event, Json } from "@reins/protocol"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Allow, parse } from "partial-json"
import type * as Erased from "../kernel/Erased.ts"

/**
 * A value of which parts may be missing still.
 *
 * @since 0.2.0
 * @category models
 */
export type Partial<A> =
  A extends ReadonlyArray<infer One>
    ? ReadonlyArray<Partial<One>>
    : A extends object
      ? { readonly [K in keyof A]?: Partial<A[K]> | undefined }
      : A

/** What of a value may be unfinished; a number or a word is shown when it is whole. */
const unfinished = Allow.STR | Allow.ARR | Allow.OBJ

/** What stands before the JSON of an answer, which models often fence. */
const head = /^\s*(?:```(?:json)?[^\S\n]*\n\s*)?(?=[{["])/

/** The text of the root's answer, and what it says so far. */
class PartialAnswer {
  private text = ""
  private parsed = 0

  /** Takes the root's events, and returns the newest value that they make; `undefined` if they make none. */
  take(events: ReadonlyArray<Event>): Json | undefined {
    let final: Json | undefined
    for (const event of events) {
      if (event.type === "text") this.text += event.text
      else if (event.type === "step-start" || event.type === "step-retracted") this.clear()
      else if (event.type === "finish") final = event.output
    }
    return final === undefined ? this.value() : final
  }

  private clear(): void {
    this.text = ""
    this.parsed = 0
  }

  private value(): Json | undefined {
    const { parsed, text } = this
    if (text.length <= parsed + (parsed >> 6)) return undefined
    const begin = head.exec(text)?.[0].length
    if (begin === undefined) return undefined
    this.parsed = text.length
    return Result.getOrUndefined(Result.try((): Json => parse(text.slice(begin), unfinished)))
  }
}

/**
 * The typed answer of a run as it is written: from the events of the root, the value that its text makes so far, then the
 * checked one. It is not checked before, and starts anew after an answer that was retracted. `schema`: gives the elements
 * their type. A reader that is behind gets the newest value only.
 *
 * **Example** (A draft)
 *
 * ```ts
 * import { Output, type RuntimeShape } from "@reins/runtime"
 * import { Console, Schema, Stream } from "effect"
 *
 * const Letter = Schema.Struct({ subject: Schema.String, body: Schema.String })
 *
 * export const draft = (runtime: RuntimeShape) =>
 *   Output.partials(runtime.query("Write to Ada", { output: Letter }), Letter).pipe(
 *     Stream.runForEach(({ body = "" }) => Console.log(body))
 *   )
 * ```
 *
 * @since 0.2.0
 * @category operations
 */
export const partials: {
  <E, R>(events: Stream.Stream<Event, E, R>): Stream.Stream<Json, E, R>
  <A, Encoded, E, R>(
    events: Stream.Stream<Event, E, R>,
    schema: Schema.Codec<A, Encoded>
  ): Stream.Stream<Partial<Encoded>, E, R>
} = <E, R>(events: Stream.Stream<Event, E, R>): Stream.Stream<Erased.Any, E, R> =>
  Stream.suspend(() => {
    const answer = new PartialAnswer()
    return Stream.filter(
      Stream.mapArray(events, (batch) => [answer.take(batch)] as const),
      Predicate.isNotUndefined
    )
  })
