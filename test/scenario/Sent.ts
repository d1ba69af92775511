/**
 * What the installed provider packages send for a request of ours: each is asked with a `fetch` that keeps the body,
 * and the body is held to what its provider documents. A package that refuses a request sends none.
 */
import { Models } from "@reins/models"
import type { ModelRequest } from "@reins/runtime"
import { ConfigProvider, Effect } from "effect"

const keys = ["OPENAI", "ANTHROPIC", "GOOGLE_GENERATIVE_AI", "MISTRAL", "GROQ", "COHERE", "XAI", "DEEPSEEK"]
const config = ConfigProvider.layer(
  ConfigProvider.fromEnv({ env: Object.fromEntries(keys.map((name) => [`${name}_API_KEY`, "k"])) })
)

export const providers = [
  "openai-responses:m",
  "openai-chat:m",
  "anthropic:m",
  "google:m",
  "mistral:m",
  "groq:m",
  "cohere:m",
  "xai:m",
  "deepseek:m",
  "openai-compatible:m@http://localhost:1/v1"
]

/** The body that a provider's package sends for `request`, as JSON; words where it refuses the request. */
export const body = (provider: string, request: ModelRequest) =>
  Effect.gen(function* () {
    let sent: unknown
    const port = yield* Models.fromConfig(provider, {
      fetch: (_, init) => {
        sent = typeof init?.body === "string" ? JSON.parse(init.body) : "not text"
        return Promise.resolve(Response.json({ error: { message: "no" } }, { status: 400 }))
      }
    })
    const failure = yield* Effect.flip(port.attempt(request, () => {}))
    return sent ?? `${String(failure)} ${"description" in failure ? failure.description : ""}`
  }).pipe(Effect.provide(config))

interface Fields {
  readonly [name: string]: unknown
}
const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)
const text = (value: unknown): string => (typeof value === "string" ? value : "")

/** Members that have arguments and results as JSON. */
const data: ReadonlySet<string> = new Set(["args", "response", "input"])

/** Everything that a body says of calls, results, tools, texts and media types, whatever its provider calls it. */
class Said {
  readonly problems: Array<string> = []
  readonly calls: Array<string> = []
  readonly results: Array<string> = []
  private readonly name = /^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$/
  private readonly id: RegExp

  constructor(provider: string) {
    this.id = provider.startsWith("mistral") ? /^[a-zA-Z0-9]{9}$/ : /^[a-zA-Z0-9_-]{1,64}$/
  }

  /** `isData`: arguments and results, in which only characters matter. */
  look(value: unknown, isData = false): void {
    if (typeof value === "string" && !value.isWellFormed()) this.problems.push("half of a character")
    if (Array.isArray(value)) for (const item of value) this.look(item, isData)
    if (!isFields(value)) return
    if (!isData) this.take(value)
    for (const [key, member] of Object.entries(value)) this.look(member, isData || data.has(key))
  }

  private take(value: Fields): void {
    const { content, functionCall, role, type } = value
    if ((type === "text" || type === "input_text" || type === "output_text") && value["text"] === "")
      this.problems.push("an empty text block")
    if (content === "" && (role === "user" || role === "tool")) this.problems.push(`an empty message of ${role}`)
    if (type === "tool_use") this.call(value["id"], value["name"], value["input"])
    if (type === "function_call") this.call(value["call_id"], value["name"], value["arguments"])
    if (type === "function" && isFields(value["function"]) && "arguments" in value["function"])
      this.call(value["id"], value["function"]["name"], value["function"]["arguments"])
    if (type === "tool_result") this.result(value["tool_use_id"])
    if (type === "function_call_output") this.result(value["call_id"])
    if (role === "tool") this.result(value["tool_call_id"])
    if (isFields(functionCall) && !isFields(functionCall["args"])) this.problems.push("arguments that are no object")
    for (const key of ["media_type", "mimeType"]) {
      const media = value[key]
      if (media !== undefined && !/^[\w.+-]+\/([\w.+-]+|\*)$/.test(text(media)))
        this.problems.push(`media type ${JSON.stringify(media)}`)
    }
  }

  private call(id: unknown, name: unknown, args: unknown): void {
    if (!this.id.test(text(id))) this.problems.push(`call id ${JSON.stringify(id)}`)
    if (!this.name.test(text(name))) this.problems.push(`called name ${JSON.stringify(name)}`)
    if (!isFields(typeof args === "string" ? JSON.parse(args) : args))
      this.problems.push("arguments that are no object")
    this.calls.push(text(id))
  }

  private result(id: unknown): void {
    if (!this.calls.includes(text(id))) this.problems.push("a result before its call")
    this.results.push(text(id))
  }

  /** A tool's definition: its name, and the root of its parameters. */
  define({ input_schema, name, parameters }: Fields): void {
    const root = input_schema ?? parameters
    if (!this.name.test(text(name))) this.problems.push(`tool name ${JSON.stringify(name)}`)
    // Google's package leaves the schema of an object without properties out.
    if (root !== undefined && (!isFields(root) || text(root["type"]).toLowerCase() !== "object"))
      this.problems.push(`a root that is no object: ${JSON.stringify(root)?.slice(0, 200)}`)
  }
}

const definitions = (tools: unknown): ReadonlyArray<Fields> =>
  (Array.isArray(tools) ? tools : []).flatMap((tool: unknown): ReadonlyArray<Fields> => {
    if (!isFields(tool)) return []
    const { function: one, functionDeclarations } = tool
    if (Array.isArray(functionDeclarations)) return functionDeclarations.filter(isFields)
    return [isFields(one) ? one : tool]
  })

/** What a body says that its provider would refuse. */
export const problems = (provider: string, body: unknown): ReadonlyArray<string> => {
  if (!isFields(body)) return [`${provider}: nothing was sent: ${String(body)}`]
  const said = new Said(provider)
  for (const key of ["system", "messages", "input", "contents"]) said.look(body[key])
  for (const tool of definitions(body["tools"])) said.define(tool)
  if (new Set(said.calls).size < said.calls.length) said.problems.push("two calls of one id")
  if (new Set(said.results).size < said.results.length) said.problems.push("two results of one call")
  const open = said.calls.filter((id) => !said.results.includes(id))
  if (open.length > 0) said.problems.push(`calls without a result: ${open.join()}`)
  return [...new Set(said.problems)].map((problem) => `${provider}: ${problem}`)
}
