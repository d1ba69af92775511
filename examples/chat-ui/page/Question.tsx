/**
 * A question about a call: a sentence, the arguments as fields, and the answers. What was edited is approved as edited;
 * a no may have a reason, which the model reads. Focus moves here when the question appears.
 */
import { type FormEvent, useEffect, useId, useRef, useState } from "react"

export interface Answer {
  readonly approved: boolean
  readonly reason?: string
  /** The arguments that are to run in place of the model's. Absent: the model's. */
  readonly partial?: Readonly<Record<string, unknown>>
}

interface Props {
  readonly name: string
  readonly args: Readonly<Record<string, unknown>>
  readonly answer: (answer: Answer) => Promise<void>
}

const labelOf = (name: string) => name.replaceAll("_", " ")

/** A field's text as a value of the kind that the model wrote. */
const valueOf = (before: unknown, text: string): unknown => {
  if (typeof before === "string") return text
  if (typeof before === "number") return Number(text)
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value))

export const Question = ({ answer, args, name }: Props) => {
  const heading = useId()
  const group = useRef<HTMLFormElement>(null)
  const [fields, setFields] = useState(() => Object.entries(args).map(([key, value]) => [key, textOf(value)] as const))
  const [reason, setReason] = useState("")
  const [isRejecting, setIsRejecting] = useState(false)
  const [isSent, setIsSent] = useState(false)
  const [error, setError] = useState<string>()
  useEffect(() => group.current?.focus(), [])

  const send = (given: Answer) => {
    setIsSent(true)
    answer(given).catch((cause: Error) => {
      setError(cause.message)
      setIsSent(false)
    })
  }
  const changed = fields.filter(([key, text]) => text !== textOf(args[key]))
  const approve = (event: FormEvent) => {
    event.preventDefault()
    const partial = Object.fromEntries(changed.map(([key, text]) => [key, valueOf(args[key], text)]))
    send(changed.length === 0 ? { approved: true } : { approved: true, partial })
  }
  const reject = () => send(reason.trim() === "" ? { approved: false } : { approved: false, reason })

  return (
    <form className="question" ref={group} tabIndex={-1} aria-labelledby={heading} onSubmit={approve}>
      <p id={heading}>
        The desk asks to <strong>{labelOf(name)}</strong>. Shall it?
      </p>
      {fields.map(([key, text], index) => (
        <label key={key}>
          {labelOf(key)}
          <textarea
            rows={1}
            value={text}
            disabled={isSent}
            onChange={(event) =>
              setFields(fields.map((field, at) => (at === index ? ([key, event.currentTarget.value] as const) : field)))
            }
          />
        </label>
      ))}
      {isRejecting && (
        <label>
          reason, for the desk to read
          <textarea
            rows={1}
            value={reason}
            disabled={isSent}
            autoFocus
            onChange={(event) => setReason(event.currentTarget.value)}
          />
        </label>
      )}
      {error !== undefined && <p role="alert">{error}</p>}
      <div className="answers">
        {!isRejecting && (
          <button type="submit" disabled={isSent}>
            {changed.length === 0 ? "Approve" : "Approve as edited"}
          </button>
        )}
        <button
          type="button"
          className="plain"
          disabled={isSent}
          onClick={() => (isRejecting ? reject() : setIsRejecting(true))}
        >
          Reject
        </button>
        {isRejecting && (
          <button type="button" className="plain" disabled={isSent} onClick={() => setIsRejecting(false)}>
            Back
          </button>
        )}
      </div>
    </form>
  )
}
