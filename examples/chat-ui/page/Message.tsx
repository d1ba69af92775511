/** One message, part by part: text, tool calls with their progress and approvals, and the cost at the end. */
import type { UIMessage } from "ai"

interface Progress {
  readonly label: string
  readonly phaseIndex: number
  readonly totalPhases: number
  readonly toolCallId?: string
}

/** The message as the server sends it: the AI SDK's own parts, and those of Reins. */
export type HarbourMessage = UIMessage<
  { readonly runId?: string },
  {
    readonly "tool-progress": Progress
    readonly "cost-summary": { readonly costUsd?: number; readonly estimated: boolean }
    readonly "latency-summary": { readonly machineMs: number; readonly humanWaitMs: number }
  },
  {
    readonly find_tides: { input: { readonly harbour: string }; output: { readonly highWater: ReadonlyArray<string> } }
    readonly send_mail: { input: { readonly to: string; readonly subject: string }; output: { readonly sent: boolean } }
  }
>

type Part = HarbourMessage["parts"][number]
type ToolPart = Extract<Part, { readonly toolCallId: string }>

interface Props {
  readonly message: HarbourMessage
  readonly answer: (approvalId: string, approved: boolean) => void
}

export const Message = ({ answer, message }: Props) => (
  <article className={message.role}>
    {message.parts.map((part, index) => {
      if (part.type === "text") return <span key={index}>{part.text}</span>
      if (part.type === "steering-message") {
        return <q key={index}>{part.parts.map((said) => (said.type === "text" ? said.text : "")).join("")}</q>
      }
      if (part.type === "reasoning") return <em key={index}>{part.text}</em>
      return isTool(part) ? (
        <Tool key={index} part={part} progress={progressOf(message, part.toolCallId)} answer={answer} />
      ) : null
    })}
    <Bill message={message} />
  </article>
)

const isTool = (part: Part): part is ToolPart => "toolCallId" in part

const progressOf = (message: HarbourMessage, toolCallId: string): Progress | undefined =>
  message.parts
    .flatMap((part) => (part.type === "data-tool-progress" && part.data.toolCallId === toolCallId ? [part.data] : []))
    .at(-1)

const nameOf = (part: ToolPart) =>
  (part.type === "dynamic-tool" ? part.toolName : part.type.replace("tool-", "")).replaceAll("_", " ")

const Tool = ({
  answer,
  part,
  progress
}: {
  readonly part: ToolPart
  readonly progress: Progress | undefined
  readonly answer: Props["answer"]
}) => (
  <div className="tool" data-state={part.state}>
    <strong>{nameOf(part)}</strong> <code>{JSON.stringify(part.input)}</code>
    {progress !== undefined && (
      <label>
        {progress.label}
        <progress max={progress.totalPhases} value={progress.phaseIndex} />
      </label>
    )}
    {part.state === "approval-requested" && (
      <div className="question">
        <button type="button" onClick={() => answer(part.approval.id, true)}>
          Approve
        </button>
        <button type="button" className="no" onClick={() => answer(part.approval.id, false)}>
          Reject
        </button>
      </div>
    )}
    {part.state === "output-available" && <output>{JSON.stringify(part.output)}</output>}
    {part.state === "output-denied" && <output>not allowed</output>}
    {part.state === "output-error" && <output>{part.errorText}</output>}
  </div>
)

/** The run's cost, its machine time and its human time. */
const Bill = ({ message }: { readonly message: HarbourMessage }) => {
  const cost = message.parts.findLast((part) => part.type === "data-cost-summary")
  const latency = message.parts.findLast((part) => part.type === "data-latency-summary")
  if (cost?.type !== "data-cost-summary" || latency?.type !== "data-latency-summary") return null
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
  return (
    <footer>
      {cost.data.costUsd === undefined ? "cost unknown" : `$${cost.data.costUsd.toFixed(6)}`} ·{" "}
      {seconds(latency.data.machineMs)}
      {latency.data.humanWaitMs > 0 && ` and ${seconds(latency.data.humanWaitMs)} of waiting for you`}
    </footer>
  )
}
