/**
 * The settings of a runtime: its options with defaults applied, and the services that are read when its layer is built.
 */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Agent from "../agent/Agent.ts"
import * as CallRow from "../agent/CallRow.ts"
import { refuse } from "../agent/AgentParts.ts"
import { ModelCredentials } from "../model/ModelCredentials.ts"
import { defaultLimits, type MemoryLimits } from "../memory/Memory.ts"
import { Prices, sound, telling } from "../model/Prices.ts"
import { ProviderKeys } from "../model/ProviderKeys.ts"
import { TokenEstimator } from "../model/TokenEstimator.ts"
import { UsageLookups } from "../model/UsageLookup.ts"
import * as Observer from "../run/Observer.ts"
import type { Settings } from "../run/Run.ts"
import * as RunLog from "../run/RunLog.ts"
import * as RunMetrics from "../run/RunMetrics.ts"
import type { RuntimeOptions } from "./RuntimeShape.ts"

type Options = Omit<RuntimeOptions<ReadonlyArray<Agent.Any>>, "hooks">

/** Logs that the cost of a model is unknown. */
const warnOfPrice = (services: Context.Context<never>) => {
  const fork = Effect.runForkWith(services)
  return (model: string) =>
    void fork(
      Effect.logWarning(`No price for ${model}: its costs are unknown and costUsd is absent. Add it to the price table`)
    )
}

/** The settings of a runtime that its host needs. */
export const told =
  ({ measures, observer }: Effect.Success<ReturnType<typeof make>>) =>
  <A, E, R>(made: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    made.pipe(Effect.provideService(Observer.Observer, observer), Effect.provideService(RunMetrics.Measuring, measures))

const memoryLimitsOf = ({ bytes, memories, textBytes }: NonNullable<Options["memory"]> = {}): MemoryLimits => ({
  memories: memories ?? defaultLimits.memories,
  bytes: bytes ?? defaultLimits.bytes,
  textBytes: textBytes ?? defaultLimits.textBytes
})

/** The settings of a runtime with these options. */
export const make = Effect.fnUntraced(function* (options: Options) {
  const millis = (input: Duration.Input | undefined, usual: number) =>
    input === undefined ? usual : Duration.toMillis(Duration.fromInputUnsafe(input))
  const observer = yield* Observer.Observer
  const own = observer === undefined ? [] : [Observer.contained(observer)]
  const credentials = yield* ModelCredentials
  if (credentials !== undefined && options.providerKeys !== undefined) {
    return yield* refuse("Both providerKeys and ModelCredentials find tenants' keys. Use ModelCredentials")
  }
  const expiry = millis(options.approvalExpiresIn, Number.POSITIVE_INFINITY)
  return {
    prices: telling(sound(yield* Prices), warnOfPrice(yield* Effect.context<never>())),
    estimator: yield* TokenEstimator,
    keys: new ProviderKeys(options.providerKeys, credentials),
    lookups: yield* UsageLookups,
    tracing: yield* Observer.Tracing,
    observer: Observer.all([
      ...(options.metrics === true ? [RunMetrics.observer] : []),
      ...(options.logs === true ? [RunLog.observer] : []),
      ...own
    ]),
    measures: options.metrics === true,
    modelRetries: options.modelRetries ?? 2,
    tellsRetries: options.modelRetryEvents ?? false,
    showsInput: options.toolInputEvents ?? true,
    midStream: options.midStreamFailure ?? "error",
    modelRetryBaseMs: millis(options.modelRetryDelay, 500),
    patience:
      options.modelTimeout === undefined && options.modelIdleTimeout === undefined
        ? undefined
        : {
            idleMs: millis(options.modelIdleTimeout, Number.POSITIVE_INFINITY),
            totalMs: millis(options.modelTimeout, Number.POSITIVE_INFINITY)
          },
    cancelGraceMs: millis(options.cancelGrace, 5000),
    predicateMs: 10_000,
    approvalExpiryMs: expiry === Number.POSITIVE_INFINITY ? undefined : Math.ceil(expiry),
    approvalWarnMs: millis(options.approvalWarnBefore, 0),
    quotaWaitMs: millis(options.quotaWait, 30_000),
    unattended: options.unattended ?? "wait",
    maxResultCharacters: options.maxResultCharacters ?? 200_000,
    maxFileBytes: options.maxFileBytes ?? 32 * 1024 * 1024,
    memoryLimits: memoryLimitsOf(options.memory),
    fileUrl: options.fileUrl,
    repeatedCallLimit: CallRow.limitOf(options.repeatedCallLimit),
    defaultMaxSteps: options.defaultMaxSteps === false ? Number.POSITIVE_INFINITY : (options.defaultMaxSteps ?? 100),
    maxDepth: options.maxDepth ?? 8,
    captureContent: options.captureContent ?? false
  } satisfies Settings & { readonly measures: boolean }
})
