export * as McpSpecialists from "./McpSpecialists.ts"
export * as McpTools from "./McpTools.ts"
