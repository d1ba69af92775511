/**
 * The invariants of every run, as checks of a scenario's report. Each returns a message per violation; an empty list
 * means that all hold.
 */
import { AgentPath, Approval, type Envelope, type Event, Ordering, Transcript } from "@reins/protocol"
import * as Predicate from "effect/Predicate"
import * as Scenario from "./Scenario.ts"
import * as ScenarioBill from "./ScenarioBill.ts"
import * as ScenarioLate from "./ScenarioLate.ts"
import * as ScenarioAnswers from "./ScenarioAnswers.ts"
import * as ScenarioMemory from "./ScenarioMemory.ts"
import * as ScenarioQuestions from "./ScenarioQuestions.ts"
import * as ScenarioSearch from "./ScenarioSearch.ts"
import type { Report } from "./ScenarioRun.ts"

/**
 * All violations in a report.
 *
 * @since 0.1.0
 * @category operations
 */
export const all = (report: Report): ReadonlyArray<string> => [
  ...ends(report),
  ...order(report),
  ...sameLog(report),
  ...ScenarioBill.all(report),
  ...gate(report),
  ...grants(report),
  ...audit(report),
  ...thread(report),
  ...messages(report),
  ...input(report),
  ...ScenarioQuestions.check(report.stored, report.scenario.hooks),
  ...(report.scenario.callsAsk
    ? ScenarioQuestions.checkRunning(report.stored, report.world.told, report.scenario.hooks)
    : []),
  ...(report.scenario.outputs ? ScenarioAnswers.check(report.stored) : []),
  ...memory(report),
  ...(report.scenario.resolves ? [] : ScenarioSearch.check(report.world.offers ?? [])),
  ...late(report),
  ...once(report)
]

/** Hooks may have rewritten what a call remembers. */
const memory = ({ memories, scenario, stored }: Report) =>
  scenario.memory && !scenario.hooks && memories !== undefined ? ScenarioMemory.check("run", stored, memories) : []

const ends = ({ ended }: Report) => (ended ? [] : ["the run never ended"])

const order = ({ ended, stored }: Report) => {
  const faults = Ordering.check(stored).map(({ seq, violation }) => `${seq}: ${violation.message}`)
  const automaton = new Ordering.Automaton()
  for (const { agentPath, event } of stored) automaton.accept(agentPath, [event])
  return ended && !automaton.ended ? [...faults, "the log has no valid end"] : faults
}

const sameLog = ({ live, stored }: Report) =>
  JSON.stringify(live) === JSON.stringify(stored.slice(stored.length - live.length))
    ? []
    : ["the stored log differs from what a live watcher saw"]

/** No handler was called for a call that waits for a person or was refused. */
const gate = ({ stored, world }: Report) => {
  const refused = new Set<string>()
  const calls = new Map<string, string>()
  for (const { agentPath, event } of stored) {
    // A question about a repeated call refuses only the repetition: the handler was called before.
    if (
      event.type === "approval-required" &&
      event.data.kind === "tool" &&
      event.data.toolInvocationId !== undefined &&
      event.data.begunBefore === undefined
    ) {
      calls.set(event.data.id, keyOf(agentPath, event.data.toolInvocationId))
    } else if (
      event.type === "approval-decision" &&
      !Approval.allows(event.data.outcome) &&
      !Approval.isAskedAgain(event.data.outcome)
    ) {
      const call = calls.get(event.data.id)
      if (call !== undefined) refused.add(call)
    }
  }
  return world.begun.filter((key) => refused.has(key)).map((key) => `${key} ran although it was refused`)
}

/**
 * The acts alone explain each executed call of the tool that always asks: the grant or the approvals that allowed it,
 * by whom, and for which definition.
 */
const audit = ({ acts, scenario, stored, world }: Report) => {
  if (acts === undefined) return []
  const begun = new Set(world.begun)
  // After a retracted step, or with a model that reuses ids, calls of several tools can have the same id.
  const tools = new Map<string, Set<string>>()
  for (const { agentPath, event } of stored) {
    if (event.type !== "tool-invocation" || event.state !== "call") continue
    const key = keyOf(agentPath, event.toolInvocationId)
    tools.set(key, (tools.get(key) ?? new Set()).add(event.toolName))
  }
  const calls = Array.from(tools).flatMap(([key, names]) =>
    begun.has(key) && names.has("gated") && names.size === 1 ? [key] : []
  )
  const faults = calls.flatMap((key) => {
    const own = acts.filter(
      ({ agentPath = [], toolInvocationId }) =>
        toolInvocationId !== undefined && keyOf(agentPath, toolInvocationId) === key
    )
    const isGranted = own.some(
      ({ by, grantId, kind, toolHash }) =>
        kind === "used" &&
        by !== undefined &&
        acts.some(
          (act) => act.kind === "granted" && act.grantId === grantId && act.toolHash === toolHash && act.by === by
        )
    )
    const isApproved = own.some(({ approvalId, kind, outcome, toolHash }) => {
      if (kind !== "decided" || (outcome !== "approve" && outcome !== "revise") || toolHash === undefined) return false
      const answers = own.filter((act) => act.kind === "answered" && act.approvalId === approvalId)
      if (!answers.every((act) => act.toolHash === toolHash && act.argsHash !== undefined)) return false
      if (!scenario.approvers) return answers.length === 1
      return Scenario.quorums.some(({ count, of }, level) => {
        const who = new Set(answers.flatMap((act) => (act.level === level && act.by !== undefined ? [act.by] : [])))
        return who.size >= count && [...who].every((each) => of.includes(each))
      })
    })
    return isGranted || isApproved ? [] : [`the audit record does not explain why ${key} ran`]
  })
  const questions = new Set(stored.flatMap(({ event }) => (event.type === "approval-required" ? [event.data.id] : [])))
  const decided = new Set(acts.flatMap(({ approvalId, kind }) => (kind === "decided" ? [approvalId] : [])))
  const asked = new Set(acts.flatMap(({ approvalId, kind }) => (kind === "asked" ? [approvalId] : [])))
  const untold = [...questions].filter((id) => !asked.has(id) || !decided.has(id))
  return [...faults, ...untold.map((id) => `the audit record has no act for the question ${id}`)]
}

/** A call that needs approval and was not asked about has used a grant; no grant was used more often than it allows. */
const grants = ({ stored, world }: Report) => {
  const always = new Set<string>()
  const passed = new Set<string>()
  const questions = new Map<string, string>()
  const uses = new Map<string, number>()
  for (const { agentPath, event } of stored) {
    if (event.type === "tool-invocation" && event.state === "call" && event.toolName === "gated") {
      always.add(keyOf(agentPath, event.toolInvocationId))
    } else if (event.type === "approval-required" && event.data.toolInvocationId !== undefined) {
      questions.set(event.data.id, keyOf(agentPath, event.data.toolInvocationId))
    } else if (event.type === "approval-decision" && ["approve", "revise"].includes(event.data.outcome.outcome)) {
      passed.add(questions.get(event.data.id) ?? "")
    } else if (event.type === "custom" && event.event_type === "approval_granted") {
      if (!Predicate.hasProperty(event.data, "grantId") || !Predicate.hasProperty(event.data, "toolInvocationId"))
        continue
      const grantId = String(event.data.grantId)
      passed.add(keyOf(agentPath, String(event.data.toolInvocationId)))
      uses.set(grantId, (uses.get(grantId) ?? 0) + 1)
    }
  }
  return [
    ...world.begun.filter((key) => always.has(key) && !passed.has(key)).map((key) => `${key} ran without a permission`),
    ...[...uses]
      .filter(([, count]) => count > Scenario.grantUses)
      .map(([id, count]) => `grant ${id} was used for ${count} calls`)
  ]
}

const late = ({ deaths, ended, scenario, stored, world }: Report) =>
  ended ? ScenarioLate.check(stored, world.late, { deaths: deaths.length, isHooked: scenario.hooks }) : []

const keyOf = (path: AgentPath.AgentPath, callId: string): string => `run:${AgentPath.key(path)}${callId}`

const thread = ({ ended, stored, thread }: Report) => {
  if (!ended) return []
  const faults = Transcript.isPairComplete(thread) ? [] : ["the thread is not pair-complete"]
  const said = (messages: typeof thread) =>
    JSON.stringify(
      messages
        .map((message) =>
          message.content
            .map((part) =>
              part.type === "text"
                ? part.text
                : part.type === "tool-call"
                  ? part.id
                  : part.type === "tool-result"
                    ? [part.id, part.result]
                    : ""
            )
            .filter((part) => part !== "")
        )
        .filter((parts) => parts.length > 0)
    )
  const folded = Transcript.messages(Transcript.fold(stored, "Do it."), AgentPath.root)
  return said(folded) === said(thread)
    ? faults
    : [...faults, `the log folds to\n${said(folded)}\nthe thread holds\n${said(thread)}`]
}

/** Every message that was accepted was received once, in the order of acceptance, and no other. */
const messages = ({ accepted, ended, stored }: Report) => {
  if (!ended) return []
  const sent = [...accepted].toSorted(([, a], [, b]) => a - b).map(([id]) => id)
  const received = stored.flatMap(({ event }) => (event.type === "message-received" ? [event.data.messageId] : []))
  return JSON.stringify(received) === JSON.stringify(sent)
    ? []
    : [`the messages ${sent.join(", ")} were accepted, and received were ${received.join(", ")}`]
}

/** What was streamed of a call before its announcement is its arguments, of the same tool; a retraction voids it. */
const input = ({ stored }: Report) => {
  const faults: Array<string> = []
  const written = new Map<string, { readonly path: string; readonly name: string; text: string }>()
  for (const { agentPath, event } of stored) {
    const path = AgentPath.key(agentPath)
    // A step that ended without the call leaves its input, and a later one may reuse the id.
    if (event.type === "step-retracted" || event.type === "step-start") {
      for (const [key, one] of written) if (one.path === path) written.delete(key)
    } else if (event.type === "tool-input-delta") {
      const key = keyOf(agentPath, event.toolInvocationId)
      const one = written.get(key) ?? { path, name: event.toolName, text: "" }
      if (one.name !== event.toolName) faults.push(`the input of ${key} names two tools`)
      written.set(key, one)
      one.text += event.text
    } else if ((event.type === "tool-invocation" || event.type === "tool-agent") && event.state === "call") {
      const key = keyOf(agentPath, event.toolInvocationId)
      const one = written.get(key)
      const [name, args] = event.type === "tool-agent" ? [event.agentName, event.prompt] : [event.toolName, event.args]
      if (one !== undefined && (one.name !== name || one.text !== JSON.stringify(args)))
        faults.push(`the input of ${key} is not what the call says`)
    }
  }
  return faults
}

/** Work with a stored result is not executed again by the next owner. */
const once = ({ deaths, world }: Report) =>
  deaths.flatMap(({ begun, hooked, judged, requests, results }) => [
    ...world.requests
      .slice(requests)
      .filter(({ path, step }) => results.has(`${prefix(path)}model/${step}`))
      .map(({ path, step }) => `the finished step ${path || "root"}/${step} was requested from the model again`),
    ...world.begun
      .slice(begun)
      .filter((key) => results.has(nameOf("tool", key)))
      .map((key) => `the finished call ${key} was executed again`),
    ...(world.hooked ?? [])
      .slice(hooked ?? 0)
      .filter((key) => results.has(nameOf("hook", key)))
      .map((key) => `the hooks before the call ${key} were asked again`),
    ...(world.judged ?? [])
      .slice(judged ?? 0)
      .filter(({ works }) => works.some((name) => results.has(name)))
      .map(({ works }) => `a hook around the finished work ${works.join(" or ")} asked a model again`)
  ])

const prefix = (path: string): string => (path === "" ? "" : AgentPath.key(path.split("/")))

const nameOf = (kind: "tool" | "hook", key: string): string => {
  const name = key.slice("run:".length)
  const at = name.lastIndexOf("/") + 1
  return `${name.slice(0, at)}${kind}/${name.slice(at)}`
}

/**
 * A log without what may differ between two executions of one run: times, retracted attempts, the sizes of text pieces,
 * and questions about repeating a call.
 *
 * @since 0.1.0
 * @category operations
 */
export const essence = (log: ReadonlyArray<Envelope.Envelope>): ReadonlyArray<string> => {
  const byPath = new Map<string, Array<string>>()
  const repeats = new Set<string>()
  for (const { agentPath, event } of log) {
    if (event.type === "data-latency-summary" || event.type === "data-cost-summary" || event.type === "finish") continue
    if (event.type === "data-tool-agent" || event.type === "tool-progress") continue
    if (event.type === "approval-required" && event.data.begunBefore !== undefined) repeats.add(event.data.id)
    if ((event.type === "approval-required" || event.type === "approval-decision") && repeats.has(event.data.id))
      continue
    const key = AgentPath.key(agentPath)
    const lines = byPath.get(key) ?? []
    byPath.set(key, lines)
    if (event.type === "step-retracted") {
      while (lines.length > 0 && lines.at(-1) !== "step-start") lines.pop()
      lines.pop()
    } else if (event.type === "text" || event.type === "reasoning") {
      const last = lines.at(-1)
      const head = `${event.type}${event.part ?? ""}:`
      if (last?.startsWith(head) === true) lines[lines.length - 1] = last + event.text
      else lines.push(head + event.text)
    } else lines.push(event.type === "step-start" ? "step-start" : JSON.stringify(withoutUsage(event)))
  }
  // Branches may interleave in any order: of each agent, the steps are compared in order and other events as a set.
  return [...byPath]
    .map(
      ([key, lines]) =>
        `${key} ${lines.filter((line) => !line.startsWith("{")).join("|")} ${lines
          .filter((line) => line.startsWith("{"))
          .toSorted()
          .join("\n")}`
    )
    .toSorted()
}

/** A client call reports the run's usage so far, which includes attempts lost in a crash. */
const withoutUsage = (event: Event): Event => {
  if (event.type !== "tool-invocation" || event.state !== "call") return event
  const { usage: _, ...rest } = event
  return rest
}
