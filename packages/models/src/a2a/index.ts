export * as A2aModel from "./A2aModel.ts"
export * as A2aSpecialist from "./A2aSpecialist.ts"
