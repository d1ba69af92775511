/** All options of `createRuntime`, with values that fit, for tests that replace one of them by something else. */
import { hook, createRuntime, type AsyncAgent, type AsyncTool, type Options } from "@reins/runtime/promise"
import { ScriptedModel } from "@reins/runtime/testing"
import { Layer } from "effect"

type Keys<A> = { readonly [K in keyof A]-?: unknown }

export const model = ScriptedModel.make({ replies: [] })
export const parameters = { type: "object", properties: {} } as const

/** A value that fits, for each option: one without a line here does not compile. */
export const agent: Keys<AsyncAgent<string>> = {
  name: "desk",
  description: "Answers",
  input: parameters,
  output: parameters,
  instructions: "Answer.",
  tools: ["look"],
  mcp: [],
  memory: true,
  specialists: [],
  model,
  fallbacks: [model],
  models: { fast: model },
  resolve: () => undefined,
  approvals: { look: "never" },
  approvers: { roles: ["lead"] },
  budget: { maxSteps: 4 },
  maxOutputTokens: 100,
  maxParallelCalls: 2,
  repeatedCallLimit: 3,
  onOpenResults: "wait",
  compaction: undefined,
  hooks: [hook({ name: "see" })],
  toolSearch: false,
  recall: { limit: 3 },
  providerOptions: { openai: {} }
}

export const tool: Keys<AsyncTool<typeof parameters>> = {
  description: "Looks",
  parameters,
  needsApproval: false,
  execute: () => "seen",
  timeoutMs: 1000,
  retries: 1,
  retry: undefined,
  hooks: [],
  concurrency: 1,
  isPlan: false,
  mayRepeat: true,
  maxCostUsd: 0.1,
  approvers: { roles: ["lead"] },
  asks: undefined
}

export const options: Keys<Options<{}, ReadonlyArray<AsyncAgent<string>>>> = {
  model,
  agents: [agent],
  models: () => model,
  tools: { look: tool },
  mcp: {},
  budget: { maxSteps: 10 },
  quotas: [{ per: "tenant", window: "day", maxCostUsd: 5 }],
  services: Layer.empty,
  providerKeys: undefined,
  credentials: undefined,
  usageLookups: undefined,
  hooks: [],
  quotaWait: "1 second",
  metrics: false,
  logs: false,
  approvals: "never",
  approvalExpiresIn: "1 hour",
  approvalWarnBefore: 1000,
  unattended: "wait",
  modelRetries: 2,
  modelRetryEvents: false,
  toolInputEvents: true,
  midStreamFailure: "error",
  modelRetryDelay: 500,
  modelTimeout: "1 minute",
  modelIdleTimeout: "10 seconds",
  cancelGrace: 5000,
  repeatedCallLimit: 10,
  defaultMaxSteps: 100,
  maxDepth: 8,
  maxResultCharacters: 1000,
  maxFileBytes: 1024,
  memory: { memories: 10 },
  fileUrl: (id: string) => `/files/${id}`,
  captureContent: false
}

/** Makes a runtime of options that no type has seen. */
export const make = (given: unknown) => createRuntime(given as never)

export const refusal = (given: unknown): string | undefined => {
  try {
    void make(given)[Symbol.asyncDispose]()
    return undefined
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  }
}

/** The options with one of them replaced. */
export const places: ReadonlyArray<readonly [path: string, replaced: (value: unknown) => unknown]> = [
  ...Object.keys(options).map((name) => [name, (value: unknown) => ({ ...options, [name]: value })] as const),
  ...Object.keys(agent).map(
    (name) =>
      [`agents[0].${name}`, (value: unknown) => ({ ...options, agents: [{ ...agent, [name]: value }] })] as const
  ),
  ...Object.keys(tool).map(
    (name) =>
      [`tools.look.${name}`, (value: unknown) => ({ ...options, tools: { look: { ...tool, [name]: value } } })] as const
  )
]
