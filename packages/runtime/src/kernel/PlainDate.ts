/** Dates, as programs give them. */

/** Whether it is a `Date`, also one of another realm, such as that of a test runner. */
export const is = (value: unknown): value is Date => Object.prototype.toString.call(value) === "[object Date]"
