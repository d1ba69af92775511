/** What is at a path, where the system lets us look. */
import * as Effect from "effect/Effect"
import { type Stats, statSync } from "node:fs"
import { type CommandFailed, failed } from "./CommandFailed.ts"

/** What is there; `undefined` where nothing is. Fails where the system does not let us look. */
export const at = (path: string): Effect.Effect<Stats | undefined, CommandFailed> =>
  Effect.try({
    try: () => statSync(path, { throwIfNoEntry: false }),
    catch: (cause) =>
      failed(
        `${JSON.stringify(path)} cannot be read. Check the path and the rights of its folder, or name another.`,
        cause
      )
  })

/** True for a file, false for a folder and where nothing is. */
export const isFile = (path: string): Effect.Effect<boolean, CommandFailed> =>
  Effect.map(at(path), (found) => found?.isFile() === true)
