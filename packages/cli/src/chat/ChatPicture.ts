/** What stands below the permanent lines of a chat: what is being said, an open question, what waits, the input, the status. Pure. */
import type { Below } from "../terminal/Frame.ts"
import * as LineEditor from "../terminal/LineEditor.ts"
import * as Style from "../text/Style.ts"
import * as Text from "../text/Text.ts"
import * as Question from "../view/Question.ts"
import type { State } from "./ChatState.ts"

/** What is to be seen. */
export interface Scene {
  readonly state: State
  /** What is being said. */
  readonly pending: ReadonlyArray<string>
  /** What was sent into the run and has not entered it yet. */
  readonly sent: ReadonlyArray<string>
  readonly line: Pick<LineEditor.Line, "text" | "cursor">
  readonly status: string
  readonly columns: number
  readonly rows: number
}

/** What stands before the input. */
export const promptOf = ({ edits, questions }: State): string =>
  questions.length === 0 ? "> " : edits ? "edit> " : "answer> "

/** How many rows of pending text are shown at least. */
const fewest = 1

export const draw = (scene: Scene, look: Style.Look): Below => {
  const { columns, line, pending, rows, sent, state, status } = scene
  const room = Math.max(4, columns - 1)
  const dim = (text: string) => Style.paint(look, "dim", Style.fit(text, room))
  const [question] = state.questions
  const asked =
    question === undefined
      ? []
      : Style.fold(Question.options(question.request), room).map((each) => Style.paint(look, "yellow", each))
  const waiting = [...sent, ...state.queue].map((text) => dim(`queued: ${Text.harmless(text).replaceAll("\n", " ")}`))
  const input = LineEditor.layout(line, promptOf(state), columns)
  // The cursor must not leave the screen, so of a long input the rows around it are shown.
  const most = Math.max(1, Math.floor(rows / 2))
  const from = Math.max(0, Math.min(input.row - most + 1, input.rows.length - most))
  const shown = input.rows.slice(from, from + most)
  const fixed = asked.length + Math.min(waiting.length, 3) + shown.length + 1
  const space = Math.max(fewest, rows - 1 - fixed)
  const above = [...pending.slice(-space), ...asked, ...waiting.slice(-3)]
  return {
    lines: [...above, ...shown, dim(status)],
    cursor: { line: above.length + input.row - from, column: input.column }
  }
}

/** The status in one line: what goes on, what it costs, with what. */
export const statusOf = (facts: {
  readonly state: State
  /** How long the run has gone on, in milliseconds. */
  readonly elapsed: number
  readonly cost: string
  readonly model: string | undefined
  readonly thread: string
}): string => {
  const { cost, elapsed, model, state, thread } = facts
  const doing =
    state.questions.length > 0
      ? state.questions.length === 1
        ? "waits for you"
        : `waits for you: ${state.questions.length} questions`
      : state.isCancelling
        ? "cancelling"
        : state.runId !== undefined || state.isStarting
          ? `working ${Math.floor(elapsed / 1000)} s`
          : "ready"
  return [doing, cost, ...(model === undefined ? [] : [model]), `thread ${thread}`].join(" · ")
}
