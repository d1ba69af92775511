/** What of a plan a person edits: its lists of steps, and its other members. Pure. */

type Fields = { readonly [name: string]: unknown }

/** A member of a plan that is a list. The name is absent where the plan itself is the list. */
export interface StepList {
  readonly name?: string
  readonly steps: ReadonlyArray<unknown>
}

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The plan's lists of steps, in its order. */
export const listsOf = (plan: unknown): ReadonlyArray<StepList> =>
  Array.isArray(plan)
    ? [{ steps: plan }]
    : isFields(plan)
      ? Object.entries(plan).flatMap(([name, steps]) => (Array.isArray(steps) ? [{ name, steps }] : []))
      : []

/** The plan with other steps in that list. */
export const withSteps = (plan: unknown, { name, steps }: StepList): unknown =>
  name === undefined ? steps : isFields(plan) ? { ...plan, [name]: steps } : plan

/** What of a plan is no list of steps; `undefined` where nothing is. */
export const othersOf = (plan: unknown): unknown => {
  if (Array.isArray(plan)) return undefined
  if (!isFields(plan)) return plan
  const others = Object.entries(plan).filter(([, value]) => !Array.isArray(value))
  return others.length === 0 ? undefined : Object.fromEntries(others)
}

/** The plan with other values for what is no list of steps. A member that is missing among them is removed. */
export const withOthers = (plan: unknown, others: unknown): unknown =>
  isFields(plan) && isFields(others)
    ? { ...Object.fromEntries(Object.entries(plan).filter(([, value]) => Array.isArray(value))), ...others }
    : others

/** The list with the item at `from` moved to `to`. */
export const moved = <A>(list: ReadonlyArray<A>, from: number, to: number): ReadonlyArray<A> => {
  const rest = without(list, from)
  return [...rest.slice(0, to), ...list.slice(from, from + 1), ...rest.slice(to)]
}

/** The list without the item at `index`. */
export const without = <A>(list: ReadonlyArray<A>, index: number): ReadonlyArray<A> =>
  list.filter((_, at) => at !== index)

/** The schema that a value has by itself, so that a form keeps the field of a member that is emptied. */
export const schemaOf = (value: unknown): Fields =>
  isFields(value)
    ? {
        type: "object",
        properties: Object.fromEntries(Object.entries(value).map(([name, one]) => [name, schemaOf(one)]))
      }
    : ["string", "number", "boolean"].includes(typeof value)
      ? { type: typeof value }
      : {}

/** Whether two plans have the same content. The order of members doesn't matter, that of steps does. */
export const isSame = (a: unknown, b: unknown): boolean => {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((one, index) => isSame(one, b[index]))
  }
  if (!isFields(a) || !isFields(b)) return a === b
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && isSame(a[name], b[name]))
  )
}
