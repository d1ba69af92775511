/**
 * Runs hooks within one activity: each under the run's cancel and its own time limit, with what it may use, and with
 * what it said checked. A hook that fails, dies, is late or says something else than a verdict is `Failed`: its caller
 * lets nothing through. The agent's own time limit ends a step or a call as it ends any other.
 */
import { type Budget, type Entry, Message, Money } from "@reins/protocol"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Work } from "../engine/Engine.ts"
import { hookRow, type Spender } from "../engine/Spending.ts"
import * as Hook from "../hook/Hook.ts"
import type { BoundHook } from "../hook/HookChain.ts"
import * as Erased from "../kernel/Erased.ts"
import * as Interruptible from "../kernel/Interruptible.ts"
import * as Rule from "../kernel/OptionRule.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import * as Task from "../kernel/Task.ts"
import { AgentState } from "../run/AgentState.ts"
import * as RunLog from "../run/RunLog.ts"
import * as Names from "../run/Names.ts"
import { charge, type Run } from "../run/Run.ts"
import * as SideRequest from "./SideRequest.ts"

/** Where in a run a hook stands. */
export type At = keyof Hook.Verdicts

/** A hook whose verdict does not count: it failed, or the run's cancel or its agent's time limit has cut it. */
export type Unsaid =
  | { readonly _tag: "Failed" }
  | { readonly _tag: "Cancelled" }
  | { readonly _tag: "OutOfTime"; readonly refusal: Budget.Refusal }

const failed: Unsaid = { _tag: "Failed" }
const cancelled: Unsaid = { _tag: "Cancelled" }

/** The hooks of one activity, and what their questions to models have used. */
export class HookRun implements Spender {
  readonly run: Run
  readonly work: Work
  readonly agent: AgentState
  /** The agent's step that they are around. */
  readonly step: number
  /** The name of their activity. */
  private readonly name: string
  private made: SideRequest.Bill | undefined
  private asked = 0
  private readonly isBegun: boolean
  /** Its work has ended: nothing more is reported. */
  private isOver = false

  /** `isBegun`: the rows of its questions are those of another spender, which has begun. */
  constructor(run: Run, work: Work, agent: AgentState, step: number, name: string, isBegun = false) {
    this.isBegun = isBegun
    this.run = run
    this.work = work
    this.agent = agent
    this.step = step
    this.name = name
  }

  /** What questions have used; absent: none was asked. */
  get bill(): SideRequest.Bill | undefined {
    return this.made
  }

  /** The rows of its questions and of what its hooks have reported, for the activity's end. */
  end(): ReadonlyArray<Entry.Entry> {
    this.isOver = true
    const reported = this.work.spending.ofHooks(this.name).map(hookRow)
    return this.made === undefined ? reported : [...this.made.rows, ...reported]
  }

  spent(): ReadonlyArray<Entry.Entry> {
    return this.made?.spent() ?? []
  }

  /** What a hook may use, and where it is. */
  placeOf({ name }: BoundHook): Hook.Place {
    const { agent, work } = this
    return {
      runId: work.runId,
      threadId: work.threadId,
      resourceId: work.resourceId,
      agent: agent.member.name,
      agentPath: agent.path,
      ask: (question) => this.ask(question),
      reportCost: (usd) => this.reportCost(name, usd)
    }
  }

  /** Runs one function of a hook. */
  verdict<V extends keyof Hook.Verdicts>(
    hook: BoundHook,
    at: V,
    act: () => Effect.Effect<unknown, unknown>
  ): Effect.Effect<Hook.Verdicts[V] | Unsaid> {
    const { agent, run, work } = this
    const startedAt = work.now()
    const isTimed = work.tree.isTimed(agent.path)
    const remainingMs = () => {
      const own = hook.timeoutMs - (work.now() - startedAt)
      return isTimed ? Math.min(own, work.tree.remainingMs(agent.path, work.elapsed())) : own
    }
    const limits = { signal: work.cancel, alarm: run.alarm, graceMs: run.settings.cancelGraceMs, remainingMs }
    return Task.flatMap(Interruptible.begin(act, limits), (held): Effect.Effect<Hook.Verdicts[V] | Unsaid> => {
      if (held._tag === "Cut") {
        if (held.by === "signal") return Exit.succeed(cancelled)
        const refusal = isTimed ? work.tree.overtime(agent.path, work.elapsed()) : undefined
        return refusal === undefined
          ? this.fail(hook, at, `did not say anything within ${hook.timeoutMs} ms`)
          : Exit.succeed({ _tag: "OutOfTime", refusal })
      }
      if (Exit.isFailure(held.exit)) return this.fail(hook, at, "failed", held.exit.cause)
      const read = verdictOf(at, held.exit.value)
      return read === undefined ? this.fail(hook, at, "said something that is no verdict") : Exit.succeed(read)
    })
  }

  private fail(hook: BoundHook, at: At, what: string, cause?: Cause.Cause<unknown>): Effect.Effect<Unsaid> {
    const words = `Hook ${JSON.stringify(hook.name)} (${at}) ${what}; nothing is let through`
    return Effect.as(RunLog.error(this.run.settings, words, cause), failed)
  }

  private reportCost(hook: string, usd: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      const amount = Money.parseUsd("reportCost", usd)
      if (Result.isFailure(amount)) return Effect.die(amount.failure)
      if (this.isOver) return Effect.void
      const { name, work } = this
      const { path } = this.agent
      const { spending, tree } = work
      const toolName = `hook ${hook}`
      const reported = () => spending.ofHooks(name).find((cost) => cost.toolName === toolName)
      const before = reported()
      const nanoUsd = Money.add(before?.nanoUsd ?? 0, amount.success)
      const overrun = before?.overrun === true || amount.success > tree.moneyLeft(path)
      const startedAt = before?.startedAt ?? work.now()
      charge(work, path, { nanoUsd: amount.success })
      const stored = work.report({ path, callId: name, toolName, nanoUsd, overrun, startedAt, attempts: 0, hook: true })
      const { lease } = tree
      if (lease === undefined) return stored
      // What is charged beyond the holds is booked on the run's quotas.
      const covered = Effect.flatMap(stored, () => lease.cover(work.now()))
      return Effect.flatMap(covered, (isPassed) => {
        const cost = isPassed && !this.isOver ? reported() : undefined
        return cost === undefined || cost.overrun ? Effect.void : work.report({ ...cost, overrun: true })
      })
    })
  }

  private ask(question: Hook.Question): Effect.Effect<string, Hook.AskFailed> {
    return Effect.suspend(() => {
      const issue = Rule.issueOf("ask", question, questionRule)
      if (issue !== undefined) return Effect.die(new Error(issue))
      const { instructions, maxOutputTokens, model, prompt } = question
      const { agent, run, step, work } = this
      if (this.made === undefined) {
        this.made = new SideRequest.Bill()
        if (!this.isBegun) work.spending.begin(this)
      }
      const { member, path } = agent
      // Its own state: other requests of the agent may be under way, with another model.
      const asking = new AgentState({
        path,
        member: model === undefined ? member : { ...member, model, fallbacks: [] },
        history: [],
        prompt: undefined,
        repeatedCallLimit: agent.repeatedCallLimit
      })
      const messages = [Message.fromPrompt(prompt)]
      const name = Names.hookAsk(this.name, ++this.asked)
      const about = { run, work, agent: asking, step, purpose: "hook", name } as const
      return Effect.mapError(
        SideRequest.send(this.made, { ...about, instructions, messages, maxOutputTokens }),
        (issue) => new Hook.AskFailed({ issue })
      )
    })
  }
}

/** Code without types would send a model what is no text. What it asks is content. */
const questionRule = Rule.secret(
  Rule.fields<Hook.Question>('Give an object such as { prompt: "Is this polite?" }', {
    prompt: Rule.text("Give the text that the model is asked"),
    instructions: Rule.optional(Rule.text()),
    maxOutputTokens: Rule.optional(Rule.count(1)),
    model: Rule.optional(
      Rule.must(
        "Give a model port",
        (value) => Predicate.hasProperty(value, "attempt") && Predicate.isFunction(value.attempt)
      )
    )
  })
)

const Reasoned = Schema.Struct({ _tag: Schema.Literals(["Refuse", "End"]), reason: Schema.String })
const readReasoned = Schema.decodeUnknownOption(Reasoned)
const readContent = Schema.decodeUnknownOption(Schema.Array(Message.AssistantPart))
const readShown = Schema.decodeUnknownOption(
  Schema.UndefinedOr(Schema.Array(Schema.Union([Message.TextPart, Message.FilePart])))
)

/** The verdict in what a hook said; `undefined` if it is none at this place. */
const verdictOf = <V extends keyof Hook.Verdicts>(at: V, said: unknown): Hook.Verdicts[V] | undefined => {
  if (!Predicate.hasProperty(said, "_tag")) return undefined
  if (said._tag === "Pass") return Hook.pass
  if (said._tag === "Refuse" || said._tag === "End") {
    const read = Option.getOrUndefined(readReasoned(said))
    if (read === undefined) return undefined
    const reason = read.reason.toWellFormed()
    return read._tag === "Refuse" ? Hook.refuse(reason) : Hook.end(reason)
  }
  return readers[at](said)
}

const ofResult: ReadonlyArray<string> = ["_tag", "result", "status", "content"] satisfies ReadonlyArray<
  keyof Hook.Result
>

/** The verdicts that rewrite, by place: what they carry is JSON, or parts of messages. */
const readers: {
  readonly [V in keyof Hook.Verdicts]: (said: { readonly _tag: unknown }) => Hook.Verdicts[V] | undefined
} = {
  beforeCall: (said) => {
    if (said._tag !== "Arguments" || !Predicate.hasProperty(said, "args")) return undefined
    const args = PlainJson.copy(said.args)
    return args === undefined ? undefined : Hook.withArguments(args)
  },
  afterCall: (said) => {
    if (said._tag !== "Result" || !Predicate.hasProperty(said, "result")) return undefined
    // Where `status` is misspelt, a call that failed would have succeeded.
    if (Object.entries(said).some(([name, value]) => value !== undefined && !ofResult.includes(name))) return undefined
    const result = PlainJson.copy(said.result)
    const content = readShown(Predicate.hasProperty(said, "content") ? said.content : undefined)
    if (result === undefined || Option.isNone(content)) return undefined
    const status = Predicate.hasProperty(said, "status") ? said.status : undefined
    if (status !== undefined && status !== "failed" && status !== "denied") return undefined
    return Hook.withResult(result, { content: content.value, status })
  },
  beforeStep: (said) => {
    if (said._tag !== "Request" || !Predicate.hasProperty(said, "request")) return undefined
    const { request } = said
    const has = (name: keyof Hook.Request, test: (value: unknown) => boolean) =>
      !Predicate.hasProperty(request, name) || test(request[name])
    const isWhole =
      typeof request === "object" &&
      request !== null &&
      has("instructions", (value) => value === undefined || typeof value === "string") &&
      has("messages", isMessages) &&
      has("tools", isTools)
    // Models get the rest as it is.
    return isWhole ? Hook.withRequest(Erased.as<Partial<Hook.Request>>(request)) : undefined
  },
  afterStep: (said) => {
    if (said._tag !== "Content" || !Predicate.hasProperty(said, "content")) return undefined
    const content = readContent(said.content)
    return Option.isNone(content) ? undefined : Hook.withContent(content.value)
  }
}

const isMessages = Schema.is(Schema.Array(Message.Message))
const isTools = Schema.is(Schema.Array(Schema.Struct({ name: Schema.String, parameters: Schema.Json })))
