/**
 * Checks captured streams of any dialect, ours or another system's, against the protocol: which frame may come next, and
 * what it looks like. `checkText` and `checkStream` for tests, `Checker` to read along. Loads in a browser.
 */
export { checkStream, checkText } from "./Check.ts"
export type { Report } from "./Check.ts"
export { Checker } from "./Checker.ts"
export type { Options, Trouble, Violation } from "./Checker.ts"
export { isName, names } from "./Protocols.ts"
export type { Name } from "./Protocols.ts"
