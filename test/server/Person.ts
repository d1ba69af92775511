/** Somebody at the client of a chat, who does random things, and knows what the model must have been given for each. */
import { assert } from "@effect/vitest"
import { seeded } from "@reins/protocol/testing"
import { Effect } from "effect"
import type { Chat, Said, Tab, Waiting } from "./Chat.ts"
import * as Served from "./Served.ts"
import { counted, linesOf, type Open, prompts, type Running, type Sent, told, type Turn, waitsFor } from "./Turn.ts"

export class Person {
  readonly #served: Served.Served
  readonly #chat: Chat
  readonly #random: () => number
  #tab: Tab = { thread: "", runId: "", messages: [] }
  #turns: ReadonlyArray<Turn> = []
  #open: Running | undefined
  #stale: Open | undefined
  #last: { readonly request: ReturnType<Chat["say"]>; readonly text: string; readonly waits: number } | undefined
  #made = 0
  /**
   * False where the client may not show a result that came behind its words: then a thread that begins with what it
   * shows lacks it.
   */
  #mayBranch = true
  readonly done: Array<string> = []

  constructor(served: Served.Served, chat: Chat, seed: number) {
    this.#served = served
    this.#chat = chat
    this.#random = seeded(seed)
  }

  get #onBusy(): string {
    const { onBusy = "reject" } = this.#chat.dialect
    // A waiting answer is still read here.
    return onBusy === "steer-or-cancel" ? "steer" : onBusy
  }

  #id(): string {
    this.#made += 1
    return `m${this.#made}`
  }

  #said(): Said {
    const { asides = false, calls, pictures, several } = this.#chat.takes
    const draw = this.#random()
    const id = this.#id()
    if (draw < 0.1) return { id, text: "gated", hasPicture: false }
    if (draw < 0.15) return { id, text: "plan", hasPicture: false }
    if (draw < 0.2) return { id, text: "nested", hasPicture: false }
    if (draw < 0.3) return { id, text: "tool", hasPicture: false }
    if (calls && draw < 0.45) return { id, text: "client", hasPicture: false }
    if (calls && several && draw < 0.5) return { id, text: "calls theirs gated", hasPicture: false }
    if (calls && several && draw < 0.55) return { id, text: "calls planned theirs", hasPicture: false }
    const aside = asides && draw > 0.7 ? { aside: `aside ${this.#made}` } : {}
    return { id, text: `words ${this.#made}`, hasPicture: pictures && draw > 0.8, ...aside }
  }

  /** Sends a request, and reads its answer to the end, or to where it waits. */
  async #send(tab: Tab, request: ReturnType<Chat["say"]>, waits = 0, signal?: AbortSignal): Promise<Sent> {
    const response = await this.#served.fetch(request.path, signal === undefined ? request : { ...request, signal })
    const thread = response.headers.get("x-thread-id")
    tab.runId = response.headers.get("x-run-id") ?? tab.runId
    if (thread !== null) tab.thread = decodeURIComponent(thread)
    const { status } = response
    const none: Waiting = { calls: [], questions: [] }
    if (!(response.headers.get("content-type") ?? "").includes("event-stream")) {
      const text = await response.text()
      const isRefused = this.#chat.isRefused?.(text) === true
      return { status: isRefused ? 409 : status, text, waiting: none, rest: async () => "" }
    }
    const frames = Served.frames(response)
    let text = ""
    let waiting = none
    const read = async (isDone: () => boolean): Promise<string> => {
      while (!isDone()) {
        const next = await frames.next()
        if (next.done === true) break
        text += `${next.value.data}\n`
        const { calls, questions } = this.#chat.read(tab, next.value)
        waiting = {
          calls: [...waiting.calls, ...calls],
          questions: [...waiting.questions, ...questions.filter((id) => !waiting.questions.includes(id))]
        }
      }
      return text
    }
    await read(
      () =>
        (signal !== undefined && text.includes("one")) ||
        (this.#chat.staysOpen && waits > 0 && counted(waiting) === waits)
    )
    return { status, text, waiting, rest: () => read(() => false) }
  }

  /** Does what somebody does, and compares what the model was given for it. */
  async #gives(wanted: ReadonlyArray<Turn>, act: () => Promise<void>): Promise<void> {
    const { model } = this.#served.scene
    const before = model.requests.length
    await act()
    const given = model.requests
      .slice(before)
      .flatMap(({ messages, metadata }) => (metadata.agent === "desk" ? [linesOf(messages)] : []))
    assert.deepStrictEqual(given, wanted, this.done.join("; "))
  }

  readonly #lines = (turns: ReadonlyArray<Turn> = this.#turns): Turn => turns.flat()

  /** Opens the thread, where the protocol does that by a request of its own. */
  async begin(): Promise<void> {
    this.#tab = { thread: `t${Math.floor(this.#random() * 1e9)}`, runId: "", messages: [] }
    const { create } = this.#chat
    if (create === undefined) return
    const { status, text } = await this.#send(this.#tab, create)
    assert.include([200, 201], status, text)
    const made = JSON.parse(text)
    this.#tab.thread = made.sessionId ?? made.id
    if (create.method === "PUT") this.#turns = [["user: begin", "assistant: begin"]]
  }

  async #say(said: Said, request = this.#chat.say(this.#tab, said)): Promise<void> {
    const open = this.#open
    const { text } = said
    if (open !== undefined && this.#onBusy === "reject") {
      await this.#gives([], async () => assert.strictEqual((await this.#send(this.#tab, request)).status, 409))
      return
    }
    if (open !== undefined) this.#supersede(open)
    const calls = prompts[text]
    const aside = said.aside === undefined ? [] : [`user: ${said.aside}`]
    const user = [...aside, `user: ${text}`, ...(said.hasPicture ? ["file image/png"] : [])]
    const asked = [...this.#lines(), ...user]
    const called = (calls ?? []).map((name) => `call ${name}`)
    const waits = waitsFor(text).length
    const results = waits === 0 ? (calls ?? []).map((name) => `{"got":"${name}"}`) : []
    const turn = [
      ...user,
      ...(calls === undefined ? [`assistant: ${text}`] : [...called, ...results, ...(waits === 0 ? [told] : [])])
    ]
    await this.#gives(
      calls === undefined || waits > 0 ? [asked] : [asked, [...asked, ...called, ...results]],
      async () => {
        const sent = await this.#send(this.#tab, request, waits)
        assert.strictEqual(sent.status, 200, sent.text)
        this.#last = { request, text: sent.text, waits }
        assert.strictEqual(counted(sent.waiting), waits, `${sent.text} ${this.done.join("; ")}`)
        if (waits > 0) {
          this.#open = { waiting: sent.waiting, text, tab: { ...this.#tab }, turns: this.#turns, rest: sent.rest }
        }
      }
    )
    this.#turns = [...this.#turns, turn]
  }

  /** The run that waits ends, or goes on without an answer, because of what the user says. */
  #supersede(open: Open): void {
    this.#open = undefined
    this.#stale = open
    const ended = waitsFor(open.text).map((name) =>
      name === "theirs" && open.given !== undefined
        ? JSON.stringify(open.given)
        : this.#onBusy !== "steer"
          ? "cancelled"
          : name === "helper"
            ? '"all is done"'
            : "denied"
    )
    this.#turns = [...this.#turns.slice(0, -1), [...(this.#turns.at(-1) ?? []), ...ended]]
  }

  async #answer(open: Running, words?: Said): Promise<void> {
    this.#open = undefined
    const isApproved = this.#random() < 0.7
    const reply = { id: this.#id(), result: { got: `v${this.#made}` }, isApproved }
    const results = waitsFor(open.text).map((name) =>
      name === "theirs"
        ? JSON.stringify(open.given ?? reply.result)
        : name === "helper"
          ? '"all is done"'
          : isApproved
            ? `{"got":"${name}"}`
            : "denied"
    )
    const said = words === undefined ? [] : [`user: ${words.text}`]
    if (words !== undefined && open.waiting.questions.length > 0) this.#mayBranch = false
    const end = words === undefined ? told : `assistant: ${words.text}`
    const requests = this.#chat.answer(this.#tab, open.waiting, reply, words)
    const shown = this.#tab.messages
    const send = async (isOk: boolean) => {
      for (const request of requests) {
        const sent = await this.#send(this.#tab, request)
        if (isOk) assert.include([200, 202], sent.status, sent.text)
      }
    }
    const isTwice = words === undefined && this.#random() < 0.25
    await this.#gives([[...this.#lines(), ...results, ...said]], async () => {
      if (isTwice) await this.#twice(requests)
      else await send(true)
      await open.rest()
    })
    this.#turns = [
      ...this.#turns.slice(0, -1),
      [...(this.#turns.at(-1) ?? []), ...results],
      ...(words === undefined ? [] : [[]])
    ]
    this.#turns = [...this.#turns.slice(0, -1), [...(this.#turns.at(-1) ?? []), ...said, end]]
    this.#last = undefined
    if (this.#random() > 0.4) return
    this.done.push("the same answer again")
    const after = this.#tab.messages
    this.#tab.messages = shown
    await this.#gives([], () => send(false))
    this.#tab.messages = after
  }

  /** The same answer on two pages at once: one of them is taken, and the other sees that. */
  async #twice(requests: ReadonlyArray<ReturnType<Chat["say"]>>): Promise<void> {
    this.done.push("on two pages at once")
    const tabs = [{ ...this.#tab }, { ...this.#tab }]
    const statuses = await Promise.all(
      tabs.map(async (tab) => {
        const all: Array<number> = []
        for (const request of requests) all.push((await this.#send(tab, request)).status)
        return all
      })
    )
    const isOk = (status: number | undefined) => status === 200 || status === 202
    for (const index of requests.keys())
      assert.isTrue(
        statuses.some((all) => isOk(all[index])),
        `${statuses}`
      )
    this.#tab =
      tabs[
        Math.max(
          0,
          statuses.findIndex((all) => all.every(isOk))
        )
      ] ?? this.#tab
  }

  /** An answer to the client's call alone, while a question is open, too. */
  async #partly(open: Running): Promise<void> {
    const result = { got: `part ${(this.#made += 1)}` }
    const part = { calls: open.waiting.calls, questions: [] }
    const requests = this.#chat.answer(this.#tab, part, { id: this.#id(), result, isApproved: true })
    const statuses: Array<number> = []
    await this.#gives([], async () => {
      for (const request of requests) statuses.push((await this.#send(this.#tab, request)).status)
    })
    const isTaken = statuses.every((status) => status < 400)
    // AAP's turns answer everything, or nothing.
    assert.strictEqual(isTaken, !this.#chat.dialect.name.startsWith("aap"), `${statuses} ${this.done.join("; ")}`)
    this.#last = undefined
    if (isTaken) this.#open = { ...open, waiting: { calls: [], questions: open.waiting.questions }, given: result }
  }

  /** An answer to what a run waited for before somebody wrote on. */
  async #late(stale: Open): Promise<void> {
    this.#stale = undefined
    const reply = { id: this.#id(), result: { got: "late" }, isApproved: true }
    const tab = { ...stale.tab }
    const requests = this.#chat.answer(tab, stale.waiting, reply)
    if (!this.#chat.carries || stale.waiting.questions.length > 0) {
      await this.#gives([], async () => {
        for (const request of requests) assert.isAtLeast((await this.#send(tab, request)).status, 400)
      })
      return
    }
    if (this.#open !== undefined) this.#supersede(this.#open)
    this.#tab = tab
    const before = [...this.#lines(stale.turns), `user: ${stale.text}`, "call theirs", JSON.stringify(reply.result)]
    await this.#gives([before], async () => {
      for (const request of requests) assert.strictEqual((await this.#send(tab, request)).status, 200)
    })
    this.#turns = [...stale.turns, [...before.slice(this.#lines(stale.turns).length), told]]
    this.#stale = undefined
    this.#last = undefined
  }

  async #stop(): Promise<void> {
    const said: Said = { id: this.#id(), text: "held", hasPicture: false }
    if (this.#open !== undefined) this.#supersede(this.#open)
    const controller = new AbortController()
    await this.#gives([[...this.#lines(), "user: held"]], async () => {
      const request = this.#chat.say(this.#tab, said)
      assert.strictEqual((await this.#send(this.#tab, request, 0, controller.signal)).status, 200)
    })
    controller.abort()
    const { stop } = this.#chat
    if (stop !== undefined) {
      assert.include([200, 202], (await this.#send(this.#tab, stop(this.#tab))).status)
    }
    if (stop !== undefined || this.#chat.dialect.onDisconnect === "cancel") {
      const ended = this.#served.runtime.watch(this.#tab.runId)
      await Effect.runPromise(Effect.ignore(Served.drained(ended)))
    }
    this.#turns = [...this.#turns, ["user: held", "assistant: one "]]
    this.#last = undefined
  }

  /** Takes the thread back to before a user's message. */
  #back(to: number): string {
    if (this.#open !== undefined) this.#supersede(this.#open)
    const users = this.#tab.messages.flatMap(({ role }, index) => (role === "user" ? [index] : []))
    const at = users[to] ?? this.#tab.messages.length
    const { id = this.#id() } = this.#tab.messages[at] ?? {}
    this.#tab.messages = this.#tab.messages.slice(0, at)
    this.#turns = this.#turns.slice(0, to)
    this.#stale = undefined
    return id
  }

  async #both(): Promise<void> {
    const [one, other] = [1, 2].map((): Said => ({ id: this.#id(), text: `words ${this.#made}`, hasPicture: false }))
    if (one === undefined || other === undefined) return
    const tabs = [{ ...this.#tab }, { ...this.#tab }] as const
    const { model } = this.#served.scene
    const before = model.requests.length
    const sent = await Promise.all([
      this.#send(tabs[0], this.#chat.say(tabs[0], one)),
      this.#send(tabs[1], this.#chat.say(tabs[1], other))
    ])
    const given = model.requests.slice(before).map(({ messages }) => linesOf(messages))
    this.#last = undefined
    const prefix = this.#lines()
    for (const lines of given) assert.deepStrictEqual(lines.slice(0, prefix.length), prefix, this.done.join("; "))
    if (this.#chat.carries) {
      const wanted = [one, other].map(({ text }) => [...prefix, `user: ${text}`].join("\n"))
      assert.isAtLeast(given.length, 1)
      assert.strictEqual(new Set(given.map((lines) => lines.join("\n"))).size, given.length, this.done.join("; "))
      for (const lines of given) assert.include(wanted, lines.join("\n"), this.done.join("; "))
      for (const { status, text } of sent) assert.strictEqual(status, 200, text)
      return
    }
    const { resourceId, threadId } =
      (await Effect.runPromise(this.#served.runtime.status(tabs[0].runId || tabs[1].runId))) ?? assert.fail()
    const lines = linesOf(await Effect.runPromise(this.#served.runtime.threads.get(threadId, { resourceId })))
    assert.deepStrictEqual(lines.slice(0, prefix.length), prefix, this.done.join("; "))
    for (const [index, { text }] of [one, other].entries()) {
      const isTaken = sent[index]?.status === 200
      const isRefusing = this.#onBusy === "reject" || this.#onBusy === "cancel-waiting"
      assert.isTrue(isTaken || isRefusing, `${sent[index]?.text}`)
      assert.lengthOf(
        lines.filter((line) => line === `user: ${text}`),
        isTaken ? 1 : 0,
        this.done.join("; ")
      )
    }
    this.#turns = [...this.#turns, lines.slice(prefix.length)]
    this.#tab.runId = tabs[0].runId
  }

  /** One thing that a person does. */
  async act(): Promise<void> {
    const open = this.#open
    const draw = this.#random()
    const { carries, isIdempotent } = this.#chat
    const step = (name: string) => this.done.push(name)
    if (this.#last !== undefined && isIdempotent && draw < 0.1) {
      step("the same request again")
      const { request, text, waits } = this.#last
      const tab = { ...this.#tab }
      await this.#gives([], async () => assert.strictEqual((await this.#send(tab, request, waits)).text, text))
    } else if (this.#stale !== undefined && draw < 0.25) {
      step("a late answer")
      await this.#late(this.#stale)
    } else if (
      open !== undefined &&
      Math.min(open.waiting.calls.length, open.waiting.questions.length) > 0 &&
      draw < 0.4
    ) {
      step("an answer to a part")
      await this.#partly(open)
    } else if (open !== undefined && draw < 0.6) {
      const withWords = carries && draw < 0.35
      step(withWords ? "an answer, and words" : "an answer")
      await this.#answer(
        open,
        withWords ? { id: this.#id(), text: `words ${this.#made}`, hasPicture: false } : undefined
      )
    } else if (open !== undefined && this.#onBusy === "steer" && open.waiting.calls.length > 0) {
      // Words wait for the client's result there.
      step("an answer")
      await this.#answer(open)
    } else if (open === undefined && draw < 0.3 && !(carries && this.#turns.length === 0)) {
      step("two at once")
      await this.#both()
    } else if (draw < 0.4 && (open === undefined || this.#onBusy.startsWith("cancel-"))) {
      step("stop")
      await this.#stop()
    } else if (carries && this.#turns.length > 0 && draw < 0.65) {
      const to = Math.floor(this.#random() * this.#turns.length)
      step(`edit ${to}`)
      const messageId = this.#back(to)
      const said = { ...this.#said(), id: messageId }
      await this.#say(said, this.#chat.edit?.(this.#tab, said, this.#id()))
    } else if (carries && this.#turns.length > 0 && draw < 0.75) {
      step("again")
      await this.#again()
    } else if (carries && open === undefined && this.#mayBranch && draw < 0.8) {
      step("branch")
      this.#stale = undefined
      this.#tab = { ...this.#tab, thread: `${this.#tab.thread}-${this.#id()}` }
      await this.#say({ id: this.#id(), text: `words ${this.#made}`, hasPicture: false })
    } else {
      const said = this.#said()
      step(`say ${said.text}`)
      await this.#say(said)
    }
  }

  async #again(): Promise<void> {
    const to = this.#turns.length - 1
    const text = this.#turns[to]?.[0]?.replace("user: ", "") ?? ""
    if (text === "held" || this.#chat.again === undefined) return
    const hasPicture = this.#turns[to]?.[1] === "file image/png"
    const users = this.#tab.messages.flatMap((message, index) => (message.role === "user" ? [{ message, index }] : []))
    const last = users[to]
    this.#back(to)
    if (last !== undefined) this.#tab.messages = [...this.#tab.messages, last.message]
    const said = { id: this.#id(), text, hasPicture }
    await this.#say(said, this.#chat.again(this.#tab, said))
  }
}
