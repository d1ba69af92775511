/**
 * Spans that record the kind of a failure, and its message only with content capture: an exporter writes failure
 * messages into a span's status and events, and those of adapters and tools may quote prompts and keys.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import type * as Tracer from "effect/Tracer"

/** Runs `work` in a span. `mayTell`: whether the span may contain the message of its failure. */
export const around = <A, E>(
  name: string,
  options: { readonly kind: Tracer.SpanKind; readonly attributes: { readonly [name: string]: unknown } },
  mayTell: boolean,
  work: (span: Tracer.Span) => Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.acquireUseRelease(Effect.makeSpan(name, options), work, (span, exit) =>
    Effect.map(Clock.currentTimeNanos, (now) => span.end(now, mayTell ? exit : withoutWords(exit)))
  )

/** The exit with only the kind of its failure. */
const withoutWords = <A, E>(exit: Exit.Exit<A, E>): Exit.Exit<A> => {
  if (Exit.isSuccess(exit)) return Exit.succeed(exit.value)
  if (Cause.hasInterruptsOnly(exit.cause)) return Exit.interrupt()
  return Exit.die(Object.assign(new Error("left out, since content capture is off"), { name: kindOf(exit.cause) }))
}

/** The tag of a typed failure; `Defect` for anything else. */
const kindOf = <E>(cause: Cause.Cause<E>): string => {
  for (const reason of cause.reasons) {
    if (Cause.isFailReason(reason) && Predicate.hasProperty(reason.error, "_tag")) return String(reason.error._tag)
  }
  return "Defect"
}
