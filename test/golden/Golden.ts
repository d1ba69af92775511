/**
 * What golden files say of a database: the logs of its runs, and what a runtime makes of everything else that is kept
 * in it. The writer of the files and the tests that read them look in the same way.
 */
import { Envelope, Transcript } from "@reins/protocol"
import type { Runtime, ThreadInfo } from "@reins/runtime"
import { Probe } from "@reins/runtime/testing"
import { Effect, Schema, Stream } from "effect"
import { ended, unfinished } from "./Scenes.ts"

/** When the first golden run began, in epoch milliseconds. */
export const beganAt = Date.UTC(2026, 0, 5, 9)

/** When golden databases are opened again: a day later. */
export const openedAt = beganAt + 86_400_000

const tenants = ["default", "acme"]

/** A run's envelopes so far. */
export const log = Effect.fnUntraced(function* (runtime: Runtime["Service"], runId: string) {
  const lastSeq = (yield* runtime.status(runId))?.lastSeq ?? 0
  return yield* lastSeq === 0
    ? Effect.succeed([])
    : Stream.runCollect(Stream.take(runtime.watch(runId), lastSeq)).pipe(Effect.map((all) => [...all]))
})

const encode = Schema.encodeSync(Envelope.Envelope)

/** A log as text, an envelope a line. */
export const lines = (all: ReadonlyArray<Envelope.Envelope>): string =>
  all.map((one) => `${JSON.stringify(encode(one))}\n`).join("")

/** The names of the runs whose logs are golden. */
export const runIds = {
  ended: ended.map(({ runId }) => runId),
  unfinished: unfinished.map(({ runId }) => runId)
}

/** What a log amounts to: how the run ended, what it cost and took, and the conversation of each of its agents. */
const essence = (all: ReadonlyArray<Envelope.Envelope>) => {
  const { error, finishReason, usage, ...transcript } = Transcript.fold(all)
  return {
    finishReason,
    usage,
    error,
    cost: Probe.ofType(all, "data-cost-summary")[0]?.data,
    latency: Probe.ofType(all, "data-latency-summary")[0]?.data,
    agents: Transcript.paths(transcript).map((path) => Transcript.agent(transcript, path))
  }
}

/** An entry a line, so that one can see what differs. */
const pages = (all: { readonly [key: string]: unknown }): string =>
  `{\n${Object.entries(all)
    .map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`)
    .join(",\n")}\n}\n`

/** What the first of these releases told of a thread. Times came later. */
const told = ({ createdAt: _, updatedAt: __, ...info }: Partial<ThreadInfo>) => info

/** Everything that a runtime tells of a golden database, as text. Run it where nothing is carried. */
export const state = Effect.fnUntraced(function* (runtime: Runtime["Service"]) {
  const runs: { [runId: string]: unknown } = {}
  for (const runId of [...runIds.ended, ...runIds.unfinished]) {
    runs[runId] = { status: yield* runtime.status(runId), ...essence(yield* log(runtime, runId)) }
  }
  const kept: { [resourceId: string]: unknown } = {}
  for (const resourceId of tenants) {
    const threads = yield* runtime.threads.list({ resourceId })
    kept[`kept for ${resourceId}`] = {
      threads: yield* Effect.forEach(threads, (info) =>
        Effect.gen(function* () {
          const stored = yield* Effect.forEach(yield* runtime.files.list(info.threadId), ({ fileId }) =>
            runtime.files.get(fileId)
          )
          return {
            info: told({ ...(yield* runtime.threads.info(info.threadId)), ...info }),
            messages: yield* runtime.threads.get(info.threadId),
            files: stored.map((file) => file && { ...file, content: Buffer.from(file.content).toString("base64") })
          }
        })
      ),
      grants: yield* runtime.grants.list({ resourceId }),
      questions: yield* runtime.pendingApprovals({ resourceId })
    }
  }
  return pages({ ...runs, ...kept })
})
