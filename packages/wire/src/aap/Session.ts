/**
 * Sessions, histories and the server's description in the Agent Application Protocol. Secret options are never shown.
 */
import type { Reply } from "../Dialect.ts"
import type { AgentFacts, Facts, Thread, ToolFacts } from "../Facts.ts"
import type { Refusal } from "../Refusal.ts"
import type { ClientTool } from "../Command.ts"
import type { Message as Ours } from "@reins/protocol"
import { fromOurs, type Message } from "./Message.ts"

/**
 * Versions 1 and 2 are what source 001 describes: 1 lists ids and shows a session with its history. 3 is what clients
 * have used since.
 */
export type Version = 1 | 2 | 3

const redacted = "***"

const optionsOf = ({ secrets, settings }: Thread): { readonly [name: string]: string } =>
  Object.fromEntries(
    Object.entries(settings?.options ?? {}).map(([name, value]) => [name, secrets.includes(name) ? redacted : value])
  )

const toolOf =
  (version: Version) =>
  ({ description, name, parameters, ...rest }: ToolFacts | ClientTool): object => ({
    name,
    ...("title" in rest && rest.title !== undefined ? { title: rest.title } : {}),
    description: description ?? "",
    ...(version === 3 ? { parameters } : { inputSchema: parameters })
  })

const infoOf = (version: Version, thread: Thread): object => {
  const { agent, settings, threadId } = thread
  return {
    sessionId: threadId,
    agent: {
      name: agent,
      ...(settings?.tools === undefined ? {} : { tools: settings.tools }),
      options: optionsOf(thread)
    },
    ...(settings?.clientTools === undefined ? {} : { tools: settings.clientTools.map(toolOf(version)) })
  }
}

const capabilities = {
  history: { compacted: {}, full: {} },
  stream: { delta: {}, message: {}, none: {} },
  application: { tools: {} },
  image: { http: {}, data: {} }
}

const agentOf = (version: Version, agent: AgentFacts): object => ({
  name: agent.name,
  ...(agent.title === undefined ? {} : { title: agent.title }),
  version: agent.version,
  ...(agent.description === undefined ? {} : { description: agent.description }),
  tools: agent.tools.map(toolOf(version)),
  options: agent.options.map((option) => (option.type === "secret" ? { ...option, default: "" } : option)),
  capabilities
})

/** `created` is the answer to a request that created the session. */
export const shape =
  (version: Version, created = false) =>
  (facts: Facts): Reply => {
    switch (facts._tag) {
      case "Thread":
        return created
          ? { status: 201, body: { sessionId: facts.thread.threadId } }
          : {
              status: 200,
              body: {
                ...infoOf(version, facts.thread),
                ...(version === 1
                  ? { history: bothOf(historyOf(facts.thread.settings?.instructions, facts.messages)) }
                  : {})
              }
            }
      case "Threads": {
        const sessions = facts.threads.map((thread) => (version === 1 ? thread.threadId : infoOf(version, thread)))
        return { status: 200, body: { sessions, ...(facts.next === undefined ? {} : { next: facts.next }) } }
      }
      case "Agents":
        return { status: 200, body: { version, agents: facts.agents.map((agent) => agentOf(version, agent)) } }
      default:
        return { status: 204 }
    }
  }

/** A history, with what its system messages said at its beginning. */
const historyOf = (instructions: string | undefined, messages: ReadonlyArray<Ours.Message>): ReadonlyArray<Message> => [
  ...(instructions === undefined ? [] : [{ role: "system" as const, content: instructions }]),
  ...fromOurs(messages)
]

/** Neither form is shortened here. */
const bothOf = (messages: ReadonlyArray<Message>): object => ({ compacted: messages, full: messages })

/** A history is returned under the name of its form. */
export const history =
  (form: "full" | "compacted") =>
  (facts: Facts): Reply => ({
    status: 200,
    body: { history: { [form]: facts._tag === "History" ? historyOf(facts.instructions, facts.messages) : [] } }
  })

/** One message for every missing session, so that another tenant's looks the same. */
export const encodeError = ({ code, kind, message, retryAfterSeconds, status }: Refusal): Reply => ({
  status,
  body: { error: kind === "not-found" && code !== "UnknownAgent" ? "Session not found" : message },
  ...(retryAfterSeconds === undefined ? {} : { headers: { "retry-after": `${retryAfterSeconds}` } })
})
