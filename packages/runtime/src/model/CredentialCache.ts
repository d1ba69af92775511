/** Caches tenants' credentials in this process's memory, for as long as their lookup allows. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Asked, Found, Lookup } from "./ModelCredentials.ts"

/** The result of a lookup. `unavailable`: it failed. */
export type Held =
  | { readonly _tag: "Key"; readonly key: Redacted.Redacted; readonly baseURL: string | undefined }
  | { readonly _tag: "Shared" }
  | { readonly _tag: "Missing" }
  | { readonly _tag: "Unavailable" }

/** How long a lookup may take. */
const longest = "10 seconds"

/** How many credentials are kept: tenants come and go. */
const most = 10_000

/** The cached credentials of a runtime. Mutable. */
export class CredentialCache {
  readonly #lookup: Lookup
  readonly #cacheMs: number
  readonly #held = new Map<string, { readonly held: Held; readonly until: number }>()

  constructor(lookup: Lookup) {
    this.#lookup = lookup
    this.#cacheMs = lookup.cacheFor === undefined ? 0 : Duration.toMillis(Duration.fromInputUnsafe(lookup.cacheFor))
  }

  find(asked: Asked): Effect.Effect<Held> {
    return Effect.clockWith((clock) => {
      const name = nameOf(asked)
      const known = this.#held.get(name)
      if (known !== undefined && clock.currentTimeMillisUnsafe() < known.until) return Effect.succeed(known.held)
      const found = Effect.map(
        Effect.suspend(() => this.#lookup.find(asked)),
        heldOf
      )
      const timed = Effect.timeoutOrElse(found, { duration: longest, orElse: () => Effect.succeed(unavailable) })
      return Effect.map(Effect.exit(timed), (exit): Held => {
        const held = exit._tag === "Success" ? exit.value : unavailable
        this.#held.delete(name)
        if (this.#cacheMs > 0 && (held._tag === "Key" || held._tag === "Shared")) {
          if (this.#held.size >= most) for (const oldest of this.#held.keys()) if (this.#held.delete(oldest)) break
          this.#held.set(name, { held, until: clock.currentTimeMillisUnsafe() + this.#cacheMs })
        }
        return held
      })
    })
  }

  /** Looks up again after the provider has rejected a key. Another key, if there is one. */
  renew(asked: Asked, rejected: Redacted.Redacted): Effect.Effect<Extract<Held, { readonly _tag: "Key" }> | undefined> {
    return Effect.suspend(() => {
      const name = nameOf(asked)
      const known = this.#held.get(name)?.held
      if (known?._tag === "Key" && isSame(known.key, rejected)) this.#held.delete(name)
      return Effect.map(this.find(asked), (held) =>
        held._tag === "Key" && !isSame(held.key, rejected) ? held : undefined
      )
    })
  }
}

const isSame = (one: Redacted.Redacted, other: Redacted.Redacted): boolean =>
  Redacted.value(one) === Redacted.value(other)

const nameOf = ({ model, principal, provider, resourceId }: Asked): string =>
  JSON.stringify([resourceId, principal ?? null, provider, model])

const unavailable: Held = { _tag: "Unavailable" }

/** A program without types may find anything. */
const heldOf = (found: Found): Held => {
  if (found === "shared") return { _tag: "Shared" }
  if (found == null) return { _tag: "Missing" }
  const { apiKey, baseURL } = found
  const key = Redacted.isRedacted(apiKey) ? apiKey : Redacted.make(apiKey)
  const isKey = typeof Redacted.value(key) === "string" && Redacted.value(key) !== ""
  return isKey ? { _tag: "Key", key, baseURL } : { _tag: "Missing" }
}
