/**
 * The Postgres server that stores are measured on: the one of the tests, real, from npm, with its files in the folder
 * for temporary ones; or the one that the variable names.
 */
import { Effect, Exit, Scope } from "effect"
import * as Server from "../../test/postgres/Server.ts"

/** Names a server that is there already. */
export const variable = "REINS_TEST_POSTGRES_URL"

export const start = async (): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> => {
  const scope = Scope.makeUnsafe()
  const url = await Effect.runPromise(Scope.provide(Server.server, scope))
  // What is behind the last slash is the name of a database.
  return { url: `${url}/postgres`, stop: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}
