/**
 * The options of a runtime: the settings made of them, with defaults applied and the services that are read when its layer is
 * built; and what each option must be, but for those that a program without Effect declares otherwise.
 */
import { Budget } from "@reins/protocol"
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as CallRow from "../agent/CallRow.ts"
import { refuse } from "../agent/AgentParts.ts"
import { issueOf, ModelCredentials } from "../model/ModelCredentials.ts"
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
import * as Predicate from "effect/Predicate"
import * as Agent from "../agent/Agent.ts"
import * as Approvers from "../approval/Approvers.ts"
import type { Denial, Reviewed } from "../approval/Policy.ts"
import * as Hook from "../hook/Hook.ts"
import * as Rule from "../kernel/OptionRule.ts"

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
    input === undefined ? usual : Budget.milliseconds(input)
  const observer = yield* Observer.Observer
  const own = observer === undefined ? [] : [Observer.contained(observer)]
  const credentials = yield* ModelCredentials
  if (credentials !== undefined && options.providerKeys !== undefined) {
    return yield* refuse("Both providerKeys and ModelCredentials find tenants' keys. Use ModelCredentials")
  }
  // It may have been provided without its layer.
  const invalid = credentials === undefined ? undefined : issueOf(credentials)
  if (invalid !== undefined) return yield* refuse(invalid)
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

/** A hook's value, whose own options are valid. A plain object is none. */
const hook: Rule.Rule = (value) =>
  !Hook.isHook(value)
    ? { path: "", value, cure: 'Make it with hook({ name: "…", beforeCall, … }), or Hook.make' }
    : value.issue === undefined
      ? undefined
      : { path: "", value, cure: value.issue }

export const hooks: Rule.Rule = Rule.optional(Rule.list("Give a list of hooks", hook))

const ruling = 'Use "never", "always", a function, { deny: reason } or { ask, approvers }'

const ruled: Rule.Rule = Rule.cases(
  (value) => Predicate.hasProperty(value, "deny"),
  Rule.fields<Denial>(ruling, { deny: Rule.name("Give the reason, which the model reads") }),
  Rule.must(ruling, (value) => value === "never" || value === "always" || typeof value === "function")
)

/** Whether a person is asked, and who may answer. */
export const policy: Rule.Rule = Rule.cases(
  (value) => Predicate.hasProperty(value, "approvers") || Predicate.hasProperty(value, "ask"),
  Rule.fields<Reviewed>(ruling, { ask: Rule.optional(ruled), approvers: Approvers.rule }),
  ruled
)

/** An empty list has a message of its own, where the agents are built. */
const isAgent = (value: unknown): boolean => Predicate.hasProperty(value, Agent.TypeId)

export const rules: Rule.Rules<RuntimeOptions<ReadonlyArray<Agent.Any>>> = {
  agents: Rule.list("Give a list of agents", Rule.must("Make it with Agent.make or Specialist.make", isAgent)),
  quotas: Rule.optional(Rule.list("Give a list of quotas", Rule.object("Make it with Quota.make"))),
  hooks,
  quotaWait: Rule.optional(Rule.duration),
  providerKeys: Rule.secret(Rule.optional(Rule.callable("Give a function that returns a tenant's key"))),
  metrics: Rule.optional(Rule.flag),
  logs: Rule.optional(Rule.flag),
  approvals: Rule.optional(policy),
  approvalExpiresIn: Rule.optional(Rule.duration),
  approvalWarnBefore: Rule.optional(Rule.duration),
  unattended: Rule.optional(Rule.oneOf("wait", "deny", "approve")),
  modelRetries: Rule.optional(Rule.limit(0, Infinity)),
  modelRetryEvents: Rule.optional(Rule.flag),
  toolInputEvents: Rule.optional(Rule.flag),
  midStreamFailure: Rule.optional(Rule.oneOf("error", "retract")),
  modelRetryDelay: Rule.optional(Rule.duration),
  modelTimeout: Rule.optional(Rule.duration),
  modelIdleTimeout: Rule.optional(Rule.duration),
  cancelGrace: Rule.optional(Rule.duration),
  repeatedCallLimit: CallRow.limitRule,
  defaultMaxSteps: Rule.optional(Rule.limit(0, false, Infinity)),
  maxDepth: Rule.optional(Rule.limit(0, Infinity)),
  maxResultCharacters: Rule.optional(Rule.limit(0, Infinity)),
  maxFileBytes: Rule.optional(Rule.limit(0, Infinity)),
  memory: Rule.optional(
    Rule.fields<MemoryLimits>("Give an object such as { memories: 1000 }", {
      memories: Rule.optional(Rule.limit(0, Infinity)),
      bytes: Rule.optional(Rule.limit(0, Infinity)),
      textBytes: Rule.optional(Rule.limit(0, Infinity))
    })
  ),
  fileUrl: Rule.optional(Rule.callable("Give a function from a file's id to its URL")),
  captureContent: Rule.optional(Rule.flag)
}

/** What the options of a runtime must be. */
export const rule: Rule.Rule = Rule.fields<RuntimeOptions<ReadonlyArray<Agent.Any>>>("Give an object of options", rules)
