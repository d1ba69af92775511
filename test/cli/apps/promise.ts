/** An app that exports a runtime made without Effect. */
import { createRuntime } from "reins"

export const app = createRuntime({ model: "scripted", agents: [{ name: "desk" }] })
