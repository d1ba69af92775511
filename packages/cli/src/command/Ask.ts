/** `reins ask`: one query, shown from its start to its end. */
import { Runtime } from "@reins/runtime"
import * as Effect from "effect/Effect"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as ThreadChoice from "../chat/ThreadChoice.ts"
import { ended, failed, misused } from "../setting/CommandFailed.ts"
import * as Limits from "../setting/Limits.ts"
import * as Workplace from "../setting/Workplace.ts"
import { Screen } from "../terminal/Screen.ts"
import * as Hidden from "../view/Hidden.ts"
import type { Mode } from "../chat/Asking.ts"
import { attend } from "./Attendance.ts"
import * as Presenter from "./Presenter.ts"

/** The options of the command line. */
export interface Given extends Omit<Workplace.Given, "isWatched"> {
  /** Absent: standard input is read. */
  readonly question: string | undefined
  readonly thread: string | undefined
  readonly jsonOutput: boolean
  readonly hide: ReadonlySet<string>
  readonly approve: Mode
  /** Absent: `Limits.usual`. */
  readonly budget: string | undefined
}

export const run = Effect.fnUntraced(function* (given: Given) {
  const screen = yield* Screen
  const budget = yield* Limits.budgetOf(given.budget)
  yield* Hidden.check(given.hide)
  const workplace = yield* Workplace.make({ ...given, isWatched: screen.look().live && !given.jsonOutput })
  const question = given.question ?? (yield* piped)
  if (question.trim() === "")
    return yield* misused('There is no question. Give one: reins ask "What is in this folder?"')
  const presenter = yield* given.jsonOutput ? Presenter.json(given.hide) : Presenter.text(workplace.root, given.hide)
  // A question in a hidden line would not be seen.
  const mode = given.approve === "prompt" && given.hide.has("approval-required") ? "deny" : given.approve
  yield* Effect.gen(function* () {
    const runtime = yield* Runtime
    const thread = given.thread === undefined ? {} : { threadId: yield* ThreadChoice.stored(runtime, given.thread) }
    const handle = yield* Effect.mapError(runtime.start(question, { budget, ...thread }), (error) =>
      failed(`Nothing was started: ${ended(error.message)}`, error)
    )
    yield* attend(handle, presenter, mode)
  }).pipe(Effect.provide(workplace.layer))
})

/** The text of standard input, unless a person is at it. */
const piped = Effect.gen(function* () {
  const stdio = yield* Stdio.Stdio
  if (yield* stdio.stdinIsTerminal) return ""
  return yield* Stream.mkString(Stream.decodeText(stdio.stdin)).pipe(Effect.orElseSucceed(() => ""))
})
