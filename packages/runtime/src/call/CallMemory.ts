/** The memory that a running call reaches: of its run's tenant and principal. */
import type { Work } from "../engine/Engine.ts"
import { digestId } from "../kernel/Digest.ts"
import * as RunMemory from "../memory/RunMemory.ts"
import type { CallContext } from "./Call.ts"

/** The memory of an attempt of the call with this key: a repeated call remembers under the same ids. */
export const of = ({ agent, run }: CallContext, work: Work, key: string): RunMemory.RunMemory => {
  let remembered = 0
  return RunMemory.make({
    store: run.memories,
    limits: run.settings.memoryLimits,
    runId: work.runId,
    resourceId: work.resourceId,
    principal: run.requestedBy,
    agent: agent.member.name,
    now: () => work.now(),
    nextId: () => digestId("memory", `${key}\n${++remembered}`)
  })
}
