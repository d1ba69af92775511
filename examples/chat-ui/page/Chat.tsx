/**
 * The conversation: plain `useChat`, pointed at the server. Four things are specific to Reins: the key, the address where a stream is
 * resumed after a reload, that Stop calls the server, since a disconnect does not stop a run, and that one may write on meanwhile.
 */
import { useChat } from "@ai-sdk/react"
import { DefaultChatTransport, lastAssistantMessageIsCompleteWithApprovalResponses } from "ai"
import { type FormEvent, useState } from "react"
import { type HarbourMessage, Message } from "./Message.tsx"

const headers = { authorization: "Bearer page-key" }
const suggestions = ["When is high water?", "Write to the crew."]

/** Sends what is written while the desk works to its run: it comes back in the stream, where it entered. */
const steer = (runId: string, message: string) =>
  fetch(`/api/native/runs/${runId}/messages`, {
    method: "POST",
    headers,
    body: JSON.stringify({ message, messageId: crypto.randomUUID() })
  })

export const Chat = ({ id }: { readonly id: string }) => {
  const [draft, setDraft] = useState("")
  const { addToolApprovalResponse, error, messages, sendMessage, status, stop } = useChat<HarbourMessage>({
    id,
    resume: true,
    transport: new DefaultChatTransport({
      api: "/api/ai-sdk/chat",
      headers,
      prepareReconnectToStreamRequest: () => ({ api: `/api/ai-sdk/chat/${id}/stream`, headers })
    }),
    // Sends the answers once every approval of the last message is answered.
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses
  })
  const isBusy = status === "submitted" || status === "streaming"

  const ask = (text: string) => {
    if (text.trim() === "") return
    const runId = messages.at(-1)?.metadata?.runId
    if (!isBusy) void sendMessage({ text })
    else if (runId === undefined) return
    else void steer(runId, text)
    setDraft("")
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    ask(draft)
  }
  const halt = () => {
    void fetch(`/api/ai-sdk/chat/${id}/stop`, { method: "POST", headers })
    void stop()
  }

  return (
    <main>
      <header>
        <h1>Harbour desk</h1>
        <p>One stream: words, tools at work, questions, and what it cost.</p>
      </header>
      <section aria-live="polite" data-status={status}>
        {messages.length === 0 && (
          <div className="suggestions">
            {suggestions.map((text) => (
              <button key={text} type="button" onClick={() => ask(text)}>
                {text}
              </button>
            ))}
          </div>
        )}
        {messages.map((message) => (
          <Message
            key={message.id}
            message={message}
            answer={(approvalId, approved) => void addToolApprovalResponse({ id: approvalId, approved })}
          />
        ))}
        {status === "submitted" && <p className="waiting">…</p>}
        {error !== undefined && <p role="alert">{error.message}</p>}
      </section>
      <form onSubmit={submit}>
        <input
          aria-label="Your question"
          placeholder="Ask the harbour desk"
          value={draft}
          onChange={(event) => setDraft(event.target.value)}
        />
        {isBusy && (
          <button type="button" onClick={halt}>
            Stop
          </button>
        )}
        <button type="submit">{isBusy ? "Add" : "Ask"}</button>
      </form>
    </main>
  )
}
