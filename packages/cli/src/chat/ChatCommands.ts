/** What the commands of a chat do: they read and change its thread, its model and its limits, and answer in lines. */
import { type CostSummary, type LatencySummary, Message, Money } from "@reins/protocol"
import { Runtime, type RuntimeShape, type ThreadInfo } from "@reins/runtime"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { ended } from "../setting/CommandFailed.ts"
import * as Limits from "../setting/Limits.ts"
import type { LiveModel } from "../setting/LiveModel.ts"
import * as ModelChoice from "../setting/ModelChoice.ts"
import type * as Style from "../text/Style.ts"
import * as Text from "../text/Text.ts"
import * as Tables from "../view/Tables.ts"
import * as SlashCommand from "./SlashCommand.ts"
import * as ThreadChoice from "./ThreadChoice.ts"

/** What commands read and change. */
export interface Settings {
  threadId: string
  /** The limits of a run, as they were written. */
  limits: string
  /** The name of the model, where the command line chose it, or one of an app's models was chosen. */
  model: string | undefined
  readonly live: LiveModel | undefined
  /** The name of the root agent, for tables. */
  readonly root: string
  /** What the last run cost, and how long it took. */
  cost: CostSummary.CostSummary | undefined
  latency: LatencySummary.LatencySummary | undefined
  /** The threads as they were listed last. */
  listed: ReadonlyArray<ThreadInfo>
}

/**
 * What a command answers. `drawn` lines fit the terminal and have their colours already. `draft`: what the person may
 * edit and send next.
 */
export interface Answer {
  readonly draft?: string
  readonly lines: ReadonlyArray<string>
  readonly tone: "note" | "problem" | "drawn"
}

const note = (...lines: ReadonlyArray<string>): Answer => ({ lines, tone: "note" })
const problem = (...lines: ReadonlyArray<string>): Answer => ({ lines, tone: "problem" })

/** Does what a command says. `isBusy`: a run goes on, and its thread cannot be left. */
export const perform = Effect.fnUntraced(function* (
  command: SlashCommand.SlashCommand,
  settings: Settings,
  options: { readonly isBusy: boolean; readonly look: Style.Look; readonly newThread: () => string }
) {
  const runtime = yield* Runtime
  const away = options.isBusy
    ? problem("A run goes on in this thread. Wait for it, or cancel it with Ctrl-C.")
    : undefined
  switch (command._tag) {
    case "Help":
      return note(...SlashCommand.commands.map(([usage, what]) => `${usage.padEnd(18)}${what}`))
    case "Unknown":
      return problem(command.why)
    case "Exit":
      return note()
    case "Model":
      return command.name === undefined ? note(modelOf(settings)) : yield* change(runtime, settings, command.name)
    case "Budget": {
      if (command.limits === undefined) return note(`A run may use ${settings.limits}.`)
      const parsed = Limits.parse(command.limits)
      if (Result.isFailure(parsed))
        return problem(ended(parsed.failure.replace(/^--budget: (.)/, (_, first: string) => first.toUpperCase())))
      settings.limits = command.limits
      return note(`Further runs may use ${command.limits}.`)
    }
    case "Cost":
      return { lines: yield* costs(runtime, settings, options.look), tone: "drawn" } satisfies Answer
    case "Threads": {
      settings.listed = (yield* runtime.threads.list({ resourceId: ThreadChoice.tenant }))
        .toReversed()
        .slice(0, shownThreads)
      if (settings.listed.length === 0) return note("There is no thread yet.")
      return note(...(yield* listOf(runtime, settings.listed, settings.threadId)))
    }
    case "New":
      if (away !== undefined) return away
      settings.threadId = options.newThread()
      return note("A new thread.")
    case "Resume": {
      if (away !== undefined) return away
      const threadId =
        settings.listed[Number(command.thread) - 1]?.threadId ?? (yield* ThreadChoice.stored(runtime, command.thread))
      if ((yield* runtime.threads.info(threadId)) === undefined) {
        return problem(`There is no thread ${JSON.stringify(command.thread)}. /threads lists them.`)
      }
      settings.threadId = threadId
      return note(...(yield* tail(runtime, threadId)), `Going on with thread ${ThreadChoice.shown(threadId)}.`)
    }
    case "Rewind":
      return away ?? (yield* rewind(runtime, settings.threadId, command.to))
    case "Return":
      return away ?? (yield* returnTo(runtime, settings.threadId, command.to))
    case "Fork": {
      const { at } = command
      const count = (yield* runtime.threads.info(settings.threadId))?.version ?? 0
      if (count === 0) return problem("This thread has no message yet: there is nothing to copy.")
      if (at !== undefined && (at < 1 || at > count)) {
        return problem(
          `This thread has ${Text.counted(count, "message")}. Copy from 1 to ${count} of them: /fork ${count}`
        )
      }
      return yield* runtime.threads.fork(settings.threadId, command.at === undefined ? {} : { at: command.at }).pipe(
        Effect.map(({ threadId }) => {
          settings.threadId = threadId
          return note(`Going on with thread ${ThreadChoice.shown(threadId)}, a copy.`)
        }),
        Effect.catch((error) => Effect.succeed(problem(`${error.message}.`)))
      )
    }
  }
})

const lineFor = (message: Message.Message | undefined): string =>
  message === undefined ? "" : Text.shorten(Text.harmless(Message.text(message)).replace(/\s+/g, " ").trim(), 60)

/** Lists what was asked in the thread, or takes it back to before one of it. */
const rewind = Effect.fnUntraced(function* (runtime: RuntimeShape, threadId: string, to: number | undefined) {
  const messages = yield* Effect.orElseSucceed(runtime.threads.get(threadId), () => [])
  const asked = messages.flatMap((message, at) => (message.role === "user" ? [{ message, at }] : []))
  if (asked.length === 0) return problem("This thread has no message yet: there is nothing to go back to.")
  if (to === undefined) {
    return note(...asked.map(({ message }, index) => `${String(index + 1).padStart(2)}  ${lineFor(message)}`))
  }
  const place = asked[to - 1]
  if (place === undefined) {
    return problem(`You have asked ${Text.counted(asked.length, "time")} in this thread. /rewind lists them.`)
  }
  return yield* runtime.threads.rewind(threadId, { to: place.at }).pipe(
    Effect.map(({ version }): Answer => ({
      ...note(`This thread has ${Text.counted(version, "message")} now. /return brings the others back.`),
      draft: Message.text(place.message)
    })),
    Effect.catch((error) => Effect.succeed(problem(`${error.message}.`)))
  )
})

/** Lists what was replaced in the thread, or returns to one of it. */
const returnTo = Effect.fnUntraced(function* (runtime: RuntimeShape, threadId: string, to: number | undefined) {
  const branches = yield* Effect.orElseSucceed(runtime.threads.branches(threadId), () => [])
  if (branches.length === 0) return problem("Nothing was replaced in this thread.")
  if (to === undefined) {
    const lines = yield* Effect.forEach(branches, ({ branchId, from, version }, index) =>
      Effect.map(
        Effect.orElseSucceed(runtime.threads.get(threadId, { branch: branchId }), () => []),
        (messages) =>
          `${String(index + 1).padStart(2)}  ${Text.counted(version, "message")}, from ${from + 1} on: ${lineFor(messages[from])}`
      )
    )
    return note(...lines)
  }
  const branch = branches[to - 1]
  if (branch === undefined) {
    return problem(
      `${Text.counted(branches.length, "end")} of this thread ${branches.length === 1 ? "was" : "were"} replaced. /return lists them.`
    )
  }
  return yield* runtime.threads.returnTo(threadId, branch.branchId).pipe(
    Effect.flatMap(({ version }) =>
      Effect.map(tail(runtime, threadId), (lines) =>
        note(...lines, `This thread has ${Text.counted(version, "message")} again.`)
      )
    ),
    Effect.catch((error) => Effect.succeed(problem(`${error.message}.`)))
  )
})

const modelOf = ({ live, model }: Settings): string =>
  live === undefined && model === undefined ? "The app has its own model." : `The model is ${model ?? live?.model}.`

const change = (runtime: RuntimeShape, settings: Settings, name: string): Effect.Effect<Answer> => {
  const { live } = settings
  if (live === undefined) {
    // The app's agent says which models there are.
    return Effect.match(runtime.preview("Hello", { model: name }), {
      onFailure: (error) => problem(ended(error.message)),
      onSuccess: ({ model, provider }) => {
        settings.model = name
        return note(`Further questions go to ${provider}/${model}.`)
      }
    })
  }
  return Effect.match(ModelChoice.make(name, true), {
    onFailure: (error) => problem(error.message),
    onSuccess: (port) => {
      live.set(port)
      settings.model = name
      return note(`Further steps use ${name}.`)
    }
  })
}

const costs = Effect.fnUntraced(function* (runtime: RuntimeShape, settings: Settings, look: Style.Look) {
  const { cost, latency, root, threadId } = settings
  const thread = yield* runtime.threads.info(threadId)
  const spent = thread?.spent === undefined ? "nothing yet" : Money.format(thread.spent.nanoUsd)
  return [
    ...(cost === undefined ? [] : Tables.cost(cost, root, look)),
    ...(latency === undefined ? [] : ["", ...Tables.latency(latency, root, look), ""]),
    `This thread has cost ${spent}.`
  ]
})

/** How many threads are listed. */
const shownThreads = 20

/** The threads with their states and first questions, in columns. */
const listOf = Effect.fnUntraced(function* (runtime: RuntimeShape, listed: ReadonlyArray<ThreadInfo>, current: string) {
  const rows = yield* Effect.forEach(listed, ({ runId, threadId, version }) =>
    Effect.map(
      Effect.orElseSucceed(runtime.threads.get(threadId), () => []),
      (messages) => ({
        name: `${threadId === current ? "*" : " "} ${ThreadChoice.shown(threadId)}`,
        state: runId === undefined ? Text.counted(version, "message") : "goes on",
        title: firstOf(messages)
      })
    )
  )
  const [names, states] = [
    Math.max(...rows.map(({ name }) => name.length)),
    Math.max(...rows.map(({ state }) => state.length))
  ]
  return rows.map(
    ({ name, state, title }, index) =>
      `${String(index + 1).padStart(2)} ${name.padEnd(names)}  ${state.padEnd(states)}  ${title}`
  )
})

const firstOf = (messages: ReadonlyArray<Message.Message>): string => {
  const first = messages.find(({ role }) => role === "user")
  return first === undefined ? "" : Text.shorten(Text.harmless(Message.text(first)).replace(/\s+/g, " "), 50)
}

/** The end of a thread, so that a person knows where it was. */
export const tail = (runtime: RuntimeShape, threadId: string): Effect.Effect<ReadonlyArray<string>> =>
  Effect.map(
    Effect.orElseSucceed(runtime.threads.get(threadId), () => []),
    (messages) => {
      const last = (role: "user" | "assistant", who: string) => {
        const said = messages.findLast((message) => message.role === role && Message.text(message).trim() !== "")
        const text = said === undefined ? "" : Text.harmless(Message.text(said))
        return text === "" ? [] : [`${who}: ${Text.shorten(text.replace(/\s+/g, " ").trim(), 300)}`]
      }
      return [...last("user", "You"), ...last("assistant", "Agent")]
    }
  )
