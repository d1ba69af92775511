/**
 * The automaton's state as JSON, so that the owner of a long log need not fold it from the beginning. An automaton that
 * is restored from a snapshot behaves as if it had seen the whole log.
 *
 * A snapshot belongs to this version of the automaton. If it cannot be read, fold the log instead.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as AgentPath from "../AgentPath.ts"
import type { Json } from "../Json.ts"
import { makeAgent } from "./OrderingState.ts"
import type { Agent, Run } from "./OrderingState.ts"
import { Names, put, sparse } from "./OrderingState.ts"

const Strings = Schema.Array(Schema.String)
const pairs = <A extends Schema.Top>(value: A) => Schema.Array(Schema.Tuple([Schema.String, value]))

const Call = Schema.Struct({
  kind: Schema.Literals(["tool", "agent"]),
  name: Schema.String,
  phase: Schema.Literals(["announced", "waiting", "allowed", "running", "asking", "refused", "superseded", "closed"]),
  progress: Schema.Int,
  reported: Schema.Boolean,
  segment: Schema.optionalKey(Schema.String)
})

type StoredAgent = {
  readonly segment: string
  readonly path: AgentPath.AgentPath
  readonly parentCall: string
  readonly step: Agent["step"]
  readonly begun: boolean
  readonly pending: number
  readonly calls: ReadonlyArray<readonly [string, typeof Call.Type]>
  readonly late?: ReadonlyArray<readonly [string, string]>
  readonly used: ReadonlyArray<string>
  readonly anonymous: ReadonlyArray<readonly [string, number]>
  readonly nested: ReadonlyArray<StoredAgent>
}

const StoredAgent: Schema.Codec<StoredAgent> = Schema.Struct({
  segment: Schema.String,
  path: Schema.Array(Schema.String),
  parentCall: Schema.String,
  step: Schema.Literals(["none", "open", "calling", "settling"]),
  begun: Schema.Boolean,
  pending: Schema.Natural,
  calls: pairs(Call),
  // Left out without any, as in snapshots of versions without late results.
  late: Schema.optionalKey(pairs(Schema.String)),
  used: Strings,
  anonymous: pairs(Schema.Natural),
  nested: Schema.Array(Schema.suspend((): Schema.Codec<StoredAgent> => StoredAgent))
})

const Stored = Schema.Struct({
  version: Schema.Literal(1),
  phase: Schema.Literals(["running", "finished", "finished-summed", "failing", "failing-timed", "ended"]),
  pending: pairs(
    Schema.Struct({
      agentKey: Schema.String,
      callId: Schema.optionalKey(Schema.String),
      // Left out unless it is true, as in snapshots of versions without questions.
      isQuestion: Schema.optionalKey(Schema.Boolean)
    })
  ),
  approvals: Strings,
  exhausted: Strings,
  plans: pairs(Schema.Literals(["draft", "pending_approval", "approved", "executing", "executed", "failed"])),
  // Left out while it is 0, as in snapshots of versions without such messages.
  received: Schema.optionalKey(Schema.Natural),
  root: StoredAgent
})

const encode = Schema.encodeSync(Stored)
const decode = Schema.decodeUnknownOption(Stored)

/** The state of a whole log's run, by its root agent. */
export const save = (root: Agent): Json => {
  const { run } = root
  return encode({
    version: 1,
    phase: run.phase,
    pending: Array.from(run.pending, ([id, { agentKey, callId, isQuestion }]) => [
      id,
      {
        agentKey,
        ...(callId === undefined ? {} : { callId }),
        ...(isQuestion ? { isQuestion } : {})
      }
    ]),
    approvals: run.approvals.all(),
    exhausted: run.exhausted.all(),
    plans: [...run.plans],
    ...(run.received === 0 ? {} : { received: run.received }),
    root: saveAgent(root, "")
  })
}

const saveAgent = (agent: Agent, segment: string): StoredAgent => ({
  segment,
  path: agent.path,
  parentCall: agent.parentCall,
  step: agent.step,
  begun: agent.begun,
  pending: agent.pending,
  calls: Array.from(agent.calls, ([id, { segment, ...call }]) => [
    id,
    segment === undefined ? call : { ...call, segment }
  ]),
  ...(agent.late.size === 0 ? {} : { late: [...agent.late] }),
  used: agent.used.all(),
  anonymous: [...agent.anonymous],
  nested: Array.from(agent.nested, ([name, nested]) => saveAgent(nested, name))
})

/** The root agent of a saved run; `undefined` where it is not of this version. */
export const load = (saved: unknown): Agent | undefined => {
  const stored = Option.getOrUndefined(decode(saved))
  if (stored === undefined) return undefined
  const run: Run = {
    view: "log",
    phase: stored.phase,
    pending: sparse(
      stored.pending.map(([id, { agentKey, callId, isQuestion = false }]) => [id, { agentKey, callId, isQuestion }])
    ),
    approvals: Names.of(stored.approvals),
    exhausted: Names.of(stored.exhausted),
    plans: sparse(stored.plans),
    received: stored.received ?? 0
  }
  return loadAgent(stored.root, undefined, run)
}

const loadAgent = (stored: StoredAgent, parent: Agent | undefined, run: Run): Agent => {
  const agent: Agent = {
    ...makeAgent(run, stored.path, parent, stored.parentCall),
    step: stored.step,
    begun: stored.begun,
    pending: stored.pending,
    calls: sparse(
      stored.calls.map(([id, { kind, name, phase, progress, reported, segment }]) => [
        id,
        { kind, name, phase, progress, reported, segment }
      ])
    ),
    late: sparse(stored.late ?? []),
    used: Names.of(stored.used),
    anonymous: sparse(stored.anonymous)
  }
  for (const nested of stored.nested) {
    agent.nested = put(agent.nested, nested.segment, loadAgent(nested, agent, run))
  }
  return agent
}
