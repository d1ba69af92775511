/**
 * The Postgres server that stores are measured on: the real one that the tests install from npm, with its files in the
 * temporary folder; or an existing one that the variable names.
 */
import { Effect, Exit, Scope } from "effect"
import * as Server from "../../test/postgres/Server.ts"

/** The address of an existing server. */
export const variable = "REINS_TEST_POSTGRES_URL"

export const start = async (): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> => {
  const scope = Scope.makeUnsafe()
  const url = await Effect.runPromise(Scope.provide(Server.server, scope))
  // The part after the last slash is the name of a database.
  return { url: `${url}/postgres`, stop: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}
