/** The schemas of request bodies say what the native routes do with a field that a body does not have. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Served from "./Served.ts"

interface JsonSchema {
  readonly $ref?: string
  readonly anyOf?: ReadonlyArray<JsonSchema>
  readonly properties?: { readonly [name: string]: JsonSchema }
  readonly enum?: ReadonlyArray<unknown>
  readonly additionalProperties?: unknown
}

interface Page {
  readonly paths: { readonly [path: string]: { readonly [method: string]: Operation } }
  readonly components: { readonly schemas: { readonly [name: string]: JsonSchema } }
}

interface Operation {
  readonly requestBody?: { readonly content: { readonly [type: string]: { readonly schema: JsonSchema } } }
}

const url = "https://hooks.example/reins"

/** A valid body of each route that has one, and of each type of decision. */
const bodies: ReadonlyArray<readonly [path: string, body: { readonly [field: string]: unknown }]> = [
  ["/native/query", { prompt: "hi", stream: false }],
  ["/native/runs/{runId}/messages", { message: "hi" }],
  ["/native/runs/{runId}/budget", { limits: { maxSteps: 9 } }],
  ["/native/runs/{runId}/results/{toolCallId}", { result: 1 }],
  ["/native/runs/{runId}/replay", {}],
  ["/native/runs/{runId}/fork", {}],
  ["/native/runs/{runId}/corrections", { step: 0, usage: { outputText: 1 }, provider: "p", model: "m" }],
  ["/native/webhooks", { url }],
  ["/native/approvals/{approvalId}", { type: "approve" }],
  ["/native/approvals/{approvalId}", { type: "reject" }],
  ["/native/approvals/{approvalId}", { type: "revise", partial: {} }],
  ["/native/approvals/{approvalId}", { type: "answer", value: 1 }],
  ["/native/results/{ticketId}", { value: 1 }],
  ["/native/threads/{threadId}/rewind", { to: 0 }],
  ["/native/threads/{threadId}/fork", {}]
]

const pageOf = (served: Served.Served) =>
  Effect.map(served.ask("/openapi.json", { key: "" }), ({ json }) => json as unknown as Page)

/** The schemas that a body may have, without references. */
const formsOf = (page: Page, schema: JsonSchema): ReadonlyArray<JsonSchema> => {
  if (schema.anyOf !== undefined) return schema.anyOf.flatMap((one) => formsOf(page, one))
  const named = page.components.schemas[schema.$ref?.split("/").at(-1) ?? ""]
  return named === undefined ? [schema] : formsOf(page, named)
}

const bodiesOf = (page: Page) =>
  Object.entries(page.paths).flatMap(([path, methods]) =>
    Object.values(methods).flatMap(({ requestBody }) =>
      formsOf(page, requestBody?.content["application/json"]?.schema ?? {}).flatMap((form) =>
        form.properties === undefined ? [] : [{ path, form, type: form.properties["type"]?.enum?.[0] }]
      )
    )
  )

describe("the schema of a request body", () => {
  it.live("is compared here for every route that has one", () =>
    Effect.gen(function* () {
      const page = yield* pageOf(yield* Served.serve())
      const said = bodiesOf(page).map(({ path, type }) => [path, type])
      assert.sameDeepMembers(
        said,
        bodies.map(([path, { type }]) => [path, type])
      )
    })
  )

  it.live.each(bodies)("forbids fields exactly where the route refuses them: %s %o", ([path, body]) =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ webhooks: { allow: () => true } })
      const form = bodiesOf(yield* pageOf(served)).find((one) => one.path === path && one.type === body["type"])?.form
      // A thread and a run, whose tenant's key sees everything.
      const asked = yield* served.ask("/native/query", {
        key: "other-key",
        body: { prompt: "hi", threadId: "t", stream: false }
      })
      const at = path
        .replace("{runId}", asked.json.runId)
        .replace("{threadId}", "t")
        .replaceAll(/\{\w+\}/g, "none")
      const sent = (given: object) =>
        Effect.map(served.ask(at, { key: "other-key", body: given }), ({ status }) => status)
      const refuses = (yield* sent({ ...body, misspelt: 1 })) === 400
      assert.notStrictEqual(yield* sent(body), 400)
      assert.strictEqual(form?.additionalProperties === false, refuses)
    })
  )
})
