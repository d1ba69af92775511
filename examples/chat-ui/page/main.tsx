/** Renders the chat with what was said before. The conversation's id is in the address, so that a reload finds it. */
import { StrictMode } from "react"
import { createRoot } from "react-dom/client"
import { Chat } from "./Chat.tsx"
import * as Server from "./Server.ts"
import "./style.css"

const known = location.hash.slice(1)
const id = known === "" ? crypto.randomUUID() : known
history.replaceState(null, "", `#${id}`)
const messages = known === "" ? [] : await Server.history(id)

const root = document.getElementById("root")
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <Chat id={id} messages={messages} />
    </StrictMode>
  )
}
