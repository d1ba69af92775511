/**
 * The shapes that the vendors publish: JSON schemas made from the types of their official clients, and the schemas that
 * the AI SDK and AG-UI ship. A shape is checked strictly: required fields, literals, and no field that the vendor does
 * not name.
 */
import { EventSchemas } from "@ag-ui/core/schemas"
import { EventSchemas as OldEventSchemas } from "ag-ui-core-0"
import { uiMessageChunkSchema } from "ai"
import { uiMessageChunkSchema as oldChunkSchema } from "ai-6"
import { Ajv, type ErrorObject } from "ajv"
import { createGenerator } from "ts-json-schema-generator"
import { fileURLToPath } from "node:url"
import type * as Types from "./VendorTypes.ts"

/** What is wrong with a value; nothing where it has the shape. */
export type Shape = (value: unknown) => string | undefined

const told = (errors: ReadonlyArray<ErrorObject>): string =>
  errors
    .filter(({ keyword }) => !["if", "anyOf"].includes(keyword))
    .map(({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`)
    .join("; ")

const generator = createGenerator({
  path: fileURLToPath(new URL("VendorTypes.ts", import.meta.url)),
  type: "*",
  skipTypeCheck: true,
  additionalProperties: false,
  encodeRefs: false
})

const ajv = new Ajv({ strict: false })

interface Definition extends Schema {
  readonly required?: ReadonlyArray<string>
  readonly properties?: { readonly [name: string]: Schema }
}

/** The shapes of the types in one interface of `VendorTypes`. */
const shapesOf = <A extends object>(type: string) => {
  const given: { readonly [name: string]: Definition } = JSON.parse(
    JSON.stringify(generator.createSchema(type).definitions)
  )
  // `output_text` is added by the client, and is not sent.
  const sent = Object.fromEntries(
    Object.entries(given).map(([name, { required = [], ...rest }]) => [
      name,
      { ...rest, required: required.filter((field) => field !== "output_text") }
    ])
  )
  const definitions = discriminated(sent, sent)
  const properties = definitions[type]?.properties ?? {}
  return (name: string & keyof A, own: ReadonlyArray<string> = []): Shape => {
    const validate = ajv.compile({ definitions, ...properties[name] })
    return (value) => {
      if (validate(without(value, new Set(own)))) return undefined
      return `${name}: ${told(validate.errors ?? [])} in ${JSON.stringify(value)}`
    }
  }
}

interface Schema {
  readonly [key: string]: unknown
  readonly $ref?: string
  readonly anyOf?: ReadonlyArray<Schema>
  readonly properties?: { readonly type?: { readonly const?: string; readonly enum?: ReadonlyArray<string> } }
}
type Definitions = { readonly [name: string]: Schema }

/** The values of `type` that fit the schema; none where it does not say. */
const typesOf = ({ $ref, anyOf, properties }: Schema, definitions: Definitions): ReadonlyArray<string> => {
  if ($ref !== undefined) return typesOf(definitions[$ref.replace("#/definitions/", "")] ?? {}, definitions)
  if (anyOf !== undefined) return anyOf.flatMap((one) => typesOf(one, definitions))
  const type = properties?.type
  return type?.const === undefined ? (type?.enum ?? []) : [type.const]
}

/** The same schema, where a union of objects is decided by their `type`, so that an error is about the right one. */
const discriminated = <A>(schema: A, definitions: Definitions): A => {
  if (typeof schema !== "object" || schema === null) return schema
  if (Array.isArray(schema)) return schema.map((one) => discriminated(one, definitions)) as A
  const inner = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, discriminated<unknown>(value, definitions)])
  ) as Schema
  const branches = ((schema as Schema).anyOf ?? []).map((one) => ({ one, types: typesOf(one, definitions) }))
  if (branches.length < 2 || branches.some(({ types }) => types.length === 0)) return inner as A
  const all = [...new Set(branches.flatMap(({ types }) => types))]
  const { anyOf: _, ...rest } = inner
  return {
    ...rest,
    properties: { type: { enum: all } },
    allOf: all.map((type) => ({
      if: { properties: { type: { const: type } } },
      // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
      then: { anyOf: branches.flatMap((branch) => (branch.types.includes(type) ? [branch.one] : [])) }
    }))
  } as A
}

/** The value without fields of these names. */
const without = (value: unknown, names: ReadonlySet<string>): unknown => {
  if (names.size === 0 || typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map((one) => without(one, names))
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, field]) => (names.has(name) ? [] : [[name, without(field, names)]]))
  )
}

/** Most servers of the protocol send reasoning in a field of this name. */
const reasoning = ["reasoning_content"]

const chat = shapesOf<Types.VendorChat>("VendorChat")
export const Chunk = chat("Chunk", reasoning)
export const Completion = chat("Completion", reasoning)

const response = shapesOf<Types.VendorResponses>("VendorResponses")
export const Response = response("Response")
export const ResponseEvent = response("ResponseEvent")
export const Item = response("Item")

const messages = shapesOf<Types.VendorMessages>("VendorMessages")
export const Message = messages("Message")
export const MessageEvent = messages("MessageEvent")
export const TokensCount = messages("TokensCount")

const betaMessages = shapesOf<Types.VendorBetaMessages>("VendorBetaMessages")
export const BetaMessage = betaMessages("BetaMessage")
export const BetaMessageEvent = betaMessages("BetaMessageEvent")

const listed = shapesOf<Types.VendorModels>("VendorModels")
export const Model = listed("Model")
export const ModelInfo = listed("ModelInfo")

interface Parses {
  readonly safeParse: (value: unknown) => { readonly error?: Error | undefined }
}

const parsed =
  (schema: Parses): Shape =>
  (value) => {
    const { error } = schema.safeParse(value)
    return error === undefined ? undefined : `${error.message} in ${JSON.stringify(value)}`
  }

export const AgUiEvent = parsed(EventSchemas)
export const OldAgUiEvent = parsed(OldEventSchemas)

type Lazy = () => { readonly validate?: (value: unknown) => unknown }

const lazy =
  (schema: unknown) =>
  async (value: unknown): Promise<string | undefined> => {
    const { validate } = (schema as Lazy)()
    const result = (await validate?.(value)) as { readonly success: boolean; readonly error?: Error }
    return result.success ? undefined : `${result.error?.message} in ${JSON.stringify(value)}`
  }

export const UiChunk = lazy(uiMessageChunkSchema)
export const OldUiChunk = lazy(oldChunkSchema)
