/**
 * An approval as a person is asked it: a sentence, a few lines of what it is about, and what may be answered. And the answer that was
 * typed, as a decision. Pure.
 */
import { type Approval, Decision, type Json } from "@reins/protocol"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Limits from "../setting/Limits.ts"
import * as Text from "../text/Text.ts"
import * as PersonQuestion from "./PersonQuestion.ts"

/** How many lines of the arguments are shown with the question. */
export const shownLines = 5

const WriteFile = Schema.Struct({ file: Schema.String, replace: Schema.Boolean, content: Schema.String })
const RunCommand = Schema.Struct({ command: Schema.String })
const Limit = Schema.Struct({ limit: Schema.String, max: Schema.Finite, used: Schema.Finite })

const readWrite = Schema.decodeUnknownOption(WriteFile)
const readCommand = Schema.decodeUnknownOption(RunCommand)
const readLimit = Schema.decodeUnknownOption(Limit)

/** The question in one sentence, without control characters. */
export const sentence = (request: Approval.Request, agent: string): string =>
  Text.harmless(asked(request, agent)).replaceAll("\n", " ")

const asked = (request: Approval.Request, agent: string): string => {
  const { begunBefore = 0, kind, payload, target } = request
  if (kind === "question") return PersonQuestion.sentence(request, agent)
  if (kind === "plan") return `${agent} proposes a plan. Shall it be carried out?`
  if (kind === "budget") {
    const limit = Option.getOrUndefined(readLimit(payload))
    const used = limit === undefined ? "" : ` (${limit.used} of ${limit.max} used)`
    return `${agent} has reached its limit ${limit?.limit ?? target}${used}. Shall it have more?`
  }
  const again = begunBefore > 0 ? " again; it was begun before and may have taken effect" : ""
  const write = target === "write_file" ? Option.getOrUndefined(readWrite(payload)) : undefined
  if (write !== undefined) {
    const lines = Text.counted(Text.lines(write.content.replace(/\n$/, "")).length, "line")
    return `${agent} wants to ${write.replace ? "REPLACE" : "create"} the file ${write.file} (${lines})${again}.`
  }
  const run = target === "run_command" ? Option.getOrUndefined(readCommand(payload)) : undefined
  if (run !== undefined) return `${agent} wants to run a command${again}.`
  return `${agent} wants to call ${target}${again}.`
}

/** The arguments of our own tools: whatever else a model writes, and in whatever order, these are shown first. */
const parameters: { readonly [tool: string]: object } = { run_command: RunCommand.fields, write_file: WriteFile.fields }

/** What it is about, as lines. A name is within its line, so that it cannot look like another argument. */
export const details = (request: Approval.Request): ReadonlyArray<string> =>
  request.kind === "question" ? PersonQuestion.details(request) : argumentsOf(request)

const argumentsOf = ({ payload, target }: Pick<Approval.Request, "payload" | "target">): ReadonlyArray<string> => {
  const all = typeof payload === "object" && payload !== null ? Object.entries(payload) : [["", payload] as const]
  const used = parameters[target] ?? {}
  const isUsed = ([name]: readonly [string, Json]) => Object.hasOwn(used, name)
  return [...all.filter(isUsed), ...all.filter((field) => !isUsed(field))].flatMap(([name, value]) => {
    const text = Text.harmless(typeof value === "string" ? value : JSON.stringify(value))
    const lines = Text.lines(text.trimEnd())
    const label = name === "" ? "" : `${Text.harmless(name).replaceAll("\n", "\u{fffd}")}: `
    return lines.length === 1 ? [`${label}${text}`] : [`${label.trimEnd()}`, ...lines.map((line) => `  ${line}`)]
  })
}

/** The first lines of what it is about, and how many more there are. */
export const briefly = (request: Approval.Request): ReadonlyArray<string> => {
  const all = details(request)
  // Who answers needs all of them.
  if (request.kind === "question") return all
  const more = all.length - shownLines
  return more <= 0 ? all : [...all.slice(0, shownLines), `… ${Text.counted(more, "more line")}: [v]iew`]
}

/** What a question of this kind may be answered. */
export const options = (request: Approval.Request): string => {
  const { kind } = request
  if (kind === "question") return PersonQuestion.options(request)
  if (kind === "budget") return "[a]pprove with limits such as a steps=20, [r]eject with a reason, [v]iew, [?]"
  const edit = kind === "plan" ? "[e]dit: say what to change" : "[e]dit"
  return `[a]pprove, approve for this [t]hread, ${edit}, [r]eject with a reason, [v]iew, [?]`
}

/** What the answers mean. */
export const help = (request: Approval.Request): ReadonlyArray<string> =>
  request.kind === "question" ? PersonQuestion.help(request) : helpOf(request)

const helpOf = ({ kind }: Approval.Request): ReadonlyArray<string> =>
  kind === "budget"
    ? [
        "a NAME=NUMBER   allow a new limit, above what is used",
        "r REASON        reject; the run ends with what it has",
        "v               show everything"
      ]
    : [
        "a               approve this call",
        "t               approve it, and all calls of this tool in this thread",
        kind === "plan"
          ? "e TEXT          send the plan back with what to change"
          : 'e NAME=VALUE    approve it with another value; or e {"name": value}',
        "r REASON        reject; the agent is told the reason",
        "v               show all arguments"
      ]

/** What was typed: a decision, a wish to see more, or a sentence about what is wrong with it. */
export type Answer =
  | { readonly _tag: "Decided"; readonly decision: Decision }
  | { readonly _tag: "View" }
  | { readonly _tag: "Help" }
  | { readonly _tag: "Edit" }
  | { readonly _tag: "Unclear"; readonly why: string }

const decided = (decision: Decision): Answer => ({ _tag: "Decided", decision })

/** Reads what was typed as an answer to the question. */
export const read = (request: Approval.Request, typed: string): Answer => {
  if (request.kind === "question") return answered(request, typed)
  const [, verb = "", rest = ""] = /^\s*(\S*)\s*([\s\S]*?)\s*$/.exec(typed) ?? []
  switch (verb.toLowerCase()) {
    case "a":
    case "y":
    case "yes":
    case "approve":
      if (request.kind === "budget") return raised(rest)
      return rest === "" ? decided(Decision.approve()) : alone("a")
    case "t":
    case "thread":
      if (request.kind !== "tool") return unclear("It can be approved only as it is: a")
      return rest === "" ? decided(Decision.approve({ scope: "thread" })) : alone("t")
    case "r":
    case "n":
    case "no":
    case "reject":
      return decided(Decision.reject(rest === "" ? {} : { feedback: rest }))
    case "e":
    case "edit":
      return rest === "" ? { _tag: "Edit" } : edited(request, rest)
    case "v":
    case "view":
      return { _tag: "View" }
    case "?":
    case "h":
    case "help":
      return { _tag: "Help" }
    default:
      return unclear("Answer with a, t, e, r, v or ?")
  }
}

const answered = (request: Approval.Request, typed: string): Answer => {
  if (typed.trim() === "?") return { _tag: "Help" }
  const given = PersonQuestion.read(request, typed)
  return typeof given === "string" ? unclear(given) : decided(given)
}

/** A sentence that begins like an answer is not one: "a better name is notes.md" must approve nothing. */
const alone = (letter: string): Answer =>
  unclear(`To approve, type ${letter} alone; e NAME=VALUE changes it, r REASON rejects it`)

const unclear = (why: string): Answer => ({ _tag: "Unclear", why })

const readJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Json))
const readObject = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Json)))

/** An edit as a decision: `name=value`, where the value is JSON or text, or an object of JSON. */
export const edited = (request: Approval.Request, typed: string): Answer => {
  if (request.kind === "plan") return decided(Decision.revise(typed))
  if (request.kind === "budget") return raised(typed)
  const object = Option.getOrUndefined(readObject(typed))
  if (object !== undefined) return decided(Decision.revise(object))
  const [, name, text = ""] = /^\s*([\w.-]+)\s*=\s?([\s\S]*)$/.exec(typed) ?? []
  if (name === undefined) return unclear("An edit is name=value, or an object of JSON")
  const { payload } = request
  const old =
    typeof payload === "object" && payload !== null && !Array.isArray(payload)
      ? Object.entries(payload).find(([key]) => key === name)?.[1]
      : undefined
  // Where the argument is text, what looks like JSON is text, too.
  const value = typeof old === "string" ? text : Option.getOrElse(readJson(text), () => text)
  return decided(Decision.revise({ [name]: value }))
}

const raised = (typed: string): Answer => {
  const limits = Limits.parseRaise(typed)
  return Result.isFailure(limits) ? unclear(limits.failure) : decided(Decision.raise(limits.success))
}

/** A line that an edit may start from: the first short argument. */
export const draft = ({ kind, payload }: Approval.Request): string => {
  if (kind !== "tool" || typeof payload !== "object" || payload === null || Array.isArray(payload)) return ""
  const short = Object.entries(payload).find(([, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value)
    return text.length <= 200 && !text.includes("\n")
  })
  if (short === undefined) return ""
  const text = `${short[0]}=${typeof short[1] === "string" ? short[1] : JSON.stringify(short[1])}`
  // What would drive the terminal is not put into the line that is typed.
  return Text.harmless(text) === text ? text : ""
}
