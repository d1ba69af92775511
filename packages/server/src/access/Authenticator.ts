/**
 * Identifies who a request is from. Implemented by a fixed set of keys, keys from the configuration, or a custom
 * function.
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Keys from "./Keys.ts"
import type { Principal } from "./Principal.ts"

/**
 * The credentials of a request. `key` is the bearer token, or the value of one of the key headers that clients of other
 * protocols use; absent when the request has none. Header names are in lower case.
 */
export interface Credentials {
  readonly key: Redacted.Redacted | undefined
  readonly headers: { readonly [name: string]: string }
}

export class Authenticator extends Context.Service<
  Authenticator,
  {
    /**
     * Returns the request's principal; `undefined` refuses the request. A defect is reported as an internal error and
     * never grants access.
     */
    readonly authenticate: (credentials: Credentials) => Effect.Effect<Principal | undefined>
  }
>()("@reins/server/Authenticator") {
  /** Accepts exactly these keys. */
  static layerKeys(keys: Keys.KeyRecord): Layer.Layer<Authenticator> {
    return Layer.succeed(Authenticator, byKey(keys))
  }

  /**
   * Keys from the configuration: `key=tenant`, separated by commas, in `REINS_API_KEYS` or the given name. Fails when
   * the setting is absent or has an entry without a tenant, instead of silently rejecting everybody.
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

  /** Accepts everybody as one tenant. For local use, never on a network. */
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
