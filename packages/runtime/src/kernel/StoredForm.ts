/**
 * A codec of values that are stored in a form of their own: what a log holds stays as it was first written, while the code
 * works with a union that it can match.
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

/** The codec of tagged `A`, stored as `stored` says. */
export const of = <A extends { readonly _tag: string }, Stored, Encoded>(
  stored: Schema.Codec<Stored, Encoded>,
  form: { readonly read: (stored: Stored) => A; readonly write: (value: A) => Stored }
): Schema.Codec<A, Encoded> =>
  // What has a tag here is what `read` made, or what the code is about to store.
  stored.pipe(
    Schema.decodeTo(
      Schema.declare((value): value is A => Predicate.hasProperty(value, "_tag")),
      SchemaTransformation.transform<A, Stored>({ decode: form.read, encode: form.write })
    )
  )
