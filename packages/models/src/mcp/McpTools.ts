/**
 * The tools of an MCP server as a toolkit. `server` takes plain settings and has both the toolkit and its layer;
 * `toolkit` is that of the server in the context: `toolkit: McpTools.toolkit({ prefix: "files_" })` on an agent, and a
 * layer of the server beside it.
 *
 * The server's annotations decide which tools need approval: those that may be destructive, and by the protocol that is
 * every tool that does not say otherwise. The agent's `approvals` take precedence. Definitions are read once, when the
 * agent's tools are built, and stay for the lifetime of the runtime; a definition that has changed by the next start
 * voids the grants that are bound to it.
 *
 * A result is included with all of its blocks: as JSON for the log, in which bytes are files that the runtime stores, and
 * as the parts that a model reads. Structured content takes precedence. The text that servers send with it for clients
 * without support for structured content is not repeated; every other block is included.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { ToolSettings, FileOutput } from "@reins/runtime"
import * as McpClient from "effect/ai/McpClient"
import type { McpClientError } from "effect/ai/McpClientError"
import type * as McpSchema from "effect/ai/McpSchema"
import * as McpProtocol from "effect/ai/McpProtocol"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as ChildProcess from "effect/process/ChildProcess"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as McpTransport from "./McpTransport.ts"
import type { Json } from "@reins/protocol"
import * as Prompt from "effect/ai/Prompt"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import * as JsonValue from "../aisdk/JsonValue.ts"

/**
 * The failure of a server's tool, for the model to read.
 *
 * @since 0.1.0
 * @category errors
 */
export class McpToolFailed extends Schema.TaggedError<McpToolFailed>()("McpToolFailed", {
  tool: Schema.String,
  message: Schema.String
}) {}

/**
 * Which of a server's tools to use, and under which names.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolkitOptions {
  /** Prepended to every tool's name, so that two servers do not clash. */
  readonly prefix?: string | undefined
  /** Which of the server's tools; absent: all. */
  readonly only?: ReadonlyArray<string> | undefined
}

/**
 * The toolkit of the server in the context.
 *
 * @since 0.1.0
 * @category operations
 */
export const toolkit = (
  options: ToolkitOptions = {}
): Effect.Effect<Toolkit.WithHandler<Record<string, ServerTool>>, McpClientError, McpClient.McpClient> =>
  Effect.flatMap(McpClient.McpClient, (client) => fromClient(client, options))

/**
 * A server's tool: JSON in, JSON out.
 *
 * @since 0.1.0
 * @category models
 */
export type ServerTool = Tool.Tool<
  string,
  {
    readonly parameters: typeof Schema.Unknown
    readonly success: Schema.Codec<unknown>
    readonly failure: typeof McpToolFailed
    readonly failureMode: "error"
  }
>

/**
 * The toolkit of a client.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromClient = Effect.fnUntraced(function* (client: McpClient.McpClient, options: ToolkitOptions = {}) {
  const { only, prefix = "" } = options
  const offered = (yield* client.listTools()).filter((tool) => only?.includes(tool.name) ?? true)
  const handlers: Record<string, (args: unknown) => Effect.Effect<unknown, McpToolFailed>> = {}
  const tools = offered.map((descriptor) => {
    const name = prefix + descriptor.name
    handlers[name] = (args) => call(client, descriptor, args)
    return toolOf(name, descriptor, client.serverInfo?.name)
  })
  const kit = Toolkit.make(...tools)
  return yield* kit.pipe(Effect.provideContext(yield* kit.toHandlers(handlers)))
})

/** A server's result, which encodes to JSON. */
const Answer: Schema.Codec<unknown> = Schema.Unknown.pipe(
  Schema.decodeTo(Schema.Unknown, {
    decode: SchemaGetter.passthrough(),
    encode: SchemaGetter.transform((value) => (value instanceof McpResult ? value.toJSON() : value))
  })
)

const toolOf = (name: string, descriptor: McpSchema.Tool, server: string | undefined): ServerTool => {
  const hints = descriptor.annotations
  const isReadonly = hints?.readOnlyHint === true
  const destructive = !isReadonly && hints?.destructiveHint !== false
  const title = descriptor.title ?? hints?.title
  const tool = Tool.dynamic(name, {
    ...(descriptor.description === undefined ? {} : { description: descriptor.description }),
    parameters: descriptor.inputSchema,
    success: Answer,
    failure: McpToolFailed,
    needsApproval: destructive,
    toModelOutput: (result: unknown) => (result instanceof McpResult ? result.shown : [])
  })
    .annotate(Tool.Strict, false)
    .annotate(Tool.Readonly, isReadonly)
    .annotate(Tool.Destructive, destructive)
    .annotate(Tool.Idempotent, isReadonly || hints?.idempotentHint === true)
    .annotate(Tool.OpenWorld, hints?.openWorldHint !== false)
    .annotate(ToolSettings.Server, server)
  return title === undefined ? tool : tool.annotate(Tool.Title, title)
}

/** Arguments are already validated objects: the tool's own schema checked them. */
const call = (client: McpClient.McpClient, tool: McpSchema.Tool, args: unknown) =>
  client.callTool({ tool, arguments: Predicate.isObject(args) ? { ...args } : {} }).pipe(
    Effect.mapError((error) => new McpToolFailed({ tool: tool.name, message: error.message })),
    Effect.flatMap((result) =>
      result.isError === true
        ? Effect.fail(new McpToolFailed({ tool: tool.name, message: failureOf(result) }))
        : Effect.succeed(new McpResult(result))
    )
  )

/**
 * How to connect to a server.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServerOptions {
  /** Our client name. Default `reins`. */
  readonly name?: string | undefined
  /** Our client version. Default `0.1.0`. */
  readonly version?: string | undefined
  /** The protocol revision. Default 2025-11-25. */
  readonly protocol?: McpProtocol.ProtocolAdapter<McpClient.ProtocolVersion> | undefined
}

const introduction = ({ name = "reins", version = "0.1.0" }: ServerOptions) => ({ name, version })

/**
 * A server run as a child process. It ends with the layer, and its calls report progress.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerStdio = (
  command: ChildProcess.Command,
  options: ServerOptions = {}
): Layer.Layer<McpClient.McpClient, McpClientError, ChildProcessSpawner> =>
  Layer.effect(McpClient.McpClient, McpClient.make(introduction(options))).pipe(
    Layer.provide(
      Layer.effect(
        McpClient.Transport,
        McpTransport.stdio({ command, protocol: options.protocol ?? McpProtocol.v2025_11_25 })
      )
    )
  )

/**
 * A server at an address. Its calls report progress when it responds with a stream.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerHttp = (
  url: string,
  options: ServerOptions & { readonly headers?: { readonly [name: string]: string } } = {}
): Layer.Layer<McpClient.McpClient, McpClientError, HttpClient.HttpClient> =>
  Layer.effect(McpClient.McpClient, McpClient.make(introduction(options))).pipe(
    Layer.provide(
      Layer.effect(
        McpClient.Transport,
        McpTransport.http({
          url,
          protocol: options.protocol ?? McpProtocol.v2025_11_25,
          ...(options.headers === undefined ? {} : { headers: options.headers })
        })
      )
    )
  )

/** A server in plain settings, with what they have in common. */
interface Settings extends ToolkitOptions, Pick<ServerOptions, "protocol"> {}

/**
 * A server that runs as a child process. It reads the environment of this process; `env` is added to it.
 *
 * @since 0.1.0
 * @category models
 */
export interface CommandSettings<Name extends string = string> extends Settings {
  /** What errors call the server. */
  readonly name: Name
  /** The program, such as `npx`; not a line for a shell. */
  readonly command: string
  /** Absent: none. */
  readonly args?: ReadonlyArray<string> | undefined
  readonly env?: { readonly [variable: string]: string } | undefined
  /** Its working directory. Absent: this process's. */
  readonly cwd?: string | undefined
}

/**
 * A server at an address.
 *
 * @since 0.1.0
 * @category models
 */
export interface AddressSettings<Name extends string = string> extends Settings {
  /** What errors call the server. */
  readonly name: Name
  readonly url: string
  /** Sent with every request, such as `authorization`. Absent: none. */
  readonly headers?: { readonly [name: string]: string } | undefined
}

/**
 * A server in plain settings.
 *
 * @since 0.1.0
 * @category models
 */
export type AnySettings<Name extends string = string> = CommandSettings<Name> | AddressSettings<Name>

/** A `command: undefined` beside an address is none. */
const isCommand = <Name extends string>(settings: AnySettings<Name>): settings is CommandSettings<Name> =>
  "command" in settings && settings.command !== undefined

/**
 * The service that stands for the connection to the server of this name.
 *
 * @since 0.1.0
 * @category models
 */
export interface Connection<Name extends string> {
  readonly "~@reins/models/mcp/Connection": Name
}

/**
 * The server did not start, or does not answer as an MCP server. The message contains no argument, header or query.
 *
 * @since 0.1.0
 * @category errors
 */
export class McpServerFailed extends Schema.TaggedError<McpServerFailed>()("McpServerFailed", {
  server: Schema.String,
  target: Schema.String,
  cause: Schema.Defect()
}) {
  override get message() {
    const reason = Predicate.hasProperty(this.cause, "message") ? `: ${String(this.cause.message)}` : ""
    return `MCP server ${JSON.stringify(this.server)} (${this.target}) cannot be used${reason}. Check its command or url`
  }
}

/**
 * The tools of one server, for `toolkit` of agents, and the layer of its connection, which the agents share.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServerToolkit<Name extends string, R> extends Effect.Effect<
  Toolkit.WithHandler<Record<string, ServerTool>>,
  McpServerFailed,
  Connection<Name>
> {
  /** What errors about clashing tools call it. */
  readonly name: string
  readonly layer: Layer.Layer<Connection<Name>, McpServerFailed, R>
}

type Transports = ChildProcessSpawner | HttpClient.HttpClient

/**
 * The tools of a server in plain settings: `const Files = McpTools.server({ name: "files", command: "npx", args: […]
 * })`, then `toolkit: [Orders, Files]` on an agent and `Files.layer` beside the other layers. The layer starts the
 * server, or connects to it, once for all agents.
 *
 * @since 0.1.0
 * @category running
 */
export function server<const Name extends string>(
  settings: CommandSettings<Name>
): ServerToolkit<Name, ChildProcessSpawner>
export function server<const Name extends string>(
  settings: AddressSettings<Name>
): ServerToolkit<Name, HttpClient.HttpClient>
export function server<const Name extends string>(settings: AnySettings<Name>): ServerToolkit<Name, Transports>
export function server<const Name extends string>(settings: AnySettings<Name>): ServerToolkit<Name, Transports> {
  const { name, protocol } = settings
  const target = isCommand(settings) ? settings.command : originOf(settings.url)
  const failed = (cause: unknown) => new McpServerFailed({ server: name, target, cause })
  const key = Context.Service<Connection<Name>, McpClient.McpClient>(`@reins/models/mcp/${name}`)
  const connected: Layer.Layer<McpClient.McpClient, McpClientError, Transports> = isCommand(settings)
    ? layerStdio(commandOf(settings), { protocol })
    : layerHttp(settings.url, { protocol, ...(settings.headers === undefined ? {} : { headers: settings.headers }) })
  const tools = Effect.flatMap(key, (client) => Effect.mapError(fromClient(client, settings), failed))
  return Object.assign(
    Effect.map(tools, (kit): Toolkit.WithHandler<Record<string, ServerTool>> => kit),
    {
      name: `MCP server ${JSON.stringify(name)}`,
      layer: Layer.effect(
        key,
        Effect.mapBoth(Layer.build(connected), { onFailure: failed, onSuccess: Context.get(McpClient.McpClient) })
      )
    }
  )
}

const commandOf = ({ args = [], command, cwd, env }: CommandSettings) =>
  ChildProcess.make(command, [...args], {
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env, extendEnv: true })
  })

const originOf = (url: string): string => (URL.canParse(url) ? new URL(url).origin : "its url")

type Block = McpSchema.CallToolResult["content"][number]

/** The result of a call that the server did not report as failed. */
class McpResult {
  private readonly structured: unknown
  private readonly blocks: ReadonlyArray<Block>

  constructor({ content, structuredContent }: McpSchema.CallToolResult) {
    this.structured = structuredContent
    this.blocks = content
  }

  /**
   * The simplest form that loses nothing: the structured content, else the text; with the blocks when some are not
   * text.
   */
  toJSON(): unknown {
    const isText = this.blocks.every((block) => block.type === "text")
    if (this.structured === undefined) return isText ? textOf(this.blocks) : { content: this.blocks.map(keptOf) }
    return isText ? this.structured : { structuredContent: this.structured, content: this.blocks.map(keptOf) }
  }

  /** What the model reads, with files as files. */
  get shown(): ReadonlyArray<Prompt.ToolModelOutputPart> {
    const parts = this.blocks.flatMap((block) => (this.repeats(block) ? [] : partOf(block)))
    return this.structured === undefined ? parts : [text(JSON.stringify(this.structured)), ...parts]
  }

  private repeats(block: Block): boolean {
    if (block.type !== "text" || this.structured === undefined) return false
    const parsed = JsonValue.parse(block.text)
    return parsed !== undefined && JSON.stringify(parsed) === JSON.stringify(this.structured)
  }
}

/** The message of a failed call. */
const failureOf = ({ content, structuredContent }: McpSchema.CallToolResult): string => {
  const said = content.flatMap(partOf).map((part) => (part.type === "text" ? part.text : `[${part.mediaType}]`))
  if (said.length > 0) return said.join("\n")
  return structuredContent === undefined
    ? "The server reported a failure without a message"
    : JSON.stringify(structuredContent)
}

const textOf = (content: ReadonlyArray<Block>): string =>
  content.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("\n")

const blockOf = (block: Block): { readonly [field: string]: Json } => {
  switch (block.type) {
    case "text":
      return { type: "text", text: block.text }
    case "image":
    case "audio":
      return { type: block.type, mediaType: block.mimeType, data: base64(block.data) }
    case "resource_link":
      return { type: "link", uri: block.uri, name: block.title ?? block.name }
    case "resource":
      return "text" in block.resource
        ? { type: "text", text: block.resource.text, uri: block.resource.uri }
        : {
            type: "file",
            mediaType: block.resource.mimeType ?? "application/octet-stream",
            data: base64(block.resource.blob)
          }
    default:
      return { type: "unknown" }
  }
}

/** A block with its bytes as a file, which the runtime stores; bytes that are not base64 stay as they are. */
const keptOf = (block: Block): unknown => {
  const told = blockOf(block)
  const { data, mediaType } = told
  if (!Predicate.isString(data) || !Predicate.isString(mediaType)) return told
  return Result.match(Base64.decode(data), {
    onFailure: () => told,
    onSuccess: (content) => new FileOutput({ mediaType, content, filename: nameOf(block) })
  })
}

/** The last part of a resource's address; the other blocks have no name. */
const nameOf = (block: Block): string | undefined => {
  const name = block.type === "resource" ? /[^/\\?#]+(?=[?#]|$)/.exec(block.resource.uri)?.[0] : undefined
  return name === undefined || name.includes(":") ? undefined : name
}

const base64 = (data: string | Uint8Array): string => (Predicate.isString(data) ? data : Base64.encode(data))

/** A block as the model reads it; none for an empty text. */
const partOf = (block: Block): ReadonlyArray<Prompt.ToolModelOutputPart> => {
  const { data, mediaType, name, text: words, uri } = blockOf(block)
  if (Predicate.isString(data) && Predicate.isString(mediaType)) return [Prompt.makePart("file", { mediaType, data })]
  const said = Predicate.isString(words)
    ? words
    : Predicate.isString(uri)
      ? `${Predicate.isString(name) ? `${name}: ` : ""}${uri}`
      : JSON.stringify(block)
  return said.trim() === "" ? [] : [text(said)]
}

const text = (words: string) => Prompt.makePart("text", { text: words })
