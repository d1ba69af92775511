/**
 * Compares the work of one activity, done again, with what the log has of it: one pure rule for each kind of work.
 *
 * What an owner of the run could not have decided otherwise is not compared: what a cancel or a time limit cut, and
 * what siblings had reserved of a shared limit at that moment.
 */
import { Budget, type Entry, type Event, type Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { BudgetTree } from "../budget/BudgetTree.ts"
import type { Mark } from "../host/journal/JournalStore.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import * as RequestDigest from "../run/RequestDigest.ts"
import { StepValue, textOf } from "../step/StepValue.ts"
import { between, type Difference } from "./Divergence.ts"
import type { Asked } from "./Trial.ts"

/** An activity in the log, and its result in the replay: it ended, or it asked a model or a tool. */
export interface Compared {
  readonly mark: Mark
  readonly asked: Asked | undefined
  readonly settled: { readonly value: Json; readonly events: ReadonlyArray<Event> } | undefined
  /** The tool that a call is of; empty for other work. */
  readonly toolName: string
  /** The digests of the agent's requests. */
  readonly digests: RequestDigest.SentDigests
  /** The budget when the work began. */
  readonly tree: BudgetTree
  /** Whether a process died while the run was executed: what had been used when its work began again is not known. */
  readonly hasDied: boolean
}

type Check = (compared: Compared) => Difference | undefined

/** The check of a kind of work; `undefined` where the log is taken as it is. */
export const of = (kind: string): Check | undefined => {
  switch (kind) {
    case "model":
      return model
    case "compact":
      return compaction
    case "resolve":
      return resolve
    case "gate":
      return gate
    case "tool":
      return tool
    case "agent":
      return admission
    case "hook":
      return hook
    case "hooked":
      return hooked
    default:
      return undefined
  }
}

/** What a replay does that its log does not have: the field, and what it does. */
export const beyond = (kind: string, call: string): readonly [field: string, replayed: string] => {
  switch (kind) {
    case "model":
      return ["step", "the model is asked once more"]
    case "tool":
      return ["call", `the call ${call} runs`]
    case "compact":
      return ["compaction", "the conversation is compacted"]
    default:
      return [kind, "the run goes on"]
  }
}

const field = (value: Json | undefined, name: string): Json | undefined =>
  Predicate.hasProperty(value, name) ? Option.getOrUndefined(readJson(value[name])) : undefined

const readJson = Schema.decodeUnknownOption(Schema.Json)
const readDigest = Schema.decodeUnknownOption(RequestDigest.RequestDigest)
const readRefusal = Schema.decodeUnknownOption(Budget.Refusal)

/** The row of the first model that was asked by the run's last owner. */
export const requested = ({ spent }: Mark): Entry.ModelEntry | undefined =>
  spent.find(
    (row): row is Entry.ModelEntry =>
      row.kind === "model" && row.purpose !== "hook" && row.attempts.some(({ outcome }) => outcome !== "lost")
  )

const model: Check = ({ asked, digests, hasDied, mark, settled, tree }) => {
  const { value } = mark
  const outcome = field(value, "outcome")
  const row = requested(mark)
  // What a hook asks a model is not asked again.
  if (asked?._tag === "Hook") return undefined
  if (asked?._tag === "Model") {
    if (row === undefined) {
      const stopped = outcome === "failed" ? field(value, "failure") : undefined
      return stopped === undefined
        ? refusedBefore(value, tree)
        : { field: "hooks before the step", recorded: stopped, replayed: "the model is asked" }
    }
    const digest = Option.getOrUndefined(readDigest(field(value, "request")))
    const now = digests.of(asked.request)
    return named(row, asked.model) ?? (digest === undefined ? undefined : sent(digest, now, asked.request))
  }
  // It was asked in the log.
  if (row !== undefined) return refusedNow(settled?.value, "the model is asked", hasDied)
  if (outcome === "cancelled") return undefined
  return limits(value, settled?.value, hasDied)
}

const readStep = Schema.decodeUnknownOption(StepValue)

/**
 * A typed answer that was accepted and is not now, or the other way: rules of a schema that its JSON Schema does not
 * say.
 */
export const answer = ({ value }: Mark, asked: Asked | undefined): Effect.Effect<Difference | undefined> => {
  const check = asked?._tag === "Model" ? asked.check : undefined
  const step = check === undefined ? undefined : Option.getOrUndefined(readStep(value))
  if (check === undefined || step?._tag !== "Completed" || step.verdict === undefined) return Effect.succeed(undefined)
  const { issue } = step.verdict
  return Effect.map(check(textOf(step.content)), (now) =>
    (now.issue === undefined) === (issue === undefined)
      ? undefined
      : { field: "output", recorded: issue ?? "the answer fits", replayed: now.issue ?? "the answer fits" }
  )
}

/** A refusal in the log where nothing refuses it now: siblings held the rest, unless the limit is another one. */
const refusedBefore = (value: Json, tree: BudgetTree): Difference | undefined => {
  const refusal = Option.getOrUndefined(readRefusal(field(value, "refusal")))
  if (refusal === undefined || Budget.isAboveRun(refusal.limit)) return undefined
  const limit: Json | undefined = Option.getOrUndefined(
    readJson(Object.entries(tree.budget(refusal.path)).find(([name]) => name === refusal.limit)?.[1])
  )
  return limit === undefined || (typeof limit === "number" && isClose(limit, refusal.max))
    ? undefined
    : { field: `budget ${refusal.limit}`, recorded: refusal.max, replayed: limit }
}

/**
 * A refusal now where the log has none. The run's own limits are in its record and cannot have changed; those of
 * specialists are the program's.
 */
const refusedNow = (replayed: Json | undefined, recorded: Json, hasDied: boolean): Difference | undefined => {
  const refusal = Option.getOrUndefined(readRefusal(field(replayed, "refusal")))
  if (refusal !== undefined && (hasDied || refusal.path.length === 0)) return undefined
  return { field: refusal === undefined ? "outcome" : `budget ${refusal.limit}`, recorded, replayed }
}

/** Two refusals: by the same limit, with the same maximum. */
const limits = (recorded: Json, replayed: Json | undefined, hasDied: boolean): Difference | undefined => {
  const one = field(recorded, "refusal")
  // A replay has no lease of its quotas, and its time stands still.
  const limit = field(one, "limit")
  if (hasDied || typeof limit !== "string" || Budget.isOfQuota(limit) || limit.startsWith("maxDuration"))
    return undefined
  const other = field(replayed, "refusal")
  return (
    between(field(one, "limit"), field(other, "limit"), "budget") ??
    between(field(one, "max"), field(other, "max"), "budget")
  )
}

/** Amounts of money are kept in whole nano-dollars. */
const isClose = (one: number, other: number): boolean => Math.abs(one - other) <= 1e-6 * Math.max(one, other)

const named = (
  row: Pick<Entry.ModelEntry, "model" | "provider">,
  asked: Pick<Entry.ModelEntry, "model" | "provider">
): Difference | undefined => {
  const [recorded, replayed] = [row, asked].map(({ model, provider }) => `${provider}/${model}`)
  return recorded === replayed ? undefined : { field: "model", recorded, replayed }
}

/** What of a request differs; the log has digests only. */
const sent = (
  digest: RequestDigest.RequestDigest,
  now: RequestDigest.RequestDigest,
  request: Extract<Asked, { readonly _tag: "Model" }>["request"]
): Difference | undefined => {
  if (now.instructions !== digest.instructions) {
    return { field: "instructions", recorded: shown(digest.instructions), replayed: request.instructions ?? "" }
  }
  if (now.tools !== digest.tools) return offered(digest, now, request)
  if (now.settings !== digest.settings) {
    const { output, providerOptions, settings } = request
    return {
      field: "settings",
      recorded: shown(digest.settings),
      replayed: PlainJson.copy({ settings, output, providerOptions })
    }
  }
  if (now.messages === digest.messages) return undefined
  const last = request.messages.at(-1)
  return {
    field: "messages",
    recorded: shown(digest.messages),
    replayed: { count: request.messages.length, last: Option.getOrUndefined(readJson(last)) ?? null }
  }
}

const shown = (digest: string): string => `digest ${digest}`

/** The first tool that differs. */
const offered = (
  digest: RequestDigest.RequestDigest,
  now: RequestDigest.RequestDigest,
  { tools }: Extract<Asked, { readonly _tag: "Model" }>["request"]
): Difference => {
  const before = digest.each ?? {}
  const after = now.each ?? {}
  const definition = (name: string) => {
    const found = tools.find((tool) => tool.name === name)
    return found === undefined ? undefined : { description: found.description ?? "", parameters: found.parameters }
  }
  const name = [...Object.keys(before), ...Object.keys(after)].find((name) => before[name] !== after[name])
  if (digest.each === undefined || name === undefined) {
    return { field: "tools", recorded: shown(digest.tools), replayed: tools.map((tool) => tool.name) }
  }
  const recorded = before[name] === undefined ? undefined : shown(before[name])
  return { field: `tool ${name}`, recorded, replayed: definition(name) }
}

/** A strategy that needs no model decides the same again; one that asks a model is not asked. */
const compaction: Check = ({ asked, mark, settled }) => {
  const hasAsked = requested(mark) !== undefined
  if (asked !== undefined) {
    return hasAsked || field(mark.value, "dropped") === 0
      ? undefined
      : { field: "compaction", recorded: mark.value, replayed: "the model is asked for a summary" }
  }
  if (hasAsked) return { field: "compaction", recorded: "the model is asked for a summary", replayed: settled?.value }
  return (
    between(field(mark.value, "dropped"), field(settled?.value, "dropped"), "compaction") ??
    between(field(mark.value, "summary"), field(settled?.value, "summary"), "compaction")
  )
}

/** A choice for a step is made again. What a failure says may be left out where content is not captured. */
const resolve: Check = ({ mark, settled }) => {
  // It was cancelled, or its time was over, before it chose.
  if (field(mark.value, "isCut") === true) return undefined
  const [recorded, replayed] = [mark.value, settled?.value].map(
    (value) => field(value, "chosen") ?? field(value, "kind")
  )
  return between(recorded, replayed, "resolve")
}

/** A verdict of a release that did not keep the hash of the definition. */
const isHashless = (verdict: Json): boolean => field(verdict, "toolHash") === undefined

const gate: Check = ({ mark, settled, toolName }) => {
  const recorded = field(mark.value, "verdict")
  const replayed = field(settled?.value, "verdict")
  // A run was cancelled at that moment; a grant is not looked up again.
  if (recorded === "cancelled") return undefined
  if (recorded === "granted" && replayed === "ask") {
    const hash = field(mark.value, "toolHash")
    return hash === undefined
      ? undefined
      : between(hash, field(settled?.value, "toolHash"), `definition of ${toolName}`)
  }
  if (recorded === replayed && between(mark.value, settled?.value, "", isHashless(mark.value)) === undefined)
    return undefined
  return { field: `approval of ${toolName}`, recorded: mark.value, replayed: settled?.value }
}

/** What the hooks before a call decide, unless they ask a model, or a cancel or a time limit has cut them. */
const hook: Check = ({ asked, mark, settled, toolName }) => {
  const verdict = field(mark.value, "verdict")
  if (asked !== undefined || verdict === "cancelled" || verdict === "limited") return undefined
  return between(mark.value, settled?.value, "") === undefined
    ? undefined
    : { field: `hooks before ${toolName}`, recorded: mark.value, replayed: settled?.value }
}

/** What the hooks after a call make of a result that is in the log, or that the runtime makes. */
const hooked: Check = ({ asked, mark, settled, toolName }) =>
  asked !== undefined || field(mark.value, "cancelled") === true || isOvertime(mark.value)
    ? undefined
    : between(field(mark.value, "result"), field(settled?.value, "result"), `hooks after ${toolName}`)

/** Whether a time limit has cut it: a replay's time stands still. */
const isOvertime = (value: Json): boolean => field(field(value, "refusal"), "limit") === "maxDuration"

const tool: Check = ({ asked, hasDied, mark, settled, tree }) => {
  const { value } = mark
  // A question about a call that may have run: what a crash left. A definition that changed meanwhile, or a lost grant.
  if (field(value, "begunBefore") !== undefined || field(value, "changed") === true) return undefined
  if (field(value, "cancelled") === true || field(value, "asleep") !== undefined) return undefined
  const result = field(value, "result")
  const isInvalid = field(result, "error") === "InvalidArguments"
  // A hook asks a model about the result that the runtime has made: the log has what it said.
  if (asked?._tag === "Hook") return undefined
  if (asked !== undefined) {
    if (isInvalid) return { field: "arguments", recorded: result, replayed: "the arguments are valid" }
    return mark.spent.length > 0 ? undefined : refusedBefore(value, tree)
  }
  if (field(value, "refusal") !== undefined) return limits(value, settled?.value, hasDied)
  if (field(settled?.value, "refusal") !== undefined) return refusedNow(settled?.value, "the call runs", hasDied)
  return between(result, field(settled?.value, "result"), "result")
}

const admission: Check = ({ mark, settled, tree }) => {
  const recorded = field(mark.value, "_tag")
  const replayed = field(settled?.value, "_tag")
  if (recorded === "Cancelled") return undefined
  if (recorded === "Refused" && replayed === "Admitted") {
    return refusedBefore(mark.value, tree)
  }
  const difference = between(mark.value, settled?.value, "")
  return difference?.field === "elapsedMs" || difference?.field === "at" ? undefined : difference
}
