/**
 * Converts our request to the options of an AI SDK call. What a provider cannot express is left out with a warning;
 * nothing is added that was not asked for.
 */
import type {
  LanguageModelV4CallOptions,
  LanguageModelV4FunctionTool,
  LanguageModelV4ProviderTool,
  LanguageModelV4ToolChoice,
  SharedV4ProviderOptions
} from "@ai-sdk/provider"
import type { Json } from "@reins/protocol"
import { type ModelRequest, type ModelSettings, ObjectRoot } from "@reins/runtime"
import * as Predicate from "effect/Predicate"
import * as JsonValue from "./JsonValue.ts"
import * as Prompt from "./Prompt.ts"
import * as CallNames from "./CallNames.ts"

/**
 * A tool that the provider runs itself, as the provider packages make them: `anthropic.tools.webSearch_20250305({})`.
 */
export interface ProviderTool {
  readonly id: string
  readonly args?: { readonly [key: string]: unknown } | undefined
}

/** Settings of every call of a model; those that a query asks for come before them. */
export interface Defaults extends Prompt.PromptOptions {
  /** Provider options of every call; the agent's own take precedence, per provider and key. */
  readonly call?: SharedV4ProviderOptions | undefined
  /** Keyed by the name under which the model calls them. */
  readonly providerTools?: { readonly [name: string]: ProviderTool } | undefined
  readonly temperature?: number | undefined
  readonly topP?: number | undefined
  readonly topK?: number | undefined
  readonly seed?: number | undefined
  readonly stopSequences?: ReadonlyArray<string> | undefined
  /** The reasoning effort, for providers that have such levels. */
  readonly reasoning?: LanguageModelV4CallOptions["reasoning"]
  readonly headers?: { readonly [name: string]: string } | undefined
}

/** The names of the tools in a request: those offered, and those its conversation contains calls of. */
export const namesOf = (
  request: ModelRequest,
  { providerTools = {} }: Defaults,
  provider: string
): CallNames.ToolNames =>
  CallNames.toolNames(
    [...request.tools.map(({ name }) => name), ...called(request, provider)],
    Object.keys(providerTools)
  )

/** The options of one call. `takesSchema`: whether the provider package sends the schema of an output. */
export const make = (
  request: ModelRequest,
  defaults: Defaults,
  border: Prompt.Border & { readonly takesSchema: boolean },
  abortSignal: AbortSignal
): LanguageModelV4CallOptions => {
  const { instruction, responseFormat } = outputForm(request.output, border.takesSchema)
  const instructions = [request.instructions, instruction].filter(Predicate.isString).join("\n\n")
  const tools = toolsOf(request, defaults, border)
  const { parallelToolCalls, toolChoice, ...asked } = request.settings ?? {}
  const { frequencyPenalty, presencePenalty, reasoning, seed, stopSequences, temperature, topK, topP } = {
    ...defaults,
    ...asked
  }
  const providerOptions = merged(
    parallelToolCalls === false ? merged(defaults.call, oneCall(border.provider)) : defaults.call,
    request.providerOptions
  )
  const { headers } = defaults
  return {
    prompt: Prompt.make(instructions, request.messages, defaults, border),
    abortSignal,
    ...(request.maxOutputTokens === undefined ? {} : { maxOutputTokens: request.maxOutputTokens }),
    ...(tools.length === 0
      ? {}
      : { tools, toolChoice: choiceOf(toolChoice, request.tools.length === 0 && !hasOwn(defaults), border) }),
    ...(responseFormat === undefined ? {} : { responseFormat }),
    ...(providerOptions === undefined ? {} : { providerOptions }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(topK === undefined ? {} : { topK }),
    ...(seed === undefined ? {} : { seed }),
    ...(presencePenalty === undefined ? {} : { presencePenalty }),
    ...(frequencyPenalty === undefined ? {} : { frequencyPenalty }),
    ...(stopSequences === undefined ? {} : { stopSequences: [...stopSequences] }),
    ...(reasoning === undefined ? {} : { reasoning }),
    ...(headers === undefined ? {} : { headers })
  }
}

/**
 * The option of a provider for one call at a time; providers without it get no option, and further calls are left out.
 */
const oneCall = (provider: string): ModelRequest["providerOptions"] => {
  if (/^(openai|azure)\b/.test(provider)) return { openai: { parallelToolCalls: false } }
  return provider.startsWith("anthropic") ? { anthropic: { disableParallelToolUse: true } } : undefined
}

const choiceOf = (
  choice: ModelSettings["toolChoice"],
  mayNotCall: boolean,
  { names }: Pick<Prompt.Border, "names">
): LanguageModelV4ToolChoice => {
  if (mayNotCall) return { type: "none" }
  return typeof choice === "object" ? { type: "tool", toolName: names.told(choice.tool) } : { type: choice ?? "auto" }
}

type AnyTool = LanguageModelV4FunctionTool | LanguageModelV4ProviderTool

const hasOwn = (defaults: Defaults): boolean => Object.keys(defaults.providerTools ?? {}).length > 0

const toolsOf = (
  request: ModelRequest,
  defaults: Defaults,
  { names, provider }: Pick<Prompt.Border, "names" | "provider">
): Array<AnyTool> => {
  const tools: Array<AnyTool> = request.tools.map((tool) => ({
    type: "function",
    name: names.told(tool.name),
    inputSchema: JsonValue.isSchema(tool.parameters) ? tool.parameters : { type: "object" },
    ...(tool.description === undefined ? {} : { description: tool.description }),
    ...(tool.strict === undefined ? {} : { strict: tool.strict })
  }))
  for (const [name, tool] of Object.entries(defaults.providerTools ?? {})) {
    if (isProviderToolId(tool.id)) tools.push({ type: "provider", id: tool.id, name, args: { ...tool.args } })
  }
  // A step that may not call tools still defines the tools that the conversation contains calls of: some providers
  // reject a history with calls of undefined tools.
  return tools.length > 0
    ? tools
    : Array.from(called(request, provider), (name) => ({
        type: "function",
        name: names.told(name),
        inputSchema: { type: "object", properties: {} }
      }))
}

/** The names of the tools that a conversation has calls of, as they are sent to `provider`. */
const called = (request: ModelRequest, provider: string): ReadonlySet<string> => {
  const names = new Set<string>()
  for (const message of request.messages) {
    for (const told of Prompt.acceptedForm(message, provider)) {
      if (told.role !== "assistant") continue
      for (const part of told.content) {
        if (part.type === "tool-call" && part.execution !== "provider") names.add(part.name)
      }
    }
  }
  return names
}

const isProviderToolId = (id: string): id is `${string}.${string}` => id.includes(".")

const merged = (
  defaults: SharedV4ProviderOptions | undefined,
  own: { readonly [provider: string]: Json } | undefined
): SharedV4ProviderOptions | undefined => {
  const asked = JsonValue.byProvider(own)
  if (defaults === undefined || asked === undefined) return asked ?? defaults
  const out: SharedV4ProviderOptions = { ...defaults }
  for (const [provider, options] of Object.entries(asked)) out[provider] = { ...out[provider], ...options }
  return out
}

interface OutputForm {
  readonly responseFormat: LanguageModelV4CallOptions["responseFormat"]
  /** Appended to the instructions. */
  readonly instruction: string | undefined
}

/** Any text is accepted. */
const anyText: OutputForm = { responseFormat: undefined, instruction: undefined }

/**
 * Tells a provider which JSON the final text must be: by its own JSON Schema option, or in the instructions when it has
 * none. Either way the text is validated, and returned to the model once when it is invalid. `takesSchema`: whether the
 * provider package sends a schema.
 */
const outputForm = (output: ModelRequest["output"], takesSchema: boolean): OutputForm => {
  if (output === undefined) return anyText
  const { name, schema } = output
  const told = ObjectRoot.make(schema)
  const instruction = `Your final answer must be JSON that matches this JSON Schema, without any other text:\n${JSON.stringify(schema)}`
  // A provider's JSON mode produces an object: do not use it for a schema that no object matches.
  if (told._tag === "Refused") return { responseFormat: undefined, instruction }
  return takesSchema && JsonValue.isSchema(told.schema)
    ? { responseFormat: { type: "json", name, schema: told.schema }, instruction: undefined }
    : { responseFormat: { type: "json", name }, instruction }
}
