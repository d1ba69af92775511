/**
 * The operator's log line of a failure in code of the program: a hook, a tool, a model's adapter. The cause may contain
 * prompts, arguments and answers, so that it is logged only with content capture; without, the line says how to see it.
 */
import * as Effect from "effect/Effect"
import type { Settings } from "./Run.ts"

/** Logs `words`, with `cause` if content is captured. Absent: there is no cause to show. */
export const error = (
  { captureContent }: Pick<Settings, "captureContent">,
  words: string,
  cause?: unknown
): Effect.Effect<void> => {
  if (cause === undefined) return Effect.logError(words)
  return captureContent ? Effect.logError(words, cause) : Effect.logError(`${words}. ${cure}`)
}

const cure = "To log the cause, set captureContent: true on the runtime"
