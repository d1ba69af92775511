/**
 * The conversation: plain `useChat`, shown by assistant-ui. Specific to Reins are the addresses, that Stop calls the
 * server, that one may write on while the desk works, that a call may be approved with other arguments, and that what was
 * asked again or edited can be returned to.
 */
import { type UIMessage, useChat } from "@ai-sdk/react"
import {
  AssistantRuntimeProvider,
  MessagePrimitive,
  ThreadPrimitive,
  useAuiState,
  type DataMessagePartProps
} from "@assistant-ui/react"
import { useAISDKRuntime } from "@assistant-ui/react-ai-sdk"
import { MarkdownTextPrimitive } from "@assistant-ui/react-markdown"
import { DefaultChatTransport, lastAssistantMessageIsCompleteWithApprovalResponses } from "ai"
import { type FormEvent, type KeyboardEvent, useMemo, useRef, useState } from "react"
import remarkGfm from "remark-gfm"
import { Again } from "./Again.tsx"
import { billOf, type HarbourMessage, isAsked, progressOf, shown } from "./HarbourMessage.ts"
import * as Server from "./Server.ts"
import { Calls, ToolCall } from "./ToolCall.tsx"

const suggestions = ["When is high water?", "Write to the crew."]

const Markdown = () => <MarkdownTextPrimitive className="words" remarkPlugins={[remarkGfm]} />
const Steering = ({ data }: DataMessagePartProps<{ readonly text: string }>) => <q>{data.text}</q>

const User = () => (
  <MessagePrimitive.Root className="message user">
    <MessagePrimitive.Parts />
  </MessagePrimitive.Root>
)

const Assistant = () => (
  <MessagePrimitive.Root className="message assistant">
    <MessagePrimitive.Parts
      components={{ Text: Markdown, tools: { Fallback: ToolCall }, data: { by_name: { steering: Steering } } }}
    />
    <Bill />
  </MessagePrimitive.Root>
)

/** The run's cost, its machine time and its human time. */
const Bill = () => {
  const content = useAuiState(({ message }) => message.content)
  const parts = content.flatMap((part) =>
    part.type === "data" ? [{ type: `data-${part.name}`, data: part.data }] : []
  )
  // The parts of assistant-ui have the same data under other names.
  const bill = billOf({ parts: parts as HarbourMessage["parts"] })
  return bill === undefined ? null : <footer>{bill}</footer>
}

export const Chat = ({ id, messages: before }: { readonly id: string; readonly messages: Array<HarbourMessage> }) => {
  const [draft, setDraft] = useState("")
  /** The message that is edited. Absent: what is sent is a new one. */
  const [edited, setEdited] = useState<string>()
  const input = useRef<HTMLTextAreaElement>(null)
  const chat = useChat<HarbourMessage>({
    id,
    messages: before,
    resume: true,
    transport: new DefaultChatTransport({
      api: "/api/ai-sdk/chat",
      headers: Server.headers,
      prepareReconnectToStreamRequest: () => ({ api: `/api/ai-sdk/chat/${id}/stream`, headers: Server.headers })
    }),
    // Sends the answers once every approval of the last message is answered.
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses
  })
  const messages = useMemo(() => chat.messages.map(shown), [chat.messages])
  const runtime = useAISDKRuntime<UIMessage>(
    { ...(chat as object as ReturnType<typeof useChat<UIMessage>>), messages },
    { cancelPendingToolCallsOnSend: false }
  )
  const isBusy = chat.status === "submitted" || chat.status === "streaming"
  const hasQuestion = !isBusy && isAsked(messages)

  const calls: Calls = {
    progress: useMemo(() => progressOf(messages), [messages]),
    answered: () => input.current?.focus(),
    revise: async (approvalId, partial) => {
      await Server.revise(approvalId, partial)
      // The stream has the answer from its beginning: what is shown of it is taken back first.
      chat.setMessages((all) => all.slice(0, all.findLastIndex(({ role }) => role === "user") + 1))
      await chat.resumeStream()
    }
  }

  const ask = (text: string) => {
    const runId = messages.at(-1)?.metadata?.runId
    if (text.trim() === "" || hasQuestion || (isBusy && runId === undefined)) return
    if (isBusy && runId !== undefined) void Server.steer(runId, text)
    else void chat.sendMessage(edited === undefined ? { text } : { text, messageId: edited })
    setDraft("")
    setEdited(undefined)
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    ask(draft)
  }
  const send = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return
    event.preventDefault()
    ask(draft)
  }
  const edit = () => {
    const last = messages.findLast(({ role }) => role === "user")
    setEdited(last?.id)
    setDraft(last?.parts.map((part) => (part.type === "text" ? part.text : "")).join("") ?? "")
    input.current?.focus()
  }
  const halt = () => {
    void Server.stop(id)
    void chat.stop()
    input.current?.focus()
  }

  return (
    <AssistantRuntimeProvider runtime={runtime}>
      <Calls value={calls}>
        <ThreadPrimitive.Root className="chat">
          <header>
            <h1>Harbour desk</h1>
            <p>One stream: words, tools at work, questions, and what it cost.</p>
          </header>
          <ThreadPrimitive.Viewport asChild autoScroll>
            <main tabIndex={0} aria-label="Conversation" data-status={chat.status}>
              {messages.length === 0 && (
                <div className="suggestions">
                  {suggestions.map((text) => (
                    <button key={text} type="button" className="plain" onClick={() => ask(text)}>
                      {text}
                    </button>
                  ))}
                </div>
              )}
              <div role="log" className="log">
                <ThreadPrimitive.Messages components={{ UserMessage: User, AssistantMessage: Assistant }} />
                {chat.status === "submitted" && <p className="waiting">…</p>}
                {chat.error !== undefined && <p role="alert">{chat.error.message}</p>}
              </div>
              <Again
                id={id}
                isResting={!isBusy && !hasQuestion && messages.length > 0}
                edit={edit}
                regenerate={() => void chat.regenerate()}
                returned={async () => chat.setMessages(await Server.history(id))}
              />
            </main>
          </ThreadPrimitive.Viewport>
          <ThreadPrimitive.ScrollToBottom className="plain below">To the end</ThreadPrimitive.ScrollToBottom>
          <form className="composer" aria-label="Ask the desk" onSubmit={submit}>
            <textarea
              ref={input}
              rows={1}
              aria-label="Your question"
              aria-describedby="hint"
              placeholder="Ask the harbour desk"
              value={draft}
              onChange={(event) => setDraft(event.target.value)}
              onKeyDown={send}
            />
            {isBusy && (
              <button type="button" className="plain" onClick={halt}>
                Stop
              </button>
            )}
            <button type="submit" disabled={hasQuestion || draft.trim() === ""}>
              {isBusy ? "Add" : "Ask"}
            </button>
            <p id="hint">
              {hasQuestion
                ? "Answer the question above first."
                : isBusy
                  ? "It reads what you add next."
                  : edited === undefined
                    ? ""
                    : "It is asked in place of your last question."}
            </p>
          </form>
        </ThreadPrimitive.Root>
      </Calls>
    </AssistantRuntimeProvider>
  )
}
