/**
 * What a command works with: a runtime over an app or the built-in assistant, a model, a store. Everything that cannot
 * be had is one sentence.
 */
import { OpenAiUsage } from "@reins/models"
import { type Agent, Model, type ModelPort, Runtime } from "@reins/runtime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { stat } from "node:fs/promises"
import { resolve } from "node:path"
import * as Assistant from "../assistant/Assistant.ts"
import * as AppFile from "./AppFile.ts"
import { type CommandFailed, failed, misused } from "./CommandFailed.ts"
import { LiveModel } from "./LiveModel.ts"
import * as ModelChoice from "./ModelChoice.ts"
import * as Presence from "./Presence.ts"
import * as StoreChoice from "./StoreChoice.ts"

/** The options of the command line. */
export interface Given {
  /** The file of an app. Absent: the built-in assistant. */
  readonly app: string | undefined
  readonly model: string | undefined
  readonly store: string | undefined
  /** The folder that the assistant works on, and in which runs are kept. Absent: the current one. */
  readonly path: string | undefined
  /** Whether a person watches: the demo then takes its time. */
  readonly isWatched: boolean
  /** Whether its runs are counted in metrics and logged, line by line. Absent: no. */
  readonly isServed?: boolean | undefined
  /** Whether OpenAI is asked for what cut answers have used. Absent: no. */
  readonly reconciles?: boolean | undefined
  /** Whether the scripted demo takes the place of a model that is not set. */
  readonly demo: boolean
  /** Whether the file of the app is loaded once more after this: what it opened is opened once. Absent: false. */
  readonly isUsedAgain?: boolean | undefined
  /** Whether no model is asked: it needs no key, and need not be set. Absent: false. */
  readonly isUnasked?: boolean | undefined
  /** Whether runs are carried. Absent: true. */
  readonly carries?: boolean | undefined
  /** Whether a store that is not there is made. Absent: true; false: memory takes its place. */
  readonly makesStore?: boolean | undefined
  /**
   * What stands in the place of the model, for commands that ask none and keep nothing: no store is opened. Absent: the
   * model that is chosen.
   */
  readonly standIn?: ModelPort | undefined
}

/** A runtime, and what is known of it. */
export interface Workplace {
  /** The name of the agent that is asked, as far as it is known. */
  readonly root: string
  /** The model's name, where the command line chose it. */
  readonly model: string | undefined
  /** The model itself, which can be changed; absent: the app has its own. */
  readonly live: LiveModel | undefined
  /** The store, where the command line chose it. */
  readonly place: StoreChoice.Store | undefined
  /** Where runs are kept, where the command line chose it. */
  readonly store: string | undefined
  readonly agents: ReadonlyArray<Agent.Any>
  /** Closes with its scope what the app opened when it was loaded. */
  readonly layer: Layer.Layer<Runtime, CommandFailed>
  /** The same, where the layer is not used. */
  readonly close: Effect.Effect<void>
}

/** The folder that runs are kept in must be there; it is not made. */
const isFolder = (path: string): Effect.Effect<void, CommandFailed> =>
  Effect.flatMap(
    Effect.tryPromise({ try: () => stat(path), catch: () => failed(`There is no folder ${JSON.stringify(path)}.`) }),
    (info) => (info.isDirectory() ? Effect.void : Effect.fail(failed(`${JSON.stringify(path)} is not a folder.`)))
  )

/** Whether a store is there already. */
const isMade = (store: StoreChoice.Store): Effect.Effect<boolean, CommandFailed> =>
  store._tag === "Sqlite" ? Presence.isFile(store.file) : Effect.succeed(true)

/** Asks OpenAI for what cut answers have used. */
const lookups = (isOn: boolean): Layer.Layer<never, CommandFailed> =>
  isOn
    ? Layer.catchTag(OpenAiUsage.layerConfig, "ConfigError", () =>
        Layer.effectDiscard(Effect.fail(failed("OPENAI_API_KEY or OPENAI_BASE_URL cannot be read.")))
      )
    : Layer.empty

/** Opens nothing yet: fails with what is wrong with the command line itself. */
export const make = (given: Given): Effect.Effect<Workplace, CommandFailed> =>
  Effect.gen(function* () {
    const folder = resolve(given.path ?? ".")
    const app = given.app === undefined ? undefined : yield* AppFile.load(given.app)
    const file = given.app ?? ""
    if (app?._tag === "Whole") {
      const chosen = [given.model === undefined ? [] : ["--model"], given.store === undefined ? [] : ["--store"]].flat()
      if (chosen.length > 0) {
        yield* app.close
        return yield* misused(`${file} makes its own runtime: leave out ${chosen.join(" and ")}, or export an agent.`)
      }
      const [root] = app.agents
      return {
        root: root?.name ?? "agent",
        model: undefined,
        live: undefined,
        place: undefined,
        store: undefined,
        agents: app.agents,
        layer: AppFile.wholeLayer(file, app.layer, given.isUsedAgain === true ? Effect.void : app.close),
        close: app.close
      }
    }
    yield* isFolder(folder)
    const { standIn } = given
    const named: StoreChoice.Store =
      standIn === undefined ? yield* StoreChoice.chosen(given.store, folder) : { _tag: "Memory" }
    const store: StoreChoice.Store = given.makesStore === false && !(yield* isMade(named)) ? { _tag: "Memory" } : named
    const model =
      standIn?.model ?? (yield* ModelChoice.chosen(given.model)) ?? (given.demo ? ModelChoice.demo : undefined)
    if (app !== undefined && model === ModelChoice.demo && standIn === undefined) {
      return yield* misused(
        `The scripted demo plays the built-in assistant only. Leave out --app, or choose another model.`
      )
    }
    const live = new LiveModel()
    const serving = standIn ?? (given.isUnasked === true ? ModelChoice.unasked(model) : undefined)
    const services = Layer.merge(
      Layer.provideMerge(
        serving === undefined ? ModelChoice.layer(model, given.isWatched, live) : Layer.succeed(Model, serving),
        ModelChoice.pricesLayer
      ),
      Layer.merge(StoreChoice.layer(store, { carries: given.carries ?? true }), lookups(given.reconciles === true))
    )
    const { isServed = false } = given
    const observed = { metrics: isServed, logs: isServed }
    const common = { model, live, place: store, store: StoreChoice.describe(store), close: Effect.void }
    if (app === undefined) {
      const layer = AppFile.wholeLayer("The assistant", Layer.provide(Assistant.layer(folder, observed), services))
      return { ...common, root: Assistant.name, agents: [], layer }
    }
    const [root] = app.agents
    // What the agents of a file need is in no type: what is missing shows when the runtime is built, and of tools before.
    const runtime: Layer.Layer<Runtime, unknown, Model> = Runtime.layer({
      agents: app.agents,
      ...observed,
      // The paths of the server that it is given to.
      ...(isServed ? { fileUrl: (fileId: string) => `/native/files/${fileId}` } : {})
    })
    const own = Layer.unwrap(
      Effect.flatMap(Effect.context<never>(), (context) => {
        const tool = AppFile.withoutHandler(app.agents, context)
        return tool === undefined
          ? Effect.succeed(runtime)
          : Effect.fail(
              failed(`The tool "${tool}" of ${file} has no handler. Export a layer named "services" that has it.`)
            )
      })
    )
    const layer = Layer.provide(own, Layer.provideMerge(app.services, services))
    return { ...common, root: root.name, agents: app.agents, layer: AppFile.wholeLayer(file, layer) }
  })
