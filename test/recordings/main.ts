/**
 * Plays every recording in a folder, laid out `<provider>[-<api>]/<name>.chunks.txt`, and prints the result of each:
 * `node main.ts DIR`. Without a folder it says so and exits with code 2.
 *
 * Each is played in random pieces; `--seed` chooses others. With `--faults`, each is played under every fault instead:
 * cut at every tenth, stalled, refused once, cancelled.
 */
import { NodeHttpServer } from "@effect/platform-node"
import { GenaiPrices } from "@reins/models"
import { Fault, Playback, RecordedProvider, Recording } from "@reins/models/testing"
import { Effect, Layer } from "effect"
import { readdirSync, readFileSync, statSync } from "node:fs"
import { createServer } from "node:http"
import { basename, dirname, join, resolve } from "node:path"
import { parseArgs } from "node:util"

const suffix = ".chunks.txt"

const { positionals, values } = parseArgs({ allowPositionals: true, options: { seed: { type: "string" }, faults: { type: "boolean" } } })
const seed = Number(values.seed ?? 1)

const recordingsIn = (folder: string): ReadonlyArray<Recording.Recording> =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(suffix))
    .toSorted()
    .map((path) =>
      Recording.parse(
        basename(dirname(resolve(folder, path))),
        basename(path, suffix),
        readFileSync(join(folder, path), "utf8")
      )
    )

const row = (report: Playback.Report): string =>
  [
    report.problems.length === 0 ? "ok  " : "FAIL",
    `${report.folder}/${report.name}`.padEnd(72),
    report.lawful ? "lawful  " : "unlawful",
    `text ${String(report.textLength).padStart(5)}`,
    `calls ${String(report.calls).padStart(2)}`,
    `tokens ${String(report.usage.promptTokens).padStart(6)} in ${String(report.usage.completionTokens).padStart(5)} out`,
    (report.costUsd === undefined ? "unpriced" : `$${report.costUsd.toFixed(6)}`).padStart(10),
    report.ending
  ].join("  ")

const failed = (recording: Recording.Recording): Playback.Report => ({
  folder: recording.folder,
  name: recording.name,
  player: "",
  lawful: false,
  textLength: 0,
  calls: 0,
  usage: {
    promptTokens: 0,
    completionTokens: 0,
    cacheReadInputTokens: 0,
    cacheCreationInputTokens: 0,
    totalTokens: 0
  },
  costUsd: undefined,
  ending: "none",
  problems: ["it did not end within a minute, or crashed"]
})

const main = Effect.gen(function* () {
  const [folder] = positionals
  const recordings = folder !== undefined && statSync(folder, { throwIfNoEntry: false })?.isDirectory() ? recordingsIn(folder) : []
  if (recordings.length === 0) {
    console.error(`No recordings to play: ${folder ?? "name a folder"} has no <provider>[-<api>]/<name>${suffix}.`)
    process.exitCode = 2
    return
  }
  const problems = yield* Effect.forEach(recordings, values.faults === true ? underFaults : whole)
  const passed = problems.filter((found) => found.length === 0).length
  console.log(`${passed} passed, ${recordings.length - passed} failed`)
  if (passed < recordings.length) process.exitCode = 1
})

/** Plays a recording without faults; returns its problems. */
const whole = Effect.fnUntraced(function* (recording: Recording.Recording) {
  const report = yield* Playback.play(recording, { seed, maxPiece: 4096 }).pipe(
    Effect.timeout("1 minute"),
    Effect.catchCause((cause) => Effect.as(Effect.logError(cause), failed(recording)))
  )
  console.log(row(report))
  tell(report.problems)
  return report.problems
})

/** Plays a recording under every fault; returns its problems. */
const underFaults = Effect.fnUntraced(function* (recording: Recording.Recording) {
  const problems = yield* Effect.forEach(Fault.all, (fault) =>
    Fault.play(recording, fault).pipe(
      Effect.timeout("1 minute"),
      Effect.catchCause((cause) => Effect.as(Effect.logError(cause), ["it did not end within a minute, or crashed"])),
      Effect.map((found) => found.map((problem) => `${Fault.nameOf(fault)}: ${problem}`))
    )
  )
  const all = problems.flat()
  console.log(
    `${all.length === 0 ? "ok  " : "FAIL"}  ${`${recording.folder}/${recording.name}`.padEnd(72)}  ${Fault.all.length} faults`
  )
  tell(all)
  return all
})

const tell = (problems: ReadonlyArray<string>) => {
  for (const problem of problems) console.log(`       ${problem}`)
}

const server = NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: 0 })

const provider = Layer.provide(RecordedProvider.RecordedProvider.layer, server)

Effect.runPromise(main.pipe(Effect.provide([provider, GenaiPrices.layer])))
