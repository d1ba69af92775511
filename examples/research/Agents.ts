/**
 * The agents: a coordinator that answers, a surveyor that counts files, a reader that searches and quotes. All three
 * use the same model here; give one its own `model` to change that.
 */
import { Agent, Budget, Specialist } from "@reins/runtime"
import { ReadTools } from "./ReadTools.ts"
import { ReportTools } from "./ReportTools.ts"
import { Assignment } from "./Responder.ts"
import { SurveyTools } from "./SurveyTools.ts"

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
  budget: Budget.make({ maxSteps: 6 })
})

/** The coordinator. `report`: where a report may be written. */
export const coordinator = (report: { readonly file: string; readonly exists: boolean }) =>
  Agent.make("coordinator", {
    instructions:
      "Answer the question about the folder. Send out the surveyor and the reader in parallel, and answer only from what " +
      `they bring back. Offer a report first. The report goes to ${JSON.stringify(report.file)}${
        report.exists ? ", which exists and would be replaced" : ""
      }.`,
    toolkit: ReportTools,
    specialists: [Surveyor, Reader]
  })
