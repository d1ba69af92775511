/**
 * A runtime made by `createRuntime` behind a process's standard input and output, for clients that start the process.
 */
import * as NodeStdio from "@effect/platform-node/NodeStdio"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Stdio from "effect/Stdio"
import { pid, platform, stdin } from "node:process"
import { OptionRule, requireFitting } from "@reins/runtime/promise"
import { type Options, rules, type Served, serverOptions, services } from "../promise/PlainServer.ts"
import * as AcpServer from "../stdio/AcpServer.ts"
import * as Lines from "../stdio/Lines.ts"
import * as SidecarServer from "../stdio/SidecarServer.ts"
import * as Server from "../Server.ts"

/** The most characters of a line, as of a request's body over HTTP. */
const usualLine = 4 * 1024 * 1024

/**
 * Its parent process is its only client.
 *
 * @since 0.1.0
 * @category models
 */
export interface StdioOptions extends Omit<Options, "access" | "dialects" | "webhooks"> {
  /** The tenant that the client is. Absent: `default`. */
  readonly tenant?: string | undefined
}

/**
 * Options of the sidecar.
 *
 * @since 0.1.0
 * @category models
 */
export interface SidecarOptions extends StdioOptions {
  /** Leaves out the line on standard error that says that it is ready. */
  readonly quietReady?: boolean | undefined
}

const { access: _access, dialects: _dialects, webhooks: _webhooks, ...shared } = rules

const acpRules: OptionRule.Rules<StdioOptions> = {
  ...shared,
  tenant: OptionRule.optional(OptionRule.name("Give the name of a tenant"))
}

const sidecarRules: OptionRule.Rules<SidecarOptions> = {
  ...acpRules,
  quietReady: OptionRule.optional(OptionRule.flag)
}

const served = (
  runtime: Served,
  { tenant = "default", ...options }: StdioOptions,
  serve: (
    serving: Server.Context,
    principal: { readonly tenant: string },
    lines: Lines.Lines
  ) => Effect.Effect<void, never, Scope.Scope | Stdio.Stdio>
): Promise<void> =>
  Effect.gen(function* () {
    const serving = yield* Server.context(serverOptions(runtime, { ...options, access: "open" }))
    yield* serve(serving, { tenant }, yield* Lines.fromStdio(options.maxBodyBytes ?? usualLine))
  }).pipe(
    Effect.scoped,
    // An open pipe would keep the process alive.
    Effect.ensuring(Effect.sync(() => stdin.destroy())),
    Effect.provide(Layer.merge(services(runtime, { access: "open" }), NodeStdio.layer)),
    Effect.runPromise
  )

/**
 * Serves the Agent Client Protocol, as an editor speaks it to a process that it starts. Resolves when the client closes
 * its end. Nothing else may write to standard output: send logs to standard error. Rejects when an option is invalid.
 *
 * @since 0.1.0
 * @category running
 */
export const serveAcp = (runtime: Served, options: StdioOptions = {}): Promise<void> =>
  Promise.resolve(options).then((options) => {
    requireFitting<StdioOptions>("of serveAcp", options, acpRules)
    return served(runtime, options, AcpServer.serve)
  })

/**
 * Serves Steerable's sidecar. Resolves when it was asked to shut down, or its host closes its end. As `serveAcp`.
 *
 * @since 0.1.0
 * @category running
 */
export const serveSidecar = (runtime: Served, options: SidecarOptions = {}): Promise<void> =>
  Promise.resolve(options).then((options) => {
    requireFitting<SidecarOptions>("of serveSidecar", options, sidecarRules)
    const { quietReady = false, ...rest } = options
    return served(runtime, rest, (serving, principal, lines) =>
      Effect.flatMap(Effect.context<Stdio.Stdio>(), (context) =>
        SidecarServer.serve(serving, principal, lines, {
          pid,
          platform,
          version: "0.1.0",
          ready: quietReady ? undefined : (line) => Effect.provideContext(Lines.warn(line), context)
        })
      )
    )
  })
