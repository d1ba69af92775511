/** The inspector's page, for the option `inspector` of a server. */
export { page } from "./Page.ts"
export type { StaticFile, StaticFiles } from "./Page.ts"
