/** Tasks of A2A over HTTP: messages that are sent again or contradict themselves, what a task says of itself, and errors. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, Model, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Authenticator, Server } from "@reins/server"
import { Sqlite } from "@reins/store/sqlite"
import * as A2a from "@reins/wire/a2a"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

const Kit = Toolkit.make(
  Tool.make("send", {
    description: "Sends a letter",
    parameters: Schema.Struct({ to: Schema.String }),
    success: Schema.String,
    needsApproval: true
  })
)

type Parsed = ReturnType<typeof JSON.parse>

/** A server whose agent asks before each of two letters, one after the other; `sent`: those that were sent. */
const serving = Effect.gen(function* () {
  const sent: Array<string> = []
  const model = ScriptedModel.make({
    respond: (request) => {
      const done = request.messages.filter(({ role }) => role === "tool").length
      return done === 2
        ? ScriptedModel.text("Both are sent.")
        : ScriptedModel.calls([{ id: `call-${done}`, name: "send", args: { to: done === 0 ? "mia" : "leo" } }], {
            text: "A letter. "
          })
    }
  })
  const runtime = Runtime.layer({ agents: [Agent.make("clerk", { toolkit: Kit })] }).pipe(
    Layer.provide([
      Layer.succeed(Model, model),
      Kit.toLayer({ send: ({ to }) => Effect.sync(() => (sent.push(to), "sent")) }),
      Sqlite.layer({ filename: ":memory:", gatherMs: 0 })
    ])
  )
  const options = {
    dialects: [{ dialect: A2a.make({ pushes: true }) }],
    webhooks: { secret: "whsec", allow: () => true }
  }
  const built = Layer.succeedContext(yield* Layer.build(runtime))
  const open = Effect.gen(function* () {
    const { dispose, handler } = Server.toWebHandler(options, Layer.mergeAll(built, Authenticator.layerOpen()))
    yield* Effect.addFinalizer(() => Effect.promise(dispose))
    return (body: string) =>
      Effect.promise(async (): Promise<Parsed> => {
        const response = await handler(new Request("http://localhost/a2a/rpc", { method: "POST", body }))
        return JSON.parse(await response.text())
      })
  })
  return { sent, open, ...clientOf(yield* open) }
})

/** What a client does by `post`. */
const clientOf = (post: (body: string) => Effect.Effect<Parsed>) => {
  const rpc = (method: string, params: object) => post(JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }))
  const say = (messageId: string, parts: ReadonlyArray<object>, more: object = {}, configuration: object = {}) =>
    rpc("SendMessage", { message: { messageId, role: "ROLE_USER", parts, ...more }, configuration })
  const begun = Effect.map(say("first", [{ text: "Write to both" }]), ({ result }) => result.task)
  return { post, rpc, say, begun }
}

const asked = (task: Parsed): string => task.status.message.parts[1].data.approvalId

describe("a message to a task of A2A", () => {
  it.live("that is sent again does not answer the next question, whether its client reads or not", () =>
    Effect.gen(function* () {
      const { begun, rpc, say, sent } = yield* serving
      const task = yield* begun
      const first = yield* say("yes-1", [{ text: "yes" }], { taskId: task.id })
      const again = yield* say("yes-1", [{ text: "yes" }], { taskId: task.id })
      assert.deepStrictEqual(sent, ["mia"])
      assert.strictEqual(first.result.task.status.state, "TASK_STATE_INPUT_REQUIRED")
      assert.deepStrictEqual(again.result.task.status, first.result.task.status)
      const rest = { returnImmediately: true }
      const taken = yield* say("yes-2", [{ text: "yes" }], { taskId: task.id }, rest)
      assert.strictEqual(taken.result.task.status.state, "TASK_STATE_WORKING")
      const late = yield* say("yes-2", [{ text: "yes" }], { taskId: task.id }, rest)
      assert.strictEqual(late.result.task.id, task.id)
      yield* say("yes-2", [{ text: "yes" }], { taskId: task.id })
      assert.deepStrictEqual(sent, ["mia", "leo"])
      const { result } = yield* rpc("GetTask", { id: task.id })
      assert.deepStrictEqual(
        result.history.map(({ messageId }: Parsed) => messageId),
        ["first", "yes-1", "yes-2"]
      )
    })
  )

  it.live("that is sent again to another server of the store does not answer the next question", () =>
    Effect.gen(function* () {
      const { begun, open, say, sent } = yield* serving
      const task = yield* begun
      const first = yield* say("yes-1", [{ text: "yes" }], { taskId: task.id })
      const other = clientOf(yield* open)
      const again = yield* other.say("yes-1", [{ text: "yes" }], { taskId: task.id })
      assert.deepStrictEqual(sent, ["mia"])
      assert.deepStrictEqual(again.result.task, first.result.task)
    })
  )

  it.live("twice at once gets the same answer twice", () =>
    Effect.gen(function* () {
      const { begun, say, sent } = yield* serving
      const task = yield* begun
      const yes = say("yes-1", [{ text: "yes" }], { taskId: task.id })
      const [one, other] = yield* Effect.all([yes, yes], { concurrency: 2 })
      assert.strictEqual(one.result.task.status.state, "TASK_STATE_INPUT_REQUIRED")
      assert.deepStrictEqual(other, one)
      assert.deepStrictEqual(sent, ["mia"])
    })
  )

  it.live("is refused where it contradicts itself, answers nothing, or names another context", () =>
    Effect.gen(function* () {
      const { begun, say, sent } = yield* serving
      const task = yield* begun
      const approvalId = asked(task)
      const data = (decision: string) => ({ data: { approvalId, decision } })
      const both = yield* say("a", [data("approve"), data("reject")], { taskId: task.id })
      assert.strictEqual(both.error.data[0].reason, "AnswersContradict")
      const nothing = yield* say("b", [{ text: " " }], { taskId: task.id })
      assert.match(nothing.error.message, /^Missing or invalid field params\.message\.parts\. Send words/)
      const elsewhere = yield* say("c", [{ text: "yes" }], { taskId: task.id, contextId: "another" })
      assert.strictEqual(elsewhere.error.data[0].reason, "RunElsewhere")
      assert.deepStrictEqual(sent, [])
      const equal = yield* say("d", [data("approve"), data("approve")], { taskId: task.id, contextId: task.contextId })
      assert.strictEqual(equal.result.task.status.state, "TASK_STATE_INPUT_REQUIRED")
    })
  )
})

describe("a task of A2A, once it is answered", () => {
  it.live("has its whole text, and the time of its state", () =>
    Effect.gen(function* () {
      const { begun, rpc, say } = yield* serving
      const task = yield* begun
      const { result } = yield* say("yes-1", [{ text: "yes" }], { taskId: task.id })
      assert.strictEqual(result.task.artifacts[0].parts[0].text, "A letter. A letter. ")
      const got = yield* rpc("GetTask", { id: task.id })
      assert.deepStrictEqual(got.result.artifacts, result.task.artifacts)
      assert.strictEqual(got.result.status.timestamp, result.task.status.timestamp)
    })
  )
})

describe("an error of A2A", () => {
  it.live("has JSON-RPC's number for what is wrong with the request", () =>
    Effect.gen(function* () {
      const { post, rpc } = yield* serving
      const code = (body: unknown) =>
        Effect.map(post(typeof body === "string" ? body : JSON.stringify(body)), ({ error }) => error.code)
      assert.strictEqual(yield* code("{"), -32700)
      for (const body of [[], [{ jsonrpc: "2.0", id: 1, method: "GetTask" }], { id: 1, method: "GetTask" }, ""]) {
        assert.strictEqual(yield* code(body), -32600)
      }
      assert.strictEqual(yield* code({ jsonrpc: "2.0", id: 1, method: "GetTask" }), -32602)
      const untimed = yield* rpc("ListTasks", { statusTimestampAfter: "yesterday" })
      assert.strictEqual(untimed.error.code, -32602)
      assert.match(untimed.error.message, /params\.statusTimestampAfter/)
    })
  )

  it.live("refuses a web hook whose token or authentication no header can carry", () =>
    Effect.gen(function* () {
      const { begun, rpc } = yield* serving
      const { id: taskId } = yield* begun
      const url = "https://receiver.example/told"
      for (const more of [{ token: "a\r\nb" }, { token: "☃" }, { authentication: { scheme: "Bea\nrer" } }]) {
        const { error } = yield* rpc("CreateTaskPushNotificationConfig", { taskId, url, ...more })
        assert.match(error.message, /^Invalid token or authentication of a web hook/)
      }
      const { result } = yield* rpc("ListTaskPushNotificationConfigs", { taskId })
      assert.deepStrictEqual(result.configs, [])
    })
  )
})
