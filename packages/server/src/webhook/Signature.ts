/**
 * Signs web hooks as Standard Webhooks have it: `webhook-id`, `webhook-timestamp`, and in `webhook-signature` one
 * `v1,` signature for each secret, so that a receiver verifies with either of two while one replaces the other. Each is
 * the HMAC-SHA256 of the id, the time and the body, joined by dots, in Base64.
 */
import { hmac } from "@noble/hashes/hmac.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"

const prefix = "whsec_"

/** The key of a secret: behind `whsec_` the bytes that are written there in Base64, of any other text its own. */
const keyOf = (secret: string): Uint8Array =>
  secret.startsWith(prefix)
    ? Result.getOrElse(Base64.decode(secret.slice(prefix.length)), () => utf8ToBytes(secret))
    : utf8ToBytes(secret)

/**
 * The id of a delivery, the same at each attempt, made from what identifies its content.
 *
 * @since 0.2.0
 * @category constructors
 */
export const idOf = (...parts: ReadonlyArray<string | number>): string =>
  `msg_${bytesToHex(sha256(utf8ToBytes(JSON.stringify(parts)))).slice(0, 32)}`

/**
 * The headers of one attempt. `at`: its time, in epoch milliseconds.
 *
 * @since 0.2.0
 * @category constructors
 */
export const headers = (
  { at, body, id }: { readonly id: string; readonly at: number; readonly body: string },
  secrets: ReadonlyArray<string>
): { readonly [name: string]: string } => {
  const seconds = Math.floor(at / 1000)
  const content = utf8ToBytes(`${id}.${seconds}.${body}`)
  return {
    "webhook-id": id,
    "webhook-timestamp": `${seconds}`,
    "webhook-signature": secrets.map((secret) => `v1,${Base64.encode(hmac(sha256, keyOf(secret), content))}`).join(" ")
  }
}

const differ = (left: string, right: string): number => {
  let difference = left.length ^ right.length
  for (let index = 0; index < left.length; index++) difference |= left.charCodeAt(index) ^ right.charCodeAt(index)
  return difference
}

/**
 * Whether a request was sent by who knows one of the secrets, at most `toleranceMs` ago or ahead (default 5 minutes).
 * For receivers: `body` is the text as it came. A `webhook-id` that was seen before is the same notice once more.
 *
 * **Example** (A receiver)
 *
 * ```ts
 * import { WebhookSignature } from "@reins/server"
 *
 * export const receive = async (request: Request, secret: string) => {
 *   const body = await request.text()
 *   const isOurs = WebhookSignature.verify({ headers: Object.fromEntries(request.headers), body, now: Date.now() }, [secret])
 *   return new Response(null, { status: isOurs ? 204 : 401 })
 * }
 * ```
 *
 * @since 0.2.0
 * @category guards
 */
export const verify = (
  received: {
    /** Header names are in lower case. */
    readonly headers: { readonly [name: string]: string }
    readonly body: string
    /** Epoch milliseconds. */
    readonly now: number
    readonly toleranceMs?: number | undefined
  },
  secrets: ReadonlyArray<string>
): boolean => {
  const { body, headers: given, now, toleranceMs = 300_000 } = received
  const [id = "", seconds = ""] = [given["webhook-id"], given["webhook-timestamp"]]
  if (!/^\d{1,12}$/.test(seconds) || Math.abs(now - Number(seconds) * 1000) > toleranceMs) return false
  const ours = headers({ id, body, at: Number(seconds) * 1000 }, secrets)["webhook-signature"]?.split(" ") ?? []
  const theirs = (given["webhook-signature"] ?? "").split(" ")
  return theirs.some((signature) => signature !== "" && ours.some((own) => differ(own, signature) === 0))
}
