/**
 * A run as a task of A2A.
 *
 * **Carries** the root's text as an artifact that grows (a retracted step's is taken back), files as artifacts,
 * questions (with the schema of an answer) and client calls as `input-required`, the run's end as the task's state, with usage, cost and time as its
 * metadata; everything else of the root view as metadata (`event`) of status updates.
 *
 * **Reorders**: the last state is held until the run has ended, with both summaries in it. Questions are held until the
 * run is parked.
 *
 * **Loses** what specialists say and do below the root. Of finish reasons, `length` and `other` become `completed`,
 * `budget` and `repeated-calls` become `failed`; the metadata has the reason itself.
 *
 * A task's history has the messages that its client sent, without the content of large files; what the agent says is in
 * artifacts and in the task's status.
 *
 * The stream ends where the task needs input, and with its last state.
 */
import type { CostSummary, Envelope, Event, Events, Json } from "@reins/protocol"
import { Envelope as Envelopes } from "@reins/protocol"
import { type Accumulated, Accumulation } from "../Accumulation.ts"
import type { Encoder } from "../Dialect.ts"
import * as Frame from "../Frame.ts"
import { Parking } from "../Parking.ts"
import * as Task from "./Task.ts"

type Responses = ReadonlyArray<Task.StreamResponse>

/** How a response becomes a frame: in JSON-RPC for a stream, by itself for a web hook. */
export type Form = (response: Task.StreamResponse) => Frame.Frame

export const plain: Form = Frame.unnamed

class TaskEncoder implements Encoder {
  readonly #form: Form
  readonly #asked: Task.Message | undefined
  readonly #parking = new Parking()
  #first: Envelope.Envelope | undefined
  #at = 0
  #answer = 1
  #artifactId = "answer"
  #text = ""
  /** The text before the step under way. */
  #kept = ""
  #finish: Events.Finish | undefined
  #cost: CostSummary.CostSummary | undefined
  #last: Task.StreamResponse | undefined

  constructor(form: Form, asked: Task.Message | undefined) {
    this.#form = form
    this.#asked = asked
  }

  get isDetached(): boolean {
    return this.#parking.isParked
  }

  step(envelope: Envelope.Envelope): ReadonlyArray<Frame.Frame> {
    this.#parking.step(envelope)
    this.#at = envelope.at
    const opening = this.#first === undefined ? this.#open(envelope) : []
    return [...opening, ...this.#responses(envelope)].map(this.#form)
  }

  finish(): ReadonlyArray<Frame.Frame> {
    if (this.#last !== undefined) return [this.#form(this.#last)]
    if (!this.isDetached) return Frame.none
    const { clientCalls, questions } = this.#parking
    const message = Task.waiting(`${this.#id}-input-${this.#answer}`, questions, clientCalls)
    return [this.#form(this.#status("TASK_STATE_INPUT_REQUIRED", { message }))]
  }

  reopen(answered: Iterable<string>, messageId?: string): ReadonlyArray<Frame.Frame> {
    this.#parking.expect(answered)
    this.#answer += 1
    if (messageId !== undefined) {
      this.#text = ""
      this.#kept = ""
      this.#artifactId = `answer-${messageId}`
    }
    return [this.#form({ task: this.#task("TASK_STATE_WORKING") })]
  }

  get #id(): string {
    return this.#first?.runId ?? ""
  }

  #open(envelope: Envelope.Envelope): Responses {
    this.#first = envelope
    return [{ task: this.#task("TASK_STATE_SUBMITTED") }]
  }

  #task(state: Task.State): Task.Task {
    const contextId = this.#first?.threadId ?? ""
    return {
      id: this.#id,
      contextId,
      status: { state, timestamp: Task.iso(this.#at) },
      ...(this.#text === "" ? {} : { artifacts: [this.#artifact(this.#text)] }),
      ...(this.#asked === undefined ? {} : { history: [{ ...this.#asked, taskId: this.#id, contextId }] })
    }
  }

  #artifact(text: string): Task.Artifact {
    return { artifactId: `${this.#id}-${this.#artifactId}`, name: "answer", parts: [{ text, mediaType: "text/plain" }] }
  }

  #status(
    state: Task.State,
    more: { readonly message?: Task.Message; readonly metadata?: unknown } = {}
  ): Task.StreamResponse {
    const { message, metadata } = more
    const place = { taskId: this.#id, contextId: this.#first?.threadId ?? "" }
    return {
      statusUpdate: {
        ...place,
        status: {
          state,
          timestamp: Task.iso(this.#at),
          ...(message === undefined ? {} : { message: { ...message, ...place } })
        },
        ...(metadata === undefined ? {} : { metadata })
      }
    }
  }

  #update(artifact: Task.Artifact, append: boolean, lastChunk: boolean): Task.StreamResponse {
    return {
      artifactUpdate: { taskId: this.#id, contextId: this.#first?.threadId ?? "", artifact, append, lastChunk }
    }
  }

  #responses(envelope: Envelope.Envelope): Responses {
    if (!Envelopes.isRootView(envelope)) return []
    const { event } = envelope
    switch (event.type) {
      case "text": {
        if (event.text === "") return []
        const append = this.#text !== ""
        this.#text += event.text
        return [this.#update(this.#artifact(event.text), append, false)]
      }
      case "step-start":
        this.#kept = this.#text
        return this.#working(event)
      case "step-retracted": {
        const isShorter = this.#text !== this.#kept
        this.#text = this.#kept
        return [...(isShorter ? [this.#update(this.#artifact(this.#kept), false, false)] : []), ...this.#working(event)]
      }
      case "data-file-registered":
        return [this.#update(Task.fileArtifact(event.data), false, true)]
      case "approval-required":
        return []
      case "finish":
        this.#finish = event
        return []
      case "data-cost-summary":
        this.#cost = event.data
        return []
      case "data-latency-summary":
        if (this.#finish !== undefined) this.#last = this.#end(this.#finish, event)
        return []
      case "error": {
        const { code, message } = event.error
        this.#last = this.#status(Task.failedState(event.error), {
          message: { messageId: `${this.#id}-error`, role: "ROLE_AGENT", parts: [{ text: message }] },
          metadata: { code }
        })
        return []
      }
      case "tool-input-delta":
        return []
      default:
        return this.#working(event)
    }
  }

  #working(event: Event): Responses {
    return [this.#status("TASK_STATE_WORKING", { metadata: { event } })]
  }

  #end({ finishReason, usage }: Events.Finish, { data: latency }: Events.LatencySummaryEvent): Task.StreamResponse {
    return this.#status(Task.stateOf(finishReason), {
      metadata: { finishReason, usage, ...(this.#cost === undefined ? {} : { cost: this.#cost }), latency }
    })
  }
}

/** `asked`: the message that the task began with, which its first snapshot shows. */
export const open = (form: Form = plain, asked?: Task.Message): Encoder => new TaskEncoder(form, asked)

/** A run so far as a task. `echoes`: the messages that its client sent; of these the last `length` are shown. */
export const taskOf = (run: Accumulated, echoes: ReadonlyArray<Json> = [], length?: number): Task.Task => {
  const { clientCalls, cost, error, files, finish, latency, questions, runId: id, text, threadId: contextId } = run
  const isWaiting = questions.length + clientCalls.length > 0
  const place = { taskId: id, contextId }
  const history = Task.historyOf(echoes, place, length)
  const state: Task.State =
    error !== undefined
      ? Task.failedState(error)
      : finish !== undefined
        ? Task.stateOf(finish.finishReason)
        : isWaiting
          ? "TASK_STATE_INPUT_REQUIRED"
          : "TASK_STATE_WORKING"
  const message: Task.Message | undefined =
    error !== undefined
      ? { messageId: `${id}-error`, role: "ROLE_AGENT", parts: [{ text: error.message }] }
      : isWaiting
        ? Task.waiting(`${id}-input-${run.answer}`, questions, clientCalls)
        : undefined
  const said: ReadonlyArray<Task.Artifact> =
    text === "" ? [] : [{ artifactId: `${id}-answer`, name: "answer", parts: [{ text, mediaType: "text/plain" }] }]
  const artifacts = [...said, ...files.map(Task.fileArtifact)]
  return {
    id,
    contextId,
    status: {
      state,
      timestamp: Task.iso(run.lastAt),
      ...(message === undefined ? {} : { message: { ...message, ...place } })
    },
    ...(artifacts.length === 0 ? {} : { artifacts }),
    ...(history.length === 0 ? {} : { history }),
    ...(finish === undefined
      ? {}
      : {
          metadata: {
            finishReason: finish.finishReason,
            usage: finish.usage,
            ...(cost === undefined ? {} : { cost }),
            ...(latency === undefined ? {} : { latency })
          }
        })
  }
}

/** What web hooks carry: the task, when it begins, needs input, and ends. */
export const openPush = (): Encoder => {
  const run = new Accumulation()
  let isOpen = false
  let hasEnded = false
  const snapshot = (): ReadonlyArray<Frame.Frame> => [Frame.unnamed({ task: taskOf(run.result()) })]
  return {
    step: (envelope) => {
      run.step(envelope)
      hasEnded ||= envelope.event.type === "data-latency-summary" || envelope.event.type === "error"
      if (isOpen) return Frame.none
      isOpen = true
      return snapshot()
    },
    finish: () => (hasEnded || run.isParked ? snapshot() : Frame.none),
    reopen: () => Frame.none,
    get isDetached() {
      return run.isParked
    }
  }
}
