/**
 * Runs a tool's handler for one call and returns its outcome: decodes the arguments by the tool's schema, runs the
 * handler, encodes the result. It does not handle gates, budgets, time or events.
 *
 * A plain toolkit's handlers are called directly; a bound toolkit (handlers provided by the agent, MCP) goes through
 * its own `handle`. Both give the same outcomes; a defect stays a defect, for the caller to decide on.
 */
import type { Json, Message } from "@reins/protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as AiError from "effect/ai/AiError"
import * as Base64 from "effect/encoding/Base64"
import type * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import * as Erased from "../kernel/Erased.ts"
import * as SchemaCheck from "../kernel/SchemaCheck.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import * as Task from "../kernel/Task.ts"
import { type FileOutput, keep, ResultFiles } from "./FileOutput.ts"
import * as JsonSchema from "./JsonSchema.ts"
import * as ToolOutcome from "./ToolOutcome.ts"
import { ToolRun, type ToolRunShape } from "./ToolRun.ts"

/**
 * Runs one call. If decoding, handler and encoding complete at once, the result is an `Exit`. The handler's function
 * may be called, and may throw, before the returned effect is run.
 */
export type Invoke = (args: Json, live: Live) => Effect.Effect<ToolOutcome.ToolOutcome>

/** The call to run. */
export interface Live {
  readonly callId: string
  /** The handler's input in the latest attempt. */
  readonly attempt: Given
}

/** A handler's input besides its arguments, for one attempt. `service` is made when it is read. */
export interface Given {
  readonly toolCallId: string
  /** Takes progress in `effect/ai`'s form. */
  readonly preliminary: (value: unknown) => Effect.Effect<void>
  readonly service: ToolRunShape
}

/** A plain function of decoded arguments and its call. */
export type Plain = (args: unknown, given: Pick<Given, "service">) => Effect.Effect<unknown, unknown>

const PlainId = "~@reins/runtime/PlainHandler"

/**
 * A handler made from a plain function. This runtime calls the function directly, so that one which returns at once or
 * a promise costs no fiber; other callers run it as any handler.
 */
export const plainHandler = (plain: Plain) =>
  Object.assign((args: unknown) => Effect.flatMap(ToolRun, (service) => plain(args, { service })), {
    [PlainId]: plain
  } as const)

const plainOf = (handler: Tool.Handler<string>["handler"]): Plain | undefined =>
  // Only `plainHandler` sets it.
  Predicate.hasProperty(handler, PlainId) ? Erased.as(handler[PlainId]) : undefined

type Decode = SchemaCheck.Decode
type Parse = (value: unknown) => Effect.Effect<unknown, Schema.SchemaError>

/** The decoder of a tool's arguments, from the JSON form of its schema: a date is a string there. */
export const decoder = (tool: Tool.Any, services: Context.Context<never>): Decode => {
  const raw = rawSchema(tool)
  if (raw !== undefined) return SchemaCheck.checked(JsonSchema.checker(raw))
  if (!Schema.isSchema(tool.parametersSchema)) return SchemaCheck.decoder(Effect.succeed)
  // The services it needs are in `services`, from the layer's context.
  const parse: Parse = Erased.as(
    Schema.decodeUnknownEffect(Schema.toCodecJson(tool.parametersSchema), { errors: "all" })
  )
  const parsed = (args: Json): Effect.Effect<unknown, string> => {
    const parsed = parse(args)
    // Most schemas complete at once.
    return Task.isDone(parsed)
      ? Exit.succeed(parsed.value)
      : SchemaCheck.inWords(Effect.provideContext(parsed, services), `the arguments of ${tool.name}`)
  }
  const read = SchemaCheck.plainReading(tool.parametersSchema)
  if (read === undefined) return SchemaCheck.decoder(parsed)
  return SchemaCheck.decoder((args) => {
    const quickly = read(args)
    return Task.isDone(quickly) ? Exit.succeed(quickly.value) : Effect.catchCause(quickly, () => parsed(args))
  })
}

/** The JSON Schema of a tool with raw JSON Schema as parameters. */
const rawSchema = (tool: Tool.Any): Json | undefined =>
  Tool.isDynamic(tool) && tool.jsonSchema !== undefined ? (PlainJson.copy(tool.jsonSchema) ?? false) : undefined

/** Validates a caller's result of its tool by the tool's schema; the failure is a message. */
export const acceptor = (
  tool: Tool.Any,
  services: Context.Context<never>
): ((result: Json) => Effect.Effect<unknown, string>) => {
  const parse: Parse = Erased.as(Schema.decodeUnknownEffect(Schema.toCodecJson(tool.successSchema), { errors: "all" }))
  return (result) =>
    SchemaCheck.inWords(
      Effect.provideContext(
        Effect.suspend(() => parse(result)),
        services
      ),
      `the result of ${tool.name}`
    )
}

/** Calls the handlers of a plain toolkit. */
export const direct = (tool: Tool.Any, handler: Tool.Handler<string>, decode: Decode): Invoke => {
  const encodeSuccess: Parse = Erased.as(Schema.encodeUnknownEffect(tool.successSchema))
  const shown = shower(tool)
  const refuse = refusal(tool)
  const withRun = calling(handler.context)
  const plain = plainOf(handler.handler)
  const answer = (value: unknown, live: Live): Effect.Effect<ToolOutcome.ToolOutcome> => {
    const encoded = encodeSuccess(value)
    return Task.isDone(encoded)
      ? shown(encoded.value, value, toContent(tool, value), live)
      : Effect.matchEffect(encoded, {
          onFailure: (error) =>
            Effect.succeed(
              ToolOutcome.fault(
                "ResultInvalid",
                `${tool.name} ran, but its result does not match its schema: ${error.message}`
              )
            ),
          onSuccess: (json) => shown(json, value, toContent(tool, value), live)
        })
  }
  return (given, live) => {
    const handle = (args: unknown): Erased.Needing<ToolOutcome.ToolOutcome> => {
      if (plain !== undefined) {
        const handled = plain(args, live.attempt)
        if (Task.isDone(handled)) return answer(handled.value, live)
        if (Task.is(handled)) {
          return Task.andThen(handled, (exit) =>
            Exit.isSuccess(exit)
              ? answer(exit.value, live)
              : Effect.matchEffect(exit, { onFailure: refuse, onSuccess: (value) => answer(value, live) })
          )
        }
        return Effect.matchEffect(handled, { onFailure: refuse, onSuccess: (value) => answer(value, live) })
      }
      const handled: Erased.Needing<unknown, unknown> = handler.handler(args, live.attempt)
      return Task.isDone(handled)
        ? answer(handled.value, live)
        : Effect.matchEffect(handled, { onFailure: refuse, onSuccess: (value) => answer(value, live) })
    }
    const decoded = decode(PlainJson.thaw(given))
    const handled = Task.isDone(decoded)
      ? handle(decoded.value)
      : Effect.matchEffect(decoded, {
          onFailure: (issue) => Effect.succeed(ToolOutcome.fault("InvalidArguments", issue)),
          onSuccess: handle
        })
    if (Task.isDone(handled)) return handled
    // A plain function asks for no service.
    return plain === undefined ? withRun(live.attempt.service)(handled) : Erased.as(handled)
  }
}

/** Calls a bound toolkit's `handle`, whose stream ends with the final result. */
export const bound = (tool: Tool.Any, kit: Erased.Kit, decode: Decode, services: Context.Context<never>): Invoke => {
  const refuse = refusal(tool)
  const shown = shower(tool)
  const withRun = calling(services)
  const encoded = encoder(tool, services)
  return (given, live) => {
    const args = given === null ? {} : PlainJson.thaw(given)
    return Effect.flatMap(decode(args), (value) => encoded(value, args)).pipe(
      Effect.matchEffect({
        onFailure: (issue) => Effect.succeed(ToolOutcome.fault("InvalidArguments", issue)),
        onSuccess: (args) => {
          let outcome = ToolOutcome.fault("ResultInvalid", `${tool.name} ran, but ended without a result`)
          return Stream.unwrap(kit.handle(tool.name, args, live.callId)).pipe(
            Stream.runForEach((output) => {
              if (output.preliminary) return live.attempt.preliminary(output.result)
              if (output.isFailure) {
                outcome = failureOutcome(tool.name, output.encodedResult)
                return Effect.void
              }
              const made = shown(output.encodedResult, output.result, content(output.modelOutput), live)
              return Effect.map(made, (made) => {
                outcome = made
              })
            }),
            Effect.matchEffect({ onFailure: refuse, onSuccess: () => Effect.succeed(outcome) })
          )
        }
      }),
      withRun(live.attempt.service)
    )
  }
}

/**
 * The input of a bound toolkit's `handle`, which decodes again: the schema's encoded form, which need not be JSON, or
 * else the model's arguments.
 */
const encoder = (tool: Tool.Any, services: Context.Context<never>) => {
  if (rawSchema(tool) !== undefined || !Schema.isSchema(tool.parametersSchema)) {
    return (_value: unknown, args: Json): Effect.Effect<unknown> => Effect.succeed(args)
  }
  const encode: Parse = Erased.as(Schema.encodeUnknownEffect(tool.parametersSchema))
  return (value: unknown, args: Json): Effect.Effect<unknown> =>
    Effect.matchCause(Effect.provideContext(encode(value), services), {
      onFailure: () => args,
      onSuccess: (encoded) => encoded
    })
}

/** A tool's failure, encoded by its schema; an error of another type is described by its own message. */
const refusal = (tool: Tool.Any) => {
  const encode: Parse = Erased.as(Schema.encodeUnknownEffect(tool.failureSchema))
  return (error: unknown): Effect.Effect<ToolOutcome.ToolOutcome> => {
    if (AiError.isAiError(error)) return Effect.succeed(aiFault(tool.name, error.reason))
    if (AiError.isAiErrorReason(error)) return Effect.succeed(aiFault(tool.name, error))
    return Effect.match(encode(error), {
      onFailure: () => failureOutcome(tool.name, plain(error)),
      onSuccess: (encoded) => failureOutcome(tool.name, encoded)
    })
  }
}

const aiFault = (name: string, reason: AiError.AiErrorReason) =>
  reason._tag === "ToolResultEncodingError" || reason._tag === "InvalidToolResultError"
    ? ToolOutcome.fault("ResultInvalid", `${name} ran, but its result does not match its schema: ${reason.message}`)
    : ToolOutcome.fault("ToolCrashed", reason.message)

/**
 * The call's services merged over those of the handlers' layer; the caller's services take precedence. Consecutive
 * calls of a run share their context, so the merged one is cached.
 */
const calling = (services: Context.Context<never>) => {
  let caller: Context.Context<never> | undefined
  let common = services
  return (run: ToolRunShape) =>
    <A>(effect: Erased.Needing<A>): Effect.Effect<A> =>
      Effect.updateContext(effect, (own: Context.Context<never>) => {
        if (own !== caller) {
          caller = own
          common = Context.merge(services, own)
        }
        return Erased.as<Erased.Services>(Context.add(common, ToolRun, run))
      })
}

/** The outcome of a successful call: `encoded` as JSON, or the JSON form that its schema makes. */
const shower = (tool: Tool.Any) => {
  let toJson: Parse | undefined
  const files = new ResultFiles()
  return (
    encoded: unknown,
    value: unknown,
    content: ToolOutcome.ToolOutcome["content"],
    live: Live
  ): Effect.Effect<ToolOutcome.ToolOutcome> => {
    const shown = PlainJson.show(encoded, files.take)
    const found = files.reset()
    if (found !== undefined) return stored(tool, encoded, content, found, live)
    if (Result.isSuccess(shown)) return Effect.succeed(ToolOutcome.success(shown.success, content))
    const fault = ToolOutcome.fault("ResultInvalid", `${tool.name} ran, but its result is not JSON: ${shown.failure}`)
    toJson ??= Erased.as<Parse>(Schema.encodeUnknownEffect(Schema.toCodecJson(tool.successSchema)))
    return Effect.matchCause(toJson(value), {
      onFailure: () => fault,
      onSuccess: (json) =>
        Result.match(PlainJson.show(json), {
          onFailure: () => fault,
          onSuccess: (result) => ToolOutcome.success(result, content)
        })
    })
  }
}

/** The outcome of a call whose result has files: they are stored, and the result refers to them. */
const stored = (
  tool: Tool.Any,
  encoded: unknown,
  content: ToolOutcome.ToolOutcome["content"],
  files: ReadonlyArray<FileOutput>,
  live: Live
): Effect.Effect<ToolOutcome.ToolOutcome> =>
  Effect.map(keep(files, live.attempt.service.storeFile), ({ parts, references }) =>
    Result.match(PlainJson.show(encoded, ResultFiles.referring(references).take), {
      onFailure: (issue) =>
        ToolOutcome.fault("ResultInvalid", `${tool.name} ran, but its result is not JSON: ${issue}`),
      onSuccess: (result) =>
        ToolOutcome.success(result, content ?? [{ type: "text", text: JSON.stringify(result) }, ...parts])
    })
  )

const failureOutcome = (name: string, encoded: unknown) => {
  const shown = PlainJson.show(encoded)
  if (Result.isFailure(shown)) {
    return ToolOutcome.fault("ToolCrashed", `${name} failed, and its error is not JSON: ${shown.failure}`)
  }
  const { success: failure } = shown
  return ToolOutcome.failure(failure === null || failure === "" ? { error: "ToolFailed", message: noReason } : failure)
}

const plain = (error: unknown): unknown =>
  Predicate.hasProperty(error, "message") && typeof error.message === "string"
    ? {
        error: Predicate.hasProperty(error, "_tag") ? error._tag : "ToolFailed",
        message: error.message === "" ? noReason : error.message
      }
    : error

/** The message of a failure without one. */
export const noReason = "The tool failed without a reason"

const toContent = (tool: Tool.Any, value: unknown) =>
  tool.toModelOutput === undefined ? undefined : content(tool.toModelOutput(value))

const content = (parts: ReadonlyArray<Prompt.ToolModelOutputPart> | undefined): ToolOutcome.ToolOutcome["content"] =>
  parts?.map((part): Message.TextPart | Message.FilePart =>
    part.type === "text"
      ? { type: "text", text: part.text.toWellFormed() }
      : { type: "file", mediaType: part.mediaType, data: dataOf(part.data) }
  )

const dataOf = (data: string | Uint8Array | URL): string =>
  typeof data === "string" ? data : data instanceof URL ? data.href : Base64.encode(data)
