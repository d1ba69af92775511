/**
 * Other database failures while runs are active: a full disk, a held lock, a damaged row, an unreachable server, a
 * clock that jumps, a crash while tables are created. In each, runs wait or report why, continue afterwards, and lose
 * nothing that was acknowledged.
 */
import { Ordering } from "@reins/protocol"
import { Decision, Runtime } from "@reins/runtime"
import { Sqlite, SqliteUnusable } from "@reins/store/sqlite"
import { Clock, Effect, Layer, type Scope, Stream } from "effect"
import { execFileSync } from "node:child_process"
import { existsSync, rmSync, statfsSync, writeFileSync } from "node:fs"
import { connect, createServer, type Socket } from "node:net"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { Orders } from "./Child.ts"
import * as Lives from "./Lives.ts"
import type { Scenario } from "./Scenarios.ts"
import * as Stores from "./Stores.ts"
import * as Story from "./Story.ts"

const orders = (where: Lives.Place, over: Partial<Orders> = {}): Orders => ({
  ...where,
  kind: "plain",
  starts: true,
  answers: true,
  carries: true,
  until: "end",
  ...over
})

/** The story in this process, with its approval answered; `during` happens after the question and before the answer. */
const carried = <R>(where: Lives.Place, during: Effect.Effect<ReadonlyArray<string>, unknown, R | Runtime>) =>
  Effect.gen(function* () {
    const runtime = yield* Runtime
    yield* runtime.start("Do it.", { runId: Story.runId, threadId: Story.threadId })
    const found: Array<string> = []
    let isOver = false
    yield* Stream.runForEach(runtime.watch(Story.runId), ({ event }) => {
      if (event.type !== "approval-required" || isOver) return Effect.void
      isOver = true
      return Effect.gen(function* () {
        found.push(...(yield* during))
        yield* runtime.respondToApproval(event.data.id, Decision.approve({ by: "mia" }))
      })
    })
    return found
  }).pipe(Effect.provide(Story.layer("plain", where.counter).pipe(Layer.provide(Stores.layer(where.database, true)))))

/** The story's outcome, read by another process. */
const judged = (where: Lives.Place) =>
  Effect.map(Lives.last("plain", where, { answers: false, deaths: [] }), (report) => Lives.faults(report))

/** A disk of two megabytes; absent when this user cannot create one. */
const smallDisk: Effect.Effect<string | undefined, never, Scope.Scope> = Effect.gen(function* () {
  const folder = yield* Stores.folder
  const isMounted = yield* Effect.sync(() => {
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], { stdio: "ignore" })
      return true
    } catch {
      return false
    }
  })
  if (!isMounted) return undefined
  yield* Effect.addFinalizer(() => Effect.sync(() => execFileSync("umount", ["-l", folder])))
  return folder
})

const fill = (folder: string) => {
  const { bavail, bsize } = statfsSync(folder)
  writeFileSync(join(folder, "filler"), Buffer.alloc(bavail * bsize))
}

const fullDisk = Effect.gen(function* () {
  const folder = yield* smallDisk
  if (folder === undefined) {
    process.stdout.write("       no small disk can be mounted here: skipped\n")
    return []
  }
  const where: Lives.Place = { database: join(folder, "runs.db"), counter: join(yield* Stores.folder, "counter") }
  const found = yield* carried(
    where,
    Effect.gen(function* () {
      const runtime = yield* Runtime
      fill(folder)
      // Writes that still fit may be acknowledged: each of those must exist afterwards.
      const taken: Array<string> = []
      const refused = new Set<string>()
      for (let index = 0; index < 400 && refused.size === 0; index++) {
        const runId = `more-${index}`
        const exit = yield* Effect.result(runtime.start("More.", { runId }))
        if (exit._tag === "Success") taken.push(runId)
        else refused.add(exit.failure.reason._tag)
      }
      rmSync(join(folder, "filler"))
      const lost = []
      for (const runId of taken) if ((yield* runtime.status(runId)) === undefined) lost.push(runId)
      for (const runId of taken) yield* runtime.cancel(runId)
      return [
        ...([...refused].join() === "StoreUnavailable" ? [] : [`a full disk said ${[...refused].join() || "nothing"}`]),
        ...lost.map((runId) => `${runId} was acknowledged and is lost`)
      ]
    })
  )
  return [...found, ...(yield* judged(where))]
}).pipe(Effect.scoped)

/** A new layer on a file without space fails before any run is touched. */
const fullFromTheStart = Effect.gen(function* () {
  const folder = yield* smallDisk
  if (folder === undefined) return []
  fill(folder)
  const said = yield* Effect.flip(Effect.scoped(Layer.build(Sqlite.layer({ filename: join(folder, "runs.db") }))))
  return said instanceof SqliteUnusable && said.reason === "DiskFull" ? [] : [`it said ${String(said)}`]
}).pipe(Effect.scoped)

/** Locked by somebody else for longer than a statement is retried: an answer waits and counts, a new run is refused. */
const locked = Effect.gen(function* () {
  const where = yield* Lives.place(Stores.file)
  const found = yield* carried(
    where,
    Effect.gen(function* () {
      const runtime = yield* Runtime
      const other = new DatabaseSync(where.database)
      other.exec("BEGIN IMMEDIATE")
      const release = Effect.sync(() => {
        other.exec("ROLLBACK")
        other.close()
      })
      const refused = yield* Effect.flip(runtime.start("More.", { runId: "more" }))
      yield* Effect.forkDetach(Effect.delay(release, "6 seconds"), { startImmediately: true })
      return refused.reason._tag === "StoreUnavailable" ? [] : [`a locked file said ${refused.reason._tag}`]
    })
  )
  return [...found, ...(yield* judged(where))]
}).pipe(Effect.scoped)

/** The database of a waiting run without an owner. */
const abandoned = (fresh: Lives.Fresh) =>
  Effect.gen(function* () {
    const where = yield* Lives.place(fresh)
    const owner = yield* Lives.begin(orders(where, { answers: false }))
    yield* owner.hears("asked")
    yield* owner.kill
    return { where, death: yield* Lives.remembered(where) }
  })

/** An invalid row stops its run, and no other; once repaired, the run continues in the same process. */
const corrupt = Effect.gen(function* () {
  const { death, where } = yield* abandoned(Stores.file)
  const file = new DatabaseSync(where.database)
  yield* Effect.addFinalizer(() => Effect.sync(() => file.close()))
  const row = file.prepare("SELECT event FROM reins_events WHERE seq = 2").get()
  const write = (event: unknown) =>
    file.prepare("UPDATE reins_events SET event = ? WHERE seq = 2").run(typeof event === "string" ? event : "")
  write('{"type":"tex')
  const found = yield* Effect.gen(function* () {
    const runtime = yield* Runtime
    const other = yield* runtime.start("Another.", { runId: "other", threadId: "other" })
    const fiber = yield* Effect.forkChild(
      Stream.runForEach(other.envelopes, ({ event }) =>
        event.type === "approval-required"
          ? Effect.orDie(runtime.respondToApproval(event.data.id, Decision.approve()))
          : Effect.void
      )
    )
    yield* Effect.sleep("2 seconds")
    const before = yield* runtime.status(Story.runId)
    const another = yield* runtime.status("other")
    write(row?.["event"])
    yield* Effect.suspend(() => Effect.sync(() => fiber.interruptUnsafe()))
    yield* Stream.runForEach(runtime.watch(Story.runId), ({ event }) =>
      event.type === "approval-required"
        ? Effect.ignore(runtime.respondToApproval(event.data.id, Decision.approve({ by: "mia" })))
        : Effect.void
    ).pipe(Effect.timeoutOption("40 seconds"))
    const after = yield* runtime.status(Story.runId)
    return [
      ...(before?.state === "running" ? [] : ["a run with a damaged row was ended"]),
      ...(another?.state === "ended" ? [] : ["a damaged row of one run held up another"]),
      ...(after?.state === "ended" ? [] : ["the run did not go on when its row was put right"])
    ]
  }).pipe(Effect.provide(Story.layer("plain", where.counter).pipe(Layer.provide(Stores.layer(where.database, true)))))
  const { stored } = yield* Lives.last("plain", where, { answers: false, deaths: [death] })
  return [...found, ...Ordering.check(stored).map(({ seq, violation }) => `${seq}: ${violation.message}`)]
}).pipe(Effect.scoped)

/** A clock with this offset. */
const shifted = (byMs: number) => {
  const clock = Clock.Clock.defaultValue()
  const nanos = BigInt(byMs) * 1_000_000n
  return Object.assign(Object.create(clock), {
    currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + byMs,
    currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + byMs),
    currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe() + nanos,
    currentTimeNanos: Effect.map(clock.currentTimeNanos, (now) => now + nanos)
  }) as Clock.Clock
}

/** The next owner's clock is an hour ahead or behind: times in a run never go back. */
const jumps = (fresh: Lives.Fresh) =>
  Effect.gen(function* () {
    const found: Array<string> = []
    for (const byMs of [3_600_000, -3_600_000]) {
      const { death, where } = yield* abandoned(fresh)
      const report = yield* Effect.provideService(
        Lives.last("plain", where, { answers: true, deaths: [death] }),
        Clock.Clock,
        shifted(byMs)
      )
      const latency = report.stored.find(({ event }) => event.type === "data-latency-summary")?.event
      const times = latency?.type === "data-latency-summary" ? Object.entries(latency.data) : []
      for (const [name, value] of times) {
        if (typeof value === "number" && value < 0) found.push(`by ${byMs} ms: ${name} is ${value}`)
      }
      found.push(...Lives.faults(report).map((fault) => `by ${byMs} ms: ${fault}`))
    }
    return found
  }).pipe(Effect.scoped)

/** Killed while tables are created: the next process finds all of them or none. */
const migrating = Effect.gen(function* () {
  const found: Array<string> = []
  for (let afterMs = 0; afterMs < 24; afterMs += 3) {
    const where = yield* Lives.place(Stores.file)
    const child = yield* Lives.begin(orders(where))
    while (!existsSync(where.database) && !child.isOver) yield* Effect.sleep(1)
    yield* Effect.sleep(afterMs)
    yield* child.kill
    const client = yield* Lives.begin(orders(where))
    yield* client.hears("ended")
    yield* client.over
    found.push(...(yield* judged(where)).map((fault) => `after ${afterMs} ms: ${fault}`))
  }
  return found
}).pipe(Effect.scoped)

/** A proxy of a server that can be closed: its connections are cut, and new ones refused. */
const gateTo = (url: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const target = new URL(url)
      const [host, behindPort] = [target.hostname, Number(target.port || 5432)]
      const open = new Set<Socket>()
      const server = createServer((socket) => {
        const behind = connect(behindPort, host)
        for (const [one, other] of [
          [socket, behind],
          [behind, socket]
        ] as const) {
          open.add(one)
          one
            .on("error", () => other.destroy())
            .on("close", () => {
              open.delete(one)
              other.destroy()
            })
          one.pipe(other)
        }
      })
      const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve))
      await listen(0)
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      target.hostname = "127.0.0.1"
      target.port = String(port)
      const close = Effect.sync(() => {
        server.close()
        for (const socket of open) socket.destroy()
      })
      return { url: target.href, close, open: Effect.promise(() => listen(port)) }
    }),
    ({ close }) => close
  )

const gone = (fresh: Lives.Fresh) =>
  Effect.gen(function* () {
    const direct = yield* fresh
    const gate = yield* gateTo(direct)
    const where = yield* Lives.place(Effect.succeed(gate.url))
    const found = yield* carried(
      where,
      Effect.gen(function* () {
        yield* gate.close
        yield* Effect.forkDetach(Effect.delay(gate.open, "30 seconds"), { startImmediately: true })
        const runtime = yield* Runtime
        const refused = yield* Effect.flip(runtime.start("More.", { runId: "more" }))
        return refused.reason._tag === "StoreUnavailable" ? [] : [`a server that is gone said ${refused.reason._tag}`]
      })
    )
    return [...found, ...(yield* judged({ ...where, database: direct }))]
  }).pipe(Effect.scoped)

export const onSqlite: ReadonlyArray<Scenario> = [
  { name: "full", says: "the disk is full for a while", short: true, run: fullDisk },
  { name: "nodisk", says: "the disk is full from the start", short: true, run: fullFromTheStart },
  { name: "locked", says: "somebody holds the file for eleven seconds", short: false, run: locked },
  { name: "corrupt", says: "a row is damaged, and put right", short: false, run: corrupt },
  { name: "clock", says: "the clock jumps an hour, ahead and back", short: true, run: jumps(Stores.file) },
  { name: "tables", says: "killed while its tables are made", short: false, run: migrating }
]

export const onPostgres = (fresh: Lives.Fresh): ReadonlyArray<Scenario> => [
  { name: "gone", says: "the server is gone for half a minute", short: false, run: gone(fresh) },
  { name: "clock", says: "the clock jumps an hour, ahead and back", short: false, run: jumps(fresh) }
]
