/**
 * The lines of the cost ledger: what one ended run spent for one agent on one model or tool. They are derived from the
 * run's cost summary alone, so their sum is the summary's, to the nano-dollar, and they can be kept when the run's
 * events are deleted: they have ids and names, and no content.
 */
import { type AgentPath, nameOf } from "../AgentPath.ts"
import * as Count from "./Count.ts"
import type { CostNode, CostRow, CostSummary } from "./CostSummary.ts"

/**
 * What a run spent for one agent on one model or tool, whatever its price and however often the agent was called.
 *
 * **Details**
 * - `agent`: the specialist; absent: the run's root agent.
 * - `provider`: of a model, or of a tool that the provider ran for a fee.
 * - `unpriced`: calls whose price is unknown. They are not in `costNanoUsd`.
 * - `estimated`: the runtime estimated some tokens, because a provider had not reported them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Part {
  readonly agent: string | undefined
  readonly kind: "model" | "tool"
  readonly name: string
  readonly provider: string | undefined
  readonly calls: number
  readonly costNanoUsd: number
  readonly unpriced: number
  readonly promptTokens: number
  readonly completionTokens: number
  readonly estimated: boolean
}

/**
 * A part with its run. `at`: when the run ended, in epoch milliseconds. `root`: the agent that was started, and `agent`
 * the one that spent. `principal`: the id of who started the run; absent: the run has no principal. `isCorrection`: its
 * amounts are changes of a line of the same run, agent and model, and may be below 0; absent: false.
 *
 * @since 0.1.0
 * @category models
 */
export interface CostLine extends Omit<Part, "agent"> {
  readonly runId: string
  readonly at: number
  readonly resourceId: string
  readonly principal: string | undefined
  readonly root: string
  readonly agent: string
  readonly isCorrection?: boolean | undefined
}

const partOf = (path: AgentPath, row: CostRow): Part => ({
  agent: nameOf(path),
  kind: row.kind,
  name: row.name,
  provider: row.provider,
  calls: row.calls,
  costNanoUsd: row.costNanoUsd,
  unpriced: row.unpriced,
  promptTokens: row.usage?.promptTokens ?? 0,
  completionTokens: row.usage?.completionTokens ?? 0,
  estimated: row.estimated
})

const added = (a: Part, b: Part): Part => ({
  ...a,
  calls: Count.add(a.calls, b.calls),
  costNanoUsd: Count.add(a.costNanoUsd, b.costNanoUsd),
  unpriced: Count.add(a.unpriced, b.unpriced),
  promptTokens: Count.add(a.promptTokens, b.promptTokens),
  completionTokens: Count.add(a.completionTokens, b.completionTokens),
  estimated: a.estimated || b.estimated
})

/**
 * The parts of a summary, in the order of its tree; always the same for the same summary.
 *
 * @since 0.1.0
 * @category operations
 */
export const partsOf = ({ root }: CostSummary): ReadonlyArray<Part> => {
  const parts = new Map<string, Part>()
  const walk = ({ agentPath, children, rows }: CostNode): void => {
    for (const row of rows) {
      const part = partOf(agentPath, row)
      const key = JSON.stringify([part.agent, part.kind, part.name, part.provider])
      const known = parts.get(key)
      parts.set(key, known === undefined ? part : added(known, part))
    }
    for (const child of children) walk(child)
  }
  walk(root)
  return [...parts.values()]
}

/**
 * The lines of a run that ended at `at` with this summary.
 *
 * @since 0.1.0
 * @category operations
 */
export const linesOf = (
  summary: CostSummary,
  run: {
    readonly runId: string
    readonly resourceId: string
    readonly agent: string
    readonly principal?: string | undefined
  },
  at: number
): ReadonlyArray<CostLine> =>
  partsOf(summary).map(({ agent = run.agent, ...part }) => ({
    ...part,
    runId: run.runId,
    at,
    resourceId: run.resourceId,
    principal: run.principal,
    root: run.agent,
    agent
  }))
