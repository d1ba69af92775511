/**
 * `reins replay`: runs a recorded run again on the code of today and shows where it would go another way; with a fork,
 * goes on from one of its events in a new run.
 */
import type { Event } from "@reins/protocol"
import { Fork, type ModelPort, type Replayed, Runtime } from "@reins/runtime"
import { RunExport } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import { readFile } from "node:fs/promises"
import { resolve } from "node:path"
import type { Mode } from "../chat/Asking.ts"
import * as RemoteDesk from "../desk/RemoteDesk.ts"
import * as StoreArchive from "../desk/StoreArchive.ts"
import { CommandFailed, codes, ended, failed, misused } from "../setting/CommandFailed.ts"
import * as Limits from "../setting/Limits.ts"
import * as ModelChoice from "../setting/ModelChoice.ts"
import * as Presence from "../setting/Presence.ts"
import * as StoreChoice from "../setting/StoreChoice.ts"
import * as Workplace from "../setting/Workplace.ts"
import { Screen } from "../terminal/Screen.ts"
import * as Style from "../text/Style.ts"
import * as Text from "../text/Text.ts"
import * as SideBySide from "../view/SideBySide.ts"
import { attend } from "./Attendance.ts"
import * as Presenter from "./Presenter.ts"

/** The options of the command line. */
export interface Given {
  /** A run of the store, or a file of exported runs. */
  readonly what: string
  readonly app: string | undefined
  readonly model: string | undefined
  readonly store: string | undefined
  /** The address of a server that has the run, in place of a store. */
  readonly url: string | undefined
  readonly path: string | undefined
  readonly jsonOutput: boolean
  /** The event from which a new run goes on. Absent: nothing is started. */
  readonly fork: number | undefined
  readonly question: string | undefined
  readonly approve: Mode
  readonly budget: string | undefined
}

export const run = (given: Given) =>
  Effect.scoped(
    Effect.gen(function* () {
      const all = yield* Effect.provide(recordings(given), FetchHttpClient.layer)
      const [first, ...rest] = all
      if (first === undefined) return yield* failed(`${quoted(given.what)} has no run.`)
      if (given.fork === undefined) return yield* replay(given, all)
      if (rest.length > 0) {
        return yield* misused(`${given.what} has ${Text.counted(all.length, "run")}. Fork a file with one of them.`)
      }
      return yield* fork(given, given.fork, first)
    })
  )

const quoted = (text: string): string => JSON.stringify(Text.harmless(text))

/** The runs that are meant: those of a file, or one of the store. */
const recordings = Effect.fnUntraced(function* ({ path, store, url, what }: Given) {
  const isFile = yield* Presence.isFile(what)
  const read = (lines: ReadonlyArray<string>) =>
    Effect.mapError(
      Effect.flatMap(RunExport.read(lines), (lines) => Effect.forEach(runsIn(lines), RunExport.recordingOf)),
      (error) => failed(`${quoted(what)} cannot be replayed: ${ended(error.message)}`, error)
    )
  if (url !== undefined) {
    if (store !== undefined) return yield* misused("Give --url or --store, not both.")
    const desk = yield* RemoteDesk.make(url)
    return yield* read(yield* desk.exported(what))
  }
  if (isFile) {
    const text = yield* Effect.tryPromise({
      try: () => readFile(what, "utf8"),
      catch: (cause) => failed(`${quoted(what)} cannot be read.`, cause)
    })
    return yield* read(text.split("\n"))
  }
  const chosen = yield* StoreChoice.chosen(store, resolve(path ?? "."))
  if (chosen._tag === "Sqlite" && !(yield* Presence.isFile(chosen.file))) {
    return yield* failed(
      `There is no file ${quoted(what)}, and no store ${chosen.file} with such a run. Name a file of reins archive, or the store: --store.`
    )
  }
  const archive = yield* StoreArchive.make(chosen)
  const lines = yield* StoreArchive.telling(archive.exportRun(what))
  if (lines.length === 0) {
    return yield* failed(`There is no run ${quoted(what)} and no file of that name. reins runs lists the runs.`)
  }
  return yield* read(lines)
})

/** An archive has one run after the other. */
const runsIn = (lines: ReadonlyArray<RunExport.Line>): ReadonlyArray<ReadonlyArray<RunExport.Line>> => {
  const all: Array<Array<RunExport.Line>> = []
  for (const line of lines) {
    const last = all.at(-1)
    if (line.kind === "run" || last === undefined) all.push([line])
    else last.push(line)
  }
  return all
}

/** A model that is never asked, with the name of `--model`, else of the one that the run asked first. */
class StandIn implements ModelPort {
  provider = ModelChoice.scripted.provider
  model = ModelChoice.scripted.model
  readonly attempt = () => Effect.die(new Error("A replay asks no model"))

  standFor(name: string | undefined, { marks }: RunExport.Recording): void {
    const row = marks.flatMap(({ spent }) => spent).find((row) => row.kind === "model" && row.path.length === 0)
    const { model, provider } = ModelChoice.namesOf(name) ?? (row?.kind === "model" ? row : ModelChoice.scripted)
    this.provider = provider
    this.model = model
  }
}

const replay = Effect.fnUntraced(function* (given: Given, all: ReadonlyArray<RunExport.Recording>) {
  const screen = yield* Screen
  // An app is loaded once, whatever runs are replayed on it.
  const standIn = new StandIn()
  const workplace = yield* Workplace.make({
    app: given.app,
    model: undefined,
    store: undefined,
    path: given.path,
    isWatched: false,
    demo: false,
    standIn
  })
  let differs = 0
  yield* Effect.gen(function* () {
    const runtime = yield* Runtime
    for (const recording of all) {
      standIn.standFor(given.model, recording)
      const replayed = yield* Effect.mapError(runtime.replay(recording), (error) => failed(ended(error.message), error))
      if (replayed._tag === "Diverged") differs++
      const lines = given.jsonOutput ? [JSON.stringify(dataOf(replayed))] : linesOf(replayed, screen.look())
      yield* screen.print(`${lines.join("\n")}\n`)
    }
  }).pipe(Effect.provide(workplace.layer))
  if (differs > 0) return yield* new CommandFailed({ issue: "", code: codes.differs })
})

const dataOf = (replayed: Replayed) => {
  const { events, runId } = replayed
  if (replayed._tag === "Identical") return { run: runId, identical: true, events, undigested: replayed.undigested }
  const { event, ...divergence } = replayed.divergence
  return { run: runId, identical: false, events, others: replayed.others, type: event?.event.type, ...divergence }
}

/** The result for a person. Pure. */
export const linesOf = (replayed: Replayed, look: Style.Look): ReadonlyArray<string> => {
  const fold = (text: string) => Style.fold(Text.harmless(text), look.columns ?? Infinity)
  const { events, runId } = replayed
  if (replayed._tag === "Identical") {
    const { undigested } = replayed
    return [
      ...fold(`${runId} goes the same way: ${Text.counted(events, "event")}.`),
      ...(undigested === 0
        ? []
        : fold(
            `The prompts of ${Text.counted(undigested, "request")} were not compared: the log has no digest of them.`
          ))
    ]
  }
  const { agentPath, event, field, recorded, replayed: now, seq } = replayed.divergence
  const where = event === undefined ? `behind its last event, ${events}` : `at event ${seq} of ${events}`
  const who = agentPath.length === 0 ? "" : ` of ${agentPath.join("/")}`
  const what = event === undefined ? field : `${nameOf(event.event)}${who}: ${field}`
  const more = replayed.others === 0 ? [] : fold(`${Text.counted(replayed.others, "more difference")} after it.`)
  return [
    ...fold(`${runId} goes another way ${where}.`),
    ...fold(what).map((line) => Style.paint(look, "bold", line)),
    ...SideBySide.lines({ title: "log", value: recorded }, { title: "replay", value: now }, look),
    ...more
  ]
}

const nameOf = (event: Event): string => (event.type === "custom" ? event.event_type : event.type)

/** Goes on in a new run of a new thread, with a real model and real tools, which ask as always. */
const fork = Effect.fnUntraced(function* (given: Given, seq: number, recording: RunExport.Recording) {
  const { agent, runId } = recording.record
  const last = recording.envelopes.length
  if (seq < 0 || seq > last)
    return yield* misused(`--fork: run ${runId} has the events 1 to ${last}; 0 is before them.`)
  const { history, prompt } = Fork.at(recording, seq)
  const question = given.question ?? prompt
  if (question === undefined) {
    return yield* misused(`At event ${seq} run ${runId} has answered. Give the next question: --question "…"`)
  }
  const asked = given.question === undefined || prompt === undefined || prompt.length === 0 ? [] : prompt
  const budget = yield* Limits.budgetOf(given.budget)
  const screen = yield* Screen
  const workplace = yield* Workplace.make({ ...given, demo: false, isWatched: screen.look().live && !given.jsonOutput })
  const nothingHidden: ReadonlySet<string> = new Set()
  const presenter = yield* given.jsonOutput
    ? Presenter.json(nothingHidden)
    : Presenter.text(workplace.root, nothingHidden)
  yield* Effect.gen(function* () {
    const runtime = yield* Runtime
    const before = asked.length === 0 ? history : [...history, { role: "user" as const, content: asked }]
    const handle = yield* Effect.mapError(runtime.start(question, { budget, history: before, agent }), (error) =>
      failed(`Nothing was started: ${ended(error.message)}`, error)
    )
    yield* presenter.note(
      `Run ${handle.runId} goes on from event ${seq} of ${Text.harmless(runId)}, in thread ${handle.threadId}.`
    )
    yield* attend(handle, presenter, given.approve)
  }).pipe(Effect.provide(workplace.layer))
})
