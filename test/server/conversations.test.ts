/**
 * Random clients of the protocols that carry their state: they ask, show pictures, stop, answer late, answer twice,
 * edit, branch, ask two things at once. A model of the conversation says what the language model must have been given:
 * nothing is dropped, nothing is doubled.
 */
import { assert, describe, it } from "@effect/vitest"
import { seeded } from "@reins/protocol/testing"
import { Effect } from "effect"
import * as Served from "./Served.ts"
import { type Answered, givenOf, givenTo, green, plain, protocols, type Stateless, type Turn } from "./Stateless.ts"

/** A conversation up to an answer. `request`: what was sent for it. */
interface Node {
  readonly request: ReadonlyArray<Turn>
  readonly answer: Answered
}

const results = ({ calls }: Answered, value = green): Pick<Turn, "calls" | "results"> =>
  calls.length === 0 ? {} : { calls, results: Object.fromEntries(calls.map((id) => [id, value])) }

/** The answer as its client sends it back. */
const saidBy = ({ keepsOwn }: Stateless, { answer, request }: Node): Turn => ({
  raw: answer.raw,
  ...(answer.text === "" ? {} : { text: answer.text }),
  ...(keepsOwn && request.at(-1)?.user === "tool" ? { hasOwn: true } : {})
})

class Client {
  readonly #served: Served.Served
  readonly #protocol: Stateless
  readonly #random: () => number
  readonly #nodes: Array<Node> = []
  #words = 0

  constructor(served: Served.Served, protocol: Stateless, seed: number) {
    this.#served = served
    this.#protocol = protocol
    this.#random = seeded(seed)
  }

  #pick<A>(from: ReadonlyArray<A>): A | undefined {
    return from[Math.floor(this.#random() * from.length)]
  }

  /** A prompt of its own, or one that makes calls. */
  #prompt(): string {
    this.#words += 1
    const draw = this.#random()
    if (draw < 0.3) return "client"
    if (draw < 0.4) return "calls theirs theirs"
    return draw < 0.55 ? "tool" : `words ${this.#words}`
  }

  #send(request: ReadonlyArray<Turn>): Effect.Effect<Node> {
    return Effect.map(
      this.#served.ask(this.#protocol.path, { body: this.#protocol.body(request), headers: this.#protocol.headers }),
      ({ json, status, text }) => {
        assert.strictEqual(status, 200, `${text} for ${JSON.stringify(request)}`)
        return { request, answer: this.#protocol.read(json) }
      }
    )
  }

  /** Sends requests at once, and compares what the model was given for them. */
  readonly #tell = Effect.fnUntraced(function* (this: Client, ...requests: ReadonlyArray<ReadonlyArray<Turn>>) {
    const { model } = this.#served.scene
    const before = model.requests.length
    const nodes = yield* Effect.all(
      requests.map((request) => this.#send(request)),
      { concurrency: "unbounded" }
    )
    const given = model.requests.slice(before).map(({ messages }) => JSON.stringify(givenTo(messages)))
    const wanted = requests.flatMap((request) => {
      const lines = givenOf(request)
      const steps = request.at(-1)?.user === "tool" ? [lines, [...lines, "tool-call", plain]] : [lines]
      return steps.map((step) => JSON.stringify(step))
    })
    assert.deepStrictEqual(given.toSorted(), wanted.toSorted())
    this.#nodes.push(...nodes)
  })

  /** The same answer again: the model is not asked again, and the client gets what it got. */
  readonly #again = Effect.fnUntraced(function* (this: Client, node: Node) {
    const { model } = this.#served.scene
    const before = model.requests.length
    const { answer } = yield* this.#send(node.request)
    assert.deepStrictEqual(answer, node.answer)
    assert.lengthOf(model.requests, before)
  })

  /** Stops an answer, which ends its run, and goes on with what came until then. */
  readonly #stop = Effect.fnUntraced(function* (this: Client, request: ReadonlyArray<Turn>) {
    const { model } = this.#served.scene
    const before = model.requests.length
    const controller = new AbortController()
    const body = { ...this.#protocol.body([...request, { user: "held" }]), stream: true }
    const runId = yield* Effect.promise(async () => {
      const response = await this.#served.fetch(this.#protocol.path, { body, signal: controller.signal })
      for await (const { data } of Served.frames(response)) if (data.includes("one")) break
      controller.abort()
      return response.headers.get("x-run-id") ?? ""
    })
    yield* Effect.ignore(Served.drained(this.#served.runtime.watch(runId)))
    assert.lengthOf(model.requests, before + 1)
    yield* this.#tell([...request, { user: "held" }, { text: "one ", user: this.#prompt() }])
  })

  /** One thing that a client does. */
  act(): Effect.Effect<void> {
    const node = this.#pick(this.#nodes)
    if (node !== undefined && node.answer.calls.length === 0 && this.#random() < 0.1) {
      return this.#stop([...node.request, { ...saidBy(this.#protocol, node), user: this.#prompt() }])
    }
    if (node === undefined || this.#random() < 0.15) return this.#tell([{ user: this.#prompt() }])
    const { answer, request } = node
    const draw = this.#random()
    const isAnswered = request.at(-1)?.calls !== undefined && request.at(-1)?.user === undefined
    if (isAnswered && draw < 0.2) return this.#again(node)
    if (request.length > 1 && draw < 0.4) {
      const at = Math.floor(this.#random() * request.length)
      return this.#tell([...request.slice(0, at), { ...request[at], user: `edited ${(this.#words += 1)}` }])
    }
    const next = { ...saidBy(this.#protocol, node), ...results(answer) }
    if (answer.calls.length > 0 && draw < 0.8) {
      const isFirst = !this.#nodes.some(
        (each) => each.request.length > request.length && each.request.at(-1)?.calls === answer.calls
      )
      return isFirst
        ? this.#tell([...request, next])
        : this.#tell([...request, { ...next, ...results(answer, `"${(this.#words += 1)}"`) }])
    }
    const ask = (): ReadonlyArray<Turn> => [
      ...request,
      { ...next, user: this.#prompt(), ...(this.#random() < 0.2 ? { hasPicture: true } : {}) }
    ]
    return draw < 0.6 ? this.#tell(ask(), ask()) : this.#tell(ask())
  }
}

describe.each(Object.entries(protocols))("random clients of %s", (_, protocol) => {
  it.live.each([1, 2, 3])("give the model what they say, from seed %i", (seed) =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const client = new Client(served, protocol, seed)
      for (let action = 0; action < 25; action += 1) yield* client.act()
    })
  )
})
