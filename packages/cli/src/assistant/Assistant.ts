/**
 * The built-in assistant, for work without an app of one's own: an agent that answers questions about the folder and changes it
 * after approval, with a surveyor that counts files and a reader that searches and quotes them.
 */
import { Agent, AskPerson, Budget, type Model, Runtime, Specialist } from "@reins/runtime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Toolkit from "effect/ai/Toolkit"
import { Folder } from "../folder/Folder.ts"
import { Sandbox } from "../folder/Sandbox.ts"
import { ChangeTools } from "./ChangeTools.ts"
import { Assignment } from "./Demo.ts"
import { ReadTools } from "./ReadTools.ts"
import { SurveyTools } from "./SurveyTools.ts"

/** Its name. */
export const name = "assistant"

export const Surveyor = Specialist.make("surveyor", {
  description: "Takes stock of the folder: how many files, of which kinds, how large",
  instructions: "Survey the folder once. Report numbers and nothing that you guess.",
  toolkit: SurveyTools,
  budget: Budget.make({ maxSteps: 6 })
})

export const Reader = Specialist.make("reader", {
  description: "Searches the files for terms and quotes what they say, with file and line",
  instructions: "Search first, then read around the best lines. Quote only what stands there, with file and line.",
  input: Assignment,
  toolkit: ReadTools,
  budget: Budget.make({ maxSteps: 8 })
})

/** They depend on nothing in the folder, so that a replay of a run that changed it finds them the same. */
const instructions = (root: string): string =>
  [
    `You work on the folder ${JSON.stringify(root)} with its owner. All paths are relative to it; you see nothing outside of it.`,
    "Answer only from what the tools show you, and name file and line. For a question about many files send out the surveyor and the " +
      "reader in parallel; read a file yourself where you know which.",
    "Before a file is written or a command run, the owner is asked: say in a sentence what you want and why, then call the tool. " +
      "A rejection is final; read its reason.",
    "What only the owner can know or decide, ask with AskPerson. Do not ask whether you may write or run: that is asked anyway.",
    "Files that hold secrets are not shown to you. Do not ask for them.",
    "Write short Markdown."
  ].join("\n")

const Tools = Toolkit.merge(ReadTools, ChangeTools)

/** The agents on a folder: the assistant, which is the default, and its two specialists. */
const agentsOf = (root: string) =>
  [
    Agent.make(name, {
      instructions: instructions(root),
      toolkit: [Tools, AskPerson.toolkit],
      specialists: [Surveyor, Reader]
    })
  ] as const

/** A runtime of the assistant on the folder at `path`. Needs the model; takes the deployment and prices that are there. */
export const layer = (path: string, observed: { readonly metrics?: boolean; readonly logs?: boolean } = {}) =>
  Layer.unwrap(Effect.map(Folder, (folder) => Runtime.layer({ agents: agentsOf(folder.root), ...observed }))).pipe(
    Layer.provide([SurveyTools.layer, ReadTools.layer, ChangeTools.layer]),
    Layer.provideMerge([Folder.layer(path), Sandbox.layer()])
  ) satisfies Layer.Layer<Runtime | Folder | Sandbox, unknown, Model>
