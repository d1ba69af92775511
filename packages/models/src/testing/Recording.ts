/**
 * A provider's recorded response: one JSON payload per line, as it followed `data:` in each frame. Knows how each kind
 * of API frames its payloads, and which kind a folder or a payload belongs to. `recorder` makes recordings of a live
 * provider.
 *
 * It reads no files and opens no ports.
 */
import * as Predicate from "effect/Predicate"
import * as JsonValue from "../aisdk/JsonValue.ts"
import type { Fetch } from "../Provider.ts"

/**
 * A kind of wire format. Many providers speak `chat`.
 *
 * @since 0.1.0
 * @category models
 */
export type Api = "chat" | "responses" | "anthropic" | "google" | "cohere"

/**
 * One recorded response.
 *
 * @since 0.1.0
 * @category models
 */
export interface Recording {
  readonly api: Api
  /** The folder that contained it: `<provider>` or `<provider>-<api>`. */
  readonly folder: string
  readonly name: string
  readonly payloads: ReadonlyArray<string>
}

/**
 * Parses the text of a `.chunks.txt` file. Blank lines are ignored.
 *
 * @since 0.1.0
 * @category conversions
 */
export const parse = (folder: string, name: string, text: string): Recording => {
  const payloads = text.split(/\r?\n/).filter((line) => line.trim() !== "")
  return { api: apiOf(folder, payloads), folder, name, payloads }
}

/** The kind of API: by the form of the payloads, else by the folder. */
const apiOf = (folder: string, payloads: ReadonlyArray<string>): Api => {
  for (const payload of payloads) {
    const value = JsonValue.parse(payload)
    if (!JsonValue.isObject(value)) continue
    const { type } = value
    if (Predicate.isString(type)) {
      if (type.startsWith("response.")) return "responses"
      if (/^(message_start|content_block_start)$/.test(type)) return "anthropic"
      if (/^(message-start|content-start|tool-plan-delta)$/.test(type)) return "cohere"
    }
    if ("candidates" in value || "usageMetadata" in value) return "google"
    if ("choices" in value) return "chat"
  }
  if (folder.endsWith("-responses")) return "responses"
  if (folder.startsWith("anthropic")) return "anthropic"
  if (folder.startsWith("google")) return "google"
  return folder.startsWith("cohere") ? "cohere" : "chat"
}

/**
 * One payload in its API's frame.
 *
 * @since 0.1.0
 * @category operations
 */
export const frame = (api: Api, payload: string): string => {
  switch (api) {
    case "chat":
      return `data: ${payload}\n\n`
    case "google":
      return `data: ${payload}\r\n\r\n`
    case "responses":
    case "anthropic":
    case "cohere": {
      const value = JsonValue.parse(payload)
      const type = JsonValue.isObject(value) ? value["type"] : undefined
      return Predicate.isString(type) ? `event: ${type}\ndata: ${payload}\n\n` : `data: ${payload}\n\n`
    }
  }
}

/**
 * The bytes of a whole response, with its terminator if the API has one.
 *
 * @since 0.1.0
 * @category operations
 */
export const bytes = (recording: Pick<Recording, "api" | "payloads">): Uint8Array => {
  const frames = recording.payloads.map((payload) => frame(recording.api, payload))
  return new TextEncoder().encode(frames.join("") + (recording.api === "chat" ? "data: [DONE]\n\n" : ""))
}

/**
 * The payloads in the frames of a response without the terminator: what a recorder keeps.
 *
 * @since 0.1.0
 * @category operations
 */
export const payloadsOf = (body: string): ReadonlyArray<string> =>
  body
    .split(/\r?\n\r?\n/)
    .map((one) =>
      one
        .split(/\r?\n/)
        .filter((line) => line.startsWith("data:"))
        .map((line) => line.slice(line.startsWith("data: ") ? 6 : 5))
        .join("")
    )
    .filter((payload) => payload !== "" && payload !== "[DONE]")

/**
 * The model that a response names; absent when it names none.
 *
 * @since 0.1.0
 * @category operations
 */
export const modelOf = (recording: Pick<Recording, "payloads">): string | undefined => {
  for (const payload of recording.payloads) {
    const value = JsonValue.parse(payload)
    if (!JsonValue.isObject(value)) continue
    for (const place of [value, value["message"], value["response"]]) {
      if (!JsonValue.isObject(place)) continue
      const model = place["model"] ?? place["modelVersion"]
      if (Predicate.isString(model) && model !== "") return model
    }
  }
  return undefined
}

/**
 * One complete response.
 *
 * @since 0.1.0
 * @category models
 */
export interface Recorded {
  /** Without its query, which may contain a key. */
  readonly url: string
  readonly status: number
  /** The payloads of a stream; the whole body on one line when the response was not a stream. */
  readonly payloads: ReadonlyArray<string>
  /** The payloads in the format of a `.chunks.txt` file. */
  readonly text: string
}

/**
 * The dependencies of a recorder.
 *
 * @since 0.1.0
 * @category models
 */
export interface RecorderOptions {
  /** The `fetch` that sends the requests. */
  readonly fetch: Fetch
  /** Called when a response has ended. An interrupted response is not recorded. */
  readonly onRecorded: (recorded: Recorded) => void
}

/**
 * A `fetch` that records: pass it to a provider package, and each response arrives as payloads, one per line, with the
 * request's keys removed wherever they occur. The response itself passes through unchanged. Requests are not kept.
 *
 * @since 0.1.0
 * @category constructors
 */
export const recorder =
  ({ fetch, onRecorded }: RecorderOptions): Fetch =>
  (input, init) =>
    fetch(input, init).then((response) => {
      const asked = new Request(input, { ...init, signal: null })
      const secrets = secretsOf(asked)
      response
        .clone()
        .text()
        .then((body) => {
          const clean = without(body, secrets)
          const framed = payloadsOf(clean)
          const payloads = framed.length > 0 ? framed : [clean.replace(/\s*\n\s*/g, " ").trim()]
          onRecorded({
            url: asked.url.replace(/[?#].*$/s, ""),
            status: response.status,
            payloads,
            text: payloads.map((payload) => `${payload}\n`).join("")
          })
        }, ignore)
      return response
    })

const ignore = () => {}

/** The credentials of a request: keys in headers and in the query. */
const secretsOf = (request: Request): ReadonlyArray<string> => {
  const secrets: Array<string> = []
  for (const [name, value] of request.headers) {
    if (/(authorization|cookie|key|token|secret)$/i.test(name)) secrets.push(value, value.replace(/^\w+\s+/, ""))
  }
  for (const [name, value] of new URL(request.url).searchParams) {
    if (/(key|token|secret|signature)$/i.test(name)) secrets.push(value)
  }
  return secrets.filter((secret) => secret.length >= 4)
}

const without = (text: string, secrets: ReadonlyArray<string>): string => {
  let out = text
  for (const secret of secrets) out = out.replaceAll(secret, "REMOVED")
  // Also removes keys in the usual formats that are not the request's own.
  return out.replace(/\b(sk|pk|gsk|xai|AIza)[-_]?[A-Za-z0-9_-]{20,}\b/g, "REMOVED")
}
