/** Whether a file is there, where the system lets us look. */
import * as Effect from "effect/Effect"
import { statSync } from "node:fs"
import { type CommandFailed, failed } from "./CommandFailed.ts"

/** True for a file, false for a folder and where nothing is. Fails where the system does not let us look. */
export const isFile = (path: string): Effect.Effect<boolean, CommandFailed> =>
  Effect.try({
    try: () => statSync(path, { throwIfNoEntry: false })?.isFile() === true,
    catch: (cause) =>
      failed(
        `${JSON.stringify(path)} cannot be read. Check the path and the rights of its folder, or name another.`,
        cause
      )
  })
