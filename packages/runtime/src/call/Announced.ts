/**
 * The events that a running handler announces, from what it gives. It may have no types, and a stored event that its
 * schema refuses cannot be read again: what does not fit is thrown, as a defect of the handler.
 */
import type { Event, Json } from "@reins/protocol"
import * as Rule from "../kernel/OptionRule.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import type { FileContent, FileOptions } from "../tool/ToolRun.ts"

/** A `custom` event of the domain's own name. */
export const custom = (eventType: string, data: Json): Event => {
  const event_type = textOf("emit.eventType", eventType)
  return { type: "custom", event_type, data: jsonOf(data, event_type) }
}

export const flowUi = (dsl: Json): Event => ({ type: "data-flow-ui", data: { dsl: jsonOf(dsl, "data-flow-ui") } })

export const hint = (text: string): Event => ({
  type: "custom",
  event_type: "hint",
  data: { text: textOf("hint", text) }
})

/** A file with its id, stored here or elsewhere. */
export const file = ({
  fileId,
  filename,
  mediaType,
  sizeBytes,
  url
}: FileOptions & { readonly fileId: string }): Event => ({
  type: "data-file-registered",
  data: {
    fileId: textOf("registerFile.fileId", fileId),
    filename: textOf("registerFile.filename", filename),
    mediaType: textOf("registerFile.mediaType", mediaType),
    sizeBytes: count(sizeBytes),
    ...(url === undefined ? {} : { url: textOf("registerFile.url", url) })
  }
})

/** The bytes of a file that is to be stored: a copy, since the handler may reuse its buffer. */
export const bytesOf = ({ content, filename, mediaType }: FileContent): Uint8Array => {
  textOf("storeFile.filename", filename)
  textOf("storeFile.mediaType", mediaType)
  Rule.requireValid("storeFile.content", content, contentRule)
  return typeof content === "string" ? encoder.encode(content) : new Uint8Array(content)
}

/** A count of a handler as a whole number: 0 for an invalid one, and at most the largest that is exact. */
export const count = (value: number): number =>
  Number.isFinite(value) && value > 0 ? Math.min(Math.floor(value), Number.MAX_SAFE_INTEGER) : 0

const encoder = new TextEncoder()

const text = Rule.text()

const contentRule = Rule.either(
  text,
  Rule.must(
    "Give a Uint8Array, or a string",
    (value) => Object.prototype.toString.call(value) === "[object Uint8Array]"
  )
)

const textOf = (option: string, given: string): string => {
  Rule.requireValid(option, given, text)
  return given
}

const jsonOf = (data: Json, what: string): Json => {
  const copied = PlainJson.copy(data)
  if (copied === undefined) throw new Error(`The data of event ${JSON.stringify(what)} is not JSON`)
  return copied
}
