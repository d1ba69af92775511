/**
 * A person's change to a call's arguments: what it names is replaced, the rest stays. Pure.
 */
import type { Json } from "@reins/protocol"
import * as Predicate from "effect/Predicate"

const isRecord = (value: unknown): value is { readonly [key: string]: Json } =>
  Predicate.isObject(value) && !Array.isArray(value)

/**
 * The arguments after the revision: an object's named members replaced, anything else replaced whole. Keys are copied as
 * data, so a `__proto__` among them is a member like any other, for the schema to refuse.
 */
export const apply = (args: Json, partial: Json): Json =>
  isRecord(args) && isRecord(partial)
    ? Object.fromEntries([...Object.entries(args), ...Object.entries(partial)])
    : partial
