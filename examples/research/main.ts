/**
 * Researches a folder with a coordinator and two specialists. The composition root: chooses the model, the folder, the
 * prices, and the exit code.
 */
import { Model, Prices, Runtime } from "@reins/runtime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as CliConfig from "effect/cli/CliConfig"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Agents from "./Agents.ts"
import * as Arguments from "./Arguments.ts"
import { Folder } from "./Folder.ts"
import * as Process from "./Process.ts"
import { ReadTools } from "./ReadTools.ts"
import * as Reply from "./Reply.ts"
import { Report, ReportRefused } from "./Report.ts"
import { ReportTools } from "./ReportTools.ts"
import { research } from "./Research.ts"
import * as Responder from "./Responder.ts"
import { Screen } from "./Screen.ts"
import { SurveyTools } from "./SurveyTools.ts"

const repository = `${import.meta.dirname}/../..`
const questions = {
  repository: "How do budgets stop parallel specialists from overspending?",
  folder: "What is in this folder, and what is it about?"
}

const PricesLive = Prices.layerTable(Responder.prices, "a made-up table of this example")

/** The responder, slowed down when a person watches. */
const ModelLive = (json: boolean) =>
  Layer.effect(
    Model,
    Effect.map(Screen, ({ look }) =>
      look().live && !json ? Reply.paced(Responder.make(), "15 millis") : Responder.make()
    )
  )

const RuntimeLive = (json: boolean) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const report = yield* Report
      const place = yield* Effect.option(report.place(report.file))
      const exists = Option.exists(place, ({ existingBytes }) => existingBytes !== undefined)
      return Runtime.layer({ agents: [Agents.coordinator({ file: report.file, exists })] })
    })
  ).pipe(Layer.provide([SurveyTools.layer, ReadTools.layer, ReportTools.layer, ModelLive(json), PricesLive]))

const command = Arguments.command(
  Effect.fnUntraced(function* (given) {
    const question = given.question ?? (given.path === undefined ? questions.repository : questions.folder)
    const out = given.out ?? "reins-report.md"
    const live = RuntimeLive(given.json).pipe(
      Layer.provideMerge([Folder.layer(given.path ?? repository, { without: [out] }), Report.layer(out)])
    )
    const story = Effect.gen(function* () {
      const report = yield* Report
      // Checks the report's location early when the command line names it or approves it in advance.
      if (given.mode === "approve" || (given.mode === "ask" && given.out !== undefined)) {
        yield* Effect.mapError(report.place(report.file), ({ reason }) => new ReportRefused({ file: out, reason }))
      }
      yield* research(question, given)
    })
    yield* Effect.provide(story, live)
  })
)

Command.run(command, { version: "0" }).pipe(
  Effect.provide(Screen.layer),
  Effect.provide([Arguments.layerPresenter, CliConfig.layer({ builtIns: [GlobalFlag.Help] })]),
  Effect.provide(NodeServices.layer),
  Process.runMain
)
