/**
 * Shows a run: as lines for a person, or as one line of JSON an event for a program; then all text for a person goes to standard
 * error.
 */
import type { Envelope } from "@reins/protocol"
import * as Effect from "effect/Effect"
import { Frame, nothing } from "../terminal/Frame.ts"
import { type OutputFailed, type ReaderLeft, Screen } from "../terminal/Screen.ts"
import * as Style from "../text/Style.ts"
import * as Question from "../view/Question.ts"
import { View } from "../view/View.ts"

export interface Presenter {
  readonly take: (envelope: Envelope.Envelope) => Effect.Effect<void, ReaderLeft | OutputFailed>
  /** Permanent lines for a person. Nothing is drawn below them until the next envelope. */
  readonly note: (...lines: ReadonlyArray<string>) => Effect.Effect<void, ReaderLeft | OutputFailed>
}

/** One line of JSON an event, and nothing else, on standard output. Its code is loaded where it is asked for. */
export const json = Effect.fnUntraced(function* (
  hidden: ReadonlySet<string>
): Effect.fn.Return<Presenter, never, Screen> {
  const screen = yield* Screen
  const { JsonLines } = yield* Effect.promise(() => import("../view/JsonLines.ts"))
  const form = new JsonLines(hidden)
  const note = (...lines: ReadonlyArray<string>) => screen.note(lines.map((line) => `${line}\n`).join(""))
  return {
    take: (envelope) =>
      Effect.suspend(() => {
        const lines = form.take(envelope)
        const printed = lines.length === 0 ? Effect.void : screen.print(`${lines.join("\n")}\n`)
        if (envelope.event.type !== "approval-required") return printed
        const { data } = envelope.event
        const agent = envelope.agentPath.at(-1) ?? "The agent"
        return Effect.andThen(printed, note(Question.sentence(data, agent), ...Question.briefly(data)))
      }),
    note
  }
})

/** How many redrawn lines a small terminal holds: scrolled lines cannot be redrawn. */
const mostPending = 8

/** Lines for a person. `root` is the root agent's name. */
export const text = (root: string, hidden: ReadonlySet<string>) =>
  Effect.map(Screen, (screen): Presenter => {
    const view = new View(root, screen.look, { hidden })
    const frame = new Frame()
    const draw = (lines: ReadonlyArray<string>, pending: ReadonlyArray<string>) => {
      const output = frame.draw(lines, pending.length === 0 ? nothing : { lines: pending })
      return output === "" ? Effect.void : screen.print(output)
    }
    return {
      take: (envelope) =>
        Effect.suspend(() => draw(view.take(envelope), screen.look().live ? view.pending().slice(-mostPending) : [])),
      note: (...lines) =>
        Effect.suspend(() =>
          draw(
            lines.flatMap((line) => Style.fold(line, screen.look().columns ?? Infinity)),
            []
          )
        )
    }
  })
