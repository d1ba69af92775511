/**
 * Records responses of a live provider, in the format that recordings are played from: pass its `fetch` to a provider
 * package, and each response arrives as payloads, one per line, with the request's keys removed wherever they occur.
 *
 * The response itself passes through unchanged. Requests are not kept.
 */
import type { Fetch } from "../Provider.ts"
import { payloadsOf } from "./Recording.ts"

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
 * A `fetch` that records.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make =
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
