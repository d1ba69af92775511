/**
 * Reads Karta's stream: one envelope for all, steps that end before the next begins, and `done` as the last word of a
 * turn.
 */
import { KartaEvent } from "@reins/wire/karta"
import type { Answers } from "../Play.ts"
import { fields, rule, strictly, textOf } from "../Rule.ts"
import type { Understood } from "../Suite.ts"

const decode = strictly(KartaEvent)

/** `final` is what `done` says the whole turn came to; absent when the turn failed. */
export const read = (answers: Answers): Understood & { readonly final?: string } => {
  let text = ""
  let step: number | undefined
  let steps = 0
  let final: string | undefined
  const called = new Set<string>()
  const results = new Map<string, string>()
  for (const [index, frames] of answers.entries()) {
    let last: string | undefined
    for (const frame of frames) {
      const event = decode(fields(frame))
      rule(frame.event === event.type, "a frame is named by its type", frame)
      rule(event.session_id === "thread-1", "every event names its session", event)
      rule(last !== "done", "nothing stands behind done", event)
      rule(last !== "error", "nothing stands behind an error", event)
      rule(last !== "exhausted" || event.type === "done", "a turn without budget is done with what there is", event)
      if (event.type !== "system") last = event.type
      if (event.type === "error" && event.data.code === "budget_exhausted") last = "exhausted"
      switch (event.type) {
        case "text":
          rule(step !== undefined, "text stands in a step", event)
          text += event.data.part.text
          break
        case "step_start":
          rule(step === undefined && event.data.step_index === steps, "steps are numbered, one after the other", event)
          step = event.data.step_index
          steps += 1
          break
        case "step_finish":
          rule(step === event.data.step_index, "the open step is finished", event)
          step = undefined
          for (const { result, tool_use_id } of event.data.result.tool_results) {
            rule(called.has(tool_use_id) && !results.has(tool_use_id), "a call has one result", event)
            results.set(tool_use_id, textOf(result))
          }
          break
        case "tool_use":
          rule(!called.has(event.data.tool_use_id), "a call stands once", event)
          called.add(event.data.tool_use_id)
          break
        case "done":
          rule(step === undefined, "done leaves no step open", event)
          final = event.data.message.text
          break
        default:
      }
    }
    const isLast = index === answers.length - 1
    rule(isLast ? last === "done" || last === "error" : last !== "done", "only the last answer is done", last)
  }
  return { text, results, ...(final === undefined ? {} : { final }) }
}
