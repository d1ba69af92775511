/** Puts the chat on the page. The conversation's id stays in the address, so that a reload finds it again. */
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
