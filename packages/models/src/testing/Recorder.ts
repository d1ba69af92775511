/**
 * Records what a live provider answers, in the format that recordings are played from: give its `fetch` to a provider package,
 * and each answer arrives as payloads, one a line, with the keys of its request taken out wherever they stand.
 *
 * The answer itself passes through untouched. Requests are not kept.
 */
import type { Fetch } from "../Provider.ts"
import { payloadsOf } from "./Recording.ts"

/** One answer, complete. */
export interface Recorded {
  /** Without its query, which may hold a key. */
  readonly url: string
  readonly status: number
  /** The payloads of a stream; the whole body on one line where the answer was none. */
  readonly payloads: ReadonlyArray<string>
  /** The payloads as a `.chunks.txt` file has them. */
  readonly text: string
}

/** What a recorder stands between. */
export interface RecorderOptions {
  /** What really asks. */
  readonly fetch: Fetch
  /** Called when an answer has ended. One that was broken off is not recorded. */
  readonly onRecorded: (recorded: Recorded) => void
}

/** A `fetch` that records. */
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

/** What a request proves itself with: keys in headers and in the query. */
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
  // Keys of the usual forms, also where they are not the request's own.
  return out.replace(/\b(sk|pk|gsk|xai|AIza)[-_]?[A-Za-z0-9_-]{20,}\b/g, "REMOVED")
}
