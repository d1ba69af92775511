/**
 * The hooks of one agent, with their services: in the order of their layers, outermost first. Pure.
 */
import * as Effect from "effect/Effect"
import * as Erased from "../kernel/Erased.ts"
import * as Task from "../kernel/Task.ts"
import type * as Hook from "./Hook.ts"

/** A hook's functions with their services. */
export interface BoundHook {
  readonly name: string
  readonly tools: ReadonlyArray<string> | undefined
  readonly timeoutMs: number
  readonly holdsText: boolean
  readonly beforeCall: ((call: Hook.Call) => Effect.Effect<unknown, unknown>) | undefined
  readonly afterCall: ((call: Hook.CallResult) => Effect.Effect<unknown, unknown>) | undefined
  readonly beforeStep: ((step: Hook.Step) => Effect.Effect<unknown, unknown>) | undefined
  readonly afterStep: ((answer: Hook.Answer) => Effect.Effect<unknown, unknown>) | undefined
}

/** Gives hooks the services of the layer that is being built. */
export const bind = (hooks: ReadonlyArray<Hook.Any>, services: Erased.Services): ReadonlyArray<BoundHook> =>
  hooks.map(({ definition, name }) => {
    const { afterCall, afterStep, beforeCall, beforeStep, holdsText, timeoutMs, tools } = definition
    return {
      name,
      tools,
      timeoutMs,
      holdsText,
      beforeCall: provided(beforeCall, services),
      afterCall: provided(afterCall, services),
      beforeStep: provided(beforeStep, services),
      afterStep: provided(afterStep, services)
    }
  })

/** What was done at once needs no services; the layer that is being built has those of the rest. */
const provided = <A>(
  act: ((input: A) => Erased.Needing<unknown, unknown>) | undefined,
  services: Erased.Services
): ((input: A) => Effect.Effect<unknown, unknown>) | undefined =>
  act === undefined
    ? undefined
    : (input) => {
        const said = act(input)
        return Erased.as(Task.isDone(said) ? said : Effect.provideContext(said, services))
      }

/** The hooks around the calls of one tool or specialist: those with functions for calls. */
export type CallHooks = ReadonlyArray<BoundHook>

/** The hooks around an agent's model steps: those with functions for steps. */
export type StepHooks = ReadonlyArray<BoundHook>

export class HookChain {
  /** Absent: none. */
  readonly steps: StepHooks | undefined
  private readonly all: ReadonlyArray<BoundHook>
  private readonly ask: Hook.Place["ask"] | undefined

  /** An agent's hooks; `undefined` where neither it nor one of its tools has any, so that nothing is looked up. */
  static of(
    all: ReadonlyArray<BoundHook>,
    tools: Iterable<{ readonly hooks?: ReadonlyArray<BoundHook> | undefined }>
  ): HookChain | undefined {
    return all.length > 0 || Array.from(tools).some(({ hooks }) => hooks !== undefined) ? new HookChain(all) : undefined
  }

  /** `all`: outermost first. `ask`: how tools' own hooks ask models; absent: as they do. */
  constructor(all: ReadonlyArray<BoundHook>, ask?: Hook.Place["ask"]) {
    const steps = all.filter(({ afterStep, beforeStep }) => afterStep !== undefined || beforeStep !== undefined)
    this.steps = steps.length === 0 ? undefined : steps
    this.all = all
    this.ask = ask
  }

  /** The same hooks in a replay: they ask models this way, and their time is the machine's, since the run's stands still. */
  asking(ask: Hook.Place["ask"]): HookChain {
    return new HookChain(
      this.all.map((hook) => asking(hook, ask)),
      ask
    )
  }

  /** The hooks of a tool's calls: the chain's that are for it, then its `own`. `undefined` without any. */
  ofCall(tool: string, own: ReadonlyArray<BoundHook> = []): CallHooks | undefined {
    const { ask } = this
    const inner = ask === undefined ? own : own.map((hook) => asking(hook, ask))
    const all = [...this.all, ...inner].filter((hook) => isOfCalls(hook) && (hook.tools?.includes(tool) ?? true))
    return all.length === 0 ? undefined : all
  }
}

const isOfCalls = ({ afterCall, beforeCall }: BoundHook): boolean => afterCall !== undefined || beforeCall !== undefined

const asking = (hook: BoundHook, ask: Hook.Place["ask"]): BoundHook => {
  const { afterCall, afterStep, beforeCall, beforeStep, timeoutMs } = hook
  const timed = <A extends Hook.Place>(act: ((input: A) => Effect.Effect<unknown, unknown>) | undefined) =>
    act === undefined ? undefined : (input: A) => within(act({ ...input, ask }), timeoutMs)
  return {
    ...hook,
    beforeCall: timed(beforeCall),
    afterCall: timed(afterCall),
    beforeStep: timed(beforeStep),
    afterStep: timed(afterStep)
  }
}

/** What a hook says, unless it takes longer: then it fails. */
const within = (said: Effect.Effect<unknown, unknown>, ms: number): Effect.Effect<unknown, unknown> =>
  Task.isDone(said) || ms === Number.POSITIVE_INFINITY
    ? said
    : Effect.raceFirst(said, Effect.andThen(Effect.sleep(ms), Effect.die(new Error(`took more than ${ms} ms`))))
