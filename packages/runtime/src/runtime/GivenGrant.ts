/**
 * Makes grants: from a decision that approves more than one call, or in advance (`runtime.grant`) with the same scopes
 * and limits. A grant is bound to the definition that the tool has at that time.
 */
import { AgentPath, ApprovalError, ApprovalErrors, Decision, type Grant, Money } from "@reins/protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as AgentRegistry from "../agent/AgentRegistry.ts"
import * as Erased from "../kernel/Erased.ts"
import * as Rule from "../kernel/OptionRule.ts"
import * as SchemaCheck from "../kernel/SchemaCheck.ts"
import { type RuntimeParts, defaultResource } from "./RuntimeParts.ts"
import type { PendingApproval } from "../engine/RunHost.ts"

interface Limits extends Omit<NonNullable<Parameters<typeof Decision.approve>[0]>, "scope" | "feedback"> {
  /** The tool's name. */
  readonly tool: string
  /** The agent that has the tool, if agents define this name differently. Absent: any agent. */
  readonly agent?: string | undefined
  /** The tenant of the thread or run. Absent: `"default"`. */
  readonly resourceId?: string | undefined
}

/**
 * The scope: every run of a thread, a run, or a run at and below `agentPath`. A run that has not started also needs
 * `threadId`.
 *
 * @since 0.1.0
 * @category models
 */
export type GrantOptions = ForThread | ForRun | ForSubtree

type ForThread = Limits & { readonly scope: "thread"; readonly threadId: string }

type ForRun = Limits & {
  readonly scope: "run"
  readonly runId: string
  readonly threadId?: string | undefined
}

type ForSubtree = Limits & {
  readonly scope: "subtree"
  readonly runId: string
  readonly threadId?: string | undefined
  readonly agentPath: ReadonlyArray<string>
}

const cure = 'Give an object such as { tool: "refund", scope: "thread", threadId: "t1" }'

/** What is not checked here is checked by the decision's schema. */
const limits = {
  tool: Rule.name("Name the tool"),
  agent: Rule.optional(Rule.name("Name the agent that has the tool")),
  resourceId: Rule.optional(Rule.text("Give the name of a tenant")),
  matcher: Rule.any,
  uses: Rule.any,
  maxCostUsd: Rule.any,
  expiresIn: Rule.any,
  by: Rule.any
}

const ofRun = {
  scope: Rule.any,
  runId: Rule.name("Give the id of the run"),
  threadId: Rule.optional(Rule.text("Give the id of a thread"))
}

const path = 'Give a list of names, such as ["billing#1"]'

const byScope: { readonly [S in GrantOptions["scope"]]: Rule.Rule } = {
  thread: Rule.fields<ForThread>(cure, {
    ...limits,
    scope: Rule.any,
    threadId: Rule.name("Give the id of the thread")
  }),
  run: Rule.fields<ForRun>(cure, { ...limits, ...ofRun }),
  subtree: Rule.fields<ForSubtree>(cure, { ...limits, ...ofRun, agentPath: Rule.list(path, Rule.name(path)) })
}

const scopes = Object.keys(byScope)

const scopeRule = Rule.oneOf(...scopes)

/** A scope has only its own options: the path of an agent would not limit the grant of a run. */
const rule: Rule.Rule = (value) => {
  if (typeof value !== "object" || value === null) return { path: "", value, cure }
  const scope: unknown = Predicate.hasProperty(value, "scope") ? value.scope : undefined
  const fault = scopeRule(scope)
  return fault === undefined ? byScope[Erased.as<GrantOptions["scope"]>(scope)](value) : Rule.at("scope", fault)
}

/** Stores the grant and returns it. */
export const give = Effect.fnUntraced(function* ({ host, ids, roster }: RuntimeParts, options: GrantOptions) {
  // Code without types may give no options, or no name.
  const id = Predicate.hasProperty(options, "tool") && typeof options.tool === "string" ? options.tool : ""
  const fail = (reason: ApprovalErrors.Reason) => Effect.fail(new ApprovalError({ id, reason }))
  const refuse = (issue: string) => fail(new ApprovalErrors.InvalidArguments({ issue }))
  // A limit that is misspelt would be none.
  const misfit = Rule.issueOf("grants.give()", options, rule)
  if (misfit !== undefined) return yield* refuse(misfit)
  const { agent, by, expiresIn, matcher, maxCostUsd, resourceId = defaultResource, scope, tool, uses } = options
  const hash = hashOf(roster, tool, agent)
  if (typeof hash !== "string") return yield* refuse(hash.issue)
  const runId = options.scope === "thread" ? "" : options.runId
  const status = options.scope === "thread" ? undefined : yield* host.status(runId)
  if (status !== undefined && status.resourceId !== resourceId) {
    return yield* fail(new ApprovalErrors.ApprovalForbidden({}))
  }
  const threadId = status?.threadId ?? options.threadId
  if (threadId === undefined) {
    return yield* refuse(`Unknown run ${JSON.stringify(runId)}. Give threadId to grant it before it starts`)
  }
  const decision = yield* SchemaCheck.inWords(
    Schema.decodeUnknownEffect(Decision)(Decision.approve({ by, expiresIn, matcher, maxCostUsd, scope, uses })),
    "a grant"
  ).pipe(Effect.catch(refuse))
  const agentPath = options.scope === "subtree" ? options.agentPath : AgentPath.root
  const now = yield* Clock.currentTimeMillis
  const grantId = ids.make("grant")
  const grant = fromDecision(
    {
      runId,
      askedAt: now,
      agentPath,
      request: { id: grantId, kind: "tool", target: tool, payload: null, resourceId, threadId, toolHash: hash }
    },
    decision,
    { id: grantId, now, toolHash: hash }
  )
  if (grant === undefined || "issue" in grant) return yield* refuse(grant?.issue ?? `Invalid scope "${scope}"`)
  yield* host.grants.add(grant)
  return grant satisfies Grant.Grant
})

/** Whether the grant is the tenant's. */
export const owns = (host: RuntimeParts["host"], resourceId: string, id: string): Effect.Effect<boolean> =>
  Effect.map(host.grants.list(resourceId), (grants) => grants.some((grant) => grant.id === id))

/** The hash of the one definition that agents have under this name. */
const hashOf = (
  { members }: AgentRegistry.AgentRegistry,
  name: string,
  agent: string | undefined
): string | { readonly issue: string } => {
  const all = new Set(Array.from(members.values()).flatMap(AgentRegistry.below))
  const hashes = new Set<string>()
  for (const member of all) {
    const tool = agent === undefined || member.name === agent ? member.tools.get(name) : undefined
    if (tool !== undefined) hashes.add(tool.hash)
  }
  const [hash] = hashes
  if (hash === undefined) {
    const whose = agent === undefined ? "" : ` of agent ${JSON.stringify(agent)}`
    return { issue: `Unknown tool ${JSON.stringify(name)}${whose}` }
  }
  return hashes.size === 1
    ? hash
    : { issue: `Agents define the tool ${JSON.stringify(name)} differently. Name one as agent` }
}

/** The grant of a decision; `undefined` if it is about this call only. Fails with a message if it is invalid. */
export const fromDecision = (
  asked: PendingApproval,
  decision: Decision,
  about: { readonly id: string; readonly now: number; readonly toolHash: string | undefined }
): Grant.Grant | undefined | { readonly issue: string } => {
  if (decision.type !== "approve" || decision.scope === undefined || decision.scope === "call") return undefined
  const { agentPath, request, runId } = asked
  // The definition that the person saw; absent only in questions of earlier releases.
  const toolHash = request.toolHash ?? about.toolHash
  if (request.kind !== "tool" || toolHash === undefined) {
    return { issue: `A ${request.kind} approval cannot use scope "${decision.scope}". Approve it without a scope` }
  }
  if (request.begunBefore !== undefined && request.begunBefore > 0) {
    return {
      issue: `An approval to repeat a call cannot use scope "${decision.scope}". Approve it without a scope`
    }
  }
  const nanoUsdLeft = decision.maxCostUsd === undefined ? undefined : Money.fromUsd(decision.maxCostUsd)
  if (decision.maxCostUsd !== undefined && nanoUsdLeft === undefined) {
    return { issue: "Invalid maxCostUsd. Give an amount of US dollars, 0 or more" }
  }
  const { expiresInMillis } = decision
  if (expiresInMillis !== undefined && !Number.isSafeInteger(about.now + expiresInMillis)) {
    return { issue: 'expiresIn must be a duration of at most 1,000 years, such as "3 days"' }
  }
  return {
    id: about.id,
    scope: decision.scope,
    resourceId: request.resourceId,
    threadId: request.threadId,
    runId,
    agentPath,
    toolName: request.target,
    toolHash,
    grantedAt: about.now,
    ...(decision.matcher === undefined ? {} : { matcher: decision.matcher }),
    ...(decision.uses === undefined ? {} : { usesLeft: decision.uses }),
    ...(nanoUsdLeft === undefined ? {} : { nanoUsdLeft }),
    ...(decision.expiresInMillis === undefined ? {} : { expiresAt: about.now + decision.expiresInMillis }),
    ...(decision.by === undefined ? {} : { by: decision.by })
  }
}

/**
 * See `RuntimeShape.grants`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const verbs = (built: RuntimeParts) => {
  const { host } = built
  return {
    give: (options: GrantOptions) => give(built, options),
    list: (options?: { readonly resourceId?: string | undefined }) =>
      host.grants.list(options?.resourceId ?? defaultResource),
    revoke: (id: string, options?: { readonly resourceId?: string | undefined; readonly by?: string | undefined }) =>
      Effect.flatMap(
        options?.resourceId === undefined ? Effect.succeed(true) : owns(host, options.resourceId, id),
        (mine) =>
          mine
            ? Effect.flatMap(Clock.currentTimeMillis, (at) =>
                host.grants.revoke(id, { at, ...(options?.by === undefined ? {} : { by: options.by }) })
              )
            : Effect.succeed(false)
      )
  }
}
