/**
 * Copies arrays to their exact size. An array that grew by `push` has capacity for 17 entries or more, which would be a
 * large part of the memory of a parked run.
 */

/** The longest array that is copied: the spare capacity of a longer one is small beside its entries. */
const longest = 64

/** A copy of exact size; a long array is returned as it is. */
export const copy = <A>(array: Array<A>): Array<A> => (array.length > longest ? array : array.slice())
