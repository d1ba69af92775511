/**
 * A codec for values whose stored form differs from the form in code: the stored form never changes, while code works
 * with a tagged union.
 *
 * A run that is resumed reads the value of each of its steps and calls. A schema takes several times as long for that as
 * plain code, so a form may have a `usual` reading beside its codec, for values without anything special.
 */
import type { Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

/** A codec of stored values. Each codec is one. */
export interface StoredForm<A> extends Schema.Codec<A, Json> {
  /** The same value as the codec decodes; `undefined`: ask the codec. */
  readonly usual?: ((stored: Json) => A | undefined) | undefined
}

/** The codec of the tagged union `A`, stored by the schema `stored`. */
export const of = <A extends { readonly _tag: string }, Stored>(
  stored: Schema.Codec<Stored, Json>,
  form: {
    readonly read: (stored: Stored) => A
    readonly write: (value: A) => Stored
    readonly usual?: StoredForm<A>["usual"]
  }
): StoredForm<A> =>
  // A value with a tag was made by `read`, or is about to be stored.
  Object.assign(
    stored.pipe(
      Schema.decodeTo(
        Schema.declare((value): value is A => Predicate.hasProperty(value, "_tag")),
        SchemaTransformation.transform<A, Stored>({ decode: form.read, encode: form.write })
      )
    ),
    { usual: form.usual }
  )

/** The value that was stored. Dies if it is invalid. */
export const decode = <A>(form: StoredForm<A>, stored: Json): Effect.Effect<A> => {
  const value = form.usual?.(stored)
  return value === undefined ? Effect.orDie(Schema.decodeUnknownEffect(form)(stored)) : Exit.succeed(value)
}

/** Whether it is an object. */
export const isObject = (json: Json | undefined): json is Schema.JsonObject =>
  typeof json === "object" && json !== null && !Array.isArray(json)

/** Whether it is an object that plain code reads by name: one with a member `__proto__` is left to its codec. */
export const isRecord = (json: Json | undefined): json is Schema.JsonObject =>
  isObject(json) && !Object.hasOwn(json, "__proto__")

/** Whether it is an array. */
export const isArray = (json: Json | undefined): json is Schema.JsonArray => Array.isArray(json)
