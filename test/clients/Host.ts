/**
 * An in-memory server that hosts one dialect for its official client: it plays the scenario that the prompt names, ends
 * an answer where the dialect detaches, and resumes the run with the next request.
 */
import type { Envelope, Message } from "@reins/protocol"
import * as Generated from "@reins/protocol/testing"
import type { Encoder, Exchange, Folding } from "@reins/wire"
import { CallId, Dialect, Parking, Sse } from "@reins/wire"
import { Result } from "effect"
import { scenario } from "../wire/Scenarios.ts"

const textOf = (prompt: Message.Prompt): string =>
  typeof prompt === "string" ? prompt : prompt.map((part) => (part.type === "text" ? part.text : "")).join("")

const isAnswer = ({ event }: Envelope.Envelope): boolean =>
  event.type === "approval-decision" ||
  (event.type === "tool-invocation" && event.state === "result" && event.execution === "client")

/** `scenario NAME`, or `seed N` for a random log. */
const logOf = (prompt: string): ReadonlyArray<Envelope.Envelope> => {
  const seed = /^seed (\d+)$/.exec(prompt)?.[1]
  return seed === undefined
    ? scenario(prompt.replace("scenario ", ""))
    : Generated.generate(Generated.seeded(Number(seed)), { events: 10 + (Number(seed) % 7) * 20 })
}

export class Host {
  readonly #dialect: Dialect.Dialect
  #log: ReadonlyArray<Envelope.Envelope> = []
  #position = 0
  #threadId = ""
  /** The received commands, in order. */
  readonly commands: Array<Exchange["command"]> = []

  constructor(dialect: Dialect.Dialect) {
    this.#dialect = dialect
  }

  /** True when the scenario has been played to its end. */
  get isOver(): boolean {
    return this.#position === this.#log.length
  }

  readonly fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init)
    const url = new URL(request.url)
    const matched = Dialect.match(this.#dialect, request.method, url.pathname)
    if (matched._tag !== "Route") return new Response("no such route", { status: 404 })
    const body = request.method === "POST" ? await request.json() : undefined
    const decoded = matched.route.decode({
      params: matched.params,
      query: Object.fromEntries(url.searchParams),
      headers: Object.fromEntries(request.headers),
      body
    })
    return Result.isSuccess(decoded)
      ? this.#carry(decoded.success)
      : this.#reply(this.#dialect.encodeError(decoded.failure))
  }

  #reply({ body, headers, status, text }: Dialect.Reply): Response {
    return new Response(text ?? JSON.stringify(body), {
      status,
      headers: { "content-type": text === undefined ? "application/json" : "text/plain", ...headers }
    })
  }

  #carry({ answer, command }: Exchange): Response {
    this.commands.push(command)
    // A query that brings answers, too, goes on with the run that asked before it had said anything.
    const goesOn = command._tag === "StartQuery" && command.replies !== undefined && this.#log.length > 0
    if (command._tag === "StartQuery" && !goesOn) {
      this.#threadId = command.threadId ?? "thread-1"
      this.#log = logOf(textOf(command.prompt))
      this.#position = 0
    }
    switch (answer._tag) {
      case "Stream": {
        const chunks: Array<string> = []
        const encoder = answer.open()
        this.#feed(encoder, (frames) => chunks.push(Sse.encodeAll(frames)))
        chunks.push(Sse.encodeAll(encoder.finish()), Sse.comment("the end"))
        const stream = new ReadableStream<Uint8Array>({
          start: (controller) => {
            for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk))
            controller.close()
          }
        })
        return new Response(stream, { headers: { ...Sse.headers, ...answer.headers } })
      }
      case "Whole": {
        const folding = answer.open()
        this.#feed(folding, () => {})
        return this.#reply(folding.reply())
      }
      case "Facts":
        return this.#reply(answer.shape({ _tag: "Nothing" }))
    }
  }

  #feed<Out>(reader: Encoder | Folding, add: (frames: ReturnType<Encoder["step"]>) => Out): void {
    const take = (frames: ReturnType<Encoder["step"]> | void) => {
      if (frames !== undefined) add(frames)
    }
    const parking = new Parking.Parking()
    const at = (index: number) => {
      const envelope = this.#log[index]
      return envelope === undefined ? undefined : { ...envelope, threadId: this.#threadId }
    }
    for (let index = 0; index < this.#position; index++) {
      const envelope = at(index)
      if (envelope === undefined) continue
      parking.step(envelope)
      reader.step(envelope)
    }
    if (this.#position > 0) {
      if ("finish" in reader) reader.finish()
      take(
        reader.reopen([
          ...parking.questions.map(({ id }) => id),
          ...parking.clientCalls.map(({ call, path }) => CallId.make(path, call.toolInvocationId))
        ])
      )
    }
    for (let envelope = at(this.#position); envelope !== undefined; envelope = at(this.#position)) {
      take(reader.step(envelope))
      this.#position += 1
      const next = this.#log[this.#position]
      if (reader.isDetached && next !== undefined && isAnswer(next)) return
    }
  }
}
