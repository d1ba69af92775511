/** Projects from templates, for `npm create reins` and for programs that make them. */
export { run } from "./CommandLine.ts"
export type { Said } from "./CommandLine.ts"
export { adapted, nameOf, ofClone, template, write } from "./Scaffold.ts"
export type { Front, Outcome, Project } from "./Scaffold.ts"
