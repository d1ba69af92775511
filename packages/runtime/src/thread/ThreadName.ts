/**
 * Names of threads. A server stores the threads of each tenant under the tenant's name and a slash, so that two tenants
 * may use the same name without finding out. Clients, log lines and lists show the name without that.
 *
 * Threads that a program or a terminal has begun are stored under their plain names. Both kinds are found by the name
 * that is shown, and also by the one that is stored. These are rules of names only: a host keeps what it is given.
 */
import * as Effect from "effect/Effect"

const prefix = (tenant: string): string => `${encodeURIComponent(tenant)}/`

/**
 * The name under which a server stores a tenant's thread.
 *
 * @since 0.2.0
 * @category conversions
 */
export const qualified = (tenant: string, name: string): string => prefix(tenant) + name

/**
 * The name of a tenant's stored thread as clients, log lines and lists show it.
 *
 * @since 0.2.0
 * @category conversions
 */
export const shown = (tenant: string, stored: string): string => {
  const start = prefix(tenant)
  return stored.length > start.length && stored.startsWith(start) ? stored.slice(start.length) : stored
}

/**
 * The stored name of the tenant's thread that is shown as `name`: the one of a server, else the plain one, as a program or
 * a terminal has it, else `undefined`. `exists`: whether the tenant has a thread of that stored name.
 *
 * @since 0.2.0
 * @category operations
 */
export const find = (
  tenant: string,
  name: string,
  exists: (stored: string) => Effect.Effect<boolean>
): Effect.Effect<string | undefined> =>
  Effect.gen(function* () {
    const ofServer = qualified(tenant, name)
    if (yield* exists(ofServer)) return ofServer
    return (yield* exists(name)) ? name : undefined
  })
