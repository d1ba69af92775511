export * as Probe from "./Probe.ts"
export * as ScriptedModel from "./ScriptedModel.ts"
export * as Tap from "./Tap.ts"
