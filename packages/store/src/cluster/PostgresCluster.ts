/**
 * The cluster deployment: runs are stored in a Postgres database and executed by any number of processes, among which
 * Effect Cluster divides shards. When a process dies or freezes, the others take over its runs; when one joins or shuts
 * down, runs move between two steps. Needs `@effect/sql-pg`.
 *
 * Effect Cluster places the runs and stores nothing of them: their state is the journal, as with `Postgres`, and an
 * owner that was replaced is fenced and can write nothing more. Processes need no address and open no port.
 */
import { Budget } from "@reins/protocol"
import { Deployment, Ids } from "@reins/runtime"
import { journalHost, type Placement } from "@reins/runtime/journal"
import { OptionRule } from "@reins/runtime/promise"
import * as MessageStorage from "effect/cluster/MessageStorage"
import { RunnerAddress } from "effect/cluster/RunnerAddress"
import * as RunnerHealth from "effect/cluster/RunnerHealth"
import * as Runners from "effect/cluster/Runners"
import * as Sharding from "effect/cluster/Sharding"
import * as ShardingConfig from "effect/cluster/ShardingConfig"
import * as SqlRunnerStorage from "effect/cluster/SqlRunnerStorage"
import * as Duration from "effect/Duration"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as SqlClient from "effect/sql/SqlClient"
import * as Postgres from "../postgres/Postgres.ts"

/**
 * Where the database of a cluster is, and what this process does in it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Omit<Postgres.Options, "carries"> {
  /** Whether this process executes runs. False: it only starts, watches, answers and cancels. Default true. */
  readonly carries?: boolean | undefined
  /**
   * How long a process may be unresponsive before others take over its runs. If too short, a long garbage collection
   * moves runs needlessly. Default 10 seconds: a dead or frozen process is replaced within about 12.
   */
  readonly silence?: Duration.Input | undefined
  /**
   * How long steps and calls in flight may take to finish before their run moves, when a process joins or this one
   * shuts down; then they are interrupted and restarted elsewhere. Default 10 seconds.
   */
  readonly drain?: Duration.Input | undefined
}

const ruleOf = ({ silence = "10 seconds" }: Options) => {
  const ms = Budget.milliseconds(silence)
  return OptionRule.fields<Options>("Give an object such as { url }", {
    ...Postgres.rules,
    // A dead process is found by its silence, so that it must end.
    silence: OptionRule.must('Use a finite time above 0, such as "10 seconds"', () => ms > 0 && ms < Infinity),
    drain: OptionRule.optional(OptionRule.duration)
  })
}

/** How often processes refresh the list of members. */
const lookAround = "1 second"

/**
 * Runs on a cluster of processes over one Postgres: provide it to `Runtime.layer` in each of them. All processes that
 * execute runs must register the same agents. Fails with `PostgresUnusable` before any run is touched. **Errors**: dies
 * before it connects with the message about an invalid option.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<never, Postgres.PostgresUnusable> =>
  Deployment.layerStore(
    "Postgres cluster",
    Effect.gen(function* () {
      const issue = OptionRule.problemOf("of the Postgres cluster", options, ruleOf(options))
      if (issue !== undefined) return yield* Effect.die(new Error(issue))
      const { client, store } = yield* Postgres.connected(options)
      const silence = Duration.millis(Budget.milliseconds(options.silence ?? "10 seconds"))
      const common = {
        gatherMs: options.gatherMs,
        hibernateMs: options.hibernateMs,
        pollMs: Postgres.safetyMs,
        isCarried: isCarried(client, silence)
      }
      if (options.carries === false) return journalHost(store, { ...common, carries: false })
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
            // A name and no address: nothing connects to it.
            runnerAddress: Option.some(RunnerAddress.make({ host: name, port: 0 })),
            shardsPerGroup: shardCount,
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
      const carries = yield* Effect.provide(placement, context)
      return journalHost(store, {
        ...common,
        carries,
        drainMs: Budget.milliseconds(options.drain ?? "10 seconds")
      })
    })
  )

/**
 * As `layer`, with options from the configuration: `layerConfig({ url: Config.Redacted("DATABASE_URL") })`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  options: Config.Wrap<Options>
): Layer.Layer<never, Postgres.PostgresUnusable | Config.ConfigError> =>
  Layer.unwrap(Effect.map(Config.unwrap(options), layer))

/**
 * Whether a process that executes runs has been heard of lately. Its table is made by the first one, so that asking for it
 * may fail: then there was none.
 */
const isCarried = (client: SqlClient.SqlClient, silence: Duration.Duration): Effect.Effect<boolean> =>
  client
    .unsafe(
      `SELECT 1 FROM reins_cluster_runners WHERE healthy
       AND last_heartbeat > CAST(NOW() AS TIMESTAMP) - INTERVAL '${Duration.toSeconds(silence) * 3} seconds' LIMIT 1`
    )
    .pipe(
      Effect.map((rows) => rows.length > 0),
      Effect.catch((error) => (error.reason._tag === "ConnectionError" ? Effect.die(error) : Effect.succeed(false))),
      Effect.withTracerEnabled(false)
    )

/** The number of shards: the same for every process, so it must never change on a running cluster. */
const shardCount = 64

/** The shard of a run: FNV-1a over its id. */
const shardOf = (runId: string): number => {
  let hash = 0x811c9dc5
  for (let index = 0; index < runId.length; index++) hash = Math.imul(hash ^ runId.charCodeAt(index), 0x01000193)
  return (hash >>> 0) % shardCount
}

/**
 * The shards that this process holds, as Effect Cluster assigns them: each is a singleton on the one process that holds
 * it, and moves when a process joins, leaves, dies or freezes. A run's id determines its shard.
 */
const placement: Effect.Effect<Placement, never, Sharding.Sharding> = Effect.map(
  Sharding.Sharding,
  (sharding): Placement => {
    const held = new Set<number>()
    return {
      owns: (runId) => held.has(shardOf(runId)),
      begin: ({ gained, lost }) =>
        Effect.forEach(
          Array.from({ length: shardCount }, (_, shard) => shard),
          (shard) =>
            sharding.registerSingleton(
              // Must stay the same: processes of earlier versions use this name.
              `reins/place/${shard}`,
              Effect.acquireRelease(
                Effect.andThen(
                  Effect.sync(() => held.add(shard)),
                  gained
                ),
                // The shard is released when this has ended, so that its next holder finds nothing in flight.
                () =>
                  Effect.andThen(
                    Effect.sync(() => held.delete(shard)),
                    lost
                  )
              )
            ),
          { discard: true }
        )
    }
  }
)
