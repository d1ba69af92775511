/**
 * Checks captured streams of any dialect, ours or another system's, against the protocol: which frame may come next, and
 * what it looks like. `checkText` and `checkStream` for tests, `Checker` to read along. Loads in a browser.
 */
export { Checker, checkStream, checkText, isName, names } from "./Checker.ts"
export type { Name, Options, Report, Trouble, Violation } from "./Checker.ts"
