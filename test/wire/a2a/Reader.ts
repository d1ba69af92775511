/**
 * Reads A2A's stream as its clients do: a task whose artifacts grow or are replaced, and whose state moves to an end.
 */
import { StreamResponse } from "@reins/wire/a2a"
import type { Answers } from "../Play.ts"
import { asText } from "../Play.ts"
import { fields, rule, strictly } from "../Rule.ts"
import type { Understood } from "../Suite.ts"

const decode = strictly(StreamResponse)
const over = ["TASK_STATE_COMPLETED", "TASK_STATE_FAILED", "TASK_STATE_CANCELED", "TASK_STATE_REJECTED"]

export const read = (answers: Answers): Understood => {
  const artifacts = new Map<string, string>()
  const results = new Map<string, string>()
  const textOf = (parts: ReadonlyArray<{ readonly text?: string }>) => parts.map(({ text = "" }) => text).join("")
  for (const [index, frames] of answers.entries()) {
    let state: string | undefined
    for (const [at, frame] of frames.entries()) {
      const response = decode(fields(frame))
      rule(state === undefined || !over.includes(state), "nothing stands behind the last state", response)
      rule((at === 0) === "task" in response, "a task stands first, and once", response)
      if ("task" in response) {
        state = response.task.status.state
        for (const { artifactId, parts } of response.task.artifacts ?? []) artifacts.set(artifactId, textOf(parts))
        continue
      }
      rule(state !== "TASK_STATE_INPUT_REQUIRED", "nothing stands behind a question", response)
      if ("statusUpdate" in response) {
        state = response.statusUpdate.status.state
        const { event } = (response.statusUpdate.metadata ?? {}) as { readonly event?: Parameters<typeof asText>[0] }
        if (event?.state === "result") results.set(event.toolInvocationId, asText(event))
        continue
      }
      const { append, artifact } = response.artifactUpdate
      rule(!append || artifacts.has(artifact.artifactId), "only a known artifact grows", response)
      const before = append ? (artifacts.get(artifact.artifactId) ?? "") : ""
      artifacts.set(artifact.artifactId, before + textOf(artifact.parts))
    }
    const isLast = index === answers.length - 1
    rule(
      state !== undefined && (isLast ? over.includes(state) : state === "TASK_STATE_INPUT_REQUIRED"),
      "an answer ends where input is required, the last one with the task",
      state
    )
  }
  return { text: [...artifacts.values()].join(""), results }
}
