/**
 * The order of a run's events a second time, to hold the automaton against: read from the design's sentences, one
 * predicate a sentence, each over the whole log at once. No state is carried along; slow, and meant to be.
 */
import { AgentPath } from "@reins/protocol"
import {
  type Log,
  Reading,
  asksAt,
  before,
  bracketsOf,
  deniedAt,
  distinct,
  endOf,
  gatesOf,
  isNewsOfCalls,
  nameOf,
  newsOf,
  openAt,
  receiptsAt,
  refusedAt,
  stepAt,
  waitsAt
} from "./OrderReading.ts"

const endings = [
  ["finish", "data-cost-summary", "data-latency-summary"],
  ["data-cost-summary", "data-latency-summary", "error"]
]

const planMoves = [
  "draft pending_approval",
  "draft approved",
  "draft failed",
  "pending_approval approved",
  "pending_approval draft",
  "pending_approval failed",
  "approved executing",
  "approved failed",
  "executing executed",
  "executing failed"
]

/**
 * A matching of nameless usages to the brackets they stand in, one each, that serves every bracket that must have one.
 */
const hasMatching = (
  usages: ReadonlyArray<number>,
  brackets: ReadonlyArray<{ readonly from: number; readonly to: number; readonly must: boolean }>
): boolean => {
  const fits = (usage: number, bracket: { from: number; to: number }) => bracket.from < usage && usage < bracket.to
  const covers = <A, B>(wanting: ReadonlyArray<A>, given: ReadonlyArray<B>, fit: (a: A, b: B) => boolean): boolean => {
    const taken = new Map<B, A>()
    const place = (a: A, tried: Set<B>): boolean =>
      given.some((b) => {
        if (tried.has(b) || !fit(a, b)) return false
        tried.add(b)
        const holder = taken.get(b)
        if (taken.has(b) && holder !== undefined && !place(holder, tried)) return false
        taken.set(b, a)
        return true
      })
    return wanting.every((a) => place(a, new Set()))
  }
  // Both sides can be served together whenever each can be served alone (Mendelsohn and Dulmage).
  return (
    covers(
      usages.map((at) => ({ at })),
      brackets,
      ({ at }, bracket) => fits(at, bracket)
    ) &&
    covers(
      brackets.filter(({ must }) => must),
      usages.map((at) => ({ at })),
      (bracket, { at }) => fits(at, bracket)
    )
  )
}

/** The sentences. Each answers whether the log keeps it. */
export const sentences: { readonly [sentence: string]: (log: Reading) => boolean } = {
  "seq is dense from 1, in one run and one thread": ({ log }) =>
    log.every(
      (line, index) => line.seq === index + 1 && line.runId === log[0]?.runId && line.threadId === log[0]?.threadId
    ),

  "a run inside a bracket is there while the bracket is open": (log) =>
    log.said.every((one) =>
      one.path.every((_, depth) => {
        const parent = AgentPath.key(one.path.slice(0, depth))
        const key = AgentPath.key(one.path.slice(0, depth + 1))
        return openAt(log, one.at, parent).some((call) => bracketsOf(call) === key)
      })
    ),

  "the ending is one of the two, the root's, and nothing stands between or after": (log) => {
    const first = log.said.find(({ event }) => endings.flat().includes(event.type))
    if (first === undefined) return true
    const tail = log.said.slice(first.at)
    return (
      tail.every(({ path }) => path.length === 0) &&
      endings.some((ending) => tail.every(({ event }, index) => event.type === ending[index]))
    )
  },

  "an output is of an answer: the run stopped, or a limit stopped it": (log) =>
    log.of("finish").every(({ event }) => event.output === undefined || /^(stop|budget)$/.test(event.finishReason)),

  "every call is closed and every approval answered before the ending": (log) => {
    const first = log.said.find(({ event }) => endings.flat().includes(event.type))
    if (first === undefined) return true
    return (
      log.calls.filter(before(first)).every((call) => endOf(log, call) < first.at) &&
      log.required
        .filter(before(first))
        .every((asked) => log.decisions.some(({ at, event }) => at < first.at && event.data.id === asked.event.data.id))
    )
  },

  "step-start stands before the text, reasoning, sources and input of its step, and its calls behind them": (log) =>
    log.of("text", "reasoning", "source", "tool-input-delta").every((one) => stepAt(log, one) === "step-start"),

  "input has an id that no call of the agent has had": (log) =>
    log
      .of("tool-input-delta")
      .every(
        ({ at, event, key }) =>
          !log.calls.some(
            (call) => call.at < at && call.key === key && call.event.toolInvocationId === event.toolInvocationId
          )
      ),

  "step-retracted voids only text, reasoning, sources and input": (log) =>
    log.of("step-retracted").every((one) => stepAt(log, one) === "step-start"),

  "a step begins when the calls of the one before are settled": (log) =>
    log.of("step-start").every(({ at, key }) => openAt(log, at, key).length === 0),

  "step-start stands before the calls of its step": (log) =>
    log.calls.every(
      (call) => ![undefined, "step-retracted", "message-received", "late-result"].includes(stepAt(log, call))
    ),

  "a message of a user is received by the root agent, between its steps, when every call has its result": (log) =>
    log.of("message-received").every(({ at, key, path }) => path.length === 0 && openAt(log, at, key).length === 0),

  "the messages of a run are received in the order of their positions, from 1, each once": (log) =>
    log.of("message-received").every(({ event }, index) => event.data.position === index + 1),

  "a receipt is the result of a tool's call that succeeded, and not of the caller's": (log) =>
    log.results.every(
      ({ event }) =>
        event.type !== "tool-invocation" ||
        event.later === undefined ||
        (event.status === undefined && event.execution === undefined)
    ),

  "a late result is of a receipt of its agent, once, and names its tool": (log) =>
    log.late.every(({ at, event, key }) =>
      receiptsAt(log, at, key).some(
        (receipt) =>
          receipt.event.toolInvocationId === event.toolInvocationId &&
          nameOf(receipt.event) === `tool ${event.toolName}`
      )
    ),

  "a late result comes between the steps of its agent, when every call has its result": (log) =>
    log.late.every(({ at, key }) => openAt(log, at, key).length === 0),

  "every receipt has its late result before its agent ends": (log) => {
    const first = log.said.find(({ event }) => endings.flat().includes(event.type))
    if (first !== undefined && receiptsAt(log, first.at, "").length > 0) return false
    return log.calls.every((call) => {
      const end = endOf(log, call)
      return call.event.type !== "tool-agent" || end === Infinity || receiptsAt(log, end, bracketsOf(call)).length === 0
    })
  },

  "a step's calls leave together": (log) =>
    log.calls.every((call) => {
      const start = log.of("step-start").findLast((one) => one.at < call.at && one.key === call.key)
      return !log.said.some((one) => one.at > (start?.at ?? -1) && one.at < call.at && isNewsOfCalls(one, call.key))
    }),

  "an id is one call's from start to end": (log) =>
    distinct(log.calls.map(({ event, key }) => `${key} ${event.toolInvocationId}`)),

  "a result has its call, and a call has one result": (log) =>
    log.results.every((result) =>
      log.calls.some(
        (call) =>
          call.key === result.key &&
          call.event.toolInvocationId === result.event.toolInvocationId &&
          nameOf(call.event) === nameOf(result.event) &&
          endOf(log, call) === result.at
      )
    ),

  "an approval has an id and a place of its own": (log) =>
    distinct(log.required.map(({ event }) => event.data.id)) &&
    log.required.every(
      ({ at, event, key }) =>
        AgentPath.key(event.data.agentPath ?? []) === key && event.data.threadId === log.log[at]?.threadId
    ),

  "approval-required follows its call and comes before anything else of it; of a call that was begun before, later too":
    (log) =>
      log.required.every(
        ({ at, event, key }) =>
          event.data.kind !== "tool" ||
          openAt(log, at, key).some(
            (call) =>
              call.event.toolInvocationId === event.data.toolInvocationId &&
              (event.data.begunBefore === undefined
                ? newsOf(log, call)[0] === at
                : call.event.type === "tool-invocation" && !deniedAt(log, call, at))
          )
      ),

  "a question is of a tool's call that is open, may run, and has no other question open": (log) =>
    log.required.every(
      ({ at, event, key }) =>
        event.data.kind !== "question" ||
        openAt(log, at, key).some(
          (call) =>
            call.event.type === "tool-invocation" &&
            call.event.toolInvocationId === event.data.toolInvocationId &&
            !waitsAt(log, call, at) &&
            !refusedAt(log, call, at) &&
            !asksAt(log, call, at)
        )
    ),

  "while a question is open its call has only progress": (log) =>
    log.calls.every((call) =>
      newsOf(log, call).every((at) => !asksAt(log, call, at) || log.said[at]?.event.type === "tool-progress")
    ),

  "a question ends with an answer, declined, expired, cancelled or superseded by a message; nothing else is answered": (
    log
  ) =>
    log.decisions.every(({ at, event: { data } }) => {
      const asked = log.required.find((one) => one.at < at && one.event.data.id === data.id)
      if (asked?.event.data.kind !== "question") return data.outcome.outcome !== "answer"
      return data.outcome.outcome === "superseded"
        ? data.outcome.messageId !== undefined
        : ["answer", "reject", "expired", "cancelled"].includes(data.outcome.outcome)
    }),

  "a decision follows its question, on its path, once": (log) =>
    distinct(log.decisions.map(({ event }) => event.data.id)) &&
    log.decisions.every(({ at, event, key }) =>
      log.required.some((asked) => asked.at < at && asked.key === key && asked.event.data.id === event.data.id)
    ),

  "nothing of a gated call runs before its decision": (log) =>
    log.calls.every((call) => newsOf(log, call).every((at) => !waitsAt(log, call, at))),

  "nothing of a refused call runs, and it has a status": (log) =>
    log.calls.every((call) => {
      const news = newsOf(log, call).filter((at) => refusedAt(log, call, at))
      return news.every((at) => {
        const event = log.said[at]?.event
        if (event?.type === "data-tool-agent") return true
        if (event?.type === "approval-required") return !deniedAt(log, call, at)
        return (
          (event?.type === "tool-invocation" || event?.type === "tool-agent") &&
          event.state === "result" &&
          event.status !== undefined &&
          at === endOf(log, call)
        )
      })
    }),

  "progress is of a call that is open and may run": (log) =>
    log
      .of("tool-progress")
      .every(({ at, event, key }) =>
        openAt(log, at, key).some(
          (call) =>
            nameOf(call.event) === `tool ${event.toolName}` &&
            !waitsAt(log, call, at) &&
            !refusedAt(log, call, at) &&
            (event.toolCallId === undefined || event.toolCallId === call.event.toolInvocationId)
        )
      ),

  "phaseIndex never falls within a call": (log) =>
    log
      .of("tool-progress")
      .every(
        ({ at, event, key }, index, all) =>
          event.phaseIndex <= event.totalPhases &&
          all
            .slice(0, index)
            .every(
              (one) =>
                one.key !== key ||
                event.toolCallId === undefined ||
                one.event.toolCallId !== event.toolCallId ||
                one.event.phaseIndex <= event.phaseIndex ||
                at < one.at
            )
      ),

  "data-tool-agent stands in the open bracket of its specialist, once": (log) => {
    const usages = log.of("data-tool-agent")
    return (
      distinct(
        usages.flatMap(({ event, key }) =>
          event.data.toolInvocationId === undefined ? [] : [`${key} ${event.data.toolInvocationId}`]
        )
      ) &&
      usages.every(({ at, event, key }) =>
        openAt(log, at, key).some(
          (call) =>
            nameOf(call.event) === `specialist ${event.data.agentName}` &&
            !waitsAt(log, call, at) &&
            (event.data.toolInvocationId === undefined || event.data.toolInvocationId === call.event.toolInvocationId)
        )
      )
    )
  },

  "tool-agent call, then data-tool-agent, then tool-agent result": (log) => {
    const places = new Set(log.calls.map(({ event, key }) => JSON.stringify([key, nameOf(event)])))
    return [...places].every((place) => {
      const usages = log
        .of("data-tool-agent")
        .filter(({ event, key }) => place === JSON.stringify([key, `specialist ${event.data.agentName}`]))
      const calls = log.calls.filter(
        (call) =>
          call.event.type === "tool-agent" &&
          place === JSON.stringify([call.key, nameOf(call.event)]) &&
          !usages.some(({ event }) => event.data.toolInvocationId === call.event.toolInvocationId)
      )
      return hasMatching(
        usages.filter(({ event }) => event.data.toolInvocationId === undefined).map(({ at }) => at),
        calls.map((call) => {
          const to = endOf(log, call)
          return { from: gatesOf(log, call)[0]?.asked ?? call.at, to, must: to < Infinity && !refusedAt(log, call, to) }
        })
      )
    })
  },

  "a specialist is settled when its bracket closes": (log) =>
    log.calls.every((call) => {
      const end = endOf(log, call)
      if (call.event.type !== "tool-agent" || end === Infinity) return true
      const key = bracketsOf(call)
      return (
        openAt(log, end, key).length === 0 &&
        log.required
          .filter((asked) => asked.key === key)
          .every((asked) => log.decisions.some(({ at, event }) => at < end && event.data.id === asked.event.data.id))
      )
    }),

  "a plan goes its way": (log) =>
    log.of("plan-status-change").every(({ at, event: { data } }, _index, all) => {
      const last = all.findLast((one) => one.at < at && one.event.data.planId === data.planId)
      return (last?.event.data.to ?? "draft") === data.from && planMoves.includes(`${data.from} ${data.to}`)
    }),

  "budget_exhausted at most once per limit": (log) =>
    distinct(
      log.of("budget_exhausted").map(({ event: { data } }) => JSON.stringify([data.agentPath ?? [], data.limit]))
    )
}

/** The sentences that a log does not keep; none when it is valid so far. */
export const broken = (log: Log): ReadonlyArray<string> => {
  const reading = new Reading(log)
  return Object.entries(sentences).flatMap(([sentence, holds]) => (holds(reading) ? [] : [sentence]))
}

/**
 * True where a `data-tool-agent` that names no call could be of more than one open call: there the automaton counts,
 * and lets pass what the sentences, which look back, do not.
 */
export const isAmbiguous = (log: Log): boolean => {
  const reading = new Reading(log)
  return reading
    .of("data-tool-agent")
    .some(
      ({ at, event, key }) =>
        event.data.toolInvocationId === undefined &&
        openAt(reading, at, key).filter((call) => nameOf(call.event) === `specialist ${event.data.agentName}`).length >
          1
    )
}
