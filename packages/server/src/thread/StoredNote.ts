/**
 * The stored form of a server's notes on a thread: a text for the thread and one for each of its runs. A text that
 * cannot be read is as one that was never written. New fields are optional, so that notes of earlier releases open.
 *
 * Options of an agent that may not be shown are left out: they may be secrets, and must not be stored.
 */
import { Message } from "@reins/protocol"
import type { ThreadNotes } from "@reins/runtime"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { RunNote, ThreadNote } from "./ThreadBook.ts"

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
export const ofThread = (note: ThreadNote, isShown: (option: string) => boolean): string => {
  const { agent, createdAt, firstId, metadata, settings, title, updatedAt } = note
  const options = Object.entries(settings?.options ?? {}).filter(([name]) => isShown(name))
  const kept = settings?.options === undefined ? settings : { ...settings, options: Object.fromEntries(options) }
  return JSON.stringify({ agent, firstId, createdAt, updatedAt, title, metadata, settings: kept })
}

/** The run's text. */
export const ofRun = ({ runId: _, ...note }: RunNote): string => JSON.stringify(note)

/** The notes that these texts are. */
export const read = (tenant: string, threadId: string, { runs, thread }: ThreadNotes): ThreadNote | undefined => {
  const known = Option.getOrUndefined(readThread(thread))
  if (known === undefined) return undefined
  const notes = runs.flatMap(({ note, runId }): ReadonlyArray<RunNote> => {
    const run = Option.getOrUndefined(readRun(note))
    return run === undefined ? [] : [{ runId, ...run }]
  })
  return { tenant, threadId, ...known, runs: notes }
}
