import { assert, layer } from "@effect/vitest"
import { Budget, Prices, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Cause, Deferred, Effect, Exit, Fiber, FileSystem, Layer } from "effect"
import * as Agents from "./Agents.ts"
import { Folder } from "./Folder.ts"
import { ReadTools } from "./ReadTools.ts"
import { Report } from "./Report.ts"
import { ReportTools } from "./ReportTools.ts"
import { research } from "./Research.ts"
import * as Responder from "./Responder.ts"
import * as Sample from "./Sample.ts"
import { ReaderLeft, Screen } from "./Screen.ts"
import { SurveyTools } from "./SurveyTools.ts"

const ModelLive = ScriptedModel.layer({
  provider: Responder.provider,
  model: Responder.model,
  respond: Responder.respond
})

/** Researches a folder about ships, on a screen that records what it shows. */
const researching = Effect.fnUntraced(function* (options: {
  readonly ask?: (question: string) => Effect.Effect<string | undefined>
  readonly print?: (text: string) => Effect.Effect<void, ReaderLeft>
}) {
  const root = yield* Sample.folder(Sample.ships)
  const shown: Array<string> = []
  const place = Layer.mergeAll(Folder.layer(root), Report.layer(`${root}/report.md`))
  const runtime = Runtime.layer({ agents: [Agents.coordinator({ file: "report.md", exists: false })] }).pipe(
    Layer.provide([SurveyTools.layer, ReadTools.layer, ReportTools.layer, ModelLive]),
    Layer.provide(Prices.layerTable(Responder.prices)),
    Layer.provideMerge(place)
  )
  const fiber = yield* research("Who is captain?", {
    path: root,
    question: undefined,
    out: undefined,
    json: false,
    mode: "ask",
    budget: Budget.make({ maxSteps: 20 })
  }).pipe(
    Effect.provide(runtime),
    Effect.provideService(Screen, {
      look: () => ({ columns: 100, colors: false, live: false }),
      print: options.print ?? ((text) => Effect.sync(() => shown.push(text))),
      note: () => Effect.void,
      ask: options.ask
    }),
    Effect.forkChild
  )
  return { root, fiber, shown: () => shown.join("") }
})

const reports = (root: string) =>
  Effect.map(
    Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readDirectory(root)),
    (names) => names.filter((name) => name === "report.md")
  )

layer(Sample.layer)("research", (it) => {
  it.effect("writes the report after a yes", () =>
    Effect.gen(function* () {
      const { fiber, root, shown } = yield* researching({ ask: () => Effect.succeed("y") })
      yield* Fiber.join(fiber)
      assert.include(shown(), "✓ approved")
      assert.include(shown(), `The report is in ${root}/report.md.`)
      assert.deepStrictEqual(yield* reports(root), ["report.md"])
    })
  )

  it.effect("tells the model why not", () =>
    Effect.gen(function* () {
      const { fiber, root, shown } = yield* researching({ ask: () => Effect.succeed("n not now") })
      yield* Fiber.join(fiber)
      assert.match(shown(), /No report was written: .*not now/)
      assert.deepStrictEqual(yield* reports(root), [])
    })
  )

  it.effect("interrupted while it asks, cancels the run, shows both tables, and has written nothing", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const { fiber, root, shown } = yield* researching({
        ask: () => Effect.andThen(Deferred.succeed(asked, undefined), Effect.never)
      })
      yield* Deferred.await(asked)
      yield* Fiber.interrupt(fiber)
      const exit = yield* Fiber.await(fiber)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      assert.match(shown(), /Cancelling[^]*✗ cancelled[^]*Finished: cancelled\.\n\nCost\n[^]*\nTime\n/)
      assert.deepStrictEqual(yield* reports(root), [])
    })
  )

  it.effect("ends the run when nobody reads any more, and asks nobody", () =>
    Effect.gen(function* () {
      let lines = 0
      const { fiber, root } = yield* researching({
        ask: () => Effect.die("asked although nobody is there"),
        print: () => (++lines > 3 ? Effect.fail(new ReaderLeft()) : Effect.void)
      })
      const error = yield* Effect.flip(Fiber.join(fiber))
      assert.instanceOf(error, ReaderLeft)
      assert.deepStrictEqual(yield* reports(root), [])
    })
  )
})
