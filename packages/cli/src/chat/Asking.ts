/**
 * Answers the approvals of a run: by asking the person at the terminal, or with the one answer that an option of the
 * command line gives.
 */
import { type Approval, Decision } from "@reins/protocol"
import * as Effect from "effect/Effect"
import { Screen } from "../terminal/Screen.ts"
import * as Question from "../view/Question.ts"

/**
 * `prompt` asks; `deny` rejects; `once` approves each call; `session` approves the tool for the thread. All but
 * `prompt` decline to answer the questions of an agent, since an answer cannot be made up.
 */
export const modes = ["prompt", "deny", "once", "session"] as const
export type Mode = (typeof modes)[number]

/** Answers `request`. `say` shows lines to the person. */
export const answer = Effect.fnUntraced(function* <E>(
  request: Approval.Request,
  mode: Mode,
  say: (...lines: ReadonlyArray<string>) => Effect.Effect<void, E>
) {
  const { ask } = yield* Screen
  if (mode === "deny")
    return Decision.reject({ by: "--approve deny", feedback: "the command line denies every request" })
  // More budget needs a number, and none was given.
  if (mode !== "prompt" && request.kind === "budget") {
    return Decision.reject({ by: `--approve ${mode}`, feedback: "the command line approves calls, not more budget" })
  }
  if (mode !== "prompt" && request.kind === "question") {
    return Decision.reject({
      by: `--approve ${mode}`,
      feedback: "the command line approves calls and answers no questions"
    })
  }
  if (mode === "once") return Decision.approve({ by: "--approve once" })
  if (mode === "session") {
    return Decision.approve({
      by: "--approve session",
      ...(request.kind === "tool" ? { scope: "thread" as const } : {})
    })
  }
  if (ask === undefined) {
    const cure = request.kind === "question" ? "Run it at a terminal." : "Run it at a terminal, or with --approve once."
    yield* say(`Nobody is at a terminal to be asked: denied. ${cure}`)
    return Decision.reject({ feedback: "There is no terminal to ask at" })
  }
  let edits = false
  yield* say(Question.options(request))
  for (;;) {
    const typed = yield* ask(edits ? `edit (${Question.draft(request) || "name=value"}): ` : "answer> ")
    if (typed === undefined) return Decision.reject({ feedback: "The question was not answered" })
    const read = edits && typed.trim() !== "" ? Question.edited(request, typed) : Question.read(request, typed)
    edits = false
    switch (read._tag) {
      case "Decided":
        return read.decision
      case "View":
        yield* say(...Question.details(request))
        break
      case "Help":
        yield* say(...Question.help(request))
        break
      case "Edit":
        edits = true
        break
      case "Unclear":
        yield* say(`${read.why}.`)
    }
  }
})
