export * as McpTools from "./McpTools.ts"
