import { assert, describe, it } from "@effect/vitest"
import type { Frame } from "@reins/wire"
import { Sse } from "@reins/wire"
import { names } from "@reins/wire/check"
import type { Name } from "@reins/wire/check"
import type { Parsed } from "../Rule.ts"
import { play } from "../Play.ts"
import { readAll } from "../Reading.ts"
import { scenarios } from "../Scenarios.ts"
import { dialects } from "./Mutants.ts"

type Frames = ReadonlyArray<Frame.Frame>

/** What a frame is, by the word that its dialect has for it. */
const kindOf = ({ data, event }: Frame.Frame): string => {
  if (data === "[DONE]") return data
  const value: Parsed = JSON.parse(data)
  if (value.choices !== undefined) {
    const [choice] = value.choices
    if (choice === undefined) return value.usage === undefined ? "extra" : "usage"
    if (choice.finish_reason !== null) return "finish"
    return choice.delta.tool_calls === undefined ? (choice.delta.role === undefined ? "delta" : "role") : "tool_calls"
  }
  if (value.statusUpdate !== undefined) return `status ${value.statusUpdate.status.state.slice("TASK_STATE_".length)}`
  const kind: string = value.update?.sessionUpdate ?? value.type ?? value.event?.type ?? event ?? Object.keys(value)[0]
  return kind === "tool-call" ? `${kind} ${value.state}` : kind.replace(/^data-.*/, "data-…")
}

const pieces = "A text with a piece less or a piece twice is a text."
const data = "What the protocol has no word for passes, once, twice or not at all."
const again = "The protocol lets it come again."
const unsaid = "The protocol does not say that it must come."
const lost = "Where it was the last of its kind nothing tells that it is lost."

/** Kinds of frames whose loss, or second coming, a protocol cannot tell, and why. All others are found. */
const allowed: { readonly [N in Name]: { readonly drop: Kinds; readonly double: Kinds } } = {
  a2a: {
    drop: { artifactUpdate: pieces, "status WORKING": unsaid },
    double: { artifactUpdate: pieces, "status WORKING": again }
  },
  aap: {
    drop: {
      text_delta: pieces,
      thinking_delta: pieces,
      tool_call: lost,
      tool_result: "A call of a cut turn has none."
    },
    double: { text_delta: pieces, thinking_delta: pieces }
  },
  acp: {
    drop: {
      agent_message_chunk: pieces,
      agent_thought_chunk: pieces,
      tool_call_update: unsaid,
      "session/request_permission": unsaid,
      plan: unsaid
    },
    double: {
      agent_message_chunk: pieces,
      agent_thought_chunk: pieces,
      tool_call_update: "An update that changes nothing is an update.",
      "session/request_permission": again,
      plan: again
    }
  },
  "ag-ui": {
    drop: {
      TEXT_MESSAGE_CONTENT: pieces,
      REASONING_MESSAGE_CONTENT: pieces,
      TOOL_CALL_ARGS: "A call may have no arguments.",
      TOOL_CALL_RESULT: "A client may run the call.",
      ACTIVITY_SNAPSHOT: unsaid,
      CUSTOM: data,
      TEXT_MESSAGE_END: "`RUN_ERROR` may leave it open.",
      STEP_FINISHED: "`RUN_ERROR` may leave it open."
    },
    double: { TEXT_MESSAGE_CONTENT: pieces, REASONING_MESSAGE_CONTENT: pieces, ACTIVITY_SNAPSHOT: again, CUSTOM: data }
  },
  "ai-sdk": {
    drop: {
      "text-delta": pieces,
      "reasoning-delta": pieces,
      "data-…": data,
      file: unsaid,
      abort: unsaid,
      "reset-step": unsaid,
      "tool-approval-response": "The client has its own answer.",
      "tool-output-available": "A client may run the call.",
      "tool-output-error": "A client may run the call.",
      "tool-output-denied": "A client may run the call.",
      "source-url": unsaid,
      "source-document": unsaid,
      "tool-input-start": "`reset-step` takes it back.",
      "tool-input-delta": "`tool-input-available` has all of it.",
      "tool-input-available": "A call that is not shown has no output where the answer ends before.",
      "start-step": "Parts may stand outside of a step.",
      "finish-step": "An error may leave it open, and `reset-step` opens it anew.",
      "text-end": "An error may leave it open, and `reset-step` takes it back.",
      "reasoning-end": "`reset-step` takes it back.",
      finish: "`abort` ends an answer, too."
    },
    double: {
      "text-delta": pieces,
      "reasoning-delta": pieces,
      "data-…": data,
      "source-url": again,
      "source-document": again,
      "tool-input-delta": "`tool-input-available` has all of it.",
      file: again,
      abort: again,
      error: again,
      "reset-step": again
    }
  },
  anthropic: {
    drop: { content_block_delta: pieces, reins: data, content_block_stop: "An error may leave it open." },
    double: { content_block_delta: pieces, reins: data, message_delta: again }
  },
  kai: {
    drop: {
      text: pieces,
      "data-…": data,
      start: unsaid,
      "step-start": unsaid,
      error: unsaid,
      "tool-approval-request": unsaid,
      "tool-output-error": unsaid,
      "tool-call started": "A call may begin with its input.",
      "tool-call input-available": "A call may have its output without a question.",
      "tool-call output-available": lost
    },
    double: {
      text: pieces,
      "data-…": data,
      "step-start": again,
      error: again,
      "tool-approval-request": again,
      "tool-call input-available": again
    }
  },
  karta: {
    drop: {
      text: pieces,
      reasoning: pieces,
      system: data,
      step_finish: "An error may leave it open.",
      done: "Behind a question, or an error, a stream may end without it.",
      input_required: "Where others wait, or the turn fails, nothing tells that it is lost.",
      error: "Behind an error of the budget comes `done`."
    },
    double: { text: pieces, reasoning: pieces, system: data, input_required: again }
  },
  native: { drop: {}, double: {} },
  "openai-chat": {
    drop: { delta: pieces, extra: data, usage: "It comes where the request asks for it." },
    double: { delta: pieces, extra: data, role: again, tool_calls: pieces }
  },
  "openai-responses": { drop: {}, double: {} },
  steerable: {
    drop: {
      content: pieces,
      agent: data,
      orchestration: data,
      "loader-hint": data,
      error: unsaid,
      budget_exhausted: unsaid,
      tool_result: unsaid,
      done: "`[DONE]` ends a stream, too.",
      "[DONE]": "`done` ends a stream, too."
    },
    double: { content: pieces, agent: data, orchestration: data, "loader-hint": data, error: again }
  }
}

type Kinds = { readonly [kind: string]: string }

/** Found where the arguments end, which are no JSON then. */
const late = new Set(["TOOL_CALL_ARGS", "tool_calls"])

/** The line of a frame's data. */
const lineOf = (frames: Frames, index: number): number => {
  const before = Sse.encodeAll(frames.slice(0, index)).split("\n").length
  return before + (frames[index]?.event === undefined ? 0 : 1)
}

const damages = {
  drop: (frames: Frames, index: number): Frames => frames.filter((_, at) => at !== index),
  double: (frames: Frames, index: number): Frames => [...frames.slice(0, index + 1), ...frames.slice(index)]
}

/** Every frame of every scenario lost or doubled: by its kind, how often that was found, and how often not. */
const tried = (name: Name, damage: keyof typeof damages) => {
  const seen = new Map<string, { found: number; missed: number }>()
  for (const [scenario, log] of scenarios) {
    // Karta has no word for a tool that the client runs.
    if (name === "karta" && (scenario === "client tool" || scenario === "written for the client")) continue
    const answers = play(dialects[name].open, log)
    for (const [answer, frames] of answers.entries()) {
      for (const [index, frame] of frames.entries()) {
        const damaged = damages[damage](frames, index)
        const { violations } = readAll(
          name,
          answers.map((other, at) => (at === answer ? damaged : other))
        )
        const kind = kindOf(frame)
        const count = seen.get(kind) ?? { found: 0, missed: 0 }
        seen.set(kind, count)
        const [first] = violations
        if (first === undefined) {
          count.missed += 1
          continue
        }
        count.found += 1
        // Its only frame is lost: there is no stream.
        if (first.rule === "empty") continue
        const says = `${scenario}, ${kind}, answer ${answer}: ${JSON.stringify(first)}`
        if (damage === "double" && allowed[name].double[kind] === undefined && !late.has(kind))
          assert.deepStrictEqual([first.answer, first.line], [answer, lineOf(damaged, index + 1)], says)
        else assert.isTrue(first.answer > answer || first.line >= lineOf(frames, Math.max(index - 1, 0)), says)
      }
    }
  }
  return seen
}

describe.each([["drop"], ["double"]] as const)("reins check, of each frame: %s", (damage) => {
  it.each(names)("finds it where the protocol can tell: %s", (name) => {
    const seen = tried(name, damage)
    const missed = [...seen].flatMap(([kind, count]) => (count.missed > 0 ? [kind] : []))
    assert.deepStrictEqual(missed.toSorted(), Object.keys(allowed[name][damage]).toSorted())
  })
})
