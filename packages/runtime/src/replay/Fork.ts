/**
 * The conversation of a recorded run up to an event, as a new run can go on from there: with another model, another
 * prompt or other tools. Pure.
 */
import { type Envelope, type Message, Transcript } from "@reins/protocol"
import type { Recording } from "../host/journal/RunExport.ts"
import { promptOf } from "../engine/RunHost.ts"

/**
 * What a new run starts from: `runtime.start(prompt, { history })`. `prompt` is empty where the history ends with
 * results of tools, which the model reads next; absent where the history ends with an answer, and a new prompt is
 * needed.
 *
 * @since 0.1.0
 * @category models
 */
export interface Fork {
  readonly history: ReadonlyArray<Message.Message>
  readonly prompt: ReadonlyArray<Message.UserPart> | undefined
}

/**
 * The conversation of the root agent after the event `seq`, from the last step whose calls all have their results by
 * then. 0: before its first step.
 *
 * @since 0.1.0
 * @category operations
 */
export const at = ({ envelopes, history, record }: Recording, seq: number): Fork => {
  const prompt = promptOf(record)
  const events = settled(envelopes.filter((envelope) => envelope.seq <= seq))
  const messages = [...history, ...Transcript.messages(Transcript.fold(events, prompt))]
  const last = messages.at(-1)
  if (last?.role === "user") return { history: messages.slice(0, -1), prompt: last.content }
  return { history: messages, prompt: last?.role === "tool" ? [] : undefined }
}

/** The events without the root's last step, if it has not ended or has calls without a result. */
const settled = (envelopes: ReadonlyArray<Envelope.Envelope>): ReadonlyArray<Envelope.Envelope> => {
  const open = new Set<string>()
  let from = 0
  let isEnded = true
  for (const [index, { agentPath, event }] of envelopes.entries()) {
    if (agentPath.length > 0) continue
    if (event.type === "step-start") {
      from = index
      isEnded = false
      open.clear()
    } else if (event.type === "tool-invocation" || event.type === "tool-agent") {
      if (event.state === "call") open.add(event.toolInvocationId)
      else open.delete(event.toolInvocationId)
      isEnded = open.size === 0
    } else if (event.type === "finish" || event.type === "error") isEnded = true
  }
  return isEnded ? envelopes : envelopes.slice(0, from)
}
