/**
 * Plays a run to a client as a server would: an answer ends where the dialect detaches, and the next request resumes
 * the run. Also the run's own events, to compare with.
 */
import type { Encoder, Frame } from "@reins/wire"
import { CallId, Parking } from "@reins/wire"
import type { AgentPath, Envelope, Events } from "@reins/protocol"

/** The frames of each answer. */
export type Answers = ReadonlyArray<ReadonlyArray<Frame.Frame>>

/** `all`: each request answers everything that waits. `next`: only what the log answers next. */
export type Manner = "all" | "next"

const waitingIds = (parking: Parking.Parking): ReadonlyArray<string> => [
  ...parking.questions.map(({ id }) => id),
  ...parking.clientCalls.map(({ call, path }) => CallId.make(path, call.toolInvocationId))
]

/** Events that only come because somebody answered; a server finds all others in the log. */
const isAnswer = ({ event }: Envelope.Envelope): boolean =>
  event.type === "approval-decision" ||
  (event.type === "tool-invocation" && event.state === "result" && event.execution === "client")

const answeredBy = ({ agentPath, event }: Envelope.Envelope): ReadonlyArray<string> => {
  if (event.type === "approval-decision") return [event.data.id]
  return event.type === "tool-invocation" ? [CallId.make(agentPath, event.toolInvocationId)] : []
}

export const play = (open: () => Encoder, log: ReadonlyArray<Envelope.Envelope>, manner: Manner = "all"): Answers => {
  const encoder = open()
  const parking = new Parking.Parking()
  const answers: Array<Array<Frame.Frame>> = [[]]
  let isClosed = false
  const add = (frames: ReadonlyArray<Frame.Frame>) => answers.at(-1)?.push(...frames)
  for (const [index, envelope] of log.entries()) {
    if (isClosed) {
      answers.push([])
      const answered = manner === "all" ? waitingIds(parking) : answeredBy(envelope)
      add(encoder.reopen(answered))
      isClosed = false
    }
    parking.step(envelope)
    add(encoder.step(envelope))
    const next = log[index + 1]
    if (encoder.isDetached && (next === undefined || isAnswer(next))) {
      add(encoder.finish())
      isClosed = true
    }
  }
  if (!isClosed) add(encoder.finish())
  return answers
}

/** A settled call of the root's. */
export type Settled = Events.ToolResult | Events.AgentResult

/** What the root said and its calls came to, read from the native stream. `kept` has retracted text in it. */
export const fold = (log: ReadonlyArray<Envelope.Envelope>) => {
  let text = ""
  let kept = ""
  let before = ""
  const results = new Map<string, Settled>()
  for (const { agentPath, event } of log) {
    if (agentPath.length > 0) continue
    if (event.type === "step-start") before = text
    if (event.type === "step-retracted") text = before
    if (event.type === "text") {
      text += event.text
      kept += event.text
    }
    const isResult = event.type === "tool-invocation" || event.type === "tool-agent"
    if (isResult && event.state === "result") results.set(event.toolInvocationId, event)
  }
  return { text, kept, results }
}

/** True for what a client's call came to: dialects do not send it back to the client that brought it. */
export const isTheirs = (settled: Settled): boolean =>
  settled.type === "tool-invocation" && settled.execution === "client"

/** A settled call as text: a text as it is, everything else as JSON. */
export const asText = ({ result }: Settled): string => (typeof result === "string" ? result : JSON.stringify(result))

/** Whether a call of the client's is begun that does not come, other than in an answer that is cut. */
export const breaksOff = (log: ReadonlyArray<Envelope.Envelope>): boolean => {
  const begun = new Map<string, AgentPath.AgentPath>()
  for (const { agentPath, event } of log) {
    const id = "toolInvocationId" in event ? CallId.make(agentPath, event.toolInvocationId) : ""
    if (event.type === "tool-input-delta" && event.execution === "client") begun.set(id, agentPath)
    if (event.type === "tool-invocation") begun.delete(id)
    const isStep = ["step-start", "step-retracted", "message-received", "late-result"].includes(event.type)
    if (isStep && [...begun.values()].some((path) => path.join("/") === agentPath.join("/"))) return true
    if (event.type === "finish" && begun.size > 0)
      return !["length", "content-filter", "budget", "repeated-calls"].includes(event.finishReason)
  }
  return begun.size > 0
}
