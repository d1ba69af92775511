/** Answers without a stream, driven like streams: each is one frame with the body, at the place where it is given. */
import type { Dialect, Encoder } from "@reins/wire"
import { rule } from "./Rule.ts"

/** How the answer to a request is made. */
export const opened = (answer: Dialect.Answer): (() => Encoder) => {
  rule(answer._tag !== "Facts", "the answer shows a run")
  if (answer._tag === "Stream") return answer.open
  return () => {
    const folding = answer.open()
    return {
      step: (envelope) => {
        folding.step(envelope)
        return []
      },
      finish: () => [{ data: JSON.stringify(folding.reply().body) }],
      reopen: (answered) => {
        folding.reopen(answered)
        return []
      },
      get isDetached() {
        return folding.isDetached
      }
    }
  }
}
