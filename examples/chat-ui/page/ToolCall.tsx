/** One call: what it does and how far it is; folded once it has its result. */
import type { ToolCallMessagePartProps } from "@assistant-ui/react"
import { createContext, useContext } from "react"
import type { Progress } from "./HarbourMessage.ts"
import { type Answer, Question } from "./Question.tsx"

/** What a call's display needs of the conversation. */
export interface Calls {
  readonly progress: ReadonlyMap<string, Progress>
  /** Answers a question about a call with other arguments than the model's. */
  readonly revise: (approvalId: string, partial: NonNullable<Answer["partial"]>) => Promise<void>
  /** Called once a question is answered, so that focus may go back. */
  readonly answered: () => void
}

export const Calls = createContext<Calls | undefined>(undefined)

const outcomeOf = ({
  approval,
  isError,
  result
}: Pick<ToolCallMessagePartProps, "approval" | "isError" | "result">) => {
  if (result === undefined) return approval?.approved === undefined && approval !== undefined ? "asks" : "works"
  if (approval?.approved === false) return "not allowed"
  return isError === true ? "failed" : "done"
}

export const ToolCall = (part: ToolCallMessagePartProps<Readonly<Record<string, unknown>>>) => {
  const calls = useContext(Calls)
  const { approval, args, respondToApproval, result, toolCallId, toolName } = part
  const progress = calls?.progress.get(toolCallId)
  const outcome = outcomeOf(part)
  const name = toolName.replaceAll("_", " ")
  if (approval !== undefined && outcome === "asks") {
    const answer = async ({ approved, partial, reason }: Answer) => {
      await (partial === undefined
        ? respondToApproval({ approved, ...(reason === undefined ? {} : { reason }) })
        : calls?.revise(approval.id, partial))
      calls?.answered()
    }
    return <Question key={approval.id} name={toolName} args={args} answer={answer} />
  }
  return (
    <details className="call" data-outcome={outcome} open={result === undefined}>
      <summary>
        <strong>{name}</strong> <span>{outcome}</span>
      </summary>
      <code>{JSON.stringify(args)}</code>
      {progress !== undefined && (
        <label>
          {progress.label}
          <progress max={progress.totalPhases} value={progress.phaseIndex} />
        </label>
      )}
      {result !== undefined && <output>{typeof result === "string" ? result : JSON.stringify(result)}</output>}
    </details>
  )
}
