/** `reins init`: a new project from the templates of `create-reins`. */
import * as Scaffold from "create-reins"
import * as Effect from "effect/Effect"
import { relative } from "node:path"
import process from "node:process"
import { ended, failed } from "../setting/CommandFailed.ts"
import { Screen } from "../terminal/Screen.ts"

/** The options of the command line. */
export interface Given {
  readonly folder: string
  readonly effect: boolean
}

export const run = Effect.fnUntraced(function* ({ effect, folder }: Given) {
  const screen = yield* Screen
  const outcome = yield* Effect.try({
    try: () => Scaffold.write({ folder, front: effect ? "effect" : "promise" }),
    catch: (cause) => failed(`${JSON.stringify(folder)} cannot be written. Choose another folder.`, cause)
  })
  if (outcome._tag === "Refused") return yield* failed(ended(outcome.reason))
  const place = relative(process.cwd(), outcome.folder)
  const steps = [...(place === "" ? [] : [`cd ${place}`]), "npm install", "npm start", "npm test"]
  const lines = [
    `Created ${outcome.name} (${outcome.files.length} files). Next:`,
    "",
    ...steps.map((step) => `  ${step}`)
  ]
  yield* screen.print(lines.map((line) => `${line}\n`).join(""))
  if (outcome.isOfClone) yield* screen.note(`\n${Scaffold.ofClone}\n`)
})
