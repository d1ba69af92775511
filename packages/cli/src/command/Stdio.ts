/** `reins acp` and `reins sidecar`: an app, or the built-in assistant, for the program that starts this process. */
import { serveAcp, serveSidecar } from "@reins/server/node"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { CommandFailed, failed, sentenceOf } from "../setting/CommandFailed.ts"
import * as Workplace from "../setting/Workplace.ts"

/** The options of the command line. */
export type Given = Omit<Workplace.Given, "isWatched">

/** Serves until the other side closes its end. Standard output belongs to the protocol. */
const serve = (given: Given, body: (workplace: Workplace.Workplace) => Promise<void>) =>
  Effect.flatMap(Workplace.make({ ...given, isWatched: false }), (workplace) =>
    Effect.tryPromise({
      try: () => body(workplace),
      catch: (cause) =>
        cause instanceof CommandFailed ? cause : failed(sentenceOf(workplace.root, Cause.fail(cause)), cause)
    })
  )

export const acp = (given: Given) => serve(given, serveAcp)

/** `quietReady`: without the line on standard error that says that it is ready. */
export const sidecar = (given: Given & { readonly quietReady: boolean }) =>
  serve(given, (workplace) => serveSidecar(workplace, { quietReady: given.quietReady }))
