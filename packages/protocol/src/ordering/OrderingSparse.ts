/**
 * Sets and maps of the automaton's state that mostly have no entry or one: approvals, plans, specialists, open calls. A
 * run may wait for days, and a collection of the language takes 200 bytes for its first entry, so a single entry is
 * stored by itself.
 */

/** A set of names that only grows. A fork sees the names of the original and keeps its additions to itself. */
export class Names {
  private own: string | Set<string> | undefined
  private readonly below: Names | undefined

  constructor(own?: string | Set<string>, below?: Names) {
    this.own = own
    this.below = below
  }
  static of(names: ReadonlyArray<string>): Names {
    return new Names(names.length > 1 ? new Set(names) : names[0])
  }
  has(name: string): boolean {
    const { below, own } = this
    return (
      (own instanceof Set ? own.has(name) : own !== undefined && own === name) ||
      (below !== undefined && below.has(name))
    )
  }
  add(name: string): void {
    const { own } = this
    if (own instanceof Set) own.add(name)
    else if (own === undefined) this.own = name
    else if (own !== name) this.own = new Set([own, name])
  }
  all(): ReadonlyArray<string> {
    const { below, own } = this
    return [...(below?.all() ?? []), ...(own instanceof Set ? own : own === undefined ? [] : [own])]
  }
  fork(): Names {
    return new Names(undefined, this)
  }
  clone(): Names {
    const { below, own } = this
    return new Names(own instanceof Set ? new Set(own) : own, below)
  }
}

/**
 * A map that is mostly empty. All empty ones are one shared object, so that they cost nothing, and copies share a
 * single entry, which is replaced, never changed. A map with more entries belongs to one state and is changed in place;
 * copies of the state copy it.
 */
export type Sparse<A> = Map<string, A> | Single<A>

/** A map of one entry. */
class Single<A> implements ReadonlyMap<string, A> {
  declare readonly size: 1
  declare private readonly name: string
  declare private readonly value: A

  constructor(name: string, value: A) {
    this.size = 1
    this.name = name
    this.value = value
  }
  get(name: string): A | undefined {
    return name === this.name ? this.value : undefined
  }
  has(name: string): boolean {
    return name === this.name
  }
  toMap(): Map<string, A> {
    return new Map([[this.name, this.value]])
  }
  keys(): MapIterator<string> {
    return this.toMap().keys()
  }
  values(): MapIterator<A> {
    return this.toMap().values()
  }
  entries(): MapIterator<[string, A]> {
    return this.toMap().entries()
  }
  [Symbol.iterator](): MapIterator<[string, A]> {
    return this.entries()
  }
  forEach(each: (value: A, name: string, map: ReadonlyMap<string, A>) => void): void {
    each(this.value, this.name, this)
  }
}

/** A map without entries. */
export const none: Sparse<never> = new Map<string, never>()

/** The map with the entry set. Store the result in place of the map that was passed. */
export const put = <A>(map: Sparse<A>, name: string, value: A): Sparse<A> => {
  if (map.size === 0 || (map instanceof Single && map.has(name))) return new Single(name, value)
  return (map instanceof Single ? map.toMap() : map).set(name, value)
}

/** The map without the entry. Store the result in place of the map that was passed. */
export const drop = <A>(map: Sparse<A>, name: string): Sparse<A> => {
  if (map.size === 1 && map.has(name)) return none
  if (!(map instanceof Map) || !map.delete(name) || map.size > 1) return map
  const [entry] = map
  return entry === undefined ? none : new Single(...entry)
}

/** A map of these entries. */
export const sparse = <A>(entries: Iterable<readonly [string, A]>): Sparse<A> => {
  let map: Sparse<A> = none
  for (const [name, value] of entries) map = put(map, name, value)
  return map
}

/** A copy of the map. */
export const copied = <A>(map: Sparse<A>): Sparse<A> =>
  map instanceof Single ? map : map.size === 0 ? none : new Map(map)
