/** Reads the events of AG-UI 1.0 as its verifier does, and besides whose they are and what a result belongs to. */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { Event } from "./AgUiEvent.ts"
import { asText, type Captured, decoderOf, isJson, make, quote, textAt } from "./Reader.ts"

const decode = decoderOf(Event)

const rules = {
  shape: "A frame is one of the events of the protocol; optional fields are absent, never null",
  "run-first": "`RUN_STARTED` opens a run, or `RUN_ERROR` refuses it",
  "run-new": "A run has an id of its own, and starts when the one before has finished",
  "run-same": "`RUN_FINISHED` names the thread and the run that were started",
  "nothing-after-end":
    "After `RUN_FINISHED` only `RUN_ERROR` and another `RUN_STARTED` follow, after `RUN_ERROR` nothing",
  "nothing-open": "`RUN_FINISHED` leaves no step, message, reasoning, call and sub-agent open",
  "start-closed": "What starts is not open",
  "id-new": "A call and a sub-agent have an id of their own, which is never used again",
  "part-open": "Content and an end belong to something that was started and has not ended",
  "arguments-json": "The arguments of a call are together one JSON value",
  "result-known": "A result belongs to a call that was started and has ended, one each",
  "agent-open": "What names a sub-agent stands between its start and its end; a parent was started, too",
  "chunk-first": "The first chunk of a message or a call names it",
  ended: "A run ends with `RUN_FINISHED` or `RUN_ERROR`"
}

const nullable = ["rawEvent", "result"]
const kinds: { readonly [type: string]: string } = {
  STEP: "step",
  TEXT: "message",
  REASONING_MESSAGE: "reasoning message",
  REASONING: "reasoning",
  TOOL: "call",
  SUBAGENT: "sub-agent"
}
const kindOf = (type: string): string => kinds[/^(REASONING_MESSAGE|[A-Z]+)/.exec(type)?.[1] ?? ""] ?? type

export const protocol = make({
  name: "ag-ui",
  title: "AG-UI",
  rules,
  isSign: ({ value }) => /^(RUN|TEXT_MESSAGE|TOOL_CALL|STEP|STATE|SUBAGENT)_[A-Z_]+$/.test(textAt(value, "type") ?? ""),
  open: (notes) => {
    const runs = new Set<string>()
    const used = new Set<string>()
    const calls = new Map<string, "open" | "ended" | "settled">()
    let open = new Set<string>()
    let agents = new Set<string>()
    let args = new Map<string, string>()
    let phase: "before" | "open" | "finished" | "failed" = "before"
    let place = { threadId: "", runId: "" }
    let isWaiting = false

    const starts = (type: string, id: string, isOnce: boolean): void => {
      const key = `${kindOf(type)} ${id}`
      if (open.has(key)) notes.fault("start-closed", `${quote(type)} for ${quote(id)}, which is open`)
      else if (isOnce && used.has(key)) notes.fault("id-new", `${quote(type)} for ${quote(id)}, which was used`)
      open.add(key)
      if (isOnce) used.add(key)
    }
    const isOpen = (type: string, id: string): boolean => {
      const holds = open.has(`${kindOf(type)} ${id}`)
      if (!holds) notes.fault("part-open", `${quote(type)} for ${quote(id)}, which is not open`)
      return holds
    }
    const ends = (type: string, id: string): boolean => {
      const wasOpen = isOpen(type, id)
      open.delete(`${kindOf(type)} ${id}`)
      return wasOpen
    }
    const agent = (id: string | undefined): void => {
      if (id !== undefined && !open.has(`sub-agent ${id}`))
        notes.fault("agent-open", `the sub-agent ${quote(id)} is not open`)
    }
    const known = (id: string, what: string): boolean => {
      if (calls.has(id) || notes.continues) return true
      notes.fault("result-known", `${what} of the call ${quote(id)}, which was not started`)
      return false
    }

    const take = (event: Event): void => {
      switch (event.type) {
        case "STEP_STARTED":
          return starts(event.type, event.stepName, false)
        case "STEP_FINISHED":
          ends(event.type, event.stepName)
          return
        case "TEXT_MESSAGE_START":
          return starts(event.type, event.messageId, false)
        case "REASONING_START":
        case "REASONING_MESSAGE_START":
          return starts(event.type, event.messageId, false)
        case "TEXT_MESSAGE_CONTENT":
          if (isOpen(event.type, event.messageId) && event.subagentRunId === undefined) notes.text(event.delta)
          return
        case "REASONING_MESSAGE_CONTENT":
          isOpen(event.type, event.messageId)
          return
        case "TEXT_MESSAGE_END":
        case "REASONING_MESSAGE_END":
        case "REASONING_END":
          ends(event.type, event.messageId)
          return
        case "TEXT_MESSAGE_CHUNK":
          if (event.subagentRunId === undefined) notes.text(event.delta ?? "")
          return
        case "TOOL_CALL_START":
          calls.set(event.toolCallId, "open")
          return starts(event.type, event.toolCallId, true)
        case "TOOL_CALL_ARGS":
          if (isOpen(event.type, event.toolCallId))
            args.set(event.toolCallId, (args.get(event.toolCallId) ?? "") + event.delta)
          return
        case "TOOL_CALL_END": {
          if (!ends(event.type, event.toolCallId)) return
          const text = args.get(event.toolCallId) ?? ""
          args.delete(event.toolCallId)
          calls.set(event.toolCallId, "ended")
          if (text !== "" && !isJson(text))
            notes.fault("arguments-json", `those of the call ${quote(event.toolCallId)} are no JSON`)
          return
        }
        case "TOOL_CALL_CHUNK":
          if (event.toolCallId !== undefined && !calls.has(event.toolCallId)) calls.set(event.toolCallId, "ended")
          return
        case "TOOL_CALL_RESULT": {
          if (!known(event.toolCallId, "a result")) return
          const state = calls.get(event.toolCallId) ?? "ended"
          if (state !== "ended") {
            const why = state === "open" ? "is open" : "has its result"
            return notes.fault("result-known", `a result of the call ${quote(event.toolCallId)}, which ${why}`)
          }
          calls.set(event.toolCallId, "settled")
          return notes.result(event.toolCallId, asText(event.content))
        }
        case "SUBAGENT_STARTED": {
          agent(event.parentSubagentRunId)
          if (event.parentToolCallId !== undefined) known(event.parentToolCallId, "a sub-agent")
          starts(event.type, event.subagentRunId, false)
          if (agents.has(event.subagentRunId))
            notes.fault("id-new", `the sub-agent ${quote(event.subagentRunId)} starts again`)
          agents.add(event.subagentRunId)
          return
        }
        case "SUBAGENT_FINISHED":
        case "SUBAGENT_ERROR":
          ends(event.type, event.subagentRunId)
          return
        default:
      }
    }

    const begin = (event: Extract<Event, { readonly type: "RUN_STARTED" }>): void => {
      if (phase === "open") notes.fault("run-new", "`RUN_STARTED` within a run")
      else if (runs.has(event.runId)) notes.fault("run-new", `the run ${quote(event.runId)} starts again`)
      runs.add(event.runId)
      place = event
      phase = "open"
      open = new Set()
      agents = new Set()
      args = new Map()
    }

    const finish = (event: Extract<Event, { readonly type: "RUN_FINISHED" }>): void => {
      if (open.size > 0) notes.fault("nothing-open", `open: ${[...open].map(quote).slice(0, 5).join(", ")}`)
      if (event.runId !== place.runId || event.threadId !== place.threadId)
        notes.fault("run-same", `it is ${quote(event.runId)} of ${quote(event.threadId)}`)
      phase = "finished"
      const { outcome } = event
      const pending = outcome?.type === "success" ? (outcome.pendingToolCallIds ?? []) : []
      for (const id of pending) known(id, "a result is awaited")
      isWaiting = outcome?.type === "interrupt" || pending.length > 0
    }

    const placed = (event: Event): boolean => {
      if (phase === "failed" || (phase === "finished" && event.type !== "RUN_STARTED" && event.type !== "RUN_ERROR")) {
        notes.fault("nothing-after-end", `${quote(event.type)} follows the end`)
        return false
      }
      if (phase === "before" && event.type !== "RUN_STARTED" && event.type !== "RUN_ERROR") {
        notes.fault("run-first", `${quote(event.type)} comes before \`RUN_STARTED\``)
        phase = "open"
      }
      return true
    }

    return {
      get isWaiting() {
        return isWaiting
      },
      read: ({ value }: Captured) => {
        const event = decode(value)
        if (Result.isFailure(event)) {
          const type = textAt(value, "type")
          return notes.fault("shape", type === undefined ? event.failure : `event ${quote(type)}: ${event.failure}`)
        }
        for (const field of nullable)
          if (Predicate.hasProperty(value, field) && value[field] === null)
            notes.fault("shape", `field ${field} is null`)
        const { success } = event
        if (!placed(success)) return
        if ("subagentRunId" in success && !success.type.startsWith("SUBAGENT_")) agent(success.subagentRunId)
        if (success.type === "RUN_STARTED") begin(success)
        else if (success.type === "RUN_FINISHED") finish(success)
        else if (success.type === "RUN_ERROR") phase = "failed"
        else take(success)
      },
      end: () => {
        if (phase === "before" || phase === "open") notes.fault("ended", "the stream ends before the run")
        phase = "before"
      }
    }
  }
})
