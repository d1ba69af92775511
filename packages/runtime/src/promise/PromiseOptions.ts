/** The options of `createRuntime`. `PromiseRules` says what each must be. */
import type { Budget, Quota } from "@reins/protocol"
import type * as Layer from "effect/Layer"
import type * as Agent from "../agent/Agent.ts"
import type * as Shape from "../runtime/RuntimeShape.ts"
import type { AnyModel, AsyncAgent } from "./AsyncAgent.ts"
import type { AsyncTool } from "./AsyncTool.ts"
import type { Parameters } from "./Parameters.ts"
import type * as AsyncUsageLookup from "./AsyncUsageLookup.ts"
import type * as TenantKeys from "./TenantKeys.ts"

/** Toolkits by name, such as those of MCP servers. */
export interface Servers {
  readonly [name: string]: Agent.AnyToolkit
}

/**
 * Options of a runtime.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<
  Tools extends Record<string, Parameters>,
  Agents extends ReadonlyArray<AsyncAgent<string, string, string>>,
  Mcp extends Servers = {}
>
  extends
    Omit<Shape.RuntimeOptions<[]>, "agents" | "providerKeys" | "quotas">,
    TenantKeys.TenantKeys,
    AsyncUsageLookup.UsageLookups {
  /** The default model of agents. A name where the runtime has `models`. */
  readonly model: AnyModel | string
  /** The first is the default. */
  readonly agents: Agents
  /** Makes a model of its name. Absent: models have no names. */
  readonly models?: ((name: string) => AnyModel) | undefined
  /** Tools that agents may name. */
  readonly tools?: { readonly [Name in keyof Tools]: AsyncTool<Tools[Name]> } | undefined
  /**
   * MCP servers whose tools agents may have, by name: the toolkit of each, as `McpTools.server` of `@reins/models/mcp`
   * makes it, or any other toolkit of `effect/ai`. What they need comes from `services`.
   */
  readonly mcp?: Mcp | undefined
  /** The default budget of agents. */
  readonly budget?: Budget.Options | undefined
  /** Limits of every tenant, or of every principal of one, over all its runs within a window. Absent: none. */
  readonly quotas?: ReadonlyArray<Quota.Options> | undefined
  /** Layers of other packages that replace defaults: prices, a deployment, ids. If one fails, `ready` rejects. */
  readonly services?: Layer.Layer<never, unknown> | undefined
}
