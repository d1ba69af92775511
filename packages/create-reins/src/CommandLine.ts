/** The command `create-reins`: reads its arguments, writes the project, and says what to do next. */
import { relative } from "node:path"
import * as Scaffold from "./Scaffold.ts"

const usage = `Usage: npm create reins FOLDER [-- --effect]

Makes a project with an agent, two tools, a test and a server. It runs without a key.

  FOLDER     the new folder; "." for this one, if it is empty
  --effect   written with Effect; without it, with plain functions and promises
  --help     this text
`

/** Output and exit code of the command. */
export interface Said {
  readonly code: number
  readonly text: string
}

/** Runs the command with these arguments. `from`: the folder that it was called in. */
export const run = (args: ReadonlyArray<string>, from: string): Said => {
  if (args.includes("--help") || args.includes("-h")) return { code: 0, text: usage }
  const unknown = args.find((arg) => arg.startsWith("-") && arg !== "--effect")
  if (unknown !== undefined) return { code: 2, text: `Unknown option ${unknown}.\n\n${usage}` }
  const [folder, more] = args.filter((arg) => !arg.startsWith("-"))
  if (folder === undefined || more !== undefined) return { code: 2, text: `Name one folder.\n\n${usage}` }
  const outcome = Scaffold.write({ folder, front: args.includes("--effect") ? "effect" : "promise" })
  if (outcome._tag === "Refused") return { code: 1, text: `${outcome.reason}\n` }
  const place = relative(from, outcome.folder)
  const steps = [...(place === "" ? [] : [`cd ${place}`]), "npm install", "npm start", "npm test"]
  return {
    code: 0,
    text: `Created ${outcome.name} (${outcome.files.length} files). Next:\n\n${steps.map((step) => `  ${step}\n`).join("")}\nREADME.md explains the project.\n${outcome.isOfClone ? `${Scaffold.ofClone}\n` : ""}`
  }
}
