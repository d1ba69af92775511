/**
 * The cluster deployment: runs live in a Postgres database and are carried by any number of processes, which Effect Cluster gives
 * their shards. When one dies or freezes, the others carry its runs on; when one joins or ends in peace, runs move over between
 * two steps. Needs `@effect/sql-pg`.
 *
 * Effect Cluster houses the runs and holds nothing of them: their memory is the journal, as with `Postgres`, and whoever is
 * overtaken is fenced and writes nothing more. Processes need no address and open no port.
 */
import { Deployment, Ids } from "@reins/runtime"
import { journalHost } from "@reins/runtime/journal"
import * as MessageStorage from "effect/cluster/MessageStorage"
import { RunnerAddress } from "effect/cluster/RunnerAddress"
import * as RunnerHealth from "effect/cluster/RunnerHealth"
import * as Runners from "effect/cluster/Runners"
import * as Sharding from "effect/cluster/Sharding"
import * as ShardingConfig from "effect/cluster/ShardingConfig"
import * as SqlRunnerStorage from "effect/cluster/SqlRunnerStorage"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as SqlClient from "effect/sql/SqlClient"
import * as Postgres from "../postgres/Postgres.ts"
import * as Shards from "./Shards.ts"

export interface Options extends Omit<Postgres.Options, "carries"> {
  /** Whether this process carries runs. False: it only starts, watches, answers and cancels. Default true. */
  readonly carries?: boolean | undefined
  /**
   * How long a process may be silent before its runs are carried by others. Too short, and a long garbage collection moves
   * runs for nothing. Default 10 seconds: a dead or frozen process is followed within some 12.
   */
  readonly silence?: Duration.Input | undefined
  /**
   * How long steps and calls in flight may take to end before their run moves, when a process joins or this one ends in peace;
   * then they are stopped and begun again elsewhere. Default 10 seconds.
   */
  readonly drain?: Duration.Input | undefined
}

/** How often processes look who is there. */
const lookAround = "1 second"

/**
 * Runs on a cluster of processes over one Postgres: provide it to `Runtime.layer` in each of them. All that carry must know the
 * same agents. Fails with `PostgresUnusable` before any run is touched.
 */
export const layer = (options: Options): Layer.Layer<never, Postgres.PostgresUnusable> =>
  Layer.effect(
    Deployment.Deployment,
    Effect.gen(function* () {
      const { client, store } = yield* Postgres.connected(options)
      const common = { gatherMs: options.gatherMs, hibernateMs: options.hibernateMs, pollMs: Postgres.safetyMs }
      if (options.carries === false) return journalHost(store, { ...common, carries: false })
      const silence = Duration.fromInputUnsafe(options.silence ?? "10 seconds")
      const name = (yield* Ids.Ids).make("process")
      const cluster = Sharding.layer.pipe(
        Layer.provide([
          Runners.layerNoop,
          RunnerHealth.layerNoop,
          SqlRunnerStorage.layerWith({ prefix: "reins_cluster" })
        ]),
        Layer.provide([
          MessageStorage.layerNoop,
          ShardingConfig.layer({
            // A name and no address: nobody calls it.
            runnerAddress: Option.some(RunnerAddress.make({ host: name, port: 0 })),
            shardsPerGroup: Shards.count,
            shardLockExpiration: silence,
            shardLockRefreshInterval: Duration.millis(Duration.toMillis(silence) / 4),
            refreshAssignmentsInterval: lookAround,
            entityMessagePollInterval: lookAround,
            runnerJoinDebounce: lookAround
          }),
          Layer.succeed(SqlClient.SqlClient, client)
        ])
      )
      const context = yield* Effect.mapError(Layer.build(cluster), Postgres.unusable)
      const placement = yield* Effect.provide(Shards.make, context)
      return journalHost(store, {
        ...common,
        carries: placement,
        drainMs: Duration.toMillis(Duration.fromInputUnsafe(options.drain ?? "10 seconds"))
      })
    })
  )
