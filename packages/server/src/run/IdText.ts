/**
 * Which texts may name a thread, a run or a request: not too long, whole characters, none of them for control.
 */
import { Refusal } from "@reins/wire"
import type { Command } from "@reins/wire"
import * as Effect from "effect/Effect"

/** Longest name that is looked at. */
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

const badName = Refusal.badRequest("an id is empty, too long, or holds characters that no id may hold")

/** Refuses a command that would give something a name that is none. */
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
