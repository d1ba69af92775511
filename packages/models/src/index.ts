export * as AiSdkModel from "./AiSdkModel.ts"
export { ModelNotMade } from "./ModelNotMade.ts"
export * as Models from "./Models.ts"
