/**
 * Shows a run: as lines for a person, or as one JSON line per envelope for a program; then all text for a person goes
 * to standard error.
 */
import type { Envelope } from "@reins/protocol"
import * as Effect from "effect/Effect"
import { type OutputFailed, type ReaderLeft, Screen } from "./Screen.ts"
import * as Text from "./Text.ts"
import { argumentLines, View } from "./View.ts"

export interface Presenter {
  readonly take: (envelope: Envelope.Envelope) => Effect.Effect<void, ReaderLeft | OutputFailed>
  /** Permanent lines for a person. Nothing is drawn below them until the next envelope. */
  readonly note: (...lines: ReadonlyArray<string>) => Effect.Effect<void, ReaderLeft | OutputFailed>
}

/** One JSON line per envelope, and nothing else, on standard output. */
export const json = Effect.map(Screen, (screen): Presenter => {
  const note = (...lines: ReadonlyArray<string>) => screen.note(lines.map((line) => `${line}\n`).join(""))
  return {
    take: (envelope) => {
      const printed = screen.print(`${JSON.stringify(envelope)}\n`)
      if (envelope.event.type !== "approval-required") return printed
      const { payload, target } = envelope.event.data
      return Effect.andThen(printed, note(`Run ${Text.harmless(target)}?`, ...argumentLines(payload)))
    },
    note
  }
})

/** Lines for a person. `root` is the root agent's name. */
export const text = (root: string) =>
  Effect.map(Screen, (screen): Presenter => {
    const view = new View(root, screen.look)
    const frame = new Frame()
    const draw = (lines: ReadonlyArray<string>, pending: ReadonlyArray<string>) => {
      const output = frame.draw(lines, pending)
      return output === "" ? Effect.void : screen.print(output)
    }
    return {
      take: (envelope) => Effect.suspend(() => draw(view.take(envelope), screen.look().live ? view.pending() : [])),
      note: (...lines) =>
        Effect.suspend(() =>
          draw(
            lines.flatMap((line) => view.note(line)),
            []
          )
        )
    }
  })

/** Permanent lines above a few that are redrawn each time. */
class Frame {
  /** How many redrawn lines are below; the cursor is at the end of the last. */
  private below = 0
  private shown = ""

  /** The output that adds `lines`, with `pending` below them. */
  draw(lines: ReadonlyArray<string>, pending: ReadonlyArray<string>): string {
    const next = pending.slice(0, mostPending).join("\n")
    if (lines.length === 0 && next === this.shown) return ""
    const up = this.below > 1 ? `\u001b[${this.below - 1}A` : ""
    const clear = this.below > 0 ? `\r${up}\u001b[J` : ""
    this.shown = next
    this.below = Math.min(pending.length, mostPending)
    return clear + lines.map((line) => `${line}\n`).join("") + next
  }
}

/** More would not fit a small terminal, and scrolled lines cannot be redrawn. */
const mostPending = 8
