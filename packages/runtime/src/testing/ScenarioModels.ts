/**
 * The models of the random scenarios: how they answer agents and the questions of hooks, what they say that they used,
 * and what that costs. `Watched` records the requests that reached them.
 */
import { Money, ModelFailure, type Usage } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { ModelPort, ModelRequest } from "../model/Model.ts"
import * as Prices from "../model/Prices.ts"
import * as TokenEstimator from "../model/TokenEstimator.ts"
import * as Scenario from "./Scenario.ts"
import * as ScenarioAnswers from "./ScenarioAnswers.ts"
import * as ScenarioSearch from "./ScenarioSearch.ts"
import * as ScriptedModel from "./ScriptedModel.ts"

/**
 * What a model said that it used for a request.
 *
 * @since 0.2.0
 * @category models
 */
export interface Used {
  readonly model: string
  readonly usage: Usage.Usage
}

/**
 * A question of a hook: the works that it was around, and what it cost once it was answered, in nano-dollars.
 *
 * @since 0.2.0
 * @category models
 */
export interface Judged {
  readonly works: ReadonlyArray<string>
  nanoUsd: number | undefined
}

/**
 * What is recorded of their requests.
 *
 * @since 0.2.0
 * @category models
 */
export interface Watched {
  /** Those of agents: agent path, step, model. */
  readonly requests: Array<{ readonly path: string; readonly step: number; readonly model?: string }>
  /** What models said that they used. Absent: not recorded. */
  readonly used?: Array<Used> | undefined
  /** The questions of hooks that reached a model. Absent: not recorded. */
  readonly judged?: Array<Judged> | undefined
  /** Which searched tools the requests offered. Absent: not recorded. */
  readonly offers?: Array<ScenarioSearch.Offer> | undefined
}

/**
 * The instructions of a hook's question.
 *
 * @since 0.2.0
 * @category constants
 */
export const judging = "You judge."

/**
 * The works that a hook's question is around, by the names under which their results are stored: for a call one of them
 * has it. `undefined`: the request is no hook's.
 *
 * @since 0.2.0
 * @category operations
 */
export const worksOf = (request: ModelRequest): ReadonlyArray<string> | undefined => {
  if (request.instructions !== judging) return undefined
  const [part] = request.messages[0]?.content ?? []
  return part?.type === "text" ? part.text.split("\n").slice(1) : []
}

/**
 * What a model says to a hook's question: yes, no, nothing, half of it, or it fails.
 *
 * @since 0.2.0
 * @category operations
 */
export const judged = (scenario: Scenario.Scenario, request: ModelRequest, model: string): ScriptedModel.Reply => {
  const [part] = request.messages[0]?.content ?? []
  const about = part?.type === "text" ? part.text : ""
  const random = Scenario.draw(scenario.seed, `judged ${about} ${request.metadata.attempt} ${model}`)
  const usage = ScenarioAnswers.usage(random)
  const failing = { provider: "scripted", model }
  switch (Math.floor(random() * (scenario.faults ? 12 : 8))) {
    case 0:
      return ScriptedModel.text("", { usage })
    case 1:
      return { parts: [[{ type: "text", text: "y" }], [{ type: "finish", reason: "length", usage }]] }
    case 8:
      return ScriptedModel.failure(new ModelFailure.ProviderUnavailable(failing))
    case 9:
      return ScriptedModel.failure(new ModelFailure.NetworkFailed(failing), "ye")
    case 10:
      return ScriptedModel.failure(new ModelFailure.RateLimited({ ...failing, retryAfterMs: 2000 }))
    case 11:
      return { parts: [[{ type: "text", text: "ye" }]], hangs: true }
    default:
      return ScriptedModel.text(random() < 0.8 ? "yes" : "no", { usage })
  }
}

const table: { readonly [model: string]: Prices.PriceOptions } = {
  "scripted/scripted-3": { inputPerMillionUsd: 7, outputPerMillionUsd: 11 },
  "scripted/scripted-2": { inputPerMillionUsd: 1, outputPerMillionUsd: 70 },
  "scripted/scripted-1": {
    inputPerMillionUsd: 3,
    outputPerMillionUsd: 15,
    cacheReadPerMillionUsd: 0.3,
    cacheWritePerMillionUsd: 3.75
  }
}

/**
 * What a request of that model costs, in nano-dollars.
 *
 * @since 0.2.0
 * @category operations
 */
export const costOfRequest = ({ model, usage }: Used): number => {
  const price = table[`scripted/${model}`]
  return price === undefined ? 0 : Money.costOf(usage, { model, match: "exact", source: "table", ...price }).nanoUsd
}

/**
 * The model of that name, as it answers agents and hooks. `isBroken`: whether its adapter throws at this request.
 *
 * @since 0.2.0
 * @category constructors
 */
export const modelOf = (
  scenario: Scenario.Scenario,
  world: Watched,
  model: string,
  isBroken: () => boolean = () => false
): ModelPort => {
  const port = ScriptedModel.make({
    model,
    respond: (request) => ({
      ...(worksOf(request) === undefined
        ? Scenario.respond(scenario, request, model)
        : judged(scenario, request, model)),
      ...(isBroken() ? { throws: true } : {})
    }),
    onRequest: (request) => {
      if (worksOf(request) !== undefined) return
      const { metadata } = request
      const offer = scenario.searches ? ScenarioSearch.offerOf(request) : undefined
      if (offer !== undefined) world.offers?.push(offer)
      world.requests.push({ path: metadata.agentPath.join("/"), step: metadata.step, model })
    }
  })
  return {
    ...port,
    attempt: (request, emit) =>
      Effect.suspend(() => {
        const works = worksOf(request)
        const question: Judged | undefined = works === undefined ? undefined : { works, nanoUsd: undefined }
        if (question !== undefined) world.judged?.push(question)
        return port.attempt(request, (parts) => {
          for (const part of parts) {
            if (part.type !== "finish" || part.usage === undefined) continue
            const used = { model, usage: part.usage }
            world.used?.push(used)
            if (question !== undefined) question.nanoUsd = costOfRequest(used)
          }
          return emit(parts)
        })
      })
  }
}

/**
 * Throws at the call that the scenario has drawn; calls are counted per owner.
 *
 * @since 0.2.0
 * @category operations
 */
export const throwing = ({ defect }: Scenario.Scenario, of: Scenario.Defect["of"]): (() => boolean) => {
  if (defect?.of !== of) return () => false
  let calls = 0
  return () => ++calls === defect.at || (defect.lasts && calls > defect.at)
}

/**
 * Estimates as usual, unless a defect of the scenario is in them.
 *
 * @since 0.2.0
 * @category constructors
 */
export const estimator = (scenario: Scenario.Scenario): TokenEstimator.Estimator => {
  const isBroken = throwing(scenario, "estimates")
  return {
    text: (text) => {
      if (isBroken()) throw new Error("an estimator that throws")
      return TokenEstimator.byLength.text(text)
    }
  }
}

/**
 * Prices of a table, unless a defect of the scenario is in them.
 *
 * @since 0.2.0
 * @category layers
 */
export const prices = (scenario: Scenario.Scenario, world: Watched) => {
  const isBroken = throwing(scenario, "prices")
  return Layer.effect(
    Prices.Prices,
    Effect.map(Prices.Prices, (book) => ({
      find: (provider: string, model: string, at: number) => {
        // The start of a run asks for prices, too.
        if (world.requests.length > 0 && isBroken()) throw new Error("a price book that throws")
        return book.find(provider, model, at)
      }
    }))
  ).pipe(Layer.provide(Prices.layerTable(table)))
}
