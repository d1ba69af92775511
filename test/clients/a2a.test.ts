/** The official client of A2A against the real server, over loopback. */
import { Role, TaskState } from "@a2a-js/sdk"
import type { Message, Part, StreamResponse, Task } from "@a2a-js/sdk"
import {
  ClientFactory,
  ClientFactoryOptions,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory
} from "@a2a-js/sdk/client"
import { assert, describe, it } from "@effect/vitest"
import { NameLookup } from "@reins/server"
import * as A2a from "@reins/wire/a2a"
import { Effect } from "effect"
import { createHmac } from "node:crypto"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import * as Served from "../server/Served.ts"

const authorized: typeof fetch = (input, init) =>
  fetch(input, {
    ...init,
    headers: { ...Object.fromEntries(new Headers(init?.headers)), authorization: "Bearer dev-key" }
  })

/** As `serve`, where names have these addresses. */
const lookedUp = (addresses: { readonly [name: string]: ReadonlyArray<string> }) =>
  Effect.provideService(serve({ webhooks: { secret: "whsec" } }), NameLookup, (name) =>
    Effect.sync(() => addresses[name] ?? [])
  )

const clientOf = (url: string) =>
  new ClientFactory(
    ClientFactoryOptions.createFrom(ClientFactoryOptions.default, {
      transports: [new JsonRpcTransportFactory({ fetchImpl: authorized })],
      cardResolver: new DefaultAgentCardResolver({ fetchImpl: fetch })
    })
  ).createFromUrl(url)

const part = (content: NonNullable<Part["content"]>): Part => ({
  content,
  metadata: undefined,
  filename: "",
  mediaType: ""
})
const text = (value: string): Part => part({ $case: "text", value })

let messages = 0
const message = (parts: Array<Part>, more: Partial<Message> = {}): Message => {
  messages += 1
  return {
    messageId: `m${messages}`,
    contextId: "",
    taskId: "",
    role: Role.ROLE_USER,
    parts,
    metadata: undefined,
    extensions: [],
    referenceTaskIds: [],
    ...more
  }
}

const asked = (sent: Message, more: object = {}) => ({
  tenant: "",
  message: sent,
  configuration: { acceptedOutputModes: [], taskPushNotificationConfig: undefined, returnImmediately: false, ...more },
  metadata: undefined
})

const isTask = (value: Message | Task): value is Task => "artifacts" in value
const taskOf = (value: Message | Task): Task => {
  if (isTask(value)) return value
  throw new Error("a message, and no task")
}
const saidIn = ({ artifacts }: Task): string =>
  artifacts
    .flatMap(({ parts }) => parts.map(({ content }) => (content?.$case === "text" ? content.value : "")))
    .join("")

/** What a stream amounts to. */
const heard = async (stream: AsyncIterable<StreamResponse>) => {
  const states: Array<TaskState | undefined> = []
  let said = ""
  let taskId = ""
  for await (const { payload } of stream) {
    if (payload?.$case === "task") {
      taskId = payload.value.id
      states.push(payload.value.status?.state)
    }
    if (payload?.$case === "statusUpdate") states.push(payload.value.status?.state)
    if (payload?.$case === "artifactUpdate") {
      const { append, artifact } = payload.value
      const words = (artifact?.parts ?? [])
        .map(({ content }) => (content?.$case === "text" ? content.value : ""))
        .join("")
      said = append ? said + words : words
    }
  }
  return { taskId, said, last: states.at(-1), first: states[0] }
}

const serve = (options: Parameters<typeof Served.serve>[0] = {}) =>
  Served.serve({ dialects: [{ dialect: A2a.make({ pushes: options.webhooks !== undefined }) }], ...options })

describe("A2A's client", () => {
  it.live("finds the agent by its card, at the base path and at the root, and has its task done", () =>
    Effect.gen(function* () {
      const served = yield* serve()
      yield* Effect.promise(async () => {
        for (const url of [`${served.url}/a2a/`, served.url]) {
          const client = await clientOf(url)
          assert.strictEqual(client.protocolVersion, "1.0")
          const task = taskOf(await client.sendMessage(asked(message([text("hello there")]))))
          assert.strictEqual(task.status?.state, TaskState.TASK_STATE_COMPLETED)
          assert.strictEqual(saidIn(task), "hello there")
          const again = await client.getTask({ tenant: "", id: task.id })
          assert.deepStrictEqual(
            [again.id, again.status?.state, saidIn(again)],
            [task.id, task.status?.state, saidIn(task)]
          )
          const listed = await client.listTasks({
            tenant: "",
            contextId: task.contextId,
            status: TaskState.TASK_STATE_UNSPECIFIED,
            pageToken: "",
            statusTimestampAfter: undefined
          })
          assert.deepStrictEqual(
            listed.tasks.map(({ id }) => id),
            [task.id]
          )
        }
      })
    })
  )

  it.live("streams a task, answers what it waits for by data or by words, and watches it again", () =>
    Effect.gen(function* () {
      const served = yield* serve()
      yield* Effect.promise(async () => {
        const client = await clientOf(`${served.url}/a2a/`)
        const first = await heard(client.sendMessageStream(asked(message([text("gated")]))))
        assert.deepStrictEqual(
          [first.first, first.last],
          [TaskState.TASK_STATE_SUBMITTED, TaskState.TASK_STATE_INPUT_REQUIRED]
        )
        const { taskId } = first
        const waiting = await client.getTask({ tenant: "", id: taskId })
        const data = waiting.status?.message?.parts.find(({ content }) => content?.$case === "data")?.content
        const { approvalId } = data?.$case === "data" ? data.value : { approvalId: "" }
        const decision = part({ $case: "data", value: { approvalId, decision: "approve" } })
        const rest = await heard(client.sendMessageStream(asked(message([decision], { taskId }))))
        assert.deepStrictEqual([rest.said, rest.last], ["all is done", TaskState.TASK_STATE_COMPLETED])
        const watched = await heard(client.resubscribeTask({ tenant: "", id: taskId }))
        assert.deepStrictEqual([watched.taskId, watched.last], [taskId, TaskState.TASK_STATE_COMPLETED])

        const client2 = taskOf(await client.sendMessage(asked(message([text("client")]))))
        assert.strictEqual(client2.status?.state, TaskState.TASK_STATE_INPUT_REQUIRED)
        const call = client2.status?.message?.parts.find(({ content }) => content?.$case === "data")?.content
        const { toolCallId } = call?.$case === "data" ? call.value : { toolCallId: "" }
        const result = part({ $case: "data", value: { toolCallId, result: { got: "green" } } })
        const done = taskOf(await client.sendMessage(asked(message([result], { taskId: client2.id }))))
        assert.strictEqual(done.status?.state, TaskState.TASK_STATE_COMPLETED)

        const spoken = taskOf(await client.sendMessage(asked(message([text("gated")]))))
        const yes = taskOf(await client.sendMessage(asked(message([text("Yes.")], { taskId: spoken.id }))))
        assert.strictEqual(yes.status?.state, TaskState.TASK_STATE_COMPLETED)
        const both = taskOf(await client.sendMessage(asked(message([text("two")]))))
        const unclear = await client
          .sendMessage(asked(message([text("yes")], { taskId: both.id })))
          .catch((error) => error)
        assert.include(String(unclear), "Several")
      })
    })
  )

  it.live("reads what it sent to a task, and lists the tasks of a context and of a state, page by page", () =>
    Effect.gen(function* () {
      const served = yield* serve()
      yield* Effect.promise(async () => {
        const client = await clientOf(`${served.url}/a2a/`)
        const first = taskOf(await client.sendMessage(asked(message([text("gated")]))))
        await client.sendMessage(asked(message([text("yes")], { taskId: first.id })))
        const said = ({ history }: Task) =>
          history.map(({ contextId, parts, taskId }) => [
            taskId,
            contextId,
            ...parts.map(({ content }) => (content?.$case === "text" ? content.value : ""))
          ])
        const mine = (words: string) => [first.id, first.contextId, words]
        const get = (more: object = {}) => client.getTask({ tenant: "", id: first.id, ...more })
        assert.deepStrictEqual(said(await get()), [mine("gated"), mine("yes")])
        assert.deepStrictEqual(said(await get({ historyLength: 1 })), [mine("yes")])
        assert.deepStrictEqual(said(await get({ historyLength: 0 })), [])
        const { contextId } = first
        const second = taskOf(await client.sendMessage(asked(message([text("again")], { contextId }))))
        const waiting = taskOf(await client.sendMessage(asked(message([text("gated")]))))
        const list = (more: object = {}) =>
          client.listTasks({
            tenant: "",
            contextId: "",
            status: TaskState.TASK_STATE_UNSPECIFIED,
            pageToken: "",
            statusTimestampAfter: undefined,
            ...more
          })
        const ids = ({ tasks }: { readonly tasks: ReadonlyArray<Task> }) => tasks.map(({ id }) => id)
        const all = await list()
        assert.deepStrictEqual(ids(all), [waiting.id, second.id, first.id])
        assert.deepStrictEqual(
          all.tasks.map(({ status }) => status?.state),
          [TaskState.TASK_STATE_INPUT_REQUIRED, TaskState.TASK_STATE_COMPLETED, TaskState.TASK_STATE_COMPLETED]
        )
        assert.deepStrictEqual(ids(await list({ contextId })), [second.id, first.id])
        assert.deepStrictEqual(ids(await list({ status: TaskState.TASK_STATE_INPUT_REQUIRED })), [waiting.id])
        assert.deepStrictEqual(ids(await list({ status: TaskState.TASK_STATE_FAILED })), [])
        const page = await list({ pageSize: 2 })
        assert.deepStrictEqual(ids(page), [waiting.id, second.id])
        assert.deepStrictEqual(ids(await list({ pageSize: 2, pageToken: page.nextPageToken })), [first.id])
      })
    })
  )

  it.live("cancels a task once, and hears of unknown ones what the protocol says", () =>
    Effect.gen(function* () {
      const served = yield* serve()
      yield* Effect.promise(async () => {
        const client = await clientOf(`${served.url}/a2a/`)
        const task = taskOf(await client.sendMessage(asked(message([text("held")]), { returnImmediately: true })))
        assert.strictEqual(task.status?.state, TaskState.TASK_STATE_SUBMITTED)
        const cancelled = await client.cancelTask({ tenant: "", id: task.id, metadata: undefined })
        assert.strictEqual(cancelled.status?.state, TaskState.TASK_STATE_CANCELED)
        const ended = await heard(client.resubscribeTask({ tenant: "", id: task.id }))
        assert.strictEqual(ended.last, TaskState.TASK_STATE_CANCELED)
        const late = await client
          .cancelTask({ tenant: "", id: task.id, metadata: undefined })
          .catch((error: { readonly name: string }) => error.name)
        assert.strictEqual(late, "TaskNotCancelableError")
        const unknown = await client
          .getTask({ tenant: "", id: "no" })
          .catch((error: { readonly name: string }) => error.name)
        assert.strictEqual(unknown, "TaskNotFoundError")
        const hook = {
          tenant: "",
          id: "h",
          taskId: task.id,
          url: "https://example.com/",
          token: "",
          authentication: undefined
        }
        const hooks = await Promise.resolve()
          .then(() => client.createTaskPushNotificationConfig(hook))
          .catch((error: { readonly name: string }) => error.name)
        assert.strictEqual(hooks, "PushNotificationNotSupportedError")
      })
    })
  )

  it.live("is told of its task by signed web hooks, where it said it wants them", () =>
    Effect.gen(function* () {
      const received: Array<{ readonly headers: Record<string, unknown>; readonly body: string }> = []
      let wake = () => {}
      const receiver = yield* Effect.acquireRelease(
        Effect.promise(
          () =>
            new Promise<ReturnType<typeof createServer>>((resolve) => {
              const server = createServer((request, response) => {
                let body = ""
                request.on("data", (chunk) => (body += chunk))
                request.on("end", () => {
                  received.push({ headers: request.headers, body })
                  response.end()
                  wake()
                })
              })
              server.listen(0, "127.0.0.1", () => resolve(server))
            })
        ),
        (server) => Effect.sync(() => server.close())
      )
      const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`
      const served = yield* serve({ webhooks: { secret: "whsec", allow: ({ hostname }) => hostname === "127.0.0.1" } })
      yield* Effect.promise(async () => {
        const client = await clientOf(`${served.url}/a2a/`)
        const config = { tenant: "", id: "h", taskId: "", url, token: "tok", authentication: undefined }
        const elsewhere = { ...config, url: "http://10.0.0.1/" }
        const refused = await client
          .sendMessage(asked(message([text("hello")]), { taskPushNotificationConfig: elsewhere }))
          .catch((error: unknown) => String(error))
        assert.include(String(refused), "Web hooks are not sent to this url")
        const asking = asked(message([text("gated")]), { taskPushNotificationConfig: config })
        const task = taskOf(await client.sendMessage(asking))
        const found = await client.getTaskPushNotificationConfig({ tenant: "", id: "h", taskId: task.id })
        assert.deepStrictEqual([found.url, found.token], [url, "tok"])
        await client.sendMessage(asked(message([text("approve")], { taskId: task.id })))
        while (!received.some(({ body }) => body.includes("TASK_STATE_COMPLETED"))) {
          await new Promise<void>((resolve) => (wake = resolve))
        }
        const states = received.map(({ body }) => JSON.parse(body).task.status.state)
        assert.deepStrictEqual(states.slice(-2), ["TASK_STATE_INPUT_REQUIRED", "TASK_STATE_COMPLETED"])
        for (const { body, headers } of received) {
          const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`
          const expected = `v1,${createHmac("sha256", "whsec").update(signed).digest("base64")}`
          assert.strictEqual(headers["webhook-signature"], expected)
          assert.strictEqual(headers["x-a2a-notification-token"], "tok")
        }
      })
    })
  )

  it.live("sets no web hook to a name that leads to this machine or its network, wholly or in part", () =>
    Effect.gen(function* () {
      const served = yield* lookedUp({
        "inner.example.com": ["10.1.2.3"],
        "both.example.com": ["93.184.216.34", "::ffff:127.0.0.1"],
        "out.example.com": ["93.184.216.34", "2606:2800:220:1::1"]
      })
      yield* Effect.promise(async () => {
        const client = await clientOf(`${served.url}/a2a/`)
        const task = taskOf(await client.sendMessage(asked(message([text("hello")]))))
        const set = (name: string) =>
          client
            .createTaskPushNotificationConfig({
              tenant: "",
              id: name,
              taskId: task.id,
              url: `https://${name}/`,
              token: "",
              authentication: undefined
            })
            .then(
              () => "accepted",
              (error: unknown) => String(error)
            )
        for (const name of ["inner.example.com", "both.example.com", "unknown.example.com"]) {
          assert.include(await set(name), "Web hooks are not sent to this url", name)
        }
        // The run has ended, so that nothing is sent there.
        assert.strictEqual(await set("out.example.com"), "accepted")
      })
    })
  )

  it.live("sets no web hook to this machine or its network, however the name is written", () =>
    Effect.gen(function* () {
      const served = yield* serve({ webhooks: { secret: "whsec" } })
      yield* Effect.promise(async () => {
        const client = await clientOf(`${served.url}/a2a/`)
        for (const url of [
          "https://localhost./",
          "https://metadata.google.internal./",
          "https://printer.local%2e/",
          "https://127.0.0.1./",
          "https://[::1]/",
          "http://example.com/"
        ]) {
          const config = { tenant: "", id: "h", taskId: "", url, token: "tok", authentication: undefined }
          const refused = await client
            .sendMessage(asked(message([text("hello")]), { taskPushNotificationConfig: config }))
            .then(
              () => "accepted",
              (error: unknown) => String(error)
            )
          assert.include(refused, "Web hooks are not sent to this url", url)
        }
      })
    })
  )
})
