/**
 * Reads Steerable's stream: content belongs to whom the last `agent` event named, and what is said last stays on the
 * screen.
 */
import { Schema } from "effect"
import { SseEvent } from "@reins/wire/steerable"
import type { Answers } from "../Play.ts"
import type { Fields } from "../Rule.ts"
import { fields, rule, strictly, textOf } from "../Rule.ts"
import type { Understood } from "../Suite.ts"

const decode = strictly(SseEvent)

const Call = Schema.Struct({ id: Schema.String, name: Schema.String, arguments: Schema.Json })
const Outcome = Schema.Struct({
  success: Schema.Boolean,
  callId: Schema.String,
  needsFollowup: Schema.optionalKey(Schema.Boolean),
  error: Schema.optionalKey(Schema.String),
  data: Schema.Record(Schema.String, Schema.Json)
})
const decodeCall = strictly(Call)
const decodeOutcome = strictly(Outcome)

export const read = (answers: Answers): Understood => {
  rule(answers.length === 1, "the stream stays open while somebody is asked")
  const frames = answers.flat()
  rule(frames.at(-1)?.data === "[DONE]", "the stream ends with its terminator")
  let text = ""
  let isRoot = true
  let over: string | undefined
  const calls = new Set<string>()
  const tasks = new Map<string, string>()
  const results = new Map<string, string>()
  for (const frame of frames.slice(0, -1)) {
    rule(frame.event === "message", "every frame has the one name", frame)
    const event = decode(fields(frame))
    const payload = (event.payload ?? {}) as Fields
    rule(
      over !== "done" && (over === undefined || event.type === "done"),
      "only done stands behind the last word",
      event
    )
    switch (event.type) {
      case "content":
        rule(event.messageId !== undefined, "content names its message", event)
        if (isRoot) text += event.content ?? ""
        else rule(event.taskId !== undefined, "a specialist's content names its task", event)
        break
      case "agent":
        if (event.event === undefined) isRoot = payload["agentPath"].length === 0
        break
      case "tool_call":
        calls.add(decodeCall(payload).id)
        break
      case "tool_result": {
        const outcome = decodeOutcome(payload)
        rule(calls.has(outcome.callId) && !results.has(outcome.callId), "a call has one result", event)
        results.set(outcome.callId, outcome.success ? textOf(outcome.data) : (outcome.error ?? ""))
        break
      }
      case "orchestration":
        if (payload["phase"] === "task_started") tasks.set(payload["callId"], payload["task"].status)
        if (payload["phase"] === "task_finished") {
          rule(tasks.has(payload["callId"]), "a task was started", event)
          results.set(payload["callId"], textOf(payload["task"].result))
        }
        break
      case "error":
        // One that the run goes on from takes its bubble's place; the next bubble has an owner of its own.
        if (payload["recoverable"] !== true) over = event.type
        break
      case "budget_exhausted":
      case "done":
        over = event.type
        break
      default:
    }
  }
  rule(over === "done", "the stream is done")
  return { text, results }
}
