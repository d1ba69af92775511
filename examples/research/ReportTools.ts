/** The coordinator's tool: writes the report, after approval. */
import { ToolRun } from "@reins/runtime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { Report, ReportRefused } from "./Report.ts"

const WriteReport = Tool.make("write_report", {
  description: "Writes the finished report as a Markdown file. A person is asked first.",
  parameters: Schema.Struct({
    file: Schema.NonEmptyString.annotate({ description: "A plain name that ends in .md" }),
    replace: Schema.Boolean.annotate({ description: "Whether a file of that name may be replaced" }),
    markdown: Schema.NonEmptyString
  }),
  success: Schema.Struct({ file: Schema.String, path: Schema.String, bytes: Schema.Natural }),
  failure: ReportRefused,
  failureMode: "return",
  dependencies: [ToolRun],
  needsApproval: true
}).annotate(Tool.Destructive, true)

export class ReportTools extends Toolkit.make(WriteReport) {
  static readonly layer = this.toLayer(
    Effect.gen(function* () {
      const report = yield* Report
      return ReportTools.of({
        write_report: Effect.fn("ReportTools.write_report")(function* ({ file, markdown, replace }) {
          const run = yield* ToolRun
          const { bytes, path } = yield* report.write(file, markdown, { replace })
          yield* run.registerFile({ filename: file, mediaType: "text/markdown", sizeBytes: bytes })
          return { file, path, bytes }
        })
      })
    })
  )
}
