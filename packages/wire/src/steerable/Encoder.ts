/**
 * A run as Steerable's events.
 *
 * **Carries** the text of every agent (a specialist's after an `agent` event that gives it the next bubble, with its
 * task), calls and results of the root, specialists as tasks of an orchestration, questions and plans as orchestration
 * updates, steps, progress and a tool's hints as loader hints, a request that is made again and a step that is taken
 * back as recoverable errors, everything else as `agent` events with their own names. `messageId` names the message
 * that content and calls are of.
 *
 * **Reorders**: `budget_exhausted` replaces what its reader shows and must come last, so it is held until the run ends
 * because of it; `done` is held until the run has ended, with both summaries before it.
 *
 * **Loses** reasoning; steps except for their hint; results of a specialist's own tools; the answer `revise`.
 *
 * The stream stays open while the run waits for a person, who answers by another request.
 */
import type { Approval, Envelope, Event, Events, Json } from "@reins/protocol"
import { AgentPath } from "@reins/protocol"
import { CallId } from "../Ids.ts"
import type { Encoder } from "../Dialect.ts"
import * as Frame from "../Frame.ts"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Body from "../Body.ts"

type SseEvents = ReadonlyArray<SseEvent>

/** `isNamed`: frames carry `event: message`. Some readers accept only frames that begin with their data. */
export interface Options {
  readonly isNamed: boolean
}

/**
 * A run as events, for transports that carry objects, such as Electron's IPC. Mutable; owned by one reader. `end`
 * follows the run's last envelope.
 *
 * @since 0.1.0
 * @category models
 */
export class SteerableEvents {
  readonly #names = new Map<string, string>()
  #group = ""
  /** Absent: the next agent with text is announced. */
  #speaker: string | undefined = ""
  #steps = 0
  #exhausted: Events.BudgetExhausted | undefined
  #finish: Events.Finish | undefined
  #hasEnded = false
  /** The message of each agent, by its path. */
  readonly #messages = new Map<string, string>()
  #messageCount = 0

  step(envelope: Envelope.Envelope): SseEvents {
    this.#group = envelope.runId
    return this.#events(envelope)
  }

  /** Nothing where the run has not ended. */
  end(): SseEvents {
    if (!this.#hasEnded) return []
    const { finishReason, usage } = this.#finish ?? {}
    const exhausted: SseEvents =
      finishReason !== "budget" || this.#exhausted === undefined
        ? []
        : [{ type: "budget_exhausted", message: this.#exhausted.message, code: this.#exhausted.code }]
    const done: SseEvent =
      finishReason === undefined ? { type: "done" } : { type: "done", payload: { finishReason, usage } }
    return [...exhausted, done]
  }

  #events({ agentPath, event }: Envelope.Envelope): SseEvents {
    if (event.type === "step-start") this.#messages.delete(AgentPath.key(agentPath))
    switch (event.type) {
      case "text":
        return this.#say(agentPath, event.text)
      case "approval-required":
        return [
          this.#orchestrate(this.#taskOf(agentPath, event.data), { status: "ask_user_paused", approval: event.data })
        ]
      case "approval-decision":
        return [this.#orchestrate(undefined, { status: "running", decision: event.data })]
      case "tool-agent":
        return [this.#task(agentPath, event)]
      case "plan-status-change":
        return [this.#orchestrate(undefined, { phase: `plan_${event.data.to}`, ...event.data })]
      case "tool-progress":
        return [{ type: "loader-hint", hint: event.label, payload: event }]
      case "custom": {
        const hint = event.event_type === "hint" ? textOf(event.data) : undefined
        if (hint !== undefined) return [{ type: "loader-hint", hint }]
        return agentPath.length === 0 ? this.#root(event) : []
      }
      default:
        return agentPath.length === 0 ? this.#root(event) : []
    }
  }

  #root(event: Event): SseEvents {
    switch (event.type) {
      case "reasoning":
      case "tool-input-delta":
        return []
      case "step-retracted":
        return this.#recover(`The step is repeated: ${event.reason}`, "E_STEP_RETRACTED", event)
      case "custom":
        if (event.event_type === "model_retry" || event.event_type === "model_failover") {
          const { message, reason } = failureOf(event.data)
          return this.#recover(message, reason, event)
        }
        return this.#other(event)
      case "step-start":
        this.#steps += 1
        return [{ type: "loader-hint", hint: `Step ${this.#steps}` }]
      case "tool-invocation":
        return [event.state === "call" ? this.#call(event) : this.#result(event)]
      case "budget_exhausted": {
        if (event.data.agentPath !== undefined && event.data.agentPath.length > 0) return this.#other(event)
        const before = this.#exhausted === undefined ? [] : this.#other(this.#exhausted)
        this.#exhausted = event
        return before
      }
      case "finish": {
        this.#finish = event
        // A limit that did not end the run, because it was raised or the run wrapped up, is reported but does not end
        // the stream.
        return event.finishReason === "budget" || this.#exhausted === undefined ? [] : this.#other(this.#exhausted)
      }
      case "data-latency-summary":
        if (this.#finish !== undefined) this.#hasEnded = true
        return this.#other(event)
      case "error":
        this.#hasEnded = true
        return [{ type: "error", message: event.error.message, code: event.error.code }]
      default:
        return this.#other(event)
    }
  }

  /**
   * An error that the run goes on from. Its reader puts it in place of the bubble, so what follows has a bubble of its
   * own.
   */
  #recover(message: string, code: string, { type, ...payload }: Event): SseEvents {
    this.#speaker = undefined
    return [{ type: "error", event: type, message, code, payload: { recoverable: true, ...payload } }]
  }

  /** The message that an agent is saying: one for each of its steps. */
  #message(path: AgentPath.AgentPath): string {
    const key = AgentPath.key(path)
    const known = this.#messages.get(key)
    if (known !== undefined) return known
    this.#messageCount += 1
    const id = `msg_${this.#group}_${this.#messageCount}`
    this.#messages.set(key, id)
    return id
  }

  #other({ type, ...payload }: Event): SseEvents {
    return [{ type: "agent", event: type, payload }]
  }

  #say(path: AgentPath.AgentPath, content: string): SseEvents {
    const speaker = AgentPath.key(path)
    const messageId = this.#message(path)
    const said: SseEvent = {
      type: "content",
      content,
      messageId,
      ...(path.length === 0 ? {} : { taskId: speaker.slice(0, -1) })
    }
    if (speaker === this.#speaker) return [said]
    this.#speaker = speaker
    const agentId = path.length === 0 ? "root" : (this.#names.get(speaker) ?? "")
    return [{ type: "agent", messageId, payload: { agentId, agentPath: path } }, said]
  }

  #orchestrate(taskId: string | undefined, payload: object): SseEvent {
    return {
      type: "orchestration",
      orchestrationGroupId: this.#group,
      ...(taskId === undefined ? {} : { taskId }),
      payload
    }
  }

  #taskOf(path: AgentPath.AgentPath, { toolInvocationId }: Approval.Request): string | undefined {
    return toolInvocationId === undefined ? undefined : CallId.make(path, toolInvocationId)
  }

  /** A task's id is its specialist's path, which its content carries too. */
  #task(path: AgentPath.AgentPath, event: Events.AgentCall | Events.AgentResult): SseEvent {
    const { agentName, toolInvocationId } = event
    const key = AgentPath.key(AgentPath.child(path, agentName, toolInvocationId))
    const taskId = key.slice(0, -1)
    const callId = CallId.make(path, toolInvocationId)
    this.#names.set(key, agentName)
    if (event.state === "call") {
      const task = { id: taskId, agentId: agentName, prompt: event.prompt, status: "running" }
      return this.#orchestrate(taskId, { phase: "task_started", callId, task })
    }
    const { result, status } = event
    const task = {
      id: taskId,
      agentId: agentName,
      status: status === undefined ? "ok" : status === "failed" ? "failed" : "skipped",
      result
    }
    return this.#orchestrate(taskId, { phase: "task_finished", callId, task })
  }

  #call({ args, execution, toolInvocationId, toolName }: Events.ToolCall): SseEvent {
    const payload = { id: toolInvocationId, name: toolName, arguments: args }
    // A tool call accepts no further fields, so its agent is named on the envelope.
    const messageId = this.#message([])
    return execution === undefined
      ? { type: "tool_call", messageId, payload }
      : { type: "tool_call", messageId, event: "client", payload }
  }

  #result({ result, status, toolInvocationId }: Events.ToolResult): SseEvent {
    const callId = toolInvocationId
    return {
      type: "tool_result",
      payload:
        status === undefined
          ? { success: true, callId, data: toData(result) }
          : { success: false, callId, needsFollowup: true, error: Body.resultText(result), data: toData(result) }
    }
  }
}

export const open = ({ isNamed }: Options = { isNamed: true }): Encoder => {
  const events = new SteerableEvents()
  const name = (frame: Frame.Frame): Frame.Frame => (isNamed ? { ...frame, event: "message" } : frame)
  const frames = (all: SseEvents) => all.map((event) => name(Frame.unnamed(event)))
  return {
    step: (envelope) => frames(events.step(envelope)),
    finish: () => {
      const last = frames(events.end())
      return last.length === 0 ? Frame.none : [...last, name(Frame.done)]
    },
    reopen: () => Frame.none,
    isDetached: false
  }
}

const Hint = Schema.Struct({ text: Schema.String })
const Failure = Schema.Struct({ message: Schema.String, reason: Schema.String })
const readHint = Schema.decodeUnknownOption(Hint)
const readFailure = Schema.decodeUnknownOption(Failure)

const textOf = (data: Json): string | undefined => Option.getOrUndefined(readHint(data))?.text

const failureOf = (data: Json): typeof Failure.Type =>
  Option.getOrElse(readFailure(data), () => ({ message: "The model's request is made again", reason: "E_MODEL" }))

const Text = Schema.optionalKey(Schema.String)

/**
 * Steerable's universal envelope (source 004): one format for every transport, open to further fields.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SseEvent = Schema.Struct({
  type: Schema.Literals([
    "content",
    "tool_call",
    "tool_result",
    "error",
    "budget_exhausted",
    "agent",
    "orchestration",
    "loader-hint",
    "keepalive",
    "done"
  ]),
  event: Text,
  content: Text,
  hint: Text,
  message: Text,
  code: Text,
  orchestrationGroupId: Text,
  taskId: Text,
  messageId: Text,
  payload: Schema.optionalKey(Schema.Unknown)
})
export type SseEvent = typeof SseEvent.Type

/** A tool's outcome. Terminal when it says so, or when it failed and wants no follow-up. `callId` is our extension. */
export const ToolResult = Schema.Struct({
  success: Schema.Boolean,
  callId: Schema.String,
  needsFollowup: Schema.optionalKey(Schema.Boolean),
  error: Schema.optionalKey(Schema.String),
  data: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json))
})

/** A value as `data`: an object unchanged, anything else under `value`. */
export const toData = (value: Json): { readonly [key: string]: Json } => (isObject(value) ? value : { value })

const isObject = (value: Json): value is { readonly [key: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value)
