/**
 * A thread book in the runtime's store: a server that is started again, or another one over the same store, knows the
 * threads, their clients' ids and settings, and what was answered.
 *
 * What was read is kept in memory by its version, so that a note is read again only after another process has changed
 * it. `recent` has what this process has read or written.
 *
 * The stored form of the notes on a thread is a text for the thread and one for each of its runs. A text that cannot be read
 * is as one that was never written. New fields are optional, so that notes of earlier releases open. Options of an agent that
 * may not be shown are left out: they may be secrets, and must not be stored.
 */
import type { ThreadNoteStore, ThreadNotes } from "@reins/runtime"
import * as Effect from "effect/Effect"
import { makeMemory, type ThreadBookShape, type ThreadNote, type RunNote } from "./ThreadBook.ts"
import type { Naming } from "./ThreadName.ts"
import { Message } from "@reins/protocol"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const Maybe = Schema.optionalKey
const Text = Schema.String

const Settings = Schema.Struct({
  tools: Maybe(Schema.Array(Schema.Struct({ name: Text, trust: Schema.Boolean }))),
  options: Maybe(Schema.Record(Text, Text)),
  clientTools: Maybe(Schema.Array(Schema.Struct({ name: Text, description: Maybe(Text), parameters: Schema.Json }))),
  instructions: Maybe(Text)
})

const Thread = Schema.Struct({
  agent: Maybe(Text),
  firstId: Maybe(Text),
  createdAt: Schema.Finite,
  updatedAt: Schema.Finite,
  title: Maybe(Text),
  metadata: Maybe(Schema.Json),
  settings: Maybe(Settings)
})

const Model = Schema.Struct({
  name: Maybe(Text),
  maxOutputTokens: Maybe(Schema.Finite),
  output: Maybe(Schema.Struct({ name: Text, schema: Schema.Json })),
  settings: Maybe(
    Schema.Struct({
      temperature: Maybe(Schema.Finite),
      topP: Maybe(Schema.Finite),
      topK: Maybe(Schema.Finite),
      seed: Maybe(Schema.Finite),
      presencePenalty: Maybe(Schema.Finite),
      frequencyPenalty: Maybe(Schema.Finite),
      stopSequences: Maybe(Schema.Array(Text)),
      reasoning: Maybe(Schema.Literals(["none", "minimal", "low", "medium", "high", "xhigh"])),
      parallelToolCalls: Maybe(Schema.Boolean),
      toolChoice: Maybe(Schema.Union([Schema.Literals(["auto", "none", "required"]), Schema.Struct({ tool: Text })]))
    })
  )
})

const Opening = Schema.Struct({
  after: Schema.Finite,
  answered: Schema.Array(Text),
  messageId: Maybe(Text),
  given: Maybe(Text),
  follows: Maybe(Text),
  echo: Maybe(Schema.Json)
})

const Run = Schema.Struct({
  messageId: Maybe(Text),
  prompt: Maybe(Message.Prompt),
  model: Maybe(Model),
  isAlone: Maybe(Schema.Boolean),
  echo: Maybe(Schema.Json),
  openings: Schema.Array(Opening)
})

const readThread = Schema.decodeUnknownOption(Schema.fromJsonString(Thread))
const readRun = Schema.decodeUnknownOption(Schema.fromJsonString(Run))

/** The thread's text. `isShown`: whether an option of its agent may be shown, and so be stored. */
const threadText = (note: ThreadNote, isShown: (option: string) => boolean): string => {
  const { agent, createdAt, firstId, metadata, settings, title, updatedAt } = note
  const options = Object.entries(settings?.options ?? {}).filter(([name]) => isShown(name))
  const kept = settings?.options === undefined ? settings : { ...settings, options: Object.fromEntries(options) }
  return JSON.stringify({ agent, firstId, createdAt, updatedAt, title, metadata, settings: kept })
}

/** The run's text. */
const runText = ({ runId: _, ...note }: RunNote): string => JSON.stringify(note)

/** The notes that these texts are. */
const noteOf = (tenant: string, threadId: string, { runs, thread }: ThreadNotes): ThreadNote | undefined => {
  const known = Option.getOrUndefined(readThread(thread))
  if (known === undefined) return undefined
  const notes = runs.flatMap(({ note, runId }): ReadonlyArray<RunNote> => {
    const run = Option.getOrUndefined(readRun(note))
    return run === undefined ? [] : [{ runId, ...run }]
  })
  return { tenant, threadId, ...known, runs: notes }
}

/** How often runs are looked for that another process has started in a thread that is watched. */
const interval = "2 seconds"

/** `isShown`: whether an agent's option may be shown; others are not stored, and known to this process only. */
export const make = (
  store: ThreadNoteStore,
  naming: Naming,
  isShown: (agent: string | undefined, option: string) => boolean
): ThreadBookShape => {
  const memory = makeMemory()
  const versions = new WeakMap<ThreadNote, number>()

  const place = (tenant: string, threadId: string) =>
    Effect.map(naming.inner(tenant, threadId), (inner) => ({ threadId: inner, resourceId: tenant }))

  const remember = Effect.fnUntraced(function* (note: ThreadNote, version: number) {
    versions.set(note, version)
    yield* memory.update(note.tenant, note.threadId, () => note)
  })

  /** The note and its version, 0 without one. */
  const read = Effect.fnUntraced(function* (tenant: string, threadId: string) {
    const known = yield* memory.get(tenant, threadId)
    const at = yield* place(tenant, threadId)
    const version = yield* store.version(at)
    if (known !== undefined && versions.get(known) === version) return { note: known, version }
    const stored = version === 0 ? undefined : yield* store.get(at)
    if (stored === undefined) {
      if (known !== undefined) yield* memory.remove(tenant, threadId)
      return { note: undefined, version: 0 }
    }
    const found = noteOf(tenant, threadId, stored)
    if (found === undefined) return { note: undefined, version: stored.version }
    const { settings } = found
    const options = { ...known?.settings?.options, ...settings?.options }
    const note = settings?.options === undefined ? found : { ...found, settings: { ...settings, options } }
    yield* remember(note, stored.version)
    return { note, version: stored.version }
  })

  const get = (tenant: string, threadId: string) => Effect.map(read(tenant, threadId), ({ note }) => note)

  const update = Effect.fnUntraced(function* (
    tenant: string,
    threadId: string,
    change: (note: ThreadNote | undefined) => ThreadNote | undefined
  ) {
    for (;;) {
      const { note: before, version } = yield* read(tenant, threadId)
      const note = change(before)
      if (note === undefined) return undefined
      const changed = note.runs.filter((run) => before?.runs.includes(run) !== true)
      const after = yield* store.put(yield* place(tenant, threadId), {
        version,
        thread: threadText(note, (option) => isShown(note.agent, option)),
        runs: changed.map((run) => ({ runId: run.runId, note: runText(run) }))
      })
      if (after === 0) continue
      yield* remember(note, after)
      return note
    }
  })

  return {
    get,
    list: (tenant) =>
      Effect.map(store.list(tenant), (found) =>
        found.map(({ createdAt, threadId }) => ({ threadId: naming.outer(tenant, threadId), createdAt }))
      ),
    recent: memory.recent,
    update,
    remove: (tenant, threadId) =>
      Effect.flatMap(place(tenant, threadId), (at) =>
        Effect.andThen(store.remove(at), memory.remove(tenant, threadId))
      ),
    more: (tenant, threadId, count) => {
      const look: Effect.Effect<void> = Effect.flatMap(get(tenant, threadId), (note) =>
        (note?.runs.length ?? 0) > count ? Effect.void : Effect.andThen(Effect.sleep(interval), look)
      )
      return Effect.raceFirst(memory.more(tenant, threadId, count), look)
    }
  }
}
