/**
 * Validates the names of threads, runs and requests: not empty, not too long, well-formed, without control characters.
 */
import { Refusal } from "@reins/wire"
import type { Command } from "@reins/wire"
import * as Effect from "effect/Effect"

/** The longest accepted id, in UTF-16 code units. */
export const maxLength = 512

const hasControl = (text: string): boolean => {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (code < 32 || code === 127) return true
  }
  return false
}

export const isName = (text: string): boolean =>
  text !== "" && text.length <= maxLength && text.isWellFormed() && !hasControl(text)

const badName = Refusal.badRequest(`Invalid id. Use 1 to ${maxLength} characters without control characters`)

/** Refuses a command that would create a thread, run or request with an invalid id. */
export const check = (command: Command.Command): Effect.Effect<void, Refusal.Refusal> => {
  switch (command._tag) {
    case "StartQuery":
      return [command.threadId, command.requestId].every((name) => name === undefined || isName(name))
        ? Effect.void
        : Effect.fail(badName)
    case "CreateThread":
      return command.threadId === undefined || isName(command.threadId) ? Effect.void : Effect.fail(badName)
    default:
      return Effect.void
  }
}
