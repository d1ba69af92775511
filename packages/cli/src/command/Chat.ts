/** `reins chat`: queries one after the other, in a thread. */
import { Runtime } from "@reins/runtime"
import * as Effect from "effect/Effect"
import type * as Stdio from "effect/Stdio"
import { resolve } from "node:path"
import process from "node:process"
import type { Mode } from "../chat/Asking.ts"
import { chat, threadName } from "../chat/Chat.ts"
import * as ChatCommands from "../chat/ChatCommands.ts"
import * as ThreadChoice from "../chat/ThreadChoice.ts"
import * as ChatInput from "../chat/ChatInput.ts"
import { CommandFailed } from "../setting/CommandFailed.ts"
import * as Demo from "../assistant/Demo.ts"
import * as Limits from "../setting/Limits.ts"
import * as ModelChoice from "../setting/ModelChoice.ts"
import * as Workplace from "../setting/Workplace.ts"
import { Screen } from "../terminal/Screen.ts"
import * as Hidden from "../view/Hidden.ts"

/** The options of the command line. */
export interface Given extends Omit<Workplace.Given, "isWatched"> {
  /** The first query. Absent: none. */
  readonly question: string | undefined
  readonly thread: string | undefined
  readonly hide: ReadonlySet<string>
  readonly approve: Mode
  /** Absent: `Limits.usual`. */
  readonly budget: string | undefined
}

export const run = Effect.fnUntraced(function* (given: Given) {
  const screen = yield* Screen
  const { live } = screen.look()
  const isAttended = process.stdin.isTTY === true && process.stdout.isTTY === true
  yield* Limits.budgetOf(given.budget)
  yield* Hidden.check(given.hide)
  const workplace = yield* Workplace.make({ ...given, isWatched: live })
  const code = yield* Effect.gen(function* () {
    const runtime = yield* Runtime
    const threads = yield* runtime.threads.list({ resourceId: ThreadChoice.tenant })
    const named = given.thread === undefined ? undefined : yield* ThreadChoice.stored(runtime, given.thread)
    // A run that has not ended is shown again where it is asked for, or where nothing else is.
    const cut = threads.findLast(
      ({ runId, threadId }) => runId !== undefined && (named === undefined || threadId === named)
    )
    const settings: ChatCommands.Settings = {
      threadId: named ?? cut?.threadId ?? (yield* threadName),
      limits: given.budget ?? Limits.usual,
      model: workplace.model,
      live: workplace.live,
      root: workplace.root,
      cost: undefined,
      latency: undefined,
      listed: []
    }
    return yield* chat<Screen | Stdio.Stdio>({
      settings,
      // A question in a hidden line would not be seen.
      mode: given.approve === "prompt" && given.hide.has("approval-required") ? "deny" : given.approve,
      hidden: given.hide,
      banner: [
        ...banner(given, workplace),
        // The first question brings its own empty line.
        ...(given.question !== undefined && named === undefined && cut === undefined ? [] : [""]),
        ...(named === undefined ? [] : yield* ChatCommands.tail(runtime, named)),
        ...(cut === undefined
          ? []
          : [`Going on with thread ${ThreadChoice.shown(cut.threadId)}, whose run has not ended.`])
      ],
      opening: given.question,
      open: cut?.runId,
      input:
        isAttended && live
          ? ChatInput.keys
          : isAttended
            ? ChatInput.lines
            : given.question === undefined
              ? ChatInput.piped
              : ChatInput.none,
      isKeyed: isAttended && live,
      isAttended
    })
  }).pipe(Effect.provide(workplace.layer))
  if (code !== 0) return yield* new CommandFailed({ issue: "", code })
})

const banner = (given: Given, { model, root, store }: Workplace.Workplace): ReadonlyArray<string> => [
  `reins: ${root}${given.app === undefined ? ` on ${resolve(given.path ?? ".")}` : ` of ${given.app}`}. /help lists the commands.`,
  ...(model === ModelChoice.demo
    ? [`Model: ${Demo.about}. For a real one set ${ModelChoice.variable}, such as openai:gpt-5.2 with OPENAI_API_KEY.`]
    : model === undefined
      ? []
      : [`Model: ${model}.`]),
  ...(store === undefined || store === "memory" ? [] : [`Runs are kept in ${store}.`])
]
