/** An app that exports an agent: the model and the store are the command line's. */
import { Agent } from "@reins/runtime"

export default Agent.make("desk", { instructions: "You answer." })
