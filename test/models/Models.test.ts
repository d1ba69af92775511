import { assert, describe, it, layer } from "@effect/vitest"
import { Models } from "@reins/models"
import { Agent, Model, Runtime } from "@reins/runtime"
import { ConfigProvider, Effect, Layer, Redacted } from "effect"
import { request } from "./Ask.ts"
import * as Asked from "./Provider.ts"

const settings = (env: { readonly [name: string]: string } = {}) =>
  ConfigProvider.layer(ConfigProvider.fromEnv({ env }))

const made = (name: string, env: { readonly [name: string]: string } = {}) =>
  Models.fromConfig(name).pipe(Effect.provide(settings(env)))

const refused = (name: string, env: { readonly [name: string]: string } = {}) =>
  Effect.map(Effect.flip(made(name, env)), (error) => ({ tag: error.reason._tag, message: error.message }))

describe("a model's name", () => {
  it("contains provider and model, and optionally an address", () => {
    assert.deepStrictEqual(Models.parse("openai:gpt-5.2"), { provider: "openai", model: "gpt-5.2", baseURL: undefined })
    assert.deepStrictEqual(Models.parse("openai-compatible:org/qwen3:8b@http://localhost:11434/v1"), {
      provider: "openai-compatible",
      model: "org/qwen3:8b",
      baseURL: "http://localhost:11434/v1"
    })
    assert.deepStrictEqual(Models.parse("google:models/a@b"), {
      provider: "google",
      model: "models/a@b",
      baseURL: undefined
    })
  })

  it("is invalid without both", () => {
    for (const name of ["", "openai", "openai:", ":gpt", "https://example.com", "openai-compatible:@http://x/v1"]) {
      assert.isUndefined(Models.parse(name), name)
    }
  })
})

describe("a model made by name", () => {
  it.effect.each(["openai:m", "anthropic:m", "google:m", "mistral:m", "cohere:m", "deepseek:m", "groq:m", "xai:m"])(
    "%s uses its provider's key",
    (name) =>
      Effect.gen(function* () {
        const variable =
          name === "google:m" ? "GOOGLE_GENERATIVE_AI_API_KEY" : `${name.slice(0, -2).toUpperCase()}_API_KEY`
        const port = yield* made(name, { [variable]: "key" })
        assert.deepStrictEqual(`${port.provider}:${port.model}`, name)
        const { message, tag } = yield* refused(name)
        assert.strictEqual(tag, "KeyMissing")
        assert.include(message, variable)
      })
  )

  it.effect.each(Models.known.filter((name) => name !== "scripted"))(
    "of %s is asked with a tenant's own key and address, and never with the server's",
    (provider) =>
      Effect.gen(function* () {
        const sent: Array<{ readonly url: string; readonly headers: string }> = []
        const fetch = (input: RequestInfo | URL, init?: RequestInit) => {
          const url = input instanceof Request ? input.url : String(input)
          sent.push({ url, headers: JSON.stringify([...new Headers(init?.headers)]) })
          return Promise.resolve(new Response("{}", { status: 401, headers: { "content-type": "application/json" } }))
        }
        const name = `${provider}:m@https://server.example/v1`
        const env = Object.fromEntries(
          [
            "OPENAI",
            "ANTHROPIC",
            "GOOGLE_GENERATIVE_AI",
            "MISTRAL",
            "COHERE",
            "DEEPSEEK",
            "GROQ",
            "XAI",
            "OPENAI_COMPATIBLE"
          ].map((one) => [`${one}_API_KEY`, "server-key"])
        )
        const port = yield* Models.fromConfig(name, { fetch }).pipe(Effect.provide(settings(env)))
        const ask = (of: string, baseURL?: string) =>
          Effect.flip(
            port.attempt(
              request({ key: Redacted.make(`${of}-key`), ...(baseURL === undefined ? {} : { baseURL }) }),
              () => {}
            )
          )
        assert.strictEqual((yield* ask("acme"))._tag, "AuthenticationFailed")
        assert.strictEqual((yield* ask("umbrella", "https://umbrella.example/v1"))._tag, "AuthenticationFailed")
        const [acme, umbrella] = sent
        assert.isTrue(acme?.url.startsWith("https://server.example/"), acme?.url)
        assert.include(acme?.headers, "acme-key")
        assert.isTrue(umbrella?.url.startsWith("https://umbrella.example/"), umbrella?.url)
        assert.include(umbrella?.headers, "umbrella-key")
        assert.notInclude(JSON.stringify(sent), "server-key")
      })
  )

  it.effect("with an unknown provider is refused, and lists the known ones", () =>
    Effect.gen(function* () {
      const { message, tag } = yield* refused("opnai:gpt-5.2")
      assert.strictEqual(tag, "ProviderUnknown")
      for (const name of ["openai", "anthropic", "google", "openai-compatible", "scripted"])
        assert.include(message, name)
      assert.strictEqual((yield* refused("constructor:x")).tag, "ProviderUnknown")
    })
  )

  it.effect("with an invalid name is refused, and says how to write one", () =>
    Effect.gen(function* () {
      const { message, tag } = yield* refused("gpt-5.2")
      assert.strictEqual(tag, "NameInvalid")
      assert.include(message, "provider:model")
    })
  )

  it.effect.each([
    "openai-compatible:qwen3@localhost:8080/v1",
    "openai-compatible:qwen3@api.example.com/v1",
    "openai:m@127.0.0.1:8080",
    "openai:m@ftp://user:secret@example.com",
    "openai:m@http://"
  ])("with a wrong address in its name is refused by that: %s", (name) =>
    Effect.gen(function* () {
      const { message, tag } = yield* refused(name)
      assert.strictEqual(tag, "SettingInvalid")
      assert.include(message, "The address after @ in the model's name must be a URL")
      assert.notInclude(message, "secret")
    })
  )

  it.effect("whose own name has an @ is no address", () =>
    Effect.gen(function* () {
      for (const name of ["openai:claude@20250514", "openai:@cf/meta/llama", "openai:models/a@b", "openai:m@1.2"]) {
        assert.strictEqual((yield* refused(name)).tag, "KeyMissing", name)
      }
    })
  )

  it.effect("with an invalid address is refused without repeating it", () =>
    Effect.gen(function* () {
      const { message, tag } = yield* refused("openai:m", { OPENAI_BASE_URL: "user:secret@nowhere" })
      assert.strictEqual(tag, "SettingInvalid")
      assert.include(message, "OPENAI_BASE_URL")
      assert.notInclude(message, "secret")
    })
  )

  it.effect.each([
    ["true", "json_schema"],
    ["false", "json_object"],
    [undefined, "json_object"]
  ] as const)("on a custom server is sent a schema if the setting says so: %s", ([says, format]) =>
    Effect.gen(function* () {
      const bodies: Array<string> = []
      const port = yield* Models.fromConfig("openai-compatible:m@http://localhost:1/v1", {
        fetch: (_, init) => {
          bodies.push(String(init?.body))
          return Promise.reject(new Error("nobody is there"))
        }
      }).pipe(Effect.provide(settings(says === undefined ? {} : { OPENAI_COMPATIBLE_STRUCTURED_OUTPUTS: says })))
      const schema = { type: "object", properties: { sum: { type: "number" } } }
      yield* Effect.exit(port.attempt(request({ output: { name: "sum", schema } }), () => {}))
      assert.nestedPropertyVal(JSON.parse(bodies[0] ?? "{}"), "response_format.type", format)
      assert.include(bodies[0], "sum")
    })
  )

  it.effect("on a custom server is refused when that setting is neither true nor false", () =>
    Effect.gen(function* () {
      const env = { OPENAI_COMPATIBLE_STRUCTURED_OUTPUTS: "yes" }
      const { message } = yield* refused("openai-compatible:m@http://localhost:1/v1", env)
      assert.include(message, "OPENAI_COMPATIBLE_STRUCTURED_OUTPUTS must be true or false")
    })
  )

  it.effect("on a custom server needs its address", () =>
    Effect.gen(function* () {
      const { message } = yield* refused("openai-compatible:qwen3")
      assert.include(message, "OPENAI_COMPATIBLE_BASE_URL")
    })
  )

  it.effect("may be the script, which needs no settings", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      const { output } = yield* runtime.complete("good morning")
      assert.include(output, "good morning")
      assert.include(output, "scripted")
    }).pipe(
      Effect.provide(
        Layer.provide(
          Runtime.layer({ agents: [Agent.make("a", {})] }),
          Layer.provide(Models.layer("scripted"), settings())
        )
      )
    )
  )
})

layer(Asked.layer)("a custom server", (it) => {
  const asked = (name: string, env: { readonly [name: string]: string }) =>
    Effect.gen(function* () {
      const provider = yield* Asked.Provider
      provider.push(Asked.recorded(Asked.small("chat", ["here"])))
      const port = yield* made(name, env)
      let said = ""
      yield* port.attempt(request(), (parts) => {
        for (const part of parts) if (part.type === "text") said += part.text
      })
      assert.strictEqual(said, "here")
      return provider.received.at(-1)?.path
    })

  it.effect("is called at the address after the model, without a key", () =>
    Effect.gen(function* () {
      const { url } = yield* Asked.Provider
      assert.strictEqual(yield* asked(`openai-compatible:qwen3@${url}/v1`, {}), "/v1/chat/completions")
    })
  )

  it.effect("is called at OPENAI_BASE_URL, with the API that such servers support", () =>
    Effect.gen(function* () {
      const { url } = yield* Asked.Provider
      assert.strictEqual(yield* asked("openai:llama", { OPENAI_BASE_URL: `${url}/v1` }), "/v1/chat/completions")
    })
  )

  it.effect("is called with the key of a service", () =>
    Effect.gen(function* () {
      const { url } = yield* Asked.Provider
      const port = yield* Effect.provide(
        Model,
        Layer.provide(Models.layer(`openai-compatible:qwen3@${url}/v1`), settings())
      )
      assert.strictEqual(port.model, "qwen3")
    })
  )
})
