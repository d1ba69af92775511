/**
 * A codec for values whose stored form differs from the form in code: the stored form never changes, while code works
 * with a tagged union.
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

/** The codec of the tagged union `A`, stored by the schema `stored`. */
export const of = <A extends { readonly _tag: string }, Stored, Encoded>(
  stored: Schema.Codec<Stored, Encoded>,
  form: { readonly read: (stored: Stored) => A; readonly write: (value: A) => Stored }
): Schema.Codec<A, Encoded> =>
  // A value with a tag was made by `read`, or is about to be stored.
  stored.pipe(
    Schema.decodeTo(
      Schema.declare((value): value is A => Predicate.hasProperty(value, "_tag")),
      SchemaTransformation.transform<A, Stored>({ decode: form.read, encode: form.write })
    )
  )
