/**
 * Looks up the addresses of a name, to send nothing into this server's own network. By default with the platform's own
 * function (Node, Deno and Bun have one); where there is none, names are not looked up.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"

/**
 * The addresses of a name; none when it has none, or cannot be looked up.
 *
 * @since 0.1.0
 * @category models
 */
export type Lookup = (name: string) => Effect.Effect<ReadonlyArray<string>>

const addressOf = (found: unknown): ReadonlyArray<string> =>
  Predicate.hasProperty(found, "address") && Predicate.isString(found.address) ? [found.address] : []

const builtin = (id: string): unknown => {
  const platform: unknown = Reflect.get(globalThis, "process")
  if (!Predicate.hasProperty(platform, "getBuiltinModule")) return undefined
  return Predicate.isFunction(platform.getBuiltinModule) ? platform.getBuiltinModule(id) : undefined
}

const ofPlatform = (): Lookup | undefined => {
  const dns = builtin("node:dns")
  if (!Predicate.hasProperty(dns, "lookup") || !Predicate.isFunction(dns.lookup)) return undefined
  const { lookup } = dns
  return (name) =>
    Effect.callback((resume) => {
      lookup(name, { all: true }, (_: unknown, found: unknown) =>
        resume(Effect.succeed(Array.isArray(found) ? found.flatMap(addressOf) : []))
      )
    })
}

/**
 * How names of web hooks are looked up. Read when a server is built. `undefined`: they are not.
 *
 * @since 0.1.0
 * @category services
 */
export const NameLookup: Context.Reference<Lookup | undefined> = Context.Reference<Lookup | undefined>(
  "@reins/server/NameLookup",
  { defaultValue: ofPlatform }
)
