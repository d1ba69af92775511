/** Tools that change something: write a file, run a command. A person is asked before each call. */
import { ToolRun, ToolSettings } from "@reins/runtime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { Folder, PathRefused } from "../folder/Folder.ts"
import { CommandNotStarted, Outcome, Sandbox } from "../folder/Sandbox.ts"

const WriteFile = Tool.make("write_file", {
  description: "Writes a text file, whole. A person is asked first. Folders that are missing are made.",
  parameters: Schema.Struct({
    file: Schema.NonEmptyString.annotate({ description: "A path from the root of the folder" }),
    replace: Schema.Boolean.annotate({ description: "Whether a file of that name may be replaced" }),
    content: Schema.String
  }),
  success: Schema.Struct({ file: Schema.String, bytes: Schema.Natural, replaced: Schema.Boolean }),
  failure: PathRefused,
  failureMode: "return",
  dependencies: [ToolRun],
  needsApproval: true
}).annotate(Tool.Destructive, true)

const RunCommand = Tool.make("run_command", {
  description:
    "Runs a shell command in the folder, without input, and gives its output. A person is asked first. It has a minute; " +
    "what it leaves running is killed. Long output is shortened.",
  parameters: Schema.Struct({ command: Schema.NonEmptyString }),
  success: Outcome,
  failure: CommandNotStarted,
  failureMode: "return",
  needsApproval: true
})
  .annotate(Tool.Destructive, true)
  .annotate(ToolSettings.Timeout, "2 minutes")

export class ChangeTools extends Toolkit.make(WriteFile, RunCommand) {
  static readonly layer = this.toLayer(
    Effect.gen(function* () {
      const folder = yield* Folder
      const sandbox = yield* Sandbox
      return ChangeTools.of({
        write_file: Effect.fn("ChangeTools.write_file")(function* ({ content, file, replace }) {
          const run = yield* ToolRun
          const written = yield* folder.write(file, content, { replace })
          yield* run.registerFile({
            filename: file,
            mediaType: file.endsWith(".md") ? "text/markdown" : "text/plain",
            sizeBytes: written.bytes
          })
          return { file, ...written }
        }),
        run_command: Effect.fn("ChangeTools.run_command")(({ command }) => sandbox.run(command, folder.root))
      })
    })
  )
}
