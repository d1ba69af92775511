/** Each tenant's own key for the models' provider. A real program reads a vault. */
import { ModelCredentials } from "@reins/runtime"
import { Effect, Redacted } from "effect"

const keys = new Map([
  ["harbour-cafe", Redacted.make("key-of-the-cafe")],
  ["city-library", Redacted.make("key-of-the-library")]
])

/** A tenant without a key is refused before anything runs. */
export const layer = ModelCredentials.layer({
  find: ({ resourceId }) => {
    const apiKey = keys.get(resourceId)
    return Effect.succeed(apiKey === undefined ? undefined : { apiKey })
  },
  cacheFor: "5 minutes"
})

/** The tenant whose key a request brought. */
export const tenantOf = (key: Redacted.Redacted | undefined): string =>
  [...keys].find(([, own]) => key !== undefined && Redacted.value(own) === Redacted.value(key))?.[0] ?? "nobody"
