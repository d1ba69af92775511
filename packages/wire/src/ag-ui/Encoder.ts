/**
 * A run as AG-UI events, specialists included.
 *
 * **Carries** text, reasoning, steps, calls with their input while it is written, and results of every agent, specialists
 * as sub-agents, questions as interrupts (one that a call asks has the schema of its answer), progress and plans as
 * activities, everything else as `CUSTOM` (a custom event under its own name, ours as `reins.…`), usage.
 *
 * **Reorders**: `RUN_FINISHED` is held until the run has ended, since the verifier rejects everything after it: both
 * summaries precede it. Questions are held until the run is parked and are part of that end.
 *
 * **Loses** that a step was retracted, except for the `CUSTOM` event: its text stays. A call of which only input was shown
 * has a result that says so, and does not run.
 *
 * The answer ends with an interrupt where the run waits for a person, and with pending tool calls where it waits for
 * the client; the next answer is a new AG-UI run with its own id, and sub-agents continue under new ids.
 */
import type { Approval, Envelope, Event, Events, Json } from "@reins/protocol"
import { AgentPath } from "@reins/protocol"
import { CallId } from "../Ids.ts"
import * as CallInput from "../CallInput.ts"
import type { Encoder } from "../Dialect.ts"
import * as Frame from "../Frame.ts"
import { Parking } from "../Parking.ts"
import { type AgUiEvent, interruptOf, type Outcome } from "./AgUiEvent.ts"
import { Names, Speaker } from "./Speaker.ts"
import * as Body from "../Body.ts"

type AgUiEvents = ReadonlyArray<AgUiEvent>

/** What a client asked for. */
export interface Options {
  /** Its id for this answer. Absent: ours. */
  readonly runId?: string | undefined
  /**
   * Whether it reads what clients before 1.0 refuse: `pendingToolCallIds`, without which they find pending calls by
   * their missing results, and the outcome `cancelled`, which they find in the metadata.
   */
  readonly isCurrent: boolean
}

class AgUiEncoder implements Encoder {
  readonly #parking = new Parking()
  readonly #speakers = new Map<string, Speaker>()
  readonly #inputs = new CallInput.CallInputs<undefined>()
  readonly #callers = new Map<string, { readonly name: string; readonly callId: string }>()
  readonly #asked: string | undefined
  readonly #isCurrent: boolean
  #names = new Names("")
  #place = { threadId: "", runId: "" }
  #segment = 1
  #finish: Events.Finish | undefined
  #state: "new" | "running" | "ended" | "failed" = "new"

  constructor({ isCurrent, runId }: Options) {
    this.#asked = runId
    this.#isCurrent = isCurrent
  }

  get isDetached(): boolean {
    return this.#parking.isParked
  }

  step(envelope: Envelope.Envelope): ReadonlyArray<Frame.Frame> {
    this.#parking.step(envelope)
    const opening = this.#state === "new" ? this.#start(envelope) : []
    const events = this.#parking.isOwn(envelope) ? [] : this.#events(envelope)
    return [...opening, ...events].map(Frame.unnamed)
  }

  finish(): ReadonlyArray<Frame.Frame> {
    if (this.#state === "ended") return this.#end(this.#ending()).map(Frame.unnamed)
    return this.isDetached && this.#state === "running" ? this.#suspend().map(Frame.unnamed) : Frame.none
  }

  reopen(answered: Iterable<string>): ReadonlyArray<Frame.Frame> {
    this.#parking.expect(answered)
    this.#segment += 1
    this.#place = { ...this.#place, runId: this.#asked ?? `${this.#place.runId}~${this.#segment}` }
    return [Frame.unnamed({ type: "RUN_STARTED", ...this.#place })]
  }

  #start({ at, runId, threadId }: Envelope.Envelope): AgUiEvents {
    this.#state = "running"
    this.#names = new Names(runId)
    this.#place = { threadId, runId: this.#asked ?? runId }
    return [{ type: "RUN_STARTED", ...this.#place, timestamp: at }]
  }

  /** The agent at `path`; announces its sub-agent on first use. */
  #speaker(path: AgentPath.AgentPath, announce: Array<AgUiEvent>): Speaker {
    const key = AgentPath.key(path)
    const known = this.#speakers.get(key)
    if (known !== undefined) return known
    const caller = this.#callers.get(key)
    const parent = path.length === 0 ? undefined : this.#speaker(path.slice(0, -1), announce)
    const id = path.length === 0 ? undefined : this.#names.next("agent")
    const speaker = new Speaker(path, this.#names, id)
    this.#speakers.set(key, speaker)
    if (id !== undefined) {
      const above = parent?.subagentRunId
      announce.push({
        type: "SUBAGENT_STARTED",
        subagentRunId: id,
        name: caller?.name ?? path.at(-1) ?? "",
        parentToolCallId: caller?.callId ?? "",
        ...(above === undefined ? {} : { parentSubagentRunId: above })
      })
    }
    return speaker
  }

  #events({ agentPath, event }: Envelope.Envelope): AgUiEvents {
    const events: Array<AgUiEvent> = []
    const speaker = this.#speaker(agentPath, events)
    for (const one of this.#said(speaker, event)) events.push(one)
    return events
  }

  #said(speaker: Speaker, event: Event): AgUiEvents {
    const { by } = speaker
    switch (event.type) {
      case "text":
      case "reasoning":
        return speaker.say(event)
      case "tool-input-delta":
        return this.#write(speaker, event)
      case "source":
        return [{ type: "CUSTOM", name: "reins.source", value: event.data, ...by }]
      case "step-start":
        return [...this.#leave(speaker), ...speaker.startStep()]
      case "step-retracted":
        return [
          ...this.#leave(speaker),
          ...speaker.endStep(),
          { type: "CUSTOM", name: "reins.step-retracted", value: event.reason, ...by }
        ]
      case "message-received":
        return [
          ...this.#leave(speaker),
          ...speaker.endStep(),
          { type: "CUSTOM", name: `reins.${event.type}`, value: event.data, ...by }
        ]
      case "late-result": {
        const { type, ...value } = event
        return [...this.#leave(speaker), ...speaker.endStep(), { type: "CUSTOM", name: `reins.${type}`, value, ...by }]
      }
      case "tool-invocation":
        return event.state === "call"
          ? this.#call(speaker, event, event.toolName, event.args)
          : this.#result(speaker, event)
      case "tool-agent":
        return event.state === "call" ? this.#agentCall(speaker, event) : this.#agentResult(speaker, event)
      case "tool-progress": {
        const { toolCallId, type: activityType, ...content } = event
        const messageId = `progress-${CallId.make(speaker.path, toolCallId ?? event.toolName)}`
        return [{ type: "ACTIVITY_SNAPSHOT", messageId, activityType, content, replace: true, ...by }]
      }
      case "plan-status-change": {
        const messageId = `plan-${event.data.planId}`
        return [
          { type: "ACTIVITY_SNAPSHOT", messageId, activityType: "plan", content: event.data, replace: true, ...by }
        ]
      }
      case "approval-required":
        return []
      case "custom":
        return [{ type: "CUSTOM", name: event.event_type, value: event.data, ...by }]
      case "budget_exhausted": {
        const { type: _, ...value } = event
        return [{ type: "CUSTOM", name: "reins.budget-exhausted", value, ...by }]
      }
      case "approval-decision":
      case "data-tool-agent":
      case "data-file-registered":
      case "data-flow-ui":
      case "data-cost-summary":
        return [{ type: "CUSTOM", name: `reins.${event.type}`, value: event.data, ...by }]
      case "data-latency-summary":
        if (this.#finish !== undefined) this.#state = "ended"
        return [{ type: "CUSTOM", name: `reins.${event.type}`, value: event.data, ...by }]
      case "finish":
        this.#finish = event
        return [...this.#leave(speaker), ...speaker.endStep()]
      case "error":
        this.#state = "failed"
        return [...speaker.endStep(), { type: "RUN_ERROR", message: event.error.message, code: event.error.code }]
    }
  }

  #call(speaker: Speaker, { toolInvocationId }: { toolInvocationId: string }, name: string, args: Json): AgUiEvents {
    const toolCallId = CallId.make(speaker.path, toolInvocationId)
    const { by } = speaker
    const shown = this.#inputs.take(speaker.path, toolInvocationId)
    const delta = CallInput.rest(shown?.text ?? "", args)
    return [
      ...speaker.silence(),
      ...(shown === undefined ? [{ type: "TOOL_CALL_START" as const, toolCallId, toolCallName: name, ...by }] : []),
      ...(delta === "" ? [] : [{ type: "TOOL_CALL_ARGS" as const, toolCallId, delta, ...by }]),
      { type: "TOOL_CALL_END", toolCallId, ...by }
    ]
  }

  #write(speaker: Speaker, event: Events.ToolInputDelta): AgUiEvents {
    const { by, path } = speaker
    const before = this.#inputs.find(path, event)
    const shown = before ?? this.#inputs.begin(path, event, undefined)
    const { id: toolCallId, name: toolCallName } = shown
    shown.text += event.text
    const args: AgUiEvents = event.text === "" ? [] : [{ type: "TOOL_CALL_ARGS", toolCallId, delta: event.text, ...by }]
    if (before !== undefined) return args
    return [...speaker.silence(), { type: "TOOL_CALL_START", toolCallId, toolCallName, ...by }, ...args]
  }

  /** Closes calls that will not come, with a result, so that no client runs them. */
  #leave(speaker: Speaker): AgUiEvents {
    return this.#inputs.drop(speaker.path).flatMap(({ id, text }): AgUiEvents => [
      ...(CallInput.closing(text) === ""
        ? []
        : [{ type: "TOOL_CALL_ARGS" as const, toolCallId: id, delta: CallInput.closing(text), ...speaker.by }]),
      { type: "TOOL_CALL_END", toolCallId: id, ...speaker.by },
      {
        type: "TOOL_CALL_RESULT",
        messageId: `result-${id}`,
        toolCallId: id,
        content: "The model did not finish this call. It did not run",
        role: "tool",
        metadata: { status: "cancelled" },
        ...speaker.by
      }
    ])
  }

  #result(
    speaker: Speaker,
    { result, status, toolInvocationId }: Pick<Events.ToolResult, "result" | "status" | "toolInvocationId">
  ): AgUiEvents {
    const toolCallId = CallId.make(speaker.path, toolInvocationId)
    return [
      {
        type: "TOOL_CALL_RESULT",
        messageId: `result-${toolCallId}`,
        toolCallId,
        content: Body.resultText(result),
        role: "tool",
        ...(status === undefined ? {} : { metadata: { status } }),
        ...speaker.by
      }
    ]
  }

  #agentCall(speaker: Speaker, event: Events.AgentCall): AgUiEvents {
    const child = AgentPath.child(speaker.path, event.agentName, event.toolInvocationId)
    const callId = CallId.make(speaker.path, event.toolInvocationId)
    this.#callers.set(AgentPath.key(child), { name: event.agentName, callId })
    return this.#call(speaker, event, event.agentName, event.prompt)
  }

  #agentResult(speaker: Speaker, event: Events.AgentResult): AgUiEvents {
    const key = AgentPath.key(AgentPath.child(speaker.path, event.agentName, event.toolInvocationId))
    const child = this.#speakers.get(key)
    this.#speakers.delete(key)
    this.#callers.delete(key)
    const result = this.#result(speaker, event)
    if (child?.subagentRunId === undefined) return result
    const left = this.#leave(child)
    const { subagentRunId } = child
    const end: AgUiEvent =
      event.status === undefined
        ? { type: "SUBAGENT_FINISHED", subagentRunId, outcome: { type: "success" } }
        : { type: "SUBAGENT_ERROR", subagentRunId, message: Body.resultText(event.result) }
    return [...left, ...child.endStep(), end, ...result]
  }

  #ending(): Outcome | undefined {
    if (this.#finish?.finishReason !== "cancelled") return { type: "success" }
    return this.#isCurrent ? { type: "cancelled" } : undefined
  }

  #end(given: Outcome | undefined): AgUiEvents {
    const finish = this.#finish
    const outcome = given === undefined ? {} : { outcome: given }
    if (finish === undefined) return [{ type: "RUN_FINISHED", ...this.#place, ...outcome }]
    const { cacheCreationInputTokens, cacheReadInputTokens, completionTokens, promptTokens, totalTokens } = finish.usage
    const usage = {
      inputTokens: promptTokens,
      outputTokens: completionTokens,
      totalTokens,
      cachedInputTokens: cacheReadInputTokens,
      cacheWriteInputTokens: cacheCreationInputTokens
    }
    const metadata = { finishReason: finish.finishReason }
    return [{ type: "RUN_FINISHED", ...this.#place, ...outcome, usage: [usage], metadata }]
  }

  /** Closes everything that is open, the deepest first, and says what the run waits for. */
  #suspend(): AgUiEvents {
    const { clientCalls, questions } = this.#parking
    const speakers = [...this.#speakers.values()].toSorted((a, b) => b.path.length - a.path.length)
    const closing = speakers.flatMap((speaker): AgUiEvents => {
      const { subagentRunId } = speaker
      const left = this.#leave(speaker)
      if (subagentRunId === undefined) return [...left, ...speaker.endStep()]
      const interruptIds = questions
        .filter(({ agentPath = [] }) => AgentPath.isWithin(agentPath, speaker.path))
        .map(({ id }) => id)
      const outcome = { type: "suspended", interruptIds } as const
      return [...left, ...speaker.endStep(), { type: "SUBAGENT_FINISHED", subagentRunId, outcome }]
    })
    const interrupts = questions.map((question) => this.#interrupt(question))
    this.#speakers.clear()
    const outcome: Outcome =
      interrupts.length > 0
        ? { type: "interrupt", interrupts }
        : {
            type: "success",
            ...(this.#isCurrent
              ? { pendingToolCallIds: clientCalls.map(({ call, path }) => CallId.make(path, call.toolInvocationId)) }
              : {})
          }
    return [...closing, ...this.#end(outcome)]
  }

  #interrupt(question: Approval.Request) {
    const { agentPath = [], toolInvocationId } = question
    const callId = toolInvocationId === undefined ? undefined : CallId.make(agentPath, toolInvocationId)
    return interruptOf(question, callId, this.#speakers.get(AgentPath.key(agentPath))?.subagentRunId)
  }
}

export const open = (options: Options): Encoder => new AgUiEncoder(options)
