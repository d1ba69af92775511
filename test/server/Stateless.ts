/**
 * Clients of the protocols that carry their state: a conversation as each of them writes it, an answer as each of them
 * reads it, and what a model is given of both.
 */
import type { Message } from "@reins/protocol"
import type { Parsed } from "../wire/Rule.ts"

/** An answer with its calls, what they came to, and what the user says next. */
export interface Turn {
  readonly user?: string
  /** The user shows a picture, too. */
  readonly hasPicture?: boolean
  readonly text?: string
  readonly calls?: ReadonlyArray<string>
  readonly results?: { readonly [id: string]: string }
  /** The answer as it came, which clients send back as it is. Absent: it is written from `text` and `calls`. */
  readonly raw?: ReadonlyArray<Parsed>
  /** The answer has a call of the server's, with its result, before its text. */
  readonly hasOwn?: boolean
}

export interface Answered {
  readonly id: string
  readonly text: string
  readonly calls: ReadonlyArray<string>
  readonly tokens: number
  readonly raw: ReadonlyArray<Parsed>
}

export interface Stateless {
  readonly path: string
  readonly headers?: { readonly [name: string]: string }
  /** Its answers have the server's calls and their results, so that the next request has them. */
  readonly keepsOwn: boolean
  readonly body: (turns: ReadonlyArray<Turn>) => object
  readonly read: (json: Parsed) => Answered
}

const url = "data:image/png;base64,iVBORw0KGgo="

const theirs = (id: string) => ({ id, name: "theirs", arguments: '{"value":"theirs"}' })

const messages = (headers: NonNullable<Stateless["headers"]>): Stateless => ({
  headers,
  keepsOwn: true,
  path: "/anthropic/v1/messages",
  body: (turns) => ({
    model: "desk",
    max_tokens: 100,
    messages: turns.flatMap(({ calls = [], hasPicture = false, raw, results = {}, text, user }) => {
      const said = raw ?? [
        ...(text === undefined ? [] : [{ type: "text", text }]),
        ...calls.map(theirs).map(({ id, name }) => ({ type: "tool_use", id, name, input: { value: "theirs" } }))
      ]
      const heard = [
        ...Object.entries(results).map(([id, content]) => ({ type: "tool_result", tool_use_id: id, content })),
        ...(user === undefined ? [] : [{ type: "text", text: user }]),
        ...(hasPicture
          ? [{ type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" } }]
          : [])
      ]
      return [
        ...(said.length === 0 ? [] : [{ role: "assistant", content: said }]),
        ...(heard.length === 0 ? [] : [{ role: "user", content: heard }])
      ]
    })
  }),
  read: ({ content, id, usage }) => ({
    id,
    text: content.flatMap((block: Parsed) => (block.type === "text" ? [block.text] : [])).join(""),
    calls: content.flatMap((block: Parsed) => (block.type === "tool_use" ? [block.id] : [])),
    raw: content,
    tokens: usage.input_tokens + usage.output_tokens
  })
})

/** The protocols that carry their state, as their clients write it. */
export const protocols: { readonly [name: string]: Stateless } = {
  "Chat Completions": {
    path: "/openai-chat/v1/chat/completions",
    keepsOwn: false,
    body: (turns) => ({
      model: "desk",
      messages: turns.flatMap(({ calls = [], hasPicture = false, raw, results = {}, text, user }) => [
        ...(raw !== undefined
          ? raw
          : text === undefined && calls.length === 0
            ? []
            : [
                {
                  role: "assistant",
                  content: text ?? null,
                  ...(calls.length === 0
                    ? {}
                    : {
                        tool_calls: calls
                          .map(theirs)
                          .map(({ id, ...call }) => ({ id, type: "function", function: call }))
                      })
                }
              ]),
        ...Object.entries(results).map(([id, content]) => ({ role: "tool", tool_call_id: id, content })),
        ...(user === undefined
          ? []
          : [
              {
                role: "user",
                content: hasPicture
                  ? [
                      { type: "text", text: user },
                      { type: "image_url", image_url: { url } }
                    ]
                  : user
              }
            ])
      ])
    }),
    read: ({ choices: [{ message }], id, usage }) => ({
      id,
      text: message.content ?? "",
      calls: (message.tool_calls ?? []).map((call: { readonly id: string }) => call.id),
      raw: [message],
      tokens: usage?.total_tokens ?? 0
    })
  },
  Responses: {
    path: "/openai-responses/v1/responses",
    keepsOwn: true,
    body: (turns) => ({
      input: turns.flatMap(({ calls = [], hasPicture = false, raw, results = {}, text, user }) => [
        ...(raw ?? [
          ...(text === undefined ? [] : [{ role: "assistant", content: text }]),
          ...calls.map(theirs).map(({ id, ...call }) => ({ type: "function_call", call_id: id, ...call }))
        ]),
        ...Object.entries(results).map(([id, output]) => ({ type: "function_call_output", call_id: id, output })),
        ...(user === undefined
          ? []
          : [
              {
                role: "user",
                content: hasPicture
                  ? [
                      { type: "input_text", text: user },
                      { type: "input_image", image_url: url }
                    ]
                  : user
              }
            ])
      ])
    }),
    read: ({ id, output, usage }) => ({
      id,
      text: output
        .flatMap((item: Parsed) => (item.type === "message" ? item.content.map((part: Parsed) => part.text) : []))
        .join(""),
      calls: output.flatMap((item: Parsed) => (item.type === "function_call" ? [item.call_id] : [])),
      raw: output,
      tokens: usage?.total_tokens ?? 0
    })
  },
  Messages: messages({}),
  "Messages of the beta interface": messages({ "anthropic-beta": "mcp-client-2025-11-20" })
}

/** What the server's own tool comes to. */
export const plain = '{"got":"plain"}'
export const green = '{"got":"green"}'

/** What the model was given, in short: texts, calls and results. */
export const givenTo = (messages: ReadonlyArray<Message.Message>): ReadonlyArray<string> =>
  messages.flatMap(({ content, role }) =>
    content.flatMap((part): ReadonlyArray<string> => {
      if (part.type === "tool-result") return [JSON.stringify(part.result)]
      if (part.type === "file") return [part.mediaType]
      return part.type !== "text" ? [part.type] : part.text === "" ? [] : [`${role}: ${part.text}`]
    })
  )

/** The same, of a conversation as a client carries it. */
export const givenOf = (turns: ReadonlyArray<Turn>): ReadonlyArray<string> =>
  turns.flatMap(({ calls = [], hasOwn = false, hasPicture = false, results = {}, text = "", user }) => [
    ...(hasOwn ? ["tool-call", plain] : []),
    ...(text === "" ? [] : [`assistant: ${text}`]),
    ...calls.map(() => "tool-call"),
    ...Object.values(results),
    ...(user === undefined ? [] : [`user: ${user}`]),
    ...(hasPicture ? ["image/png"] : [])
  ])
