/**
 * The agents of a runtime, resolved: each with its tools' handlers, its model and its specialists, captured once when
 * the runtime's layer is built. The casts from an agent's erased types are all here.
 *
 * Building rejects mistakes that would otherwise fail silently later: two agents with one name, duplicate tool names of
 * an agent, two unbound toolkits that define one tool name differently (handlers are looked up by name), an invalid
 * budget.
 */
import { Budget, type Json } from "@reins/protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import type * as Hook from "../hook/Hook.ts"
import { bind, type BoundHook, HookChain } from "../hook/HookChain.ts"
import * as Erased from "../kernel/Erased.ts"
import * as Rule from "../kernel/OptionRule.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import type * as Agent from "./Agent.ts"
import * as Approvers from "../approval/Approvers.ts"
import * as Policy from "../approval/Policy.ts"
import * as CallRow from "./CallRow.ts"
import * as AgentParts from "./AgentParts.ts"
import { refuse } from "./AgentParts.ts"
import * as Resolution from "./Resolution.ts"
import type { ToolDefinition } from "../model/Model.ts"
import type { Decode } from "../kernel/SchemaCheck.ts"
import * as Invocation from "../tool/Invocation.ts"
import * as Retrying from "../tool/Retrying.ts"
import * as ToolSettings from "../tool/ToolSettings.ts"
import * as ToolSearch from "./ToolSearch.ts"
import * as TypedText from "./TypedText.ts"

/** A tool, ready to be called. */
export interface Callable {
  readonly name: string
  readonly execution: "server" | "client"
  /** Its arguments are a plan, and a person is asked about the plan. */
  readonly isPlan: boolean
  /** It asks a person the question in its decoded arguments: the caller answers in place of running it. */
  readonly asks?: ToolSettings.Asks | undefined
  readonly definition: ToolDefinition
  readonly policy: Policy.Ruled
  /** Who may answer questions about its calls; absent: anybody of the tenant. */
  readonly approvers?: ReadonlyArray<Approvers.Level> | undefined
  /** The hash of its definition: answers and grants apply only to this definition. */
  readonly hash: string
  readonly decode: Decode
  /** Validates a caller's result; absent on tools that the runtime runs, and on those without a result schema. */
  readonly accept?: ((result: Json) => Effect.Effect<unknown, string>) | undefined
  /** The JSON Schema of its results, made when it is asked for; absent: any JSON. */
  readonly resultSchema?: (() => Json) | undefined
  /** Absent on client tools. */
  readonly invoke: Invocation.Invoke | undefined
  /** The maximum cost of a call with these decoded arguments; absent if the tool declares none. */
  readonly maxCost: ((args: unknown) => ToolSettings.Most) | undefined
  readonly timeoutMs: number | undefined
  /** How a failed call is tried again; absent: it is not. */
  readonly retry: Retrying.Retry | undefined
  readonly concurrency: number | undefined
  /** Can be repeated without harm. */
  readonly idempotent: boolean
  /** Changes nothing. */
  readonly readonly: boolean
  /** Its calls do not count for `repeatedCallLimit`. */
  readonly mayRepeat: boolean
  /** It searches the agent's tools. Absent: it does not. */
  readonly isSearch?: boolean | undefined
  /** Its own hooks, inside of its agent's; absent: none. */
  readonly hooks?: ReadonlyArray<BoundHook> | undefined
}

/** An agent, ready to run. */
export interface Member extends AgentParts.AgentModels {
  readonly name: string
  readonly definition: Agent.Definition
  /** Chooses what each step uses; absent: every step uses what is here. */
  readonly resolver?: Resolution.Resolver | undefined
  /** Its own instructions, and what a query adds to them; absent: nothing is added. */
  readonly instructed?: { readonly own: string | undefined; readonly added: string } | undefined
  readonly tools: ReadonlyMap<string, Callable>
  readonly specialists: ReadonlyMap<string, Member>
  /** The definitions that the model is sent, or may load: tools, client tools, specialists. */
  readonly offered: ReadonlyArray<ToolDefinition>
  /** The search of its tools, if it has too many of them; absent: it is off. */
  readonly search?: ToolSearch.ToolSearch | undefined
  /** The names of what is sent only once it is loaded; absent: all definitions are sent. */
  readonly withheld?: ReadonlySet<string> | undefined
  /** The instructions about its typed answer; absent: it answers with text. */
  readonly output: { readonly name: string; readonly schema: Json } | undefined
  /** Checks its typed answer. */
  readonly check: TypedText.Check | undefined
  readonly budget: Budget.Budget
  /** Who may answer its questions about its budget; absent: anybody of the tenant. */
  readonly approvers?: ReadonlyArray<Approvers.Level> | undefined
  /** The runtime's hooks and its own; absent where neither it nor a tool of it has any. */
  readonly hooks?: HookChain | undefined
}

/** The agents of one runtime by name; `first` is the default. */
export interface AgentRegistry {
  readonly first: Member
  readonly members: ReadonlyMap<string, Member>
}

/** The agent at `path` below `root`; `undefined` where no such agent can be. */
export const at = (root: Member, path: ReadonlyArray<string>): Member | undefined => {
  let member: Member | undefined = root
  for (const segment of path) member = member?.specialists.get(segment.slice(0, segment.indexOf("#")))
  return member
}

/** An agent and all its specialists, at any depth. */
export const below = (root: Member): ReadonlyArray<Member> => {
  const found = new Set<Member>()
  const visit = (member: Member): void => {
    if (found.has(member)) return
    found.add(member)
    for (const specialist of member.specialists.values()) visit(specialist)
  }
  visit(root)
  return [...found]
}

/** The names of the tools that some of these agents have. */
export const toolNames = (members: Iterable<Member>): ReadonlySet<string> =>
  new Set(Array.from(members).flatMap((member) => [...member.tools.keys()]))

interface Capture {
  readonly members: Map<string, Member>
  readonly owners: Map<string, { readonly agent: string; readonly tool: Tool.Any }>
  readonly services: Erased.Services
  readonly floor: Policy.Policy
  /** The runtime's, outside of all agents'. */
  readonly hooks: ReadonlyArray<BoundHook>
}

/** Captures `agents` and everything below them in the context of the layer that is being built. */
export const build = Effect.fnUntraced(function* (
  agents: ReadonlyArray<Agent.Any>,
  floor: Policy.Policy,
  hooks: ReadonlyArray<Hook.Any> = []
) {
  const services = Erased.as<Erased.Services>(yield* Effect.context<never>()) // everything that the layer was provided with
  const capture: Capture = {
    members: new Map(),
    owners: new Map(),
    services,
    floor,
    hooks: bind(hooks, services)
  }
  const first = agents[0]
  if (first === undefined) return yield* refuse("A runtime needs at least one agent. List them in agents")
  for (const agent of agents) yield* member(capture, agent.definition, [])
  const { members } = capture
  const names = toolNames(members.values())
  yield* AgentParts.warnOfHooks("Runtime", hooks, new Set([...names, ...members.keys()]))
  for (const { budget, name } of members.values()) {
    const unknown = Budget.unknownTool(budget, names)
    if (unknown !== undefined) return yield* refuse(`Agent ${JSON.stringify(name)}: ${unknown.message}`)
  }
  return { first: yield* member(capture, first.definition, []), members } satisfies AgentRegistry
})

const member = (
  capture: Capture,
  definition: Agent.Definition,
  above: ReadonlyArray<string>
): Erased.Needing<Member, Erased.Any> =>
  Effect.gen(function* () {
    const { name, output } = definition
    const known = capture.members.get(name)
    if (known !== undefined) {
      return known.definition === definition
        ? known
        : yield* refuse(`Two different agents are named ${JSON.stringify(name)}. Rename one`)
    }
    if (name.trim() === "") return yield* refuse("An agent's name is empty. Give it a name")
    if (name.includes("#")) return yield* refuse(`Agent ${JSON.stringify(name)}: a name cannot contain #`)
    if (above.includes(name))
      return yield* refuse(
        `Agent ${JSON.stringify(name)} is its own specialist, directly or through others. Remove one of the links`
      )
    const invalid = definition.budget === undefined ? undefined : Budget.validate(definition.budget)
    if (invalid !== undefined) return yield* refuse(`Agent ${JSON.stringify(name)}: ${invalid.message}`)

    const problem = Rule.issueOf("repeatedCallLimit", definition.repeatedCallLimit, CallRow.limitRule)
    if (problem !== undefined) return yield* refuse(`Agent ${JSON.stringify(name)}: ${problem}`)

    const sources = new AgentParts.ToolNames(name)
    const tools = new Map<string, Callable>()
    for (const [index, toolkit] of definition.toolkits.entries()) {
      for (const tool of yield* serverTools(capture, definition, toolkit)) {
        tools.set(sources.of(tool, definition.toolkits, index), tool)
      }
    }
    for (const tool of definition.clientTools) {
      tools.set(sources.add(tool, "clientTools"), yield* callable(capture, definition, tool, "client", undefined))
    }
    const specialists = new Map<string, Member>()
    for (const each of definition.specialists) {
      const name = sources.add(each, "specialists")
      specialists.set(name, yield* member(capture, each.definition, [...above, definition.name]))
    }
    if (sources.clash !== undefined) return yield* refuse(sources.clash)
    const offers: Array<ToolDefinition> = []
    for (const one of specialists.values()) offers.push(yield* AgentParts.offerOf(name, one))
    const { resolve, toolSearch } = definition
    const own = new Set([...tools.keys(), ...specialists.keys()])
    const issue = ToolSearch.problemOf(toolSearch, own)
    if (issue !== undefined) return yield* refuse(`Agent ${JSON.stringify(name)}: ${issue}`)
    yield* AgentParts.checkGuards(definition, tools, own)
    const search = ToolSearch.of(toolSearch, own)
    const made: Member = {
      name,
      definition,
      ...(yield* AgentParts.captureModels(name, definition)),
      resolver: resolve === undefined ? undefined : Resolution.resolver(resolve, capture.services, own),
      search,
      ...ToolSearch.parts(search, tools, offers),
      specialists,
      output:
        output === undefined
          ? undefined
          : {
              name: `${name}_output`,
              schema: yield* AgentParts.jsonSchema(name, "its output", () => Tool.getJsonSchemaFromSchema(output))
            },
      check: output === undefined ? undefined : TypedText.bySchema(output),
      budget: definition.budget ?? Budget.make({}),
      approvers: yield* levels(name, definition.approvers),
      hooks: HookChain.of([...capture.hooks, ...bind(definition.hooks, capture.services)], tools.values())
    }
    capture.members.set(name, made)
    return made
  })

const serverTools = Effect.fnUntraced(function* (
  capture: Capture,
  definition: Agent.Definition,
  toolkit: Effect.Effect<Erased.Kit, unknown, unknown>
) {
  const callables: Array<Callable> = []
  const kit: Toolkit.WithHandler<Record<string, Tool.Any>> = yield* toolkit
  const unbound = isToolkit(toolkit)
  for (const tool of Object.values(kit.tools)) {
    if (tool.name === "") return yield* refuse(`Agent ${JSON.stringify(definition.name)} has a tool without a name`)
    const handler = unbound ? handlerOf(capture.services, tool) : undefined
    if (unbound) {
      const owner = capture.owners.get(tool.name)
      if (owner !== undefined && !isSameTool(owner.tool, tool)) {
        return yield* refuse(
          `agents ${JSON.stringify(owner.agent)} and ${JSON.stringify(definition.name)} both have a tool ` +
            `${JSON.stringify(tool.name)}, defined differently, and handlers are looked up by name: ` +
            "bind one of the toolkits, as in toolkit: Agent.bind(Kit, Kit.layer)"
        )
      }
      capture.owners.set(tool.name, { agent: definition.name, tool })
    }
    const invoke = (decode: Decode) =>
      handler === undefined
        ? Invocation.bound(tool, kit, decode, capture.services)
        : Invocation.direct(tool, handler, decode)
    callables.push(yield* callable(capture, definition, tool, "server", invoke))
  }
  return callables
})

const isToolkit = (kit: unknown): boolean => Predicate.hasProperty(kit, "~effect/ai/Toolkit")

const handlerOf = (services: Erased.Services, tool: Tool.Any): Tool.Handler<string> | undefined =>
  Erased.as(services.mapUnsafe.get(tool.id)) // a toolkit's layer provides handlers by their tools' ids

// A clone keeps all of these. Schemas alone are not enough, since two tools can share one schema object.
const isSameTool = (a: Tool.Any, b: Tool.Any): boolean =>
  a.description === b.description &&
  a.parametersSchema === b.parametersSchema &&
  a.successSchema === b.successSchema &&
  a.failureSchema === b.failureSchema

const callable = Effect.fnUntraced(function* (
  capture: Capture,
  definition: Agent.Definition,
  tool: Tool.Any,
  runBy: "server" | "client",
  invoke: ((decode: Decode) => Invocation.Invoke) | undefined
): Effect.fn.Return<Callable> {
  const asks = Context.get(tool.annotations, ToolSettings.AsksPerson)
  const execution = asks === undefined ? runBy : "client"
  const timeout = Context.get(tool.annotations, ToolSettings.Timeout)
  const late = Rule.issueOf("timeout", timeout, Rule.optional(Rule.duration))
  if (late !== undefined) return yield* refuseTool(definition.name, tool, late)
  const isPlan = execution === "server" && Context.get(tool.annotations, ToolSettings.IsPlan)
  const { definition: offered, hash } = yield* AgentParts.describeTool(definition.name, tool)
  const most = Context.get(tool.annotations, ToolSettings.MaxCostUsd)
  const maxCost = most === undefined ? undefined : ToolSettings.mostCost(most)
  if (maxCost !== undefined && Result.isFailure(maxCost))
    return yield* refuseTool(definition.name, tool, maxCost.failure.message)
  const policy = Policy.resolve(
    Object.hasOwn(definition.approvals, tool.name) ? definition.approvals[tool.name] : undefined,
    // The context of a predicate is part of ours.
    Erased.as<boolean | Policy.Predicate | undefined>(tool.needsApproval) ?? (isPlan ? true : undefined),
    execution === "client" ? "never" : (definition.approvalFloor ?? capture.floor)
  )
  const named = Policy.approversOf(policy) ?? Context.get(tool.annotations, ToolSettings.Approvers)
  const hooks = bind(Context.get(tool.annotations, ToolSettings.Hooks), capture.services)
  const decode = Invocation.decoder(tool, capture.services)
  return {
    name: tool.name,
    execution,
    isPlan,
    asks,
    definition: offered,
    hash,
    policy: Policy.ruled(policy),
    approvers: yield* levels(definition.name, named ?? definition.approvers),
    decode,
    accept: runBy === "client" ? Invocation.acceptor(tool, capture.services) : undefined,
    resultSchema: () =>
      PlainJson.copy(Result.getOrUndefined(Result.try(() => Tool.getJsonSchemaFromSchema(tool.successSchema)))) ?? {},
    invoke: asks === undefined ? invoke?.(decode) : undefined,
    maxCost: maxCost?.success,
    timeoutMs: timeout === undefined ? undefined : Budget.milliseconds(timeout),
    retry: yield* retryOf(definition.name, tool),
    concurrency: Context.get(tool.annotations, ToolSettings.Concurrency),
    idempotent: Context.get(tool.annotations, Tool.Idempotent) || Context.get(tool.annotations, Tool.Readonly),
    readonly: Context.get(tool.annotations, Tool.Readonly),
    mayRepeat: Context.get(tool.annotations, ToolSettings.MayRepeat),
    hooks: hooks.length === 0 ? undefined : hooks
  }
})

const refuseTool = (agent: string, tool: Tool.Any, issue: string) =>
  refuse(`Tool ${JSON.stringify(tool.name)} of agent ${JSON.stringify(agent)}: ${issue}`)

/** How a tool's failed calls are tried again. Rejects invalid settings. */
const retryOf = (agent: string, tool: Tool.Any) => {
  const declared = Context.get(tool.annotations, ToolSettings.Retry)
  const times = Context.get(tool.annotations, ToolSettings.Retries)
  if (declared === undefined) return Effect.succeed(times > 0 ? Retrying.atOnce(times) : undefined)
  return Result.match(Retrying.of(declared), {
    onFailure: (issue) => refuseTool(agent, tool, issue),
    onSuccess: (retry) => Effect.succeed(retry)
  })
}

/** The levels of approvers. Rejects invalid ones. */
const levels = (agent: string, approvers: Approvers.Approvers | undefined) =>
  Effect.catch(Approvers.levels(approvers), (issue) => refuse(`the approvers of agent ${agent}: ${issue}`))
