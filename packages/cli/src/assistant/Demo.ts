/**
 * The scripted demo: a responder in place of a language model, for when no model is set. It reads the question and the real results of
 * the tools from its messages, as a model would, and answers by rules. So its answer depends on the folder and on the
 * question, costs nothing, and is the same every time.
 */
import type { Json, Message } from "@reins/protocol"
import type { ModelPort, ModelRequest } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Findings from "./Findings.ts"
import * as Keywords from "./Keywords.ts"
import { PathRefused } from "../folder/Folder.ts"
import { Found, Passage } from "./ReadTools.ts"
import * as Reply from "./Reply.ts"
import { Survey } from "./SurveyTools.ts"

export const provider = "demo"
export const model = "demo-responder"

/** Its description for people. */
export const about = `${model}, a scripted responder that reads the tools' results, not a language model`

/** An invented price table, so that there are costs to see. US dollars per million tokens. */
export const prices = { [`${provider}/${model}`]: { inputPerMillionUsd: 1, outputPerMillionUsd: 5 } }

/** The input of the reader: the question, and the terms to search for. */
export const Assignment = Schema.Struct({ question: Schema.String, terms: Schema.Array(Schema.String) })

export const make = (): ModelPort => ScriptedModel.make({ provider, model, respond })

/** The responder's reply to a request. */
export const respond: ScriptedModel.Responder = (request) => Reply.make(request, next(request))

const next = (request: ModelRequest): Reply.Step => {
  switch (request.metadata.agent) {
    case "surveyor":
      return survey(request)
    case "reader":
      return read(request)
    default:
      return coordinate(request)
  }
}

/** Surveys the folder once, and reports the result. */
const survey = (request: ModelRequest): Reply.Step => {
  const [result] = results(request, "survey_folder")
  if (result === undefined && may(request, "survey_folder")) {
    return { text: "Taking stock of the folder.", calls: [{ name: "survey_folder", args: { folder: "." } }] }
  }
  const found = decoded(Survey, result)
  return { text: found === undefined ? `The folder was not surveyed${why(result)}.` : Findings.survey(found) }
}

/**
 * Searches for the terms, reads around the best lines, and quotes them; without terms it reads the folder's
 * introduction.
 */
const read = (request: ModelRequest): Reply.Step => {
  const assignment = Option.getOrElse(decodeAssignment(ScriptedModel.lastPrompt(request)), () => nothingAsked)
  const { question, terms } = assignment
  const [search] = results(request, "search_text")
  const passages = results(request, "read_lines")
  if (terms.length === 0) {
    if (passages.length > 0 || !may(request, "read_lines")) return { text: introduction(passages) }
    const file = "README.md"
    return {
      text: `Nothing in particular to look for; reading ${file}.`,
      calls: [{ name: "read_lines", args: { file, from: 1, to: 30 } }]
    }
  }
  if (search === undefined && may(request, "search_text")) {
    return { text: `Searching for ${quoted(terms)}.`, calls: [{ name: "search_text", args: { terms, folder: "." } }] }
  }
  const found = decoded(Found, search)
  if (found === undefined) return { text: `Nothing was searched${why(search)}.` }
  const best = Findings.quotable(found, question)
  if (best.length > 0 && passages.length === 0 && may(request, "read_lines")) {
    return {
      text: "Reading around the best lines.",
      calls: best.map((match) => ({ name: "read_lines", args: Findings.around(match) }))
    }
  }
  const read = passages.flatMap((result) => decoded(Passage, result) ?? [])
  return { text: Findings.quotes(found, question, read) }
}

/** Starts both specialists, offers a report, and answers from their results. */
const coordinate = (request: ModelRequest): Reply.Step => {
  const question = ScriptedModel.lastPrompt(request).trim()
  const [surveyed] = results(request, "surveyor")
  const [reading] = results(request, "reader")
  const reports = results(request, "write_file")
  const report = reports.at(-1)
  if (surveyed === undefined && reading === undefined && may(request, "reader")) {
    return {
      text: "I will have the folder surveyed and its files searched, both at the same time.",
      calls: [
        { name: "surveyor", args: { prompt: "Take stock of the folder." } },
        { name: "reader", args: { question, terms: Keywords.of(question) } }
      ]
    }
  }
  const findings = {
    question,
    reading: spoken(reading, "Nothing was read"),
    survey: spoken(surveyed, "Nothing was surveyed")
  }
  const isInTheWay = reports.length === 1 && existsAlready(report)
  if ((report === undefined || isInTheWay) && may(request, "write_file")) {
    const content = Findings.report({ ...findings, author: about })
    return {
      text: isInTheWay
        ? `There is a \`${reportFile}\` of an earlier thread. I would like to replace it.`
        : `Both are back. I would like to keep what they found in \`${reportFile}\`.`,
      calls: [{ name: "write_file", args: { file: reportFile, replace: isInTheWay || wroteReport(request), content } }]
    }
  }
  return { text: `${Findings.answer(findings)}${reported(report)}` }
}

const reported = (result: Message.ResultPart | undefined): string => {
  if (result === undefined) return ""
  const written = Option.getOrUndefined(decodeWritten(result.result))
  return written === undefined
    ? `\n\nNo report was written${why(result)}.`
    : `\n\nThe report is in \`${written.file}\`.`
}

const decodeWritten = Schema.decodeUnknownOption(Schema.Struct({ file: Schema.String, bytes: Schema.Natural }))

/** Where the demo offers to write its report. */
const reportFile = "reins-report.md"

/** Whether the thread wrote the report before. */
const wroteReport = ({ messages }: ModelRequest): boolean =>
  messages.some(
    (message) =>
      message.role === "tool" &&
      message.content.some(
        ({ name, result }) =>
          name === "write_file" && Option.exists(decodeWritten(result), ({ file }) => file === reportFile)
      )
  )

/** Whether a call wrote nothing since the file is there. */
const existsAlready = (result: Message.ResultPart | undefined): boolean =>
  Option.exists(decodeRefused(result?.result), ({ reason }) => reason === "exists already")

const decodeAssignment = Schema.decodeUnknownOption(Schema.fromJsonString(Assignment))
const nothingAsked: typeof Assignment.Type = { question: "", terms: [] }

const introduction = (passages: ReadonlyArray<Message.ResultPart>): string => {
  const [passage] = passages.flatMap((result) => decoded(Passage, result) ?? [])
  return passage === undefined ? `Nothing introduces this folder${why(passages[0])}.` : Findings.introduction(passage)
}

const quoted = (terms: ReadonlyArray<string>) => terms.map((term) => `“${term}”`).join(", ")

/** A step without tools is the last one: nothing more can be looked up. */
const may = (request: ModelRequest, tool: string) => request.tools.some(({ name }) => name === tool)

/** The results of a tool or specialist in this run, in the order of the calls. */
const results = (request: ModelRequest, name: string): ReadonlyArray<Message.ResultPart> => {
  const asked = request.messages.findLastIndex((message) => message.role === "user")
  return request.messages
    .slice(asked)
    .flatMap((message) => (message.role === "tool" ? message.content : []))
    .filter((part) => part.name === name)
}

const decoded = <A>(schema: Schema.Codec<A, Json>, result: Message.ResultPart | undefined): A | undefined =>
  result === undefined || result.status !== undefined
    ? undefined
    : Option.getOrUndefined(Schema.decodeUnknownOption(schema)(result.result))

/** A specialist's answer. */
const spoken = (result: Message.ResultPart | undefined, otherwise: string): string =>
  typeof result?.result === "string" ? result.result : `${otherwise}${why(result)}.`

const decodeRefused = Schema.decodeUnknownOption(PathRefused)
const Fault = Schema.Struct({ message: Schema.String })

/** Why a call has no result, according to its message. */
const why = (result: Message.ResultPart | undefined): string => {
  if (result === undefined) return ""
  const refused = Option.map(decodeRefused(result.result), (error) => error.message)
  const fault = Option.map(Schema.decodeUnknownOption(Fault)(result.result), ({ message }) => message)
  return Option.match(
    Option.orElse(refused, () => fault),
    { onNone: () => "", onSome: (words) => `: ${words}` }
  )
}
