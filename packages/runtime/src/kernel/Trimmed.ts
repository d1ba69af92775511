/**
 * Arrays without spare room. An array that has grown by `push` keeps room for 17 entries or more, which is a large part of what a
 * parked run would hold.
 */

/** The longest array that is copied: the spare room of a longer one is small beside its entries, and a copy of it is not free. */
const longest = 64

/** The entries in an array of their own size; a long array as it is. */
export const copy = <A>(array: Array<A>): Array<A> => (array.length > longest ? array : array.slice())
