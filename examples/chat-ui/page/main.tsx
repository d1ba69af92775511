/** Renders the chat. The conversation's id is in the address, so that a reload finds it. */
import { StrictMode } from "react"
import { createRoot } from "react-dom/client"
import { Chat } from "./Chat.tsx"
import "./style.css"

const id = location.hash.slice(1) || crypto.randomUUID()
history.replaceState(null, "", `#${id}`)

const root = document.getElementById("root")
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <Chat id={id} />
    </StrictMode>
  )
}
