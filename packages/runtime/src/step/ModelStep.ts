/**
 * One step's model call, as an activity of the engine: a paid request with an answer that is streamed into the log, and
 * with calls that are announced together in its last commit. The stored `StepValue` has everything that the loop needs
 * to continue. `CallSettlement` settles the calls.
 */
import { type Event, Usage } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { SettledWork, type Settled, type Work } from "../engine/Engine.ts"
import type { ModelRequest } from "../model/Model.ts"
import type { Estimator } from "../model/TokenEstimator.ts"
import type { ModelSettings } from "../model/Model.ts"
import type { AgentState } from "../run/AgentState.ts"
import type { RequestDigest } from "../run/RequestDigest.ts"
import * as Names from "../run/Names.ts"
import type { Run } from "../run/Run.ts"
import * as Admission from "./Admission.ts"
import * as Announcement from "./Announcement.ts"
import * as ModelFile from "./ModelFile.ts"
import { PaidRequest, type Sent } from "./PaidRequest.ts"
import { StepValue } from "./StepValue.ts"
import type { Ask } from "./Attempt.ts"
import * as Task from "../kernel/Task.ts"

export interface StepOptions {
  /** Counts from 1 within the agent. */
  readonly step: number
  /** False for a last step without tools. */
  readonly offersTools: boolean
}

/** Executes one model step of `agent`. Call it when the step is due. */
export const modelStep = (run: Run, agent: AgentState, options: StepOptions): Effect.Effect<StepValue> => {
  const carried = (work: Work) => {
    // The wrap-up step is paid from the reserve.
    if (!options.offersTools) work.tree.releaseReserve(agent.path)
    const ask = new StepAsk(run, work, agent, options)
    const paid = new PaidRequest(ask)
    work.spending.begin(paid)
    return Task.flatMap(paid.send(), (sent) =>
      sent._tag === "Completed" && sent.answer.files !== undefined
        ? Effect.map(ModelFile.store(ask, sent.answer.files), (files) =>
            digested(ask, settled(paid, options, sent, files))
          )
        : Exit.succeed(digested(ask, settled(paid, options, sent, nothing)))
    )
  }
  return run.engine.direct === undefined
    ? run.engine.activity(Names.model(agent.prefix, options.step), StepValue, carried)
    : run.engine.direct(carried)
}

/** What holds for one step: only the first step requires a call, so that the run reaches an answer. */
export const settingsOf = (settings: ModelSettings | undefined, step: number): ModelSettings | undefined => {
  if (settings?.toolChoice === undefined || settings.toolChoice === "none" || step === 1) return settings
  const { toolChoice: _, ...rest } = settings
  return rest
}

/** What a step asks of the agent's model. */
class StepAsk implements Ask {
  readonly run: Run
  readonly work: Work
  readonly agent: AgentState
  readonly step: number
  readonly purpose: undefined
  readonly name: string
  readonly steps = 1
  readonly isShown = true
  readonly showsInput: boolean
  readonly maxOutputTokens: number | undefined
  /** Of its last request; absent before one, and on an engine without storage. */
  digest: RequestDigest | undefined
  private readonly offersTools: boolean

  constructor(run: Run, work: Work, agent: AgentState, { offersTools, step }: StepOptions) {
    this.run = run
    this.work = work
    this.agent = agent
    this.step = step
    this.name = Names.model(agent.prefix, step)
    this.maxOutputTokens = agent.member.definition.maxOutputTokens
    this.offersTools = offersTools
    this.showsInput = offersTools && run.settings.showsInput
  }

  inputTokens(estimator: Estimator): number {
    return this.agent.inputTokens(estimator)
  }

  request(maxOutputTokens: number | undefined, attempt: number): ModelRequest {
    if (this.work.begin !== undefined) this.digest = this.agent.digest(this.step, this.offersTools)
    return new StepRequest(this, this.offersTools, maxOutputTokens, attempt)
  }
}

class StepRequest implements ModelRequest {
  readonly instructions: string | undefined
  readonly messages: ModelRequest["messages"]
  readonly tools: ModelRequest["tools"]
  readonly maxOutputTokens: number | undefined
  readonly output: ModelRequest["output"]
  readonly providerOptions: ModelRequest["providerOptions"]
  readonly settings: ModelSettings | undefined
  readonly metadata: ModelRequest["metadata"]

  constructor(
    { agent, step, work }: StepAsk,
    offersTools: boolean,
    maxOutputTokens: number | undefined,
    attempt: number
  ) {
    const { member, own } = agent
    const { definition, name, offered, output } = member
    this.instructions = definition.instructions
    // A copy: the conversation keeps growing, and an adapter must not change it.
    this.messages = agent.messages.slice()
    this.tools = offersTools ? offered : []
    this.maxOutputTokens = maxOutputTokens
    this.output = output
    this.providerOptions = definition.providerOptions
    // What an agent has chosen for this step is for this step.
    this.settings = member === own ? settingsOf(definition.settings, step) : definition.settings
    const { runId, threadId } = work
    this.metadata = { runId, threadId, agent: name, agentPath: agent.path, step, attempt }
  }
}

/** `files`: the events of the files that the model made. */
const settled = (
  paid: PaidRequest,
  options: StepOptions,
  sent: Sent,
  files: ReadonlyArray<Event>
): Settled<StepValue> => {
  const { path } = paid.ask.agent
  if (sent._tag !== "Completed") return end(paid, endOf(paid, sent), nothing)
  const { admission, answer } = sent
  const announced = Announcement.announce(paid.ask.agent, answer, options.offersTools)
  const { calls, content, dropped } = announced
  if (answer.inputs !== undefined) paid.ask.agent.leave(answer.inputs.ids)
  const events = files.length === 0 ? announced.events : [...files, ...announced.events]
  const stop = answer.stop ?? "other"
  if (stop === "length" && admission.isClamped) {
    // Cut by the budget's cap and not by the model's own length: the limit was reached within the answer.
    paid.pay()
    const refusal = Admission.shortfall(paid.ask, admission)
    if (refusal !== undefined)
      return end(paid, { _tag: "Refused", content, usage: paid.usage, refusal, dropped }, events)
  }
  const model = answer.responseModel ?? paid.ask.agent.model.model
  const { stopSequence } = answer
  const value: StepValue = { _tag: "Completed", content, usage: paid.usage, calls, stop, stopSequence, model, dropped }
  return new SettledWork(value, path, calls.length === 0 ? events : withUsage(paid, events), paid.settle(), paid)
}

/** The step with the digest of its request. */
const digested = ({ digest }: StepAsk, settled: Settled<StepValue>): Settled<StepValue> =>
  digest === undefined ? settled : { ...settled, value: { ...settled.value, request: digest } }

/** The events of a step, with the run's usage on client calls. */
const withUsage = ({ ask: { work }, usage }: PaidRequest, events: ReadonlyArray<Event>): ReadonlyArray<Event> => {
  const waits = (event: Event) =>
    event.type === "tool-invocation" && event.state === "call" && event.execution === "client"
  if (!events.some(waits)) return events
  let used = Usage.toTotals(usage)
  for (const entry of work.ledger())
    if (entry.kind === "model") used = Usage.addTotals(used, Usage.toTotals(entry.usage))
  return events.map((event) => (waits(event) ? { ...event, usage: used } : event))
}

const end = (paid: PaidRequest, value: StepValue, events: ReadonlyArray<Event>): Settled<StepValue> => ({
  value,
  path: paid.ask.agent.path,
  events,
  spent: paid.settle(),
  by: paid
})

const nothing: ReadonlyArray<Event> = []

/** How a step without an answer ended. */
const endOf = ({ usage }: PaidRequest, sent: Exclude<Sent, { readonly _tag: "Completed" }>): StepValue => {
  const { content } = sent
  switch (sent._tag) {
    case "Cancelled":
      return { _tag: "Cancelled", content, usage }
    case "Refused":
      return { _tag: "Refused", content, usage, refusal: sent.refusal }
    case "Failed":
      return { _tag: "Failed", content, usage, failure: sent.failure }
  }
}
