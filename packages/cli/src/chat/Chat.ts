/**
 * A chat in the terminal: the shell around `ChatState`. It starts and watches runs, passes on what is typed, and draws;
 * what follows from what is decided there.
 */
import { type Approval, type Envelope, Money } from "@reins/protocol"
import { Runtime } from "@reins/runtime"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { codes, ended } from "../setting/CommandFailed.ts"
import * as Limits from "../setting/Limits.ts"
import { Frame, nothing } from "../terminal/Frame.ts"
import * as LineEditor from "../terminal/LineEditor.ts"
import { type OutputFailed, type ReaderLeft, Screen } from "../terminal/Screen.ts"
import * as Style from "../text/Style.ts"
import * as Text from "../text/Text.ts"
import * as Question from "../view/Question.ts"
import * as Tables from "../view/Tables.ts"
import { View } from "../view/View.ts"
import * as Asking from "./Asking.ts"
import * as ChatCommands from "./ChatCommands.ts"
import type { Input } from "./ChatInput.ts"
import * as ChatPicture from "./ChatPicture.ts"
import * as ChatState from "./ChatState.ts"
import * as SlashCommand from "./SlashCommand.ts"
import * as ThreadChoice from "./ThreadChoice.ts"

export interface Options<R> {
  readonly settings: ChatCommands.Settings
  readonly mode: Asking.Mode
  readonly hidden: ReadonlySet<string>
  /** Lines to begin with. */
  readonly banner: ReadonlyArray<string>
  /** The first query. Absent: none. */
  readonly opening: string | undefined
  /** A run that has not ended, which is shown again. Absent: none. */
  readonly open: string | undefined
  readonly input: (offer: (input: Input) => void) => Effect.Effect<void, never, R | Scope.Scope>
  /** Whether keys come in and the screen is redrawn. */
  readonly isKeyed: boolean
  /** Whether a person can be asked. */
  readonly isAttended: boolean
}

type Item = Input | ChatState.Happening | { readonly _tag: "Tick" } | { readonly _tag: "Entered"; readonly id: string }

/** A name for a thread that begins. */
export const threadName = Effect.map(
  Effect.all([Clock.currentTimeMillis, Random.nextIntBetween(0, 46_656)]),
  ([now, chance]) => `chat-${now.toString(36)}${chance.toString(36).padStart(3, "0")}`
)

const isCommand = (text: string): boolean => SlashCommand.parse(text) !== undefined

/** How long after the end of a cancelled run a Ctrl-C counts as the second. */
const secondPress = "1 second"

const isHappening = (item: Item): item is ChatState.Happening =>
  item._tag !== "Key" &&
  item._tag !== "Resized" &&
  item._tag !== "Line" &&
  item._tag !== "Tick" &&
  item._tag !== "Entered"

/** Chats until the person leaves. Returns the exit code. */
export const chat = Effect.fnUntraced(function* <R>(options: Options<R>) {
  const { hidden, isAttended, isKeyed, mode, settings } = options
  const runtime = yield* Runtime
  const screen = yield* Screen
  const inbox = yield* Queue.unbounded<Item>()
  const offer = (item: Item) => void Queue.offerUnsafe(inbox, item)
  const view = new View(settings.root, screen.look, { hidden, tables: false })
  const frame = new Frame()
  /** What was sent into the run, by id, until it enters. */
  const sent = new Map<string, string>()
  let state = ChatState.start
  let line = LineEditor.empty
  let size = { columns: screen.look().columns ?? 80, rows: 24 }
  let startedAt = 0
  let code: number | undefined
  let waiting: Deferred.Deferred<void> | undefined
  /** What the runs that ended have cost, in nano-dollars. */
  let told = 0
  /** Whether a run goes on that another process began: what that spent is known when the run ends. */
  let isTakenUp = options.open !== undefined

  const cost = (): string => {
    const { live } = settings
    const amount = Money.toUsd(told + (live?.spent ?? 0)).toFixed(4)
    return `$${amount}${isTakenUp || live?.isUnpriced === true ? "+" : ""}`
  }

  const draw = (lines: ReadonlyArray<string>): Effect.Effect<void, ReaderLeft | OutputFailed> =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const facts = {
        state,
        elapsed: now - startedAt,
        cost: cost(),
        model: settings.model,
        thread: ThreadChoice.shown(settings.threadId)
      }
      const scene = {
        state,
        pending: view.pending(),
        sent: [...sent.values()],
        line,
        status: ChatPicture.statusOf(facts),
        ...size
      }
      const below = isKeyed && code === undefined ? ChatPicture.draw(scene, screen.look()) : nothing
      const output = frame.draw(lines, below)
      return output === "" ? Effect.void : screen.print(output)
    })

  const say = (text: string, colour?: Style.Colour) => view.note(text, colour)

  const watching = (runId: string, envelopes: Stream.Stream<Envelope.Envelope>) =>
    Effect.gen(function* () {
      offer({ _tag: "Started", runId })
      yield* Stream.runForEach(envelopes, (envelope) =>
        Effect.sync(() =>
          offer({ _tag: "Happened", envelope, agent: envelope.agentPath.at(-1)?.split("#")[0] ?? settings.root })
        )
      )
      offer({ _tag: "Ended" })
    })

  const query = Effect.fnUntraced(function* (text: string) {
    startedAt = yield* Clock.currentTimeMillis
    const begun = Effect.gen(function* () {
      const budget = yield* Limits.budgetOf(settings.limits)
      const { live, model, threadId } = settings
      // The command line's own model is changed in its place; of an app, the query names one.
      const named = live === undefined && model !== undefined ? { model } : {}
      const handle = yield* runtime.start(text, { threadId, budget, ...named })
      yield* watching(handle.runId, handle.envelopes)
    })
    yield* Effect.forkScoped(
      Effect.catch(begun, (error) =>
        Effect.sync(() => offer({ _tag: "NotStarted", why: `Nothing was started: ${ended(error.message)}` }))
      )
    )
    if (isKeyed || !isAttended) yield* draw(["", ...say(`> ${text}`, "bold")])
  })

  const steer = (runId: string, text: string) =>
    Effect.forkScoped(
      Effect.matchEffect(runtime.steer(runId, text), {
        onFailure: () => Effect.sync(() => offer({ _tag: "NotSteered", text })),
        onSuccess: ({ messageId }) =>
          Effect.sync(() => {
            sent.set(messageId, text)
            offer({ _tag: "Entered", id: "" })
          })
      })
    )

  const answer = (id: string, decision: Parameters<typeof runtime.respondToApproval>[1]) =>
    Effect.forkScoped(
      Effect.catch(runtime.respondToApproval(id, decision), (error) =>
        Effect.sync(() =>
          offer({
            _tag: "NotAnswered",
            id,
            why: ended(error.message),
            isOpen: error.reason._tag === "InvalidArguments" || error.reason._tag === "Forbidden"
          })
        )
      )
    )

  /** The answer to every question when no person is asked. */
  const unasked = (request: Approval.Request) =>
    Effect.gen(function* () {
      const decision = yield* Asking.answer(request, mode, (...lines) => draw(lines.flatMap((text) => say(text))))
      yield* answer(request.id, decision)
    })

  const perform = (
    act: ChatState.Act
  ): Effect.Effect<void, ReaderLeft | OutputFailed, Screen | Runtime | Scope.Scope> =>
    Effect.gen(function* () {
      switch (act._tag) {
        case "Show":
          return yield* draw(act.lines.flatMap((text) => say(text, act.tone === "problem" ? "yellow" : undefined)))
        case "Query":
          return yield* query(act.text)
        case "Steer":
          return yield* Effect.asVoid(steer(act.runId, act.text))
        case "Answer":
          return yield* Effect.asVoid(answer(act.id, act.decision))
        case "Cancel":
          return yield* Effect.asVoid(Effect.forkScoped(runtime.cancel(act.runId)))
        case "Draft":
          line = LineEditor.withText(line, act.text)
          return isKeyed || !isAttended ? undefined : yield* draw(say(`edit (${act.text}):`))
        case "Command": {
          const fresh = yield* threadName
          const asked = { isBusy: ChatState.isBusy(state), look: screen.look(), newThread: () => fresh }
          const { draft, lines, tone } = yield* ChatCommands.perform(act.command, settings, asked)
          if (draft !== undefined && isKeyed) line = LineEditor.withText(line, draft)
          if (tone === "drawn") return yield* draw(lines)
          return yield* draw(lines.flatMap((text) => say(text, tone === "problem" ? "yellow" : undefined)))
        }
        case "Leave":
          code = act.isForced ? codes.cancelled : isAttended ? 0 : endings[state.last ?? "stop"]
      }
    })

  const happen = Effect.fnUntraced(function* (happening: ChatState.Happening) {
    if (happening._tag === "Happened") {
      const { agentPath, event } = happening.envelope
      if (event.type === "message-received") sent.delete(event.data.messageId)
      if (event.type === "data-cost-summary" && agentPath.length === 0) {
        settings.cost = event.data
        told += event.data.costNanoUsd
        isTakenUp = false
        settings.live?.settle()
      }
      if (event.type === "data-latency-summary") settings.latency = event.data
      yield* draw(view.take(happening.envelope))
    }
    if (happening._tag === "Started") startedAt = startedAt === 0 ? yield* Clock.currentTimeMillis : startedAt
    if (happening._tag === "Ended") {
      sent.clear()
      yield* draw(summary(settings, state.last, isKeyed, screen.look()))
      // Without redrawing there is no input line to show it.
      if (isAttended && !isKeyed) yield* draw(say("Ready."))
    }
    const before = state.questions[0]
    const [next, acts] = ChatState.after(state, happening)
    state = next
    if (happening._tag === "Ended" && state.hasJustCancelled) {
      yield* Effect.forkScoped(
        Effect.delay(
          Effect.sync(() => offer({ _tag: "Rested" })),
          secondPress
        )
      )
    }
    if (happening._tag === "Happened" && happening.envelope.event.type === "approval-required") {
      if (mode !== "prompt" || !isAttended) yield* unasked(happening.envelope.event.data)
    }
    const [question] = state.questions
    const isAsked = question !== undefined && question !== before && mode === "prompt" && isAttended
    if (isAsked && !isKeyed) yield* draw(say(Question.options(question.request)))
    for (const act of acts) yield* perform(act)
  })

  const press = Effect.fnUntraced(function* (key: LineEditor.Key) {
    const [next, done] = LineEditor.press(line, key)
    line = next
    if (done._tag === "Entered") {
      if ((state.questions.length > 0 && done.text.trim() !== "") || isCommand(done.text))
        yield* draw(say(`${ChatPicture.promptOf(state)}${done.text}`, "dim"))
      yield* happen({ _tag: "Typed", text: done.text })
    } else if (done._tag === "Interrupted") {
      if (line.text !== "" && !ChatState.isBusy(state)) line = { ...LineEditor.empty, history: line.history }
      else yield* happen({ _tag: "Interrupted" })
    } else if (done._tag === "Left") {
      yield* happen({ _tag: "Left" })
    }
  })

  const take = Effect.fnUntraced(function* (item: Item) {
    if (isHappening(item)) yield* happen(item)
    else if (item._tag === "Key") yield* press(item.key)
    else if (item._tag === "Resized") {
      size = { columns: item.columns || size.columns, rows: item.rows || size.rows }
      frame.resized(size.columns)
    } else if (item._tag === "Line") {
      waiting = item.taken
      if (!isAttended && isCommand(item.text)) yield* draw(["", ...say(`> ${item.text}`, "bold")])
      yield* happen({ _tag: "Typed", text: item.text })
    }
    yield* draw([])
    // A pipe goes on when the chat has nothing to do.
    if (waiting !== undefined && !ChatState.isBusy(state)) {
      yield* Deferred.succeed(waiting, undefined)
      waiting = undefined
    }
  })

  yield* draw(options.banner.flatMap((text) => say(text, "dim")))
  if (isKeyed) {
    const ticking = Effect.sync(() => (ChatState.isBusy(state) ? offer({ _tag: "Tick" }) : undefined))
    yield* Effect.forkScoped(Effect.forever(Effect.delay(ticking, "500 millis")))
  }
  if (options.open !== undefined) {
    const runId = options.open
    const goesOn = watching(runId, runtime.watch(runId).pipe(Stream.catch(() => Stream.empty)))
    state = { ...state, isStarting: true }
    yield* Effect.forkScoped(goesOn)
  } else if (options.opening !== undefined) {
    offer({ _tag: "Typed", text: options.opening })
  }
  yield* options.input(offer)
  for (;;) {
    yield* take(yield* Queue.take(inbox))
    const left = code
    if (left === undefined) continue
    yield* draw([])
    return left
  }
}, Effect.scoped)

const endings = {
  stop: 0,
  budget: codes.budget,
  cancelled: codes.cancelled,
  failed: codes.failed,
  incomplete: codes.failed
} as const

/**
 * What a run cost and how long it took: in one line; as tables if it was cancelled or there is no terminal to ask for
 * them.
 */
const summary = (
  { cost, latency, root }: ChatCommands.Settings,
  last: ChatState.State["last"],
  isKeyed: boolean,
  look: Style.Look
): ReadonlyArray<string> => {
  if (cost === undefined || latency === undefined) return []
  if (last === "cancelled" || !isKeyed) {
    return ["", ...Tables.cost(cost, root, look), "", ...Tables.latency(latency, root, look), ""]
  }
  const { usage } = cost.root
  const words = [
    `${cost.unpriced > 0 ? "at least " : ""}$${Money.toUsd(cost.costNanoUsd).toFixed(4)}`,
    `${Text.count(usage.promptTokens)} tokens in, ${Text.count(usage.completionTokens)} out`,
    Style.time(latency.totalMs)
  ]
  return [Style.paint(look, "dim", Style.fit(words.join(" · "), Math.max(8, (look.columns ?? 200) - 1)))]
}
