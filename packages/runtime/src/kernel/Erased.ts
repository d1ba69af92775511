/**
 * Erased types, and the one assertion that restores them.
 *
 * An agent is a value of many types (its tools, schemas, services) that a runtime holds in one list. The types are
 * checked where agents are made and erased where they are kept; variance then leaves only `any` to write. Those `any`
 * are here, and so is the one assertion that gives an erased value its checked type again. Each use says why it is
 * sound.
 */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Toolkit from "effect/ai/Toolkit"

/** The type of an erased position. */
// oxlint-disable-next-line typescript/no-explicit-any -- the position is invariant: neither unknown nor never fits all makers
export type Any = any

/** A schema of `A`, encoded as it likes, that needs no services. */
export type CodecOf<A> = Schema.Codec<A, Any>

/** A toolkit with its handlers, its tools unknown. */
export type Kit = Toolkit.WithHandler<Any>

/** The services that a layer was built with, whichever they are. */
export type Services = Context.Context<Any>

/** An effect that needs services which are present, although its type no longer says which. */
export type Needing<A, E = never> = Effect.Effect<A, E, Any>

/** Asserts that `value` is an `A`. Sound only where other code has validated it; say which at the call. */
// oxlint-disable-next-line typescript/consistent-type-assertions -- the one assertion of this package
export const as = <A>(value: unknown): A => value as A
