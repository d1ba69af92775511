/**
 * Gives a grant before anybody is asked: with the scopes and limits of an answer's, and bound to the definition that the tool has
 * at that time.
 */
import { AgentPath, ApprovalError, ApprovalErrors, Decision, type Grant } from "@reins/protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as AgentRegistry from "../agent/AgentRegistry.ts"
import * as SchemaCheck from "../kernel/SchemaCheck.ts"
import { fromDecision } from "./DecisionGrant.ts"
import { type RuntimeParts, defaultResource } from "./RuntimeParts.ts"

interface Limits extends Omit<NonNullable<Parameters<typeof Decision.approve>[0]>, "scope" | "feedback"> {
  /** The tool's name. */
  readonly tool: string
  /** Whose tool, where agents have different ones of this name. Absent: any agent's. */
  readonly agent?: string | undefined
  /** The tenant of the thread or run. Absent: `"default"`. */
  readonly resourceId?: string | undefined
}

/**
 * What is granted, and to whom: every run of a thread, a run, or a run at and below `agentPath`. A run that has not started needs
 * `threadId`, too.
 */
export type GrantOptions =
  | (Limits & { readonly scope: "thread"; readonly threadId: string })
  | (Limits & { readonly scope: "run"; readonly runId: string; readonly threadId?: string | undefined })
  | (Limits & {
      readonly scope: "subtree"
      readonly runId: string
      readonly threadId?: string | undefined
      readonly agentPath: ReadonlyArray<string>
    })

/** Keeps the grant and answers it. */
export const give = Effect.fnUntraced(function* ({ host, ids, roster }: RuntimeParts, options: GrantOptions) {
  const fail = (reason: ApprovalErrors.Reason) => Effect.fail(new ApprovalError({ id: options.tool, reason }))
  const refuse = (issue: string) => fail(new ApprovalErrors.InvalidArguments({ issue }))
  const { agent, resourceId = defaultResource, scope, tool, ...limits } = options
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
    Schema.decodeUnknownEffect(Decision)(Decision.approve({ ...limits, scope })),
    "a grant"
  ).pipe(Effect.catch(refuse))
  const agentPath = options.scope === "subtree" ? options.agentPath : AgentPath.root
  const now = yield* Clock.currentTimeMillis
  const id = ids.make("grant")
  const grant = fromDecision(
    {
      runId,
      askedAt: now,
      agentPath,
      request: { id, kind: "tool", target: tool, payload: null, resourceId, threadId, toolHash: hash }
    },
    decision,
    { id, now, toolHash: hash }
  )
  if (grant === undefined || "issue" in grant) return yield* refuse(grant?.issue ?? `Invalid scope "${scope}"`)
  yield* host.grants.add(grant)
  return grant satisfies Grant.Grant
})

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
