/**
 * Stores the files that a model made in its answer, and makes their events. The conversation keeps the files as the
 * model gave them; what clients get is the stored file.
 *
 * A file has the same id when its step is executed again after a crash. One that is larger than `maxFileBytes` is not
 * stored, and one that the provider keeps at an address of its own has an event with that address.
 */
import type { Event, Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import { digestId } from "../kernel/Digest.ts"
import { nameOf } from "../tool/FileOutput.ts"
import type { Ask } from "./Attempt.ts"

/** Stores the files of one step's answer; returns an event for each, in their order. */
export const store = (ask: Ask, made: ReadonlyArray<Message.FilePart>): Effect.Effect<ReadonlyArray<Event>> =>
  Effect.forEach(made, (file, index) => storeOne(ask, file, index + 1))

const storeOne = (
  { agent, name, run, step, work }: Ask,
  { data, filename, mediaType }: Message.FilePart,
  place: number
): Effect.Effect<Event> => {
  const fileId = digestId("file", `${work.runId}\n${name}\n${place}`)
  const about = {
    fileId,
    filename: filename ?? nameOf(mediaType, `${step}-${place}`),
    mediaType: mediaType.toWellFormed()
  }
  const content = bytesOf(data)
  if (content === undefined) return Effect.succeed(registered({ ...about, sizeBytes: 0, url: data.toWellFormed() }))
  const { fileUrl, maxFileBytes } = run.settings
  const sizeBytes = content.length
  if (sizeBytes > maxFileBytes) {
    const { model, provider } = agent.model
    const message = `A file of ${sizeBytes} bytes (${mediaType}) was not stored: maxFileBytes is ${maxFileBytes}`
    return Effect.succeed({ type: "custom", event_type: "model_warning", data: { provider, model, message } })
  }
  const { resourceId, runId, threadId } = work
  const stored = run.files.put({ ...about, runId, threadId, resourceId, sizeBytes, at: work.now(), content })
  const url = fileUrl?.(fileId)
  return Effect.as(stored, registered({ ...about, sizeBytes, ...(url === undefined ? {} : { url }) }))
}

const registered = (data: Extract<Event, { readonly type: "data-file-registered" }>["data"]): Event => ({
  type: "data-file-registered",
  data
})

/** The bytes of Base64 or of a data URL; `undefined` of any other address. */
const bytesOf = (data: string): Uint8Array | undefined => {
  const [, coded = data] = /^data:[^,]*;base64,(.*)$/s.exec(data) ?? []
  return Result.getOrUndefined(Base64.decode(coded))
}
