/**
 * Answers the run's approvals: by asking the person at the terminal, or with the answer from the command line. The
 * person is told what would happen to an existing file.
 */
import { type Approval, Decision, type Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Report } from "./Report.ts"
import { Screen } from "./Screen.ts"
import * as Text from "./Text.ts"
import { argumentLines } from "./View.ts"

/** Who answers: a person, or the command line for all approvals. */
export type Mode = "ask" | "approve" | "deny"

/** The arguments of a report's approval. */
const ReportArguments = Schema.Struct({ file: Schema.String, replace: Schema.Boolean, markdown: Schema.String })
interface ReportArguments extends Schema.Schema.Type<typeof ReportArguments> {}

const decode = Schema.decodeUnknownOption(ReportArguments)

/** Answers `request`. `say` shows lines to the person. */
export const answer = Effect.fnUntraced(function* <E>(
  request: Approval.Request,
  mode: Mode,
  say: (...lines: ReadonlyArray<string>) => Effect.Effect<void, E>
) {
  const { ask } = yield* Screen
  const asked = Option.getOrUndefined(decode(request.payload))
  yield* say(yield* consequence(asked))
  if (mode === "approve") return Decision.approve({ by: "--approve" })
  if (mode === "deny") return Decision.reject({ by: "--deny", feedback: "the command line said no beforehand" })
  if (ask === undefined) {
    yield* say("Nobody is at a terminal to be asked: denied. Run it at a terminal, or with --approve.")
    return Decision.reject({ feedback: "nobody is at a terminal to be asked" })
  }
  let changed: ReportArguments | undefined
  for (;;) {
    const typed = yield* ask("Allow it? [y]es, [n]o and why, [e]dit the name, [v]iew all: ")
    if (typed === undefined) return Decision.reject({ feedback: "nobody answered" })
    const { rest, verb } = words(typed)
    if (verb === "y" || verb === "yes")
      return changed === undefined ? Decision.approve() : Decision.revise(partial(changed))
    if (verb === "n" || verb === "no") return Decision.reject(rest === "" ? {} : { feedback: rest })
    if (verb === "v" || verb === "view") yield* say(...argumentLines(changed ?? request.payload, Infinity))
    if ((verb === "e" || verb === "edit") && asked !== undefined) {
      const file = rest === "" ? ((yield* ask("Name of the file: ")) ?? "").trim() : rest
      if (file !== "") changed = yield* renamed(asked, file)
      yield* say(yield* consequence(changed))
    }
  }
})

const words = (typed: string) => {
  const [verb = "", ...rest] = typed.trim().split(/\s+/)
  return { verb: verb.toLowerCase(), rest: rest.join(" ") }
}

/** The arguments that a revision replaces; the text stays as proposed. */
const partial = ({ file, replace }: ReportArguments): Json => ({ file, replace })

/** The same report under another name. The person has just been told whether it would replace a file. */
const renamed = Effect.fnUntraced(function* (asked: ReportArguments, file: string) {
  const report = yield* Report
  const place = yield* Effect.option(report.place(file))
  const replace = Option.exists(place, ({ existingBytes }) => existingBytes !== undefined)
  return { ...asked, file, replace }
})

/** What would happen if the report were written now, in one line. */
const consequence = Effect.fnUntraced(function* (asked: ReportArguments | undefined) {
  if (asked === undefined) return "A yes lets it run with these arguments."
  const report = yield* Report
  return yield* Effect.match(report.place(asked.file), {
    onFailure: (refused) => `A yes would fail: ${refused.message}`,
    onSuccess: ({ existingBytes, path }) => {
      if (existingBytes === undefined) return `A yes writes the new file ${path}`
      const size = Text.size(existingBytes)
      return asked.replace
        ? `A yes REPLACES ${path} (${size}), which exists.`
        : `A yes would fail: ${path} exists (${size}) and is not to be replaced.`
    }
  })
})
