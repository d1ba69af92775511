/**
 * Tells who a request is from. Served by keys out of a record or out of the configuration, or by a function of one's own.
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Keys from "./Keys.ts"
import type { Principal } from "./Principal.ts"

/**
 * What a request brings along. `key` is the bearer token, or what stands in one of the headers that clients of other
 * protocols send theirs in; absent where there is none. Header names are in lower case.
 */
export interface Credentials {
  readonly key: Redacted.Redacted | undefined
  readonly headers: { readonly [name: string]: string }
}

export class Authenticator extends Context.Service<
  Authenticator,
  {
    /** Whom the request is from; `undefined` refuses it. A defect is answered like any other, and never lets in. */
    readonly authenticate: (credentials: Credentials) => Effect.Effect<Principal | undefined>
  }
>()("@reins/server/Authenticator") {
  /** These keys, and nobody else. */
  static layerKeys(keys: Keys.KeyRecord): Layer.Layer<Authenticator> {
    return Layer.succeed(Authenticator, byKey(keys))
  }

  /**
   * Keys from the configuration: `key=tenant`, separated by commas, in `REINS_API_KEYS` or the name given. Fails when it is
   * absent or names no tenant, rather than to serve nobody silently.
   */
  static layerConfig(name = "REINS_API_KEYS"): Layer.Layer<Authenticator, Config.ConfigError> {
    const keys = Config.map(Config.Redacted(name), (text) => byKey(parse(Redacted.value(text))))
    return Layer.effect(
      Authenticator,
      Effect.gen(function* () {
        return yield* keys
      })
    )
  }

  /** Everybody, as one tenant. For a machine of one's own, never for a network. */
  static layerOpen(tenant = "default"): Layer.Layer<Authenticator> {
    return Layer.succeed(Authenticator, { authenticate: () => Effect.succeed({ tenant }) })
  }
}

const byKey = (keys: Keys.KeyRecord): Authenticator["Service"] => {
  const find = Keys.make(keys)
  return {
    authenticate: ({ key }) => Effect.sync(() => (key === undefined ? undefined : find(Redacted.value(key))))
  }
}

const parse = (text: string): Keys.KeyRecord =>
  Object.fromEntries(
    text
      .split(",")
      .map((pair) => pair.trim())
      .flatMap((pair): ReadonlyArray<readonly [string, string]> => {
        const at = pair.lastIndexOf("=")
        return at > 0 && at < pair.length - 1 ? [[pair.slice(0, at), pair.slice(at + 1)]] : []
      })
  )
