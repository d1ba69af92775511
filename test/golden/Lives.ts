/**
 * The processes that a golden database is written by, one after the other in this one: each has a runtime and a view of
 * the journal of its own. One that is killed writes nothing from that moment on, like a process that is gone, and never
 * ends.
 */
import { Deployment, Ids, Runtime } from "@reins/runtime"
import { journalHost, type JournalStore } from "@reins/runtime/journal"
import { Postgres } from "@reins/store/postgres"
import { Sqlite } from "@reins/store/sqlite"
import { Context, Effect, Exit, Layer, Redacted, Scope, Stream } from "effect"
import * as Acts from "./Acts.ts"
import * as Agents from "./Agents.ts"
import type { Life, Scene } from "./Scenes.ts"
import type { World } from "./World.ts"

export const sqlite = (filename: string) => Effect.orDie(Sqlite.journal({ filename, pollMs: 10_000 }))
export const postgres = (url: string) => Effect.orDie(Postgres.journal({ url: Redacted.make(url) }))

/** A runtime that carries nothing, to read with. */
export type Reader = Runtime["Service"]

export const reader = (journal: JournalStore, world: World) =>
  Effect.map(
    Layer.build(
      Agents.layer(world).pipe(
        Layer.provide(Layer.succeed(Deployment.Deployment, journalHost(journal, { carries: false })))
      )
    ),
    (context): Reader => Context.get(context, Runtime)
  )

/** What one process sees of the journal: of the runs that it could take up, only its scene's. */
const view = (journal: JournalStore, runId: string) => {
  let dead = false
  const alive = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.suspend(() => (dead ? Effect.never : effect))
  const seen: JournalStore = {
    ...journal,
    unfinished: Effect.map(journal.unfinished, (all) => all.filter((one) => one === runId)),
    commit: (batch) => alive(journal.commit(batch)),
    wakes: Stream.never
  }
  return {
    store: seen,
    kill: Effect.sync(() => {
      dead = true
    })
  }
}

/** Lets the processes of a scene live, one after the other. */
export const live = Effect.fnUntraced(function* (journal: JournalStore, world: World, scene: Scene) {
  for (const each of scene.lives) {
    yield* one(journal, world, scene, each)
    world.tick(60_000)
  }
})

const one = Effect.fnUntraced(function* (
  journal: JournalStore,
  world: World,
  { approvalExpiresIn, runId, snapshotEvery }: Scene,
  { acts, client, hangs, killed }: Life
) {
  const seen = view(journal, runId)
  const scope = yield* Scope.make()
  const host = journalHost(seen.store, {
    gatherMs: 0,
    pollMs: Number.POSITIVE_INFINITY,
    hibernateMs: Number.POSITIVE_INFINITY,
    snapshotEvery,
    carries: !client
  })
  world.hangs.clear()
  for (const what of hangs) world.hangs.add(what)
  const layer = Agents.layer(world, { approvalExpiresIn }).pipe(
    Layer.provide([Layer.succeed(Deployment.Deployment, host), Layer.succeed(Ids.Ids, world.ids)])
  )
  const runtime = Context.get(yield* Layer.buildWithScope(layer, scope), Runtime)
  const rests = Acts.rest(runId)(runtime, world)
  if (!client) yield* rests
  for (const act of acts) {
    yield* act(runtime, world)
    if (!client) yield* rests
  }
  yield* killed ? seen.kill : Scope.close(scope, Exit.void)
})
